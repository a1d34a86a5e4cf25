//! What applies to one task: the host's configuration tightened by the repository's.
//!
//! The result is stored with the task by digest, so that a task in flight keeps the rules it began with.

use std::collections::BTreeMap;

use orch_domain::id::EntryId;
use orch_domain::pipeline::{self, Entry, HostWork, Mode, Pipeline, Rules, Step};
use orch_domain::stage::{Role, Stage};
use serde::{Deserialize, Serialize};

use super::strict::{self, ConfigError};
use super::{CiConfig, EntryConfig, HostConfig, REPO_FILE, RepoFile};

/// Context that the local forge posts for the repository's tests.
pub const LOCAL_CI_CONTEXT: &str = "orch/ci";

/// Everything a task needs to know of the configuration, in a form that can be stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Effective {
    pipeline: BTreeMap<String, Vec<String>>,
    entries: BTreeMap<String, StoredEntry>,
    rules: StoredRules,
    /// How to test a commit.
    pub ci: Option<CiConfig>,
    /// Contexts that must be green.
    pub required_contexts: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredEntry {
    gate: String,
    mode: String,
    settings: String,
    on_fail: Option<String>,
    wait_deadline_ms: i64,
    awaits_person: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredRules {
    rework_rounds_max: u32,
    early_rounds_max: u32,
    infra_failures_max: u32,
    backoff_base_ms: i64,
    work_wait_deadline_ms: i64,
}

impl Effective {
    /// Combines the host's configuration with the repository's file.
    ///
    /// # Errors
    /// [`ConfigError`] for a loosened gate, an unknown entry or a repository that says nothing about its tests.
    pub fn combine(host: &HostConfig, repo: &RepoFile) -> Result<Self, ConfigError> {
        let pipeline = pipeline_of(host, Some(repo), REPO_FILE)?;
        let required_contexts = match (&repo.required_contexts, &repo.ci) {
            (Some(list), _) => list.clone(),
            (None, Some(_)) => vec![LOCAL_CI_CONTEXT.to_owned()],
            (None, None) => {
                return Err(ConfigError::invalid(
                    REPO_FILE,
                    "ci",
                    "the repository has no test command; add `ci: { test: … }`, \
                     or `required_contexts: []` to say that nothing is tested",
                ));
            }
        };
        if required_contexts.iter().any(|c| c == LOCAL_CI_CONTEXT) && repo.ci.is_none() {
            return Err(ConfigError::invalid(
                REPO_FILE,
                "required_contexts",
                format!("`{LOCAL_CI_CONTEXT}` is required but there is no `ci.test` to run"),
            ));
        }
        let entries = pipeline
            .entries_in_use()
            .map(|(_, e)| (e.id.to_string(), StoredEntry::from(e)))
            .collect();
        let steps = Stage::ALL
            .into_iter()
            .filter(|stage| !pipeline.steps(*stage).is_empty())
            .map(|stage| {
                (
                    stage.to_string(),
                    pipeline.steps(stage).iter().map(step_text).collect(),
                )
            })
            .collect();
        let rules = pipeline.rules;
        Ok(Self {
            pipeline: steps,
            entries,
            rules: StoredRules {
                rework_rounds_max: rules.rework_rounds_max,
                early_rounds_max: rules.early_rounds_max,
                infra_failures_max: rules.infra_failures_max,
                backoff_base_ms: rules.backoff_base_ms,
                work_wait_deadline_ms: rules.work_wait_deadline_ms,
            },
            ci: repo.ci.clone(),
            required_contexts,
        })
    }

    /// The pipeline as the transition function takes it.
    ///
    /// # Errors
    /// [`ConfigError`] if a stored configuration no longer makes sense to this version of the host.
    pub fn pipeline(&self) -> Result<Pipeline, ConfigError> {
        let file = "stored configuration";
        let mut steps = BTreeMap::new();
        for (stage, list) in &self.pipeline {
            let stage = parse_stage(file, "pipeline", stage)?;
            let list = list
                .iter()
                .map(|text| parse_step(file, stage, text))
                .collect::<Result<Vec<_>, _>>()?;
            steps.insert(stage, list);
        }
        let mut entries = BTreeMap::new();
        for (id, stored) in &self.entries {
            let entry = stored.entry(file, id)?;
            entries.insert(entry.id.clone(), entry);
        }
        let rules = Rules {
            rework_rounds_max: self.rules.rework_rounds_max,
            early_rounds_max: self.rules.early_rounds_max,
            infra_failures_max: self.rules.infra_failures_max,
            backoff_base_ms: self.rules.backoff_base_ms,
            work_wait_deadline_ms: self.rules.work_wait_deadline_ms,
        };
        Pipeline::new(steps, entries, rules)
            .map_err(|e| ConfigError::invalid(file, "pipeline", e.to_string()))
    }
}

impl From<&Entry> for StoredEntry {
    fn from(entry: &Entry) -> Self {
        Self {
            gate: entry.gate.clone(),
            mode: entry.mode.as_str().to_owned(),
            settings: entry.settings.clone(),
            on_fail: entry.on_fail.map(|s| s.to_string()),
            wait_deadline_ms: entry.wait_deadline_ms,
            awaits_person: entry.awaits_person,
        }
    }
}

impl StoredEntry {
    fn entry(&self, file: &str, id: &str) -> Result<Entry, ConfigError> {
        Ok(Entry {
            id: parse_entry_id(file, id)?,
            gate: self.gate.clone(),
            mode: parse_mode(file, id, &self.mode)?,
            settings: self.settings.clone(),
            on_fail: self
                .on_fail
                .as_deref()
                .map(|s| parse_stage(file, "on_fail", s))
                .transpose()?,
            wait_deadline_ms: self.wait_deadline_ms,
            awaits_person: self.awaits_person,
        })
    }
}

/// The pipeline that `host` describes, tightened by `repo`; `file` names the source in errors.
pub(super) fn pipeline_of(
    host: &HostConfig,
    repo: Option<&RepoFile>,
    file: &str,
) -> Result<Pipeline, ConfigError> {
    let mut entries = pipeline::default_entries();
    for (id, change) in &host.gates {
        let id = parse_entry_id(file, id)?;
        let entry = match entries.remove(&id) {
            Some(entry) => entry,
            None => new_entry(file, &id, change)?,
        };
        entries.insert(id.clone(), changed(file, entry, change)?);
    }
    for (id, change) in repo.map(|r| &r.gates).into_iter().flatten() {
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
    let mut steps = pipeline::default_steps();
    for (stage, list) in &host.pipeline {
        let stage = parse_stage(file, "pipeline", stage)?;
        let list = list
            .iter()
            .map(|text| parse_step(file, stage, text))
            .collect::<Result<Vec<_>, _>>()?;
        steps.insert(stage, list);
    }
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
        backoff_base_ms: host
            .rules
            .backoff_base_ms
            .map_or(defaults.backoff_base_ms, i64::from),
        work_wait_deadline_ms: host
            .rules
            .work_wait_deadline_s
            .map_or(defaults.work_wait_deadline_ms, |s| i64::from(s) * 1000),
    };
    Pipeline::new(steps, entries, rules)
        .map_err(|e| ConfigError::invalid(file, "pipeline", e.to_string()))
}

fn new_entry(file: &str, id: &EntryId, change: &EntryConfig) -> Result<Entry, ConfigError> {
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
    })
}

