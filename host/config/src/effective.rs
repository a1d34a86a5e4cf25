//! What applies to one task: the host's configuration tightened by the repository's.
//!
//! The result is stored with the task by digest, so that a task in flight keeps the rules it began with.

use std::collections::BTreeMap;

use orch_domain::id::EntryId;
use orch_domain::pipeline::{self, Entry, EntryLimits, HostWork, Mode, Pipeline, Rules, Step};
use orch_domain::stage::{Role, Stage};
use orch_gates::Limits;
use serde::{Deserialize, Serialize};

use crate::REPO_FILE;
use crate::gates::{EntryConfig, LimitsConfig};
use crate::host::HostConfig;
use crate::repository::{CiConfig, RepoFile, Waiver};
use crate::strict::{self, ConfigError};

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
    /// Findings that a person has accepted; every one fits the host's `waivable`.
    #[serde(default)]
    pub waivers: Vec<Waiver>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredEntry {
    gate: String,
    mode: String,
    settings: String,
    on_fail: Option<String>,
    wait_deadline_ms: i64,
    awaits_person: bool,
    #[serde(default)]
    limits: StoredLimits,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct StoredLimits {
    cpu_ms: Option<u64>,
    wall_ms: Option<u64>,
    memory_bytes: Option<u64>,
    host_calls: Option<u64>,
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
    pub fn combine(host: &HostConfig, name: &str, repo: &RepoFile) -> Result<Self, ConfigError> {
        let pipeline = pipeline_of(host, Some((name, repo)), REPO_FILE)?;
        crate::waivers::check(host, repo)?;
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
            .map(|(_, entry)| entry)
            .chain(pipeline.watch_entry())
            .map(|e| (e.id.to_string(), StoredEntry::from(e)))
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
            waivers: repo.waivers.clone(),
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
            limits: StoredLimits {
                cpu_ms: entry.limits.cpu_ms,
                wall_ms: entry.limits.wall_ms,
                memory_bytes: entry.limits.memory_bytes,
                host_calls: entry.limits.host_calls,
            },
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
            limits: EntryLimits {
                cpu_ms: self.limits.cpu_ms,
                wall_ms: self.limits.wall_ms,
                memory_bytes: self.limits.memory_bytes,
                host_calls: self.limits.host_calls,
            },
        })
    }
}

