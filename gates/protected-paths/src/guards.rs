//! Which files guard a repository for what they are, and which for a part of what they hold? As the data file beside
//! this one lists them.

use orch_gate_sdk::GateError;
use serde::Deserialize;

/// A rule about paths.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) what: String,
    /// Whether the setting `allow` can take paths from it.
    #[serde(default = "yes")]
    pub(crate) can_be_allowed: bool,
    pub(crate) globs: Vec<String>,
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
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) keys: Vec<String>,
    #[serde(default)]
    pub(crate) words: Vec<String>,
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

impl Guards {
    /// Reads the data file.
    ///
    /// # Errors
    /// [`GateError::Internal`] if it is broken.
    pub(crate) fn read() -> Result<Self, GateError> {
        toml::from_str(include_str!("guards.toml"))
            .map_err(|error| GateError::Internal(format!("guards.toml: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::globs::{Case, Globs};

    #[test]
    fn data_file_is_read_and_its_globs_are_some() {
        let guards = Guards::read().unwrap();
        for rule in &guards.rules {
            assert!(
                Globs::of(&rule.globs, Case::Ignored).is_ok(),
                "{}",
                rule.name
            );
        }
        for part in &guards.parts {
            assert!(Globs::of(&part.files, Case::Ignored).is_ok(), "{part:?}");
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
