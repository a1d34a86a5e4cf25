//! What does an agent do while it runs? The closed list of what a run's stream tells, as it is kept in the run folder.
//!
//! Texts in it are the agent's: they are shown as text, and nothing is decided by them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::UnixMs;

/// Longest text of one event, bytes: what somebody reads to know what goes on. The whole of it is in the raw output.
pub const TEXT_BYTES_MAX: usize = 4 * 1024;

/// Something that an agent did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum RunEvent {
    /// It says something.
    Says {
        /// What.
        text: String,
    },
    /// It thinks aloud.
    Thinks {
        /// What.
        text: String,
    },
    /// It calls a tool.
    CallsTool {
        /// Name of the tool.
        tool: String,
        /// What it hands over, in one line.
        input: String,
    },
    /// A tool ended.
    ToolEnded {
        /// Name of the tool; empty if the call was not seen.
        tool: String,
        /// Whether it failed.
        failed: bool,
        /// What it answered.
        text: String,
    },
    /// A file was edited by a tool that did not fail.
    Edited {
        /// Path as the agent named it; relative if it lies in the work tree.
        path: String,
    },
    /// What was used up to now.
    Tokens {
        /// Read by the model, outside of the provider's cache.
        input: u64,
        /// Written by the model.
        output: u64,
        /// Read from the provider's cache.
        cache_read: u64,
        /// Written into the provider's cache.
        cache_write: u64,
    },
    /// A limit of the provider's was told of or met.
    Limit {
        /// Whether the agent was refused for it.
        refused: bool,
        /// What the provider calls it.
        name: String,
        /// When it ends, if it was said.
        until_ms: Option<UnixMs>,
    },
}

/// An event with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When it was read from the agent's output.
    pub at_ms: UnixMs,
    /// What.
    #[serde(flatten)]
    pub event: RunEvent,
}

impl RunEvent {
    /// Its kind, as it is stored.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Says { .. } => "says",
            Self::Thinks { .. } => "thinks",
            Self::CallsTool { .. } => "calls-tool",
            Self::ToolEnded { .. } => "tool-ended",
            Self::Edited { .. } => "edited",
            Self::Tokens { .. } => "tokens",
            Self::Limit { .. } => "limit",
        }
    }

    /// Whether it says what the agent does now: counts of tokens do not.
    pub fn is_activity(&self) -> bool {
        !matches!(self, Self::Tokens { .. })
    }

    /// The event in one line, for the log that people read.
    pub fn line(&self) -> String {
        match self {
            Self::Says { text } => text.clone(),
            Self::Thinks { text } => format!("(thinks) {text}"),
            Self::CallsTool { tool, input } => format!("> {tool} {input}"),
            Self::ToolEnded { tool, failed, text } => {
                let end = if *failed { "failed" } else { "ended" };
                format!("< {tool} {end}: {text}")
            }
            Self::Edited { path } => format!("* edited {path}"),
            Self::Tokens {
                input,
                output,
                cache_read,
                cache_write,
            } => format!(
                "# tokens: {input} in, {output} out, {cache_read} from the cache, {cache_write} into it"
            ),
            Self::Limit { refused, name, .. } => {
                let what = if *refused { "refused by" } else { "told of" };
                format!("! {what} the limit `{name}`")
            }
        }
    }
}

/// The first [`TEXT_BYTES_MAX`] bytes of a text, at the border of a character.
pub fn bounded(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = text.len() - end;
    match cut {
        0 => text.to_owned(),
        cut => format!("{}… ({cut} more bytes)", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_on_disk_is_the_name_of_the_event() {
        let all = [
            RunEvent::Says { text: "a".into() },
            RunEvent::Thinks { text: "b".into() },
            RunEvent::CallsTool {
                tool: "Bash".into(),
                input: "ls".into(),
            },
            RunEvent::ToolEnded {
                tool: "Bash".into(),
                failed: true,
                text: "no".into(),
            },
            RunEvent::Edited {
                path: "src/lib.rs".into(),
            },
            RunEvent::Tokens {
                input: 1,
                output: 2,
                cache_read: 3,
                cache_write: 4,
            },
            RunEvent::Limit {
                refused: true,
                name: "five_hour".into(),
                until_ms: Some(7),
            },
        ];
        for event in all {
            let told = Told { at_ms: 9, event };
            let written = serde_json::to_value(&told).unwrap();
            assert_eq!(written["kind"], told.event.kind());
            assert_eq!(serde_json::from_value::<Told>(written).unwrap(), told);
        }
    }

    #[test]
    fn long_text_is_cut_between_characters_and_says_how_much_is_gone() {
        let text = "ü".repeat(TEXT_BYTES_MAX);
        let cut = bounded(&text);
        assert!(
            cut.ends_with(&format!("… ({TEXT_BYTES_MAX} more bytes)")),
            "{cut}"
        );
        assert!(cut.len() < TEXT_BYTES_MAX + 40);
        assert_eq!(bounded("short"), "short");
    }
}
