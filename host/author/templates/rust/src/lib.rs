//! Judges whether the task has notes: a file `notes.md` with a few words in it.

use orch_gate_sdk::{Gate, GateError, Host, Verdict, describe, finding};
use serde::Deserialize;

/// Settings that a repository may give in its configuration. What is not written here is refused.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Words that the notes must have.
    #[schemars(range(min = 1))]
    pub min_words: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { min_words: 1 }
    }
}

/// The gate.
pub struct HasNotes;

impl Gate for HasNotes {
    type Settings = Settings;

    /// Asked once, when a host loads the file; the gate can read nothing then.
    fn about() -> describe::About {
        describe::About::new("{{name}}", env!("CARGO_PKG_VERSION"), "the task has notes")
            .status("notes_status", "PASS", "FAIL")
    }

    /// What the settings' types cannot say.
    fn check_settings(settings: &Settings) -> Vec<String> {
        let zero = settings.min_words == 0;
        zero.then(|| "`min_words`: use a number from 1 on".to_owned()).into_iter().collect()
    }

    /// Judges. Ask the host for what you need: each interface you use is a permission that people see.
    fn evaluate<H: Host>(host: &H, settings: &Settings) -> Result<Verdict, GateError> {
        // What is not there is no error of yours: it is something to find.
        let notes = host.read_artefact("notes.md").unwrap_or_default();
        let words = notes.split_whitespace().count();
        if words >= settings.min_words as usize {
            return Ok(Verdict::pass(format!("the notes have {words} words")));
        }
        let message = format!("notes.md has {words} words of {}", settings.min_words);
        let found = finding("{{name}}/no-notes", message)
            .at("notes.md", None)
            .help("write down what you did and why");
        Ok(Verdict::fail("there are no notes").finding(found))
    }
}

orch_gate_sdk::export_gate!(HasNotes);

#[cfg(test)]
mod tests {
    use super::*;
    use orch_gate_sdk::Fixture;

    #[test]
    fn notes_with_words_pass() {
        let task = Fixture::new().artefact("notes.md", "developer", "what I did");
        assert!(task.judge::<HasNotes>().unwrap().is_pass());
    }

    #[test]
    fn no_notes_fail() {
        assert!(Fixture::new().judge::<HasNotes>().unwrap().is_fail());
    }
}
