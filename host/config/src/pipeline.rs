//! What an operator may say of a pipeline: a ready-made one by name, and stages that differ from it.

use std::collections::BTreeMap;

use orch_domain::pipeline::Preset;
use orch_domain::stage::Stage;
use serde::{Deserialize, Serialize};

use crate::strict::{self, ConfigError};

/// A pipeline as it is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct PipelineConfig {
    /// Name of the ready-made pipeline that it begins from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Steps of the stages that differ from it.
    #[serde(flatten)]
    pub stages: BTreeMap<String, Vec<String>>,
}

impl PipelineConfig {
    /// Refuses names of stages and presets that there are not; `place` is where it stands.
    pub(crate) fn check(&self, file: &str, place: &str) -> Result<(), ConfigError> {
        let stages = Stage::ALL.iter().filter(|s| s.is_working());
        let stages: Vec<&str> = stages.map(|s| s.as_str()).chain(["preset"]).collect();
        if let Some(name) = self.stages.keys().find(|n| !stages.contains(&n.as_str())) {
            return Err(strict::unknown(file, place, name, &stages));
        }
        self.preset(file, place).map(|_| ())
    }

    /// The ready-made pipeline, if one is named.
    pub(crate) fn preset(&self, file: &str, place: &str) -> Result<Option<Preset>, ConfigError> {
        let Some(name) = &self.preset else {
            return Ok(None);
        };
        let known = Preset::ALL.map(Preset::as_str);
        let refused = || strict::unknown(file, &format!("{place}.preset"), name, &known);
        Preset::parse(name).map(Some).ok_or_else(refused)
    }
}
