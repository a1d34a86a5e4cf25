//! What can somebody order on a page? A form that works without a script, a key for it, and the command line that does the
//! same.

use askama::Template;
use orch_domain::person::PersonRole;

use crate::door::Viewer;
use crate::text::{command, in_path, short};

/// What an order looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// It leads on.
    Good,
    /// It takes something back or away.
    Bad,
}

/// A text that the order takes.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) is_needed: bool,
}

/// An order that can be given.
#[derive(Debug, Clone, Template)]
#[template(path = "act.html")]
pub(crate) struct Act {
    id: String,
    url: String,
    label: String,
    /// The key that gives it; empty if none does.
    key: &'static str,
    /// The command line that does the same.
    line: String,
    /// What comes of it.
    effect: String,
    hidden: Vec<(&'static str, String)>,
    text: Option<Text>,
    /// What is lost by it: whoever gives it is asked once more.
    warning: &'static str,
    /// Whether it takes a second step: a text, or a word of warning.
    asks: bool,
    look: &'static str,
    csrf: String,
    back: String,
}

impl Act {
    fn new(id: String, url: String, label: &str, words: &[&str]) -> Self {
        Self {
            id,
            url,
            label: label.to_owned(),
            key: "",
            line: command(words),
            effect: String::new(),
            hidden: Vec::new(),
            text: None,
            warning: "",
            asks: false,
            look: "",
            csrf: String::new(),
            back: String::new(),
        }
    }

    pub(crate) fn by_key(mut self, key: &'static str) -> Self {
        self.key = key;
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.hidden.push((name, value.into()));
        self
    }

    pub(crate) fn looking(mut self, look: Look) -> Self {
        self.look = match look {
            Look::Good => "good",
            Look::Bad => "bad",
        };
        self
    }

    pub(crate) fn asking(mut self, name: &'static str, label: &'static str) -> Self {
        self.asks = true;
        self.text = Some(Text {
            name,
            label,
            is_needed: true,
        });
        self
    }

    pub(crate) fn warning(mut self, warning: &'static str) -> Self {
        self.asks = true;
        self.warning = warning;
        self
    }

    pub(crate) fn comes_to(mut self, effect: &str) -> Self {
        self.effect = effect.to_owned();
        self
    }
}

/// Hands out orders to one viewer of one page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Acts<'v> {
    pub(crate) viewer: &'v Viewer,
    /// The page to come back to.
    pub(crate) back: &'v str,
}

impl Acts<'_> {
    /// An order, if the viewer may give what takes `least`.
    pub(crate) fn order(
        &self,
        least: Option<PersonRole>,
        place: (&str, &str),
        label: &str,
        words: &[&str],
    ) -> Option<Act> {
        if !self.viewer.may(least) {
            return None;
        }
        let (of, url) = place;
        let id = format!("{of}-{label}").replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let mut act = Act::new(id.to_ascii_lowercase(), url.to_owned(), label, words);
        act.csrf = self.viewer.csrf.clone();
        act.back = self.back.to_owned();
        Some(act)
    }

    /// An order about a task: `verb` is that of the address, `words` the command line behind `orch task`.
    pub(crate) fn about_task(
        &self,
        least: Option<PersonRole>,
        item: &str,
        verb: &str,
        label: &str,
        words: &[&str],
    ) -> Option<Act> {
        let url = format!("/ui/tasks/{}/{verb}", in_path(item));
        self.order(least, (item, &url), label, words)
    }
}

/// How a decision names what was looked at, as arguments.
pub(crate) fn seen_words(seen: &str) -> Vec<String> {
    if seen.is_empty() {
        return Vec::new();
    }
    vec!["--seen".to_owned(), short(seen)]
}
