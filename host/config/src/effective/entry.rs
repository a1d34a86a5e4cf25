//! One entry after a change to it: its values, what a repository may not loosen, and its limits.

use orch_domain::id::EntryId;
use orch_domain::pipeline::{Entry, EntryLimits, Mode};
use orch_domain::risk::Tier;
use orch_gates::Limits;

use super::parse::{parse_mode, parse_stage, parse_tier};
use crate::gates::{EntryConfig, LimitsConfig};
use crate::strict::ConfigError;

/// Gate that says whether what would land is what was tested.
const MERGE: &str = "merge";

pub(super) fn new_entry(
    file: &str,
    id: &EntryId,
    change: &EntryConfig,
) -> Result<Entry, ConfigError> {
    let gate = change.gate.clone().ok_or_else(|| {
        ConfigError::invalid(
            file,
            format!("gates.{id}"),
            "a new gate entry needs `gate`, the file name in gates/",
        )
    })?;
    Ok(Entry {
        id: id.clone(),
        gate,
        mode: Mode::Enforce,
        settings: "{}".to_owned(),
        on_fail: None,
        wait_deadline_ms: 3_600_000,
        awaits_person: false,
        limits: EntryLimits::default(),
        from_risk: Tier::Low,
    })
}

pub(super) fn changed(
    file: &str,
    mut entry: Entry,
    change: &EntryConfig,
) -> Result<Entry, ConfigError> {
    let id = entry.id.to_string();
    if let Some(gate) = &change.gate {
        entry.gate.clone_from(gate);
    }
    if let Some(mode) = &change.mode {
        entry.mode = parse_mode(file, &id, mode)?;
    }
    if let Some(settings) = &change.settings {
        entry.settings = merged(&entry.settings, settings);
    }
    if let Some(stage) = &change.on_fail {
        entry.on_fail = Some(parse_stage(file, &format!("gates.{id}.on_fail"), stage)?);
    }
    if let Some(seconds) = change.wait_deadline_s {
        entry.wait_deadline_ms = i64::from(seconds) * 1000;
    }
    if let Some(limits) = change.limits {
        entry.limits = lower(file, &id, entry.limits, limits)?;
    }
    if let Some(tier) = &change.from_risk {
        entry.from_risk = parse_tier(file, &id, tier)?;
    }
    if entry.gate == MERGE && entry.from_risk > Tier::Low {
        return Err(ConfigError::invalid(
            file,
            format!("gates.{id}.from_risk"),
            "what lands is judged whatever its risk; leave it out here",
        ));
    }
    Ok(entry)
}

/// The lower of two sets of limits; a limit above the production limit is refused by its name.
fn lower(
    file: &str,
    id: &str,
    present: EntryLimits,
    change: LimitsConfig,
) -> Result<EntryLimits, ConfigError> {
    let most = Limits::default();
    let bounded = |key: &str, present: Option<u64>, change: Option<u64>, most: u64| match change {
        Some(value) if value == 0 || value > most => Err(ConfigError::invalid(
            file,
            format!("gates.{id}.limits.{key}"),
            format!("use a number from 1 to {most}, the production limit"),
        )),
        Some(value) => Ok(Some(present.map_or(value, |present| present.min(value)))),
        None => Ok(present),
    };
    let mib = 1024 * 1024;
    let memory = change.memory_mib;
    let present_mib = present.memory_bytes.map(|bytes| bytes / mib);
    Ok(EntryLimits {
        cpu_ms: bounded("cpu_ms", present.cpu_ms, change.cpu_ms, most.cpu_ms)?,
        wall_ms: bounded("wall_ms", present.wall_ms, change.wall_ms, most.wall_ms)?,
        memory_bytes: bounded("memory_mib", present_mib, memory, most.memory_bytes / mib)?
            .map(|value| value * mib),
        host_calls: bounded(
            "host_calls",
            present.host_calls,
            change.host_calls,
            most.host_calls,
        )?,
    })
}

/// A repository may raise a mode, shorten a deadline, have more changes judged and set keys that the host left open.
pub(super) fn tightened(
    file: &str,
    entry: &Entry,
    change: &EntryConfig,
) -> Result<Entry, ConfigError> {
    let place = format!("gates.{}", entry.id);
    let next = changed(file, entry.clone(), change)?;
    let refuse = |what: &str| {
        Err(ConfigError::invalid(
            file,
            &place,
            format!("{what}; a repository may only tighten what the host says"),
        ))
    };
    if next.gate != entry.gate {
        return refuse("the gate component cannot be replaced");
    }
    if next.mode < entry.mode {
        return refuse(&format!(
            "mode `{}` is looser than `{}`",
            next.mode.as_str(),
            entry.mode.as_str()
        ));
    }
    if next.wait_deadline_ms > entry.wait_deadline_ms {
        return refuse("the wait deadline is longer than the host's");
    }
    if next.from_risk > entry.from_risk {
        return refuse(&format!(
            "`from_risk: {}` asks of fewer changes than `{}`",
            next.from_risk, entry.from_risk
        ));
    }
    if next.on_fail != entry.on_fail {
        return refuse("`on_fail` belongs to the host");
    }
    let (before, after) = (parsed(&entry.settings), parsed(&next.settings));
    if before
        .iter()
        .any(|(key, value)| after.get(key) != Some(value))
    {
        return refuse("a setting that the host fixes cannot be changed");
    }
    Ok(next)
}

fn parsed(settings: &str) -> serde_json::Map<String, serde_json::Value> {
    serde_json::from_str(settings).unwrap_or_default()
}

fn merged(base: &str, over: &serde_json::Map<String, serde_json::Value>) -> String {
    let mut map = parsed(base);
    for (key, value) in over {
        map.insert(key.clone(), value.clone());
    }
    serde_json::Value::Object(map).to_string()
}
