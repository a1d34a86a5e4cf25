//! Variables of the reference system in the host's environment: read with their meaning, or named at the start.

use serde_json::{Value, json};

use super::settings::{Fate, Kind, SETTINGS, Setting};
use crate::host::{ConfigSource, HostConfig};
use crate::strict::{ConfigError, nearest};

/// What the host says at its start of a variable that it does not go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The variable.
    pub variable: String,
    /// What to do about it.
    pub text: String,
    /// Whether the host refuses to start: something that was guarded would not be.
    pub is_guard: bool,
}

/// Variables of the host's own, which are no settings of the reference system.
const OWN: &[&str] = &[
    "ORCH_CONFIG",
    "ORCH_DATA_DIR",
    "ORCH_LOG",
    "ORCH_SANDBOX",
    "ORCH_RUN",
];
/// What names of variables of tests and of builds begin with.
const NOT_SETTINGS: &[&str] = &[
    "ORCH_TEST",
    "ORCH_CRASH",
    "ORCH_POINT",
    "ORCH_BLESS",
    "ORCH_CARGO",
];

/// What the host does not go by of these names of variables.
pub fn notices(names: impl Iterator<Item = String>) -> Vec<Notice> {
    let mut list: Vec<Notice> = names.filter_map(notice).collect();
    list.sort_by(|a, b| a.variable.cmp(&b.variable));
    list
}

fn notice(variable: String) -> Option<Notice> {
    // The reference system read names in any case.
    let capital = variable.to_uppercase();
    let name = capital.strip_prefix("ORCH_")?.to_lowercase();
    if OWN.contains(&variable.as_str()) || NOT_SETTINGS.iter().any(|n| variable.starts_with(n)) {
        return None;
    }
    let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
        let known: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
        let near = nearest(&name, &known)
            .map(|near| format!("; did you mean `ORCH_{}`?", near.to_uppercase()));
        return Some(Notice {
            text: format!(
                "nothing of this name is known{}",
                near.unwrap_or_else(|| ", and it is not read".to_owned())
            ),
            variable,
            is_guard: false,
        });
    };
    let text = match setting.fate {
        Fate::Key(_) if variable == capital => return None,
        Fate::Key(_) => format!("it is read under its name in capitals alone, `{capital}`"),
        Fate::Replaced(by) => format!("it is not read; set {by} in orch.yaml and unset it"),
        Fate::Dropped(why) => format!("it is not read, and nothing takes its place: {why}"),
    };
    Some(Notice {
        variable,
        text,
        is_guard: setting.guards,
    })
}

/// Yes or no, in the words that the reference system took.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Some(true),
        "0" | "false" | "f" | "no" | "n" | "off" => Some(false),
        _ => None,
    }
}

/// The value as the configuration takes it.
pub(super) fn value(setting: &Setting, text: &str) -> Result<Value, String> {
    match setting.kind {
        Kind::Flag => match flag(text) {
            Some(flag) => Ok(json!(flag)),
            None => Err("use true or false".to_owned()),
        },
        Kind::Number => text
            .parse::<u32>()
            .map(|number| json!(number))
            .map_err(|_| "it is not a whole number".to_owned()),
        Kind::Text | Kind::Secret => Ok(json!(text)),
    }
}

/// Puts a value at a path of keys.
pub(super) fn put(config: &mut Value, path: &str, value: Value) {
    let mut place = config;
    for key in path.split('.') {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[key];
    }
    *place = value;
}

