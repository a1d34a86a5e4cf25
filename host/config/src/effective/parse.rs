//! Stages, modes, entries and steps as they stand in configuration; an unknown one is refused with what is valid.

use orch_domain::id::EntryId;
use orch_domain::pipeline::{HostWork, Mode, Step};
use orch_domain::risk::Tier;
use orch_domain::stage::{Role, Stage};

use crate::strict;
use crate::strict::ConfigError;

pub(super) fn parse_entry_id(file: &str, id: &str) -> Result<EntryId, ConfigError> {
    EntryId::new(id).map_err(|e| ConfigError::invalid(file, format!("gates.{id}"), e.to_string()))
}

pub(super) fn parse_mode(file: &str, id: &str, mode: &str) -> Result<Mode, ConfigError> {
    Mode::parse(mode).ok_or_else(|| {
        ConfigError::invalid(
            file,
            format!("gates.{id}.mode"),
            format!("`{mode}` is not enforce, advise, observe or off"),
        )
    })
}

pub(super) fn parse_tier(file: &str, id: &str, tier: &str) -> Result<Tier, ConfigError> {
    Tier::parse(tier).ok_or_else(|| {
        ConfigError::invalid(
            file,
            format!("gates.{id}.from_risk"),
            format!("`{tier}` is not low, medium or high"),
        )
    })
}

pub(super) fn parse_stage(file: &str, place: &str, stage: &str) -> Result<Stage, ConfigError> {
    Stage::parse(stage).ok_or_else(|| {
        let known: Vec<&str> = Stage::ALL.iter().map(|s| s.as_str()).collect();
        let hint = strict::nearest(stage, &known)
            .map_or(String::new(), |n| format!("; did you mean `{n}`?"));
        ConfigError::invalid(file, place, format!("unknown stage `{stage}`{hint}"))
    })
}

const WORKS: [HostWork; 4] = [
    HostWork::Staging,
    HostWork::MergePrepare,
    HostWork::Land,
    HostWork::Deploy,
];

/// A step as it stands in configuration: `run analyst`, `gate ci-green`, `work land`, `approval`.
pub(super) fn step_text(step: &Step) -> String {
    match step {
        Step::Run(role) => format!("run {role}"),
        Step::Gate(entry) => format!("gate {entry}"),
        Step::Work(work) => format!("work {}", work.as_str()),
        Step::Approval => "approval".to_owned(),
    }
}

pub(super) fn parse_step(file: &str, stage: Stage, text: &str) -> Result<Step, ConfigError> {
    let place = format!("pipeline.{stage}");
    let invalid = |problem: String| ConfigError::invalid(file, &place, problem);
    match text.split_once(' ') {
        None if text == "approval" => Ok(Step::Approval),
        Some(("run", role)) => Role::parse(role).map(Step::Run).ok_or_else(|| {
            let known: Vec<&str> = Role::ALL.iter().map(|r| r.as_str()).collect();
            invalid(format!(
                "unknown role `{role}`; valid are: {}",
                known.join(", ")
            ))
        }),
        Some(("gate", entry)) => Ok(Step::Gate(parse_entry_id(file, entry)?)),
        Some(("work", work)) => WORKS
            .into_iter()
            .find(|w| w.as_str() == work)
            .map(Step::Work)
            .ok_or_else(|| {
                let known: Vec<&str> = WORKS.iter().map(|w| w.as_str()).collect();
                invalid(format!(
                    "unknown work `{work}`; valid are: {}",
                    known.join(", ")
                ))
            }),
        _ => Err(invalid(format!(
            "a step must be `run ROLE`, `gate ENTRY`, `work NAME` or `approval`, not `{text}`"
        ))),
    }
}
