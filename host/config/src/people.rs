//! What an operator may say of persons: what they may do, and by which accounts they are known.

use std::collections::BTreeMap;

use orch_domain::id::PersonName;
use orch_domain::person::PersonRole;
use serde::{Deserialize, Serialize};

use crate::strict::{self, ConfigError};

/// Sources whose accounts a person may have, beside the users of this machine.
const SOURCES: [&str; 5] = ["local", "gitea", "forgejo", "plane", "telegram"];
/// Key for users of this machine.
pub(crate) const UNIX: &str = "unix";

/// A person, as the operator names them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct PersonConfig {
    /// What they may do.
    pub role: PersonRole,
    /// Their accounts by source: users of this machine under `unix`, elsewhere the source's own ids.
    #[serde(flatten)]
    pub accounts: BTreeMap<String, Vec<Account>>,
}

/// An account: a name or a number, as the source has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Account {
    /// Such as a user id of a forge.
    Number(u64),
    /// Such as a login, or an id that is no number.
    Name(String),
}

impl Account {
    /// Whether this is the account of that name or number.
    pub(crate) fn is(&self, name: &str) -> bool {
        match self {
            Self::Number(number) => number.to_string() == name,
            Self::Name(own) => own == name,
        }
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Refuses names that nobody can have, sources that there are none of, and an account that is two persons'. `doors` are
/// the trackers and notifiers of this host.
pub(crate) fn check(
    people: &BTreeMap<String, PersonConfig>,
    doors: &[&str],
    file: &str,
) -> Result<(), ConfigError> {
    let mut seen = BTreeMap::new();
    for (name, person) in people {
        let place = format!("people.{name}");
        PersonName::new(name.clone())
            .map_err(|e| ConfigError::invalid(file, &place, e.to_string()))?;
        for (source, accounts) in &person.accounts {
            let place = format!("{place}.{source}");
            let known = [&[UNIX][..], &SOURCES, doors].concat();
            if !known.contains(&source.as_str()) {
                let problem = match strict::nearest(source, &known) {
                    Some(near) => format!("unknown source `{source}`; did you mean `{near}`?"),
                    None => format!(
                        "unknown source `{source}`; valid are: role, {}",
                        known.join(", ")
                    ),
                };
                return Err(ConfigError::invalid(file, place, problem));
            }
            for account in accounts {
                let key = (source.clone(), account.to_string());
                if account.is(orch_domain::port::HOST_ACTOR) && source != UNIX {
                    let why = "this is the host's own account, which decides nothing";
                    return Err(ConfigError::invalid(file, place, why));
                }
                if let Some(other) = seen.insert(key, name) {
                    let why = format!("`{account}` is `{other}` already; name it once");
                    return Err(ConfigError::invalid(file, place, why));
                }
            }
        }
    }
    Ok(())
}
