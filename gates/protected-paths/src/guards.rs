//! Which files guard a repository for what they are, and which for a part of what they hold? As the data file beside
//! this one lists them.

use std::sync::LazyLock;

use orch_gate_sdk::GateError;
use serde::Deserialize;

use crate::globs::{Case, Globs};

/// A rule about paths.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) what: String,
    /// Whether the setting `allow` can take paths from it.
    #[serde(default = "yes")]
    pub(crate) can_be_allowed: bool,
    globs: Vec<String>,
    /// The globs, compiled.
    #[serde(skip)]
    pub(crate) paths: Globs,
}

/// How a part of a file is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Values of keys of a JSON object.
    Json,
    /// Values of keys of a TOML file.
    Toml,
    /// Sections of an INI file whose names begin so.
    Ini,
    /// Targets of a Makefile or its kin whose names or commands hold a word.
    Targets,
    /// Lines that hold a word.
    Lines,
}

/// Files of which a part guards the tests.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    pub(crate) files: Vec<String>,
    /// The globs of its files, compiled.
    #[serde(skip)]
    pub(crate) paths: Globs,
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) keys: Vec<String>,
    #[serde(default)]
    pub(crate) words: Vec<String>,
    /// Whether only what goes from it is found, for what comes takes nothing away.
    #[serde(default)]
    pub(crate) losses: bool,
}

/// What the first word of a command stands for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Runner {
    pub(crate) words: Vec<String>,
    pub(crate) files: Vec<String>,
}

/// Everything that the data file lists.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Guards {
    #[serde(rename = "rule")]
    pub(crate) rules: Vec<Rule>,
    #[serde(rename = "part")]
    pub(crate) parts: Vec<Part>,
    #[serde(rename = "runner")]
    pub(crate) runners: Vec<Runner>,
}

fn yes() -> bool {
    true
}

/// The data file, read once.
static GUARDS: LazyLock<Result<Guards, String>> = LazyLock::new(|| {
    let mut guards: Guards =
        toml::from_str(include_str!("guards.toml")).map_err(|error| error.to_string())?;
    let compiled = |globs: &[String]| Globs::of(globs, Case::Ignored).map_err(|e| e.to_string());
    for rule in &mut guards.rules {
        rule.paths = compiled(&rule.globs)?;
    }
    for part in &mut guards.parts {
        part.paths = compiled(&part.files)?;
    }
    Ok(guards)
});

impl Guards {
    /// Reads the data file.
    ///
    /// # Errors
    /// [`GateError::Internal`] if it is broken.
    pub(crate) fn read() -> Result<&'static Self, GateError> {
        let read = GUARDS.as_ref();
        read.map_err(|error| GateError::Internal(format!("guards.toml: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_file_is_read_and_its_globs_are_some() {
        let guards = Guards::read().unwrap();
        assert!(guards.rules.iter().all(|rule| !rule.globs.is_empty()));
        for part in &guards.parts {
            assert!(!part.files.is_empty(), "{part:?}");
            let is_keyed = matches!(part.kind, Kind::Json | Kind::Toml | Kind::Ini);
            assert_eq!(is_keyed, part.words.is_empty(), "{part:?}");
            assert_ne!(is_keyed, part.keys.is_empty(), "{part:?}");
        }
        assert!(
            guards
                .runners
                .iter()
                .all(|r| !r.words.is_empty() && !r.files.is_empty())
        );
    }
}
