//! What configuration does an environment file of the reference system come to?

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::dotenv::Dotenv;
use super::settings::{Fate, SETTINGS, Setting};
use super::variables::{flag, put, value};
use crate::host::HostConfig;
use crate::strict::ConfigError;

/// A credential that goes into a file of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// Name of the file.
    pub name: &'static str,
    /// What goes in.
    pub value: String,
}

impl std::fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretFile")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What became of an environment file.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// The text of `orch.yaml`.
    pub yaml: String,
    /// Credentials, each for a file below the folder that was named.
    pub secrets: Vec<SecretFile>,
    /// What was carried over: variable and key.
    pub carried: Vec<(String, String)>,
    /// What was not, with what to do.
    pub left: Vec<(String, String)>,
}

/// Carries an environment file over. Files of credentials are named below `secrets`.
///
/// # Errors
/// [`ConfigError`] if a value of the file makes a configuration that cannot be used.
pub fn moved(dotenv: &Dotenv, secrets: &str) -> Result<Moved, ConfigError> {
    let mut config = json!({});
    let (mut carried, mut left, mut files) = (Vec::new(), Vec::new(), Vec::new());
    // The reference system read names in any case; of two that differ in that alone the later one counts.
    let of: BTreeMap<String, &str> = dotenv
        .lines
        .iter()
        .map(|line| (line.name.to_uppercase(), line.value.as_str()))
        .collect();
    let get = |name: &str| {
        let value = of.get(format!("ORCH_{}", name.to_uppercase()).as_str());
        value.copied().filter(|value| !value.is_empty())
    };
    let mut secret = |name: &'static str, value: &str| {
        files.push(SecretFile {
            name,
            value: value.to_owned(),
        });
        json!({"file": format!("{secrets}/{name}")})
    };
    if let (Some(token), Some(chat)) = (get("telegram_bot_token"), get("telegram_chat_id"))
        && let Ok(chat) = chat.parse::<i64>()
    {
        let token = secret("telegram-token", token);
        let chat = json!({"token": token, "chat": chat});
        put(&mut config, "notifiers.telegram", json!({"telegram": chat}));
        for name in ["telegram_bot_token", "telegram_chat_id"] {
            note(&mut carried, name, "notifiers.telegram");
        }
    }
    if let (Some(url), Some(token)) = (get("gitea_url"), get("gitea_token")) {
        let token = secret("gitea-token", token);
        put(
            &mut config,
            "forges.gitea",
            json!({"url": url, "token": token}),
        );
        for name in ["gitea_url", "gitea_token"] {
            note(&mut carried, name, "forges.gitea");
        }
    }
    if let Some(key) = get("plane_api_token") {
        let _named: Value = secret("plane-key", key);
        let text = format!(
            "it is in `{secrets}/plane-key`; `orch tracker add plane --key-file {secrets}/plane-key …` writes the tracker"
        );
        left.push(("ORCH_PLANE_API_TOKEN".to_owned(), text));
    }
    if get("security_gate_enabled").and_then(flag) == Some(true) {
        put(&mut config, "extra_gates", security(&get));
        for name in SECURITY {
            if get(name).is_some() {
                note(&mut carried, name, "extra_gates: security");
            }
        }
        if get("security_scan_timeout_s").is_some_and(|s| s.parse::<u32>().is_ok()) {
            let seconds = get("security_scan_timeout_s").and_then(|s| s.parse::<u32>().ok());
            for tool in ["gitleaks", "pip-audit"] {
                let limit = json!({"timeout_s": seconds});
                put(&mut config, &format!("tools.{tool}"), limit);
            }
            note(&mut carried, "security_scan_timeout_s", "tools");
        }
    }
    for line in &dotenv.lines {
        let capital = line.name.to_uppercase();
        if carried.iter().any(|(name, _)| *name == capital)
            || left.iter().any(|(name, _)| *name == capital)
        {
            continue;
        }
        let name = capital.strip_prefix("ORCH_").map(str::to_lowercase);
        let found = SETTINGS
            .iter()
            .find(|setting| Some(setting.name) == name.as_deref());
        match found.map(|setting| (setting, setting.fate)) {
            Some((setting, Fate::Key(key))) => match value(setting, line.value.trim()) {
                Ok(value) => {
                    put(&mut config, key, value);
                    note(&mut carried, setting.name, key);
                }
                Err(why) => left.push((
                    line.name.clone(),
                    format!("{why}; `{key}` keeps its default"),
                )),
            },
            Some((setting, Fate::Replaced(by))) => {
                left.push((line.name.clone(), of_guard(setting, &format!("set {by}"))));
            }
            Some((_, Fate::Dropped(why))) => {
                left.push((line.name.clone(), format!("nothing takes its place: {why}")));
            }
            None => left.push((
                line.name.clone(),
                "it is no setting that is known here".to_owned(),
            )),
        }
    }
    let yaml = match config.as_object().is_some_and(|map| map.is_empty()) {
        true => String::new(),
        false => serde_yaml::to_string(&config)
            .map_err(|e| ConfigError::invalid("orch.yaml", "the top level", e.to_string()))?,
    };
    HostConfig::parse("orch.yaml", &yaml)?;
    Ok(Moved {
        yaml,
        secrets: files,
        carried,
        left,
    })
}

