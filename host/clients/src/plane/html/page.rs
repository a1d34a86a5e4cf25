//! How is Markdown set, line by line, with what its lists and quotes put before each?

/// Lists and quotes within each other that are shown as such.
const DEPTH_MAX: usize = 8;

/// Markdown as far as it is written.
#[derive(Debug, Default)]
pub(super) struct Page {
    out: String,
    /// What every line begins with, by what it belongs to.
    before: Vec<(&'static str, String)>,
    /// Ends of lines that come before the next words.
    due: u8,
    /// Whether words stand in the line that was begun last.
    has_words: bool,
}

impl Page {
    /// How much is written.
    pub(super) fn bytes(&self) -> usize {
        self.out.len()
    }

    /// Everything.
    pub(super) fn whole(self) -> String {
        let lines: Vec<&str> = self.out.lines().map(str::trim_end).collect();
        lines.join("\n").trim().to_owned()
    }

    /// Words of people; what only lays their source out is none.
    pub(super) fn words(&mut self, text: &str) {
        let is_layout = text.contains('\n') || !self.has_words || self.due > 0;
        if is_layout && text.trim().is_empty() {
            return;
        }
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                self.newline();
            }
            self.write(line);
        }
    }

    pub(super) fn write(&mut self, text: &str) {
        if !text.is_empty() {
            self.place();
            self.out.push_str(text);
            self.has_words = true;
        }
    }

    /// The place where the next words will stand.
    pub(super) fn place(&mut self) -> usize {
        let due = match self.out.is_empty() {
            true => 1,
            false => std::mem::take(&mut self.due),
        };
        for _ in 0..due {
            if !self.out.is_empty() {
                self.out.push('\n');
            }
            for (_, text) in &self.before {
                self.out.push_str(text);
            }
            self.has_words = false;
        }
        self.due = 0;
        self.out.len()
    }

    /// What stands before words without being any: nothing comes between it and them.
    pub(super) fn mark(&mut self, text: &str) {
        self.place();
        self.out.push_str(text);
        self.has_words = false;
    }

    /// What follows stands within something: behind `mark` its first line, behind `room` all others.
    pub(super) fn within(&mut self, name: &'static str, mark: &str, room: &str) {
        self.mark(mark);
        let shown = self.before.len() < DEPTH_MAX;
        let room = if shown { room } else { "" };
        if self.before.len() < 4 * DEPTH_MAX {
            self.before.push((name, room.to_owned()));
        }
    }

    pub(super) fn without(&mut self, name: &str) {
        if let Some(at) = self.before.iter().rposition(|(own, _)| *own == name) {
            self.before.truncate(at);
        }
        // An item without words has its line all the same.
        self.has_words = true;
    }

    /// Ends a line, with words in it or not.
    pub(super) fn newline(&mut self) {
        self.due = self.due.saturating_add(1).min(2);
    }

    /// Begins a line, unless one has just begun.
    pub(super) fn line(&mut self) {
        if self.has_words {
            self.due = self.due.max(1);
        }
    }

    /// Begins a line right below, whatever else was to come before it.
    pub(super) fn tight(&mut self) {
        if self.has_words {
            self.due = 1;
        }
    }

    /// Begins a paragraph, unless one has just begun.
    pub(super) fn block(&mut self) {
        if self.has_words {
            self.due = 2;
        }
    }

    /// Words that were written from `from` on lead somewhere.
    pub(super) fn link(&mut self, to: &str, from: usize) {
        let words = self.out.get(from..).unwrap_or_default();
        let is_named = words == to || to.strip_prefix("mailto:") == Some(words);
        if to.is_empty() || is_named {
            return;
        }
        match words.is_empty() {
            true => self.write(&format!("<{to}>")),
            false => {
                self.out.insert(from, '[');
                self.out.push_str(&format!("]({to})"));
            }
        }
    }

    /// Code in a line, between as many backticks as it needs.
    pub(super) fn code(&mut self, code: &str) {
        let ticks = "`".repeat(longest_ticks(code) + 1);
        let at_edge = code.starts_with('`') || code.ends_with('`');
        let room = if at_edge { " " } else { "" };
        let code = code.replace('\n', " ");
        self.write(&format!("{ticks}{room}{code}{room}{ticks}"));
    }

    /// Code on lines of its own.
    pub(super) fn fenced(&mut self, language: &str, code: &str) {
        let fence = "`".repeat((longest_ticks(code) + 1).max(3));
        self.block();
        self.write(&format!("{fence}{language}"));
        for line in code.trim_end_matches('\n').split('\n') {
            self.due = 1;
            self.place();
            self.out.push_str(line);
        }
        self.due = 1;
        self.write(&fence);
        self.block();
    }
}

/// The longest run of backticks.
fn longest_ticks(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}