fn changed(file: &str, mut entry: Entry, change: &EntryConfig) -> Result<Entry, ConfigError> {
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
    Ok(entry)
}

/// A repository may raise a mode, shorten a deadline and set keys that the host left open.
fn tightened(file: &str, entry: &Entry, change: &EntryConfig) -> Result<Entry, ConfigError> {
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

fn parse_entry_id(file: &str, id: &str) -> Result<EntryId, ConfigError> {
    EntryId::new(id).map_err(|e| ConfigError::invalid(file, format!("gates.{id}"), e.to_string()))
}

fn parse_mode(file: &str, id: &str, mode: &str) -> Result<Mode, ConfigError> {
    Mode::parse(mode).ok_or_else(|| {
        ConfigError::invalid(
            file,
            format!("gates.{id}.mode"),
            format!("`{mode}` is not enforce, advise or off"),
        )
    })
}

fn parse_stage(file: &str, place: &str, stage: &str) -> Result<Stage, ConfigError> {
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
fn step_text(step: &Step) -> String {
    match step {
        Step::Run(role) => format!("run {role}"),
        Step::Gate(entry) => format!("gate {entry}"),
        Step::Work(work) => format!("work {}", work.as_str()),
        Step::Approval => "approval".to_owned(),
    }
}

fn parse_step(file: &str, stage: Stage, text: &str) -> Result<Step, ConfigError> {
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
            "`{text}` is no step; write `run ROLE`, `gate ENTRY`, `work NAME` or `approval`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repo(text: &str) -> RepoFile {
        RepoFile::parse(text).unwrap()
    }

    #[test]
    fn repository_without_tests_must_say_so() {
        let error = Effective::combine(&HostConfig::default(), &repo(""))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no test command") && error.contains("required_contexts: []"),
            "{error}"
        );
        assert!(Effective::combine(&HostConfig::default(), &repo("required_contexts: []")).is_ok());
    }

    #[test]
    fn repository_cannot_loosen_a_gate() {
        let text = "ci: {test: make}\ngates: {review-verdict: {mode: advise}}";
        let error = Effective::combine(&HostConfig::default(), &repo(text))
            .unwrap_err()
            .to_string();
        assert!(error.contains("only tighten"), "{error}");
        let text = "ci: {test: make}\ngates: {review-verdict: {settings: {check: approved}}}";
        assert!(Effective::combine(&HostConfig::default(), &repo(text)).is_err());
    }

    #[test]
    fn stored_configuration_gives_the_same_pipeline() {
        let host = HostConfig::parse(
            "orch.yaml",
            "gates: {extra: {gate: custom, mode: advise}}\npipeline: {review: [run reviewer, gate review-verdict, gate extra]}",
        )
        .unwrap();
        let effective = Effective::combine(&host, &repo("ci: {test: make}")).unwrap();
        let json = serde_json::to_string(&effective).unwrap();
        let back: Effective = serde_json::from_str(&json).unwrap();
        assert_eq!(back.pipeline().unwrap(), effective.pipeline().unwrap());
        assert_eq!(back.pipeline().unwrap().steps(Stage::Review).len(), 3);
    }

    #[test]
    fn unknown_gate_entry_names_the_nearest() {
        let text = "ci: {test: make}\ngates: {review-verdct: {mode: enforce}}";
        let error = Effective::combine(&HostConfig::default(), &repo(text))
            .unwrap_err()
            .to_string();
        assert!(error.contains("did you mean `review-verdict`?"), "{error}");
    }
}