/// Settings that become one line for the gate.
const SECURITY: [&str; 3] = [
    "security_gate_enabled",
    "security_dep_audit_fail_closed",
    "security_dep_block_severity",
];

fn security<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Value {
    let mut settings = json!({});
    if let Some(severity) = get("security_dep_block_severity") {
        settings["dep_block_severity"] = json!(severity.to_lowercase());
    }
    if let Some(closed) = get("security_dep_audit_fail_closed") {
        // What is no word for either keeps the door shut.
        settings["dep_audit_fail_closed"] = json!(flag(closed).unwrap_or(true));
    }
    json!([{"gate": "security", "stage": "deploy-staging", "mode": "enforce", "settings": settings}])
}

fn note(carried: &mut Vec<(String, String)>, name: &str, key: &str) {
    carried.push((format!("ORCH_{}", name.to_uppercase()), key.to_owned()));
}

fn of_guard(setting: &Setting, text: &str) -> String {
    match setting.guards {
        true => format!("it guards something: {text}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gate_goes_on_to_guard_dependencies_though_secrets_were_let_through() {
        let text = "ORCH_SECURITY_GATE_ENABLED=true\nORCH_SECURITY_SECRETS_BLOCK=false\n";
        let moved = moved(&Dotenv::read(text), "secrets").unwrap();
        let config = HostConfig::parse("orch.yaml", &moved.yaml).unwrap();
        assert_eq!(config.extra_gates.len(), 1);
        assert!(moved.yaml.contains("mode: enforce"), "{}", moved.yaml);
        let (name, why) = &moved.left[0];
        assert_eq!(name, "ORCH_SECURITY_SECRETS_BLOCK");
        assert!(why.contains("a secret always blocks"), "{why}");
    }

    #[test]
    fn secrets_stay_out_of_the_configuration_and_nothing_is_lost_without_a_word() {
        let text = "ORCH_TELEGRAM_BOT_TOKEN=7001:s3cret\nORCH_TELEGRAM_CHAT_ID=-1002\nORCH_GITEA_URL=https://git.acme.test\n\
                    ORCH_GITEA_TOKEN=g1t\nORCH_GITEA_OWNER=acme\nORCH_PLANE_API_TOKEN=pl4ne\nORCH_REAPER_INTERVAL_S=30\n\
                    ORCH_SECURITY_GATE_ENABLED=true\nORCH_SECURITY_DEP_BLOCK_SEVERITY=HIGH\nORCH_MERGE_GATE_REPOS=a,b\n\
                    ORCH_MAX_CONCURRENCY=many\nDEBUG=1\n";
        let dotenv = Dotenv::read(text);
        let moved = moved(&dotenv, "secrets").unwrap();
        for secret in ["s3cret", "g1t", "pl4ne"] {
            assert!(!moved.yaml.contains(secret), "{}", moved.yaml);
            assert!(!format!("{moved:?}").contains(secret));
            assert!(moved.secrets.iter().any(|file| file.value.contains(secret)));
        }
        let config = HostConfig::parse("orch.yaml", &moved.yaml).unwrap();
        assert_eq!(config.reaper.interval_s, 30);
        assert_eq!(config.extra_gates.len(), 1);
        assert_eq!(
            config.notifiers["telegram"].telegram.as_ref().unwrap().chat,
            -1002
        );
        assert_eq!(config.forges["gitea"].url, "https://git.acme.test");
        // Each name of the file is in one of the two lists.
        for line in &dotenv.lines {
            let of = |list: &[(String, String)]| list.iter().any(|(name, _)| *name == line.name);
            assert!(of(&moved.carried) != of(&moved.left), "{}", line.name);
        }
        let left: Vec<&str> = moved.left.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            left,
            [
                "ORCH_PLANE_API_TOKEN",
                "ORCH_GITEA_OWNER",
                "ORCH_MERGE_GATE_REPOS",
                "ORCH_MAX_CONCURRENCY",
                "DEBUG"
            ]
        );
    }
}
