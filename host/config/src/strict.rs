//! How a configuration text becomes a typed value, and what the reader is told when it does not.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Why a configuration cannot be used. Every message names the file and the place; what is wrong with a value says what
/// would be right, and what helps beside is [`ConfigError::remedy`].
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there.
    #[error("no configuration at `{path}`")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file is there but cannot be read.
    #[error("configuration `{path}` cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is no YAML or a value has the wrong shape.
    #[error("`{file}`: at `{place}`: {problem}")]
    Invalid {
        /// The file.
        file: String,
        /// Path of keys, such as `roles.analyst.timeout_s`.
        place: String,
        /// What is wrong and what would be right.
        problem: String,
    },
}

impl ConfigError {
    /// What would help, where that is not said of a value.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Missing { .. } => {
                Some("write one (see docs/operators/configuration.md) or name it with --config")
            }
            Self::Unreadable { .. } => Some("check its permissions"),
            Self::Invalid { .. } => None,
        }
    }

    /// An error about `place` in `file`.
    pub fn invalid(file: &str, place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid {
            file: file.to_owned(),
            place: place.into(),
            problem: problem.into(),
        }
    }
}

/// Largest configuration file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads a file within its bound.
pub(crate) fn read_file(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ConfigError::Missing {
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(unreadable(error)),
    };
    if meta.len() > FILE_BYTES_MAX {
        return Err(ConfigError::invalid(
            &path.display().to_string(),
            ".",
            format!(
                "the file has {} bytes; at most {FILE_BYTES_MAX} are read",
                meta.len()
            ),
        ));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

/// Parses `text` into `T`; an empty text is an empty mapping.
pub(crate) fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, ConfigError> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    let deserializer = serde_yaml::Deserializer::from_str(text);
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let place = error.path().to_string();
        let place = if place == "." || place == "?" {
            "the top level".to_owned()
        } else {
            place
        };
        ConfigError::Invalid {
            file: file.to_owned(),
            place,
            problem: explain(&error.into_inner().to_string()),
        }
    })
}

/// Adds the nearest valid name to serde's message about an unknown one.
fn explain(message: &str) -> String {
    for what in ["unknown field `", "unknown variant `"] {
        let Some(rest) = message.split_once(what).map(|(_, rest)| rest) else {
            continue;
        };
        let Some((unknown, rest)) = rest.split_once('`') else {
            continue;
        };
        let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
        let word = if what.contains("field") {
            "key"
        } else {
            "value"
        };
        return match nearest(unknown, &known) {
            Some(near) => format!("unknown {word} `{unknown}`; did you mean `{near}`?"),
            None => format!(
                "unknown {word} `{unknown}`; valid are: {}",
                known.join(", ")
            ),
        };
    }
    message.to_owned()
}

/// The valid name that `unknown` most likely meant.
pub(crate) fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(unknown, name), *name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

/// A name that there is not, with the nearest one that there is.
pub(crate) fn unknown(file: &str, place: &str, name: &str, known: &[&str]) -> ConfigError {
    let problem = match nearest(name, known) {
        Some(near) => format!("unknown name `{name}`; did you mean `{near}`?"),
        None => format!("unknown name `{name}`; valid are: {}", known.join(", ")),
    };
    ConfigError::invalid(file, place, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[serde(rename = "timeout_s")]
        _timeout: Option<u32>,
    }

    #[test]
    fn unknown_key_is_refused_with_the_nearest_valid_one() {
        let error = parse::<Sample>("orch.yaml", "timeot_s: 3\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("orch.yaml") && error.contains("unknown key `timeot_s`"),
            "{error}"
        );
        assert!(error.contains("did you mean `timeout_s`?"), "{error}");
    }

    #[test]
    fn key_without_a_neighbour_lists_what_is_valid() {
        let error = parse::<Sample>("orch.yaml", "zzz: 3\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("valid are: timeout_s"), "{error}");
    }

    #[test]
    fn wrong_type_names_its_place() {
        let error = parse::<Sample>("orch.yaml", "timeout_s: soon\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("at `timeout_s`"), "{error}");
    }

    #[test]
    fn empty_file_is_an_empty_mapping() {
        assert!(parse::<Sample>("orch.yaml", " \n").is_ok());
    }
}
