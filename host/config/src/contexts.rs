//! Which statuses must a commit have, whose word counts for them, and what will do in place of a green one?

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::strict::ConfigError;

/// Context that the local forge posts for the repository's tests.
pub const LOCAL_CI_CONTEXT: &str = "orch/ci";

/// Longest time after which a status that nobody posts will do, seconds: a task waits no longer for a gate.
const ABSENT_S_MAX: u32 = 3_600;

/// A context that must be green.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredContext {
    /// Its name.
    pub name: String,
    /// Whose statuses count: numbers of accounts on the forge, names of persons on the local one; anybody's if empty.
    pub from: Vec<String>,
    /// Whether `skipped` will do.
    pub skipped_passes: bool,
    /// How long nobody may have posted it until that will do, seconds; never if not given.
    pub absent_passes_after_s: Option<u32>,
}

impl RequiredContext {
    /// A context that has to be green, whoever says so.
    pub fn plain(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            from: Vec::new(),
            skipped_passes: false,
            absent_passes_after_s: None,
        }
    }

    /// Whether the host itself is its witness.
    pub fn is_own(&self) -> bool {
        self.name == LOCAL_CI_CONTEXT
    }

    /// Whether the word of this reporter counts.
    pub fn counts_from(&self, reporter: Option<&str>) -> bool {
        self.from.is_empty() || self.from.iter().any(|who| Some(who.as_str()) == reporter)
    }

    fn is_plain(&self) -> bool {
        *self == Self::plain(self.name.clone())
    }
}

/// Refuses what says nothing, or would wait for ever.
pub(crate) fn check(contexts: &[RequiredContext], file: &str) -> Result<(), ConfigError> {
    for context in contexts {
        let place = format!("required_contexts.{}", context.name);
        if context.is_own() && !context.is_plain() {
            let problem =
                format!("`{LOCAL_CI_CONTEXT}` is the host's own test: write its name alone");
            return Err(ConfigError::invalid(file, place, problem));
        }
        if let Some(after_s) = context.absent_passes_after_s
            && !(1..=ABSENT_S_MAX).contains(&after_s)
        {
            let problem = format!("`absent_passes_after_s` is between 1 and {ABSENT_S_MAX}");
            return Err(ConfigError::invalid(file, place, problem));
        }
    }
    Ok(())
}

/// A context as it is written when it is more than a name.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    from: Vec<Reporter>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    skipped_passes: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    absent_passes_after_s: Option<u32>,
}

/// A reporter: the number of an account, or a name.
struct Reporter(String);

impl Serialize for Reporter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Reporter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Said;
        impl Visitor<'_> for Said {
            type Value = Reporter;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the number of an account, or a name")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Reporter, E> {
                Ok(Reporter(name.to_owned()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Reporter, E> {
                Ok(Reporter(number.to_string()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Reporter, E> {
                Ok(Reporter(number.to_string()))
            }
        }
        deserializer.deserialize_any(Said)
    }
}

impl Serialize for RequiredContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_plain() {
            return serializer.serialize_str(&self.name);
        }
        let whole = Whole {
            name: self.name.clone(),
            from: self.from.iter().cloned().map(Reporter).collect(),
            skipped_passes: self.skipped_passes,
            absent_passes_after_s: self.absent_passes_after_s,
        };
        whole.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RequiredContext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Said;
        impl<'de> Visitor<'de> for Said {
            type Value = RequiredContext;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a context, or `{ name: …, from: […] }`")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<RequiredContext, E> {
                Ok(RequiredContext::plain(name))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RequiredContext, A::Error> {
                let whole = Whole::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RequiredContext {
                    name: whole.name,
                    from: whole.from.into_iter().map(|who| who.0).collect(),
                    skipped_passes: whole.skipped_passes,
                    absent_passes_after_s: whole.absent_passes_after_s,
                })
            }
        }
        deserializer.deserialize_any(Said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::RepoFile;

    fn contexts(text: &str) -> Result<Vec<RequiredContext>, ConfigError> {
        let file = RepoFile::parse(&format!("ci: {{test: make}}\nrequired_contexts: {text}"))?;
        Ok(file.required_contexts.unwrap_or_default())
    }

    #[test]
    fn context_is_a_name_or_says_what_will_do_and_is_stored_as_it_is_written() {
        let text = "[orch/ci, {name: ci/docs, from: [7, ann], skipped_passes: true, absent_passes_after_s: 300}]";
        let all = contexts(text).unwrap();
        assert_eq!(all[0], RequiredContext::plain("orch/ci"));
        assert_eq!(all[1].from, ["7", "ann"]);
        assert!(all[1].skipped_passes && all[1].absent_passes_after_s == Some(300));
        assert!(all[1].counts_from(Some("7")) && !all[1].counts_from(Some("8")));
        assert!(!all[1].counts_from(None) && all[0].counts_from(None));
        let stored = serde_json::to_string(&all).unwrap();
        assert!(stored.starts_with("[\"orch/ci\",{"), "{stored}");
        let read: Vec<RequiredContext> = serde_json::from_str(&stored).unwrap();
        assert_eq!(read, all);
    }

    #[test]
    fn what_says_nothing_of_the_hosts_own_test_or_is_no_key_is_refused() {
        for (text, part) in [
            ("[{name: orch/ci, skipped_passes: true}]", "host's own test"),
            ("[{name: a, absent_passes_after_s: 0}]", "between 1 and"),
            ("[{name: a, skiped_passes: true}]", "skiped_passes"),
            ("[3]", "the name of a context"),
        ] {
            let error = contexts(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