/// The pipeline that `host` describes, tightened by `repo`; `file` names the source in errors.
pub(crate) fn pipeline_of(
    host: &HostConfig,
    repo: Option<(&str, &RepoFile)>,
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
    let mut steps = pipeline::default_steps();
    for (stage, list) in &host.pipeline {
        let stage = parse_stage(file, "pipeline", stage)?;
        let list = list
            .iter()
            .map(|text| parse_step(file, stage, text))
            .collect::<Result<Vec<_>, _>>()?;
        steps.insert(stage, list);
    }
    for (stage, id) in extra {
        let list = steps.entry(stage).or_default();
        let step = Step::Gate(id);
        if !list.contains(&step) {
            let at = match &step {
                // It is of the commit to land, which is known only then.
                Step::Gate(id) if id.as_str() == pipeline::IMAGE_FRESHNESS => before_landing(list),
                _ => end_of_first_gates(list),
            };
            list.insert(at, step);
        }
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

/// Where a stage's first row of gates ends: before an approval or work that follows them.
fn end_of_first_gates(steps: &[Step]) -> usize {
    let is_gate = |step: &Step| matches!(step, Step::Gate(_));
    let first = steps.iter().position(is_gate).unwrap_or(steps.len());
    let row = steps[first..]
        .iter()
        .take_while(|step| is_gate(step))
        .count();
    first + row
}

fn before_landing(steps: &[Step]) -> usize {
    let land = Step::Work(HostWork::Land);
    steps
        .iter()
        .position(|step| *step == land)
        .unwrap_or(steps.len())
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
        limits: EntryLimits::default(),
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
    if let Some(limits) = change.limits {
        entry.limits = lower(file, &id, entry.limits, limits)?;
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
            "a step must be `run ROLE`, `gate ENTRY`, `work NAME` or `approval`, not `{text}`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_gate_judges_where_it_is_named_and_before_what_follows_the_gates() {
        let text = "repositories: {shop: {path: a.git}, bank: {path: b.git}}\nextra_gates: [{gate: mine, stage: deploy-staging, repo: shop, mode: advise}]";
        let host = HostConfig::parse("orch.yaml", text).unwrap();
        let steps = |name: &str| {
            let effective = Effective::combine(&host, name, &repo("ci: {test: make}")).unwrap();
            let pipeline = effective.pipeline().unwrap();
            pipeline
                .steps(Stage::DeployStaging)
                .iter()
                .map(Step::name)
                .collect::<Vec<_>>()
        };
        let (shop, bank) = (steps("shop"), steps("bank"));
        let at = shop.iter().position(|s| s == "mine").unwrap();
        assert_eq!(shop[at - 1], "staging-status");
        assert!(!bank.contains(&"mine".to_owned()));
        assert_eq!(shop.len(), bank.len() + 1);
    }

    #[test]
    fn repository_may_lower_a_limit_and_not_raise_it() {
        let host =
            HostConfig::parse("orch.yaml", "gates: {ci-green: {limits: {cpu_ms: 100}}}").unwrap();
        let limit = |cpu_ms: u64| {
            let text = format!(
                "ci: {{test: make}}\ngates: {{ci-green: {{limits: {{cpu_ms: {cpu_ms}}}}}}}"
            );
            let effective =
                Effective::combine(&host, "shop", &repo(&text)).map_err(|e| e.to_string())?;
            let pipeline = effective.pipeline().unwrap();
            let entry = pipeline
                .entry(&EntryId::new("ci-green").unwrap())
                .unwrap()
                .clone();
            Ok::<_, String>(entry.limits.cpu_ms)
        };
        assert_eq!(limit(50), Ok(Some(50)));
        assert_eq!(limit(4_000), Ok(Some(100)), "the host's lower one stands");
        assert!(limit(60_000).is_err_and(|e| e.contains("limits.cpu_ms") && e.contains("5000")));
    }

    fn repo(text: &str) -> RepoFile {
        RepoFile::parse(text).unwrap()
    }

    #[test]
    fn repository_without_tests_must_say_so() {
        let error = Effective::combine(&HostConfig::default(), "shop", &repo(""))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no test command") && error.contains("required_contexts: []"),
            "{error}"
        );
        assert!(
            Effective::combine(
                &HostConfig::default(),
                "shop",
                &repo("required_contexts: []")
            )
            .is_ok()
        );
    }

    #[test]
    fn repository_cannot_loosen_a_gate() {
        let text = "ci: {test: make}\ngates: {review-verdict: {mode: advise}}";
        let error = Effective::combine(&HostConfig::default(), "shop", &repo(text))
            .unwrap_err()
            .to_string();
        assert!(error.contains("only tighten"), "{error}");
        let text = "ci: {test: make}\ngates: {review-verdict: {settings: {check: approved}}}";
        assert!(Effective::combine(&HostConfig::default(), "shop", &repo(text)).is_err());
    }

    #[test]
    fn stored_configuration_gives_the_same_pipeline() {
        let host = HostConfig::parse(
            "orch.yaml",
            "gates: {extra: {gate: custom, mode: advise}}\npipeline: {review: [run reviewer, gate review-verdict, gate extra]}",
        )
        .unwrap();
        let effective = Effective::combine(&host, "shop", &repo("ci: {test: make}")).unwrap();
        let json = serde_json::to_string(&effective).unwrap();
        let back: Effective = serde_json::from_str(&json).unwrap();
        assert_eq!(back.pipeline().unwrap(), effective.pipeline().unwrap());
        assert_eq!(back.pipeline().unwrap().steps(Stage::Review).len(), 3);
    }

    #[test]
    fn unknown_gate_entry_names_the_nearest() {
        let text = "ci: {test: make}\ngates: {review-verdct: {mode: enforce}}";
        let error = Effective::combine(&HostConfig::default(), "shop", &repo(text))
            .unwrap_err()
            .to_string();
        assert!(error.contains("did you mean `review-verdict`?"), "{error}");
    }
}