/// Overrides keys by variables that mean the same; what is overridden is noted.
pub(crate) fn apply(
    config: HostConfig,
    env: impl Fn(&str) -> Option<String>,
) -> Result<HostConfig, ConfigError> {
    let mut sources = config.sources.clone();
    let mut changed = None::<Value>;
    for setting in SETTINGS {
        let Fate::Key(key) = setting.fate else {
            continue;
        };
        let variable = setting.variable();
        let Some(text) = env(&variable) else { continue };
        let refused = |why: String| ConfigError::invalid("environment", &variable, why);
        let value = value(setting, text.trim()).map_err(|why| {
            refused(match setting.kind {
                Kind::Number => format!("`{text}` is not a whole number"),
                Kind::Flag | Kind::Text | Kind::Secret => format!("`{text}`: {why}"),
            })
        })?;
        let tree = match changed.take() {
            Some(tree) => Ok(tree),
            None => serde_json::to_value(&config),
        };
        let mut tree = tree.map_err(|e| refused(e.to_string()))?;
        put(&mut tree, key, clamped(key, value));
        changed = Some(tree);
        sources.push(ConfigSource {
            key: key.to_owned(),
            variable,
        });
    }
    let Some(tree) = changed else {
        return Ok(config);
    };
    let next: HostConfig = serde_json::from_value(tree)
        .map_err(|e| ConfigError::invalid("environment", "ORCH_*", e.to_string()))?;
    Ok(HostConfig {
        sources,
        file: config.file,
        ..next
    })
}

/// A number that the key takes: more workers than there can be are as many as there can be.
fn clamped(key: &str, value: Value) -> Value {
    match (key, value.as_u64()) {
        ("concurrency.agents", Some(number)) => json!(number.clamp(1, 64)),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(variables: &[(&str, &str)]) -> Result<HostConfig, ConfigError> {
        let config = HostConfig::parse("orch.yaml", "reaper: {interval_s: 20}").unwrap();
        apply(config, |name| {
            let found = variables.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn variable_of_the_reference_has_the_meaning_that_it_had() {
        let config = applied(&[
            ("ORCH_REAPER_ENABLED", "False"),
            ("ORCH_REAPER_MAX_RUNNING_S", "7200"),
            ("ORCH_PREFLIGHT_CHECK_AUTH", "off"),
            ("ORCH_MAX_CONCURRENCY", "700"),
        ])
        .unwrap();
        assert!(!config.reaper.enabled && !config.preflight.check_auth);
        assert_eq!(config.reaper.max_running_s, Some(7200));
        assert_eq!(config.reaper.interval_s, 20);
        assert_eq!(config.concurrency.agents, 64);
        assert_eq!(config.sources.len(), 4);
        let error = applied(&[("ORCH_REAPER_INTERVAL_S", "soon")]).unwrap_err();
        assert!(
            error.to_string().contains("ORCH_REAPER_INTERVAL_S"),
            "{error}"
        );
    }

    #[test]
    fn every_key_that_a_variable_overrides_is_one() {
        for setting in SETTINGS {
            let Fate::Key(key) = setting.fate else {
                continue;
            };
            let text = match setting.kind {
                Kind::Flag => "true",
                Kind::Number | Kind::Text | Kind::Secret => "7",
            };
            let config = applied(&[(&setting.variable(), text)]).unwrap();
            let mut tree = &serde_json::to_value(&config).unwrap();
            for part in key.split('.') {
                tree = &tree[part];
            }
            assert_eq!(*tree, value(setting, text).unwrap(), "{key}");
        }
    }

    #[test]
    fn what_is_not_read_is_named_with_its_successor_and_a_guard_stops_the_start() {
        let of = |name: &str| notices([name.to_owned()].into_iter()).pop();
        for silent in [
            "ORCH_REAPER_ENABLED",
            "ORCH_CONFIG",
            "ORCH_TEST_ROOT",
            "PATH",
        ] {
            assert_eq!(of(silent), None, "{silent}");
        }
        let token = of("ORCH_PLANE_API_TOKEN").unwrap();
        assert!(token.text.contains("trackers.T.plane.key") && !token.is_guard);
        assert!(of("ORCH_SECURITY_GATE_ENABLED").unwrap().is_guard);
        assert!(of("orch_security_gate_enabled").unwrap().is_guard);
        let small = of("orch_reaper_enabled").unwrap();
        assert!(small.text.contains("ORCH_REAPER_ENABLED"), "{small:?}");
        let near = of("ORCH_REAPER_ENABLE").unwrap();
        assert!(near.text.contains("did you mean `ORCH_REAPER_ENABLED`"));
    }
}
