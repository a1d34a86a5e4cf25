//! When is told again what nobody acts on?

use serde::{Deserialize, Serialize};

use crate::strict::ConfigError;

/// What follows when nobody acts on an alert that needs a person. Each step is taken once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EscalationConfig {
    /// When those who were told are told once more, seconds after the first time; 0 for never.
    pub remind_after_s: u32,
    /// When the notifiers that tell `escalations` are told, seconds after the first time; 0 for never.
    pub second_after_s: u32,
}

impl Default for EscalationConfig {
    fn default() -> Self {
        Self {
            remind_after_s: 4 * 3600,
            second_after_s: 24 * 3600,
        }
    }
}

pub(crate) fn check(escalation: &EscalationConfig, file: &str) -> Result<(), ConfigError> {
    let EscalationConfig {
        remind_after_s,
        second_after_s,
    } = escalation;
    if *second_after_s != 0 && second_after_s < remind_after_s {
        return Err(ConfigError::invalid(
            file,
            "escalation.second_after_s",
            "the second person would be told before the first is reminded; use a longer time than `remind_after_s`",
        ));
    }
    Ok(())
}
