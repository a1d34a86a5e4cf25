//! Which steps and entries come of both files: the host says them, the repository tightens them.

use std::collections::BTreeMap;

use orch_domain::id::EntryId;
use orch_domain::pipeline;
use orch_domain::pipeline::{Entry, Pipeline, Rules};
use orch_domain::stage::Stage;

use super::entry::{changed, new_entry, tightened};
use super::parse::{parse_entry_id, parse_stage};
use super::steps::{Placed, add_extra, steps_of};
use crate::gates::EntryConfig;
use crate::host::HostConfig;
use crate::repository::RepoFile;
use crate::strict;
use crate::strict::ConfigError;

/// A pipeline, and where each of its steps comes from. Steps of entries that are off have an origin all the same.
pub(crate) struct Composed {
    pub(crate) pipeline: Pipeline,
    pub(crate) origins: Placed,
}

/// The pipeline that `host` describes, tightened by `repo`; `file` names the source in errors.
pub(crate) fn pipeline_of(
    host: &HostConfig,
    repo: Option<(&str, &RepoFile)>,
    file: &str,
) -> Result<Pipeline, ConfigError> {
    compose(host, repo, file).map(|composed| composed.pipeline)
}

/// As [`pipeline_of`], with the origin of every step.
pub(crate) fn compose(
    host: &HostConfig,
    repo: Option<(&str, &RepoFile)>,
    file: &str,
) -> Result<Composed, ConfigError> {
    let mut entries = pipeline::default_entries();
    for (id, change) in &host.gates {
        let id = parse_entry_id(file, id)?;
        let entry = match entries.remove(&id) {
            Some(entry) => entry,
            None => new_entry(file, &id, change)?,
        };
        entries.insert(id.clone(), changed(file, entry, change)?);
    }
    let extra = extra_entries(host, repo.map(|(name, _)| name), file, &mut entries)?;
    for (id, change) in repo.map(|(_, r)| &r.gates).into_iter().flatten() {
        let id = parse_entry_id(file, id)?;
        let Some(entry) = entries.get(&id) else {
            let known: Vec<&str> = entries.keys().map(EntryId::as_str).collect();
            let hint = strict::nearest(id.as_str(), &known)
                .map_or(String::new(), |n| format!("; did you mean `{n}`?"));
            return Err(ConfigError::invalid(
                file,
                format!("gates.{id}"),
                format!("unknown gate entry{hint}"),
            ));
        };
        let tightened = tightened(file, entry, change)?;
        entries.insert(id, tightened);
    }
    let mut placed = steps_of(host, repo.map(|(name, _)| name), file)?;
    add_extra(&mut placed, extra);
    let origins = placed.clone();
    let steps = placed.into_iter().map(|(stage, list)| {
        let list = list.into_iter().map(|(step, _)| step);
        (stage, list.collect())
    });
    let defaults = Rules::default();
    let rules = Rules {
        rework_rounds_max: host
            .rules
            .rework_rounds_max
            .unwrap_or(defaults.rework_rounds_max),
        early_rounds_max: host
            .rules
            .early_rounds_max
            .unwrap_or(defaults.early_rounds_max),
        infra_failures_max: host
            .rules
            .infra_failures_max
            .unwrap_or(defaults.infra_failures_max),
        overtaken_max: host.rules.overtaken_max.unwrap_or(defaults.overtaken_max),
        backoff_base_ms: host
            .rules
            .backoff_base_ms
            .map_or(defaults.backoff_base_ms, i64::from),
        work_wait_deadline_ms: host
            .rules
            .work_wait_deadline_s
            .map_or(defaults.work_wait_deadline_ms, |s| i64::from(s) * 1000),
    };
    let pipeline = Pipeline::new(steps.collect(), entries, rules)
        .map_err(|e| ConfigError::invalid(file, "pipeline", e.to_string()))?;
    Ok(Composed { pipeline, origins })
}

/// Entries of `extra_gates` that apply to the repository, with the stages they judge at.
fn extra_entries(
    host: &HostConfig,
    repo: Option<&str>,
    file: &str,
    entries: &mut BTreeMap<EntryId, Entry>,
) -> Result<Vec<(Stage, EntryId)>, ConfigError> {
    let mut steps = Vec::new();
    for extra in &host.extra_gates {
        let stage = parse_stage(file, "extra_gates.stage", &extra.stage)?;
        let id = parse_entry_id(file, &extra.gate)?;
        // Without a repository, only what applies to all of them: two may have one gate at different stages.
        if extra.repo.is_some() && extra.repo.as_deref() != repo {
            continue;
        }
        let change = EntryConfig {
            gate: Some(extra.gate.clone()),
            mode: Some(extra.mode.clone()),
            settings: Some(extra.settings.clone()),
            ..EntryConfig::default()
        };
        let entry = match entries.remove(&id) {
            Some(entry) => entry,
            None => new_entry(file, &id, &change)?,
        };
        entries.insert(id.clone(), changed(file, entry, &change)?);
        steps.push((stage, id));
    }
    Ok(steps)
}
