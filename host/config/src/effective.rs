//! What applies to one task: the host's configuration tightened by the repository's.
//!
//! The result is stored with the task by digest, so that a task in flight keeps the rules it began with.

pub(crate) mod combine;
mod entry;
mod parse;
pub(crate) mod placed;
pub(crate) mod steps;

use std::collections::BTreeMap;

use combine::pipeline_of;
use orch_domain::pipeline::{Entry, EntryLimits, Pipeline, Rules};
use orch_domain::risk::Tier;
use orch_domain::stage::Stage;
use parse::{parse_entry_id, parse_mode, parse_stage, parse_step, step_text};
use serde::{Deserialize, Serialize};

use crate::REPO_FILE;
use crate::contexts::{LOCAL_CI_CONTEXT, RequiredContext};
use crate::host::HostConfig;
use crate::repository::{CiConfig, RepoFile, Waiver};
use crate::risk::{DeployApprovalConfig, RiskConfig};
use crate::strict::ConfigError;

/// Everything a task needs to know of the configuration, in a form that can be stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Effective {
    pipeline: BTreeMap<String, Vec<String>>,
    entries: BTreeMap<String, StoredEntry>,
    rules: StoredRules,
    /// How to test a commit.
    pub ci: Option<CiConfig>,
    /// Contexts that must be green.
    pub required_contexts: Vec<RequiredContext>,
    /// Findings that a person has accepted; every one fits the host's `waivable`.
    #[serde(default)]
    pub waivers: Vec<Waiver>,
    /// Paths that are risky to change, and those that are not.
    #[serde(default, skip_serializing_if = "RiskConfig::is_empty")]
    pub risk: RiskConfig,
    /// Tier of a change from which on a person approves its deploy.
    #[serde(default = "every_change", skip_serializing_if = "is_every_change")]
    approval_from: Tier,
    /// Whether a drill goes by it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_drill: bool,
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
    #[serde(default = "every_change")]
    from_risk: Tier,
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
    #[serde(default = "overtaken_max")]
    overtaken_max: u32,
    backoff_base_ms: i64,
    work_wait_deadline_ms: i64,
}

/// Of a configuration that was stored before there was such a bound.
fn overtaken_max() -> u32 {
    Rules::default().overtaken_max
}

/// Of a configuration that was stored before there were tiers.
fn every_change() -> Tier {
    Tier::Low
}

fn is_every_change(tier: &Tier) -> bool {
    *tier == every_change()
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
            (None, Some(_)) => vec![RequiredContext::plain(LOCAL_CI_CONTEXT)],
            (None, None) => {
                return Err(ConfigError::invalid(
                    REPO_FILE,
                    "ci",
                    "the repository has no test command; add `ci: { test: … }`, \
                     or `required_contexts: []` to say that nothing is tested",
                ));
            }
        };
        if required_contexts.iter().any(RequiredContext::is_own) && repo.ci.is_none() {
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
                overtaken_max: rules.overtaken_max,
                backoff_base_ms: rules.backoff_base_ms,
                work_wait_deadline_ms: rules.work_wait_deadline_ms,
            },
            ci: repo.ci.clone(),
            required_contexts,
            waivers: repo.waivers.clone(),
            risk: RiskConfig::combined(
                [&host.risk]
                    .into_iter()
                    .chain(host.repositories.get(name).map(|r| &r.risk))
                    .chain([&repo.risk]),
            ),
            approval_from: DeployApprovalConfig::combined(
                (
                    host.deploy_approval,
                    host.repositories
                        .get(name)
                        .map_or_else(Default::default, |r| r.deploy_approval),
                ),
                repo.deploy_approval,
                REPO_FILE,
            )?,
            is_drill: false,
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
            overtaken_max: self.rules.overtaken_max,
            backoff_base_ms: self.rules.backoff_base_ms,
            work_wait_deadline_ms: self.rules.work_wait_deadline_ms,
        };
        let mut pipeline = Pipeline::new(steps, entries, rules)
            .map_err(|e| ConfigError::invalid(file, "pipeline", e.to_string()))?;
        pipeline.approval_from = self.approval_from;
        Ok(match self.is_drill {
            true => pipeline.drilled(),
            false => pipeline,
        })
    }

    /// The same configuration for a drill, whose pipeline has no way to land anything.
    #[must_use]
    pub fn drilled(&self) -> Self {
        Self {
            is_drill: true,
            ..self.clone()
        }
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
            from_risk: entry.from_risk,
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
            from_risk: self.from_risk,
        })
    }
}

#[cfg(test)]
mod tests {
    use orch_domain::id::EntryId;
    use orch_domain::pipeline::Step;

    use super::*;

    #[test]
    fn extra_gate_judges_where_it_is_named_and_before_what_follows_the_gates() {
        let text = "repositories: {shop: {path: a.git, staging: {hook: a}}, bank: {path: b.git, staging: {hook: a}}}\nextra_gates: [{gate: mine, stage: deploy-staging, repo: shop, mode: advise}]";
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

    #[test]
    fn repository_has_more_changes_judged_and_never_fewer() {
        let host = |text: &str| HostConfig::parse("orch.yaml", text).map_err(|e| e.to_string());
        let from = |own: &str| {
            let text =
                format!("ci: {{test: make}}\ngates: {{review-verdict: {{from_risk: {own}}}}}");
            let host = host("gates: {review-verdict: {from_risk: medium}}").unwrap();
            let effective = Effective::combine(&host, "shop", &repo(&text));
            let stored = serde_json::to_string(&effective.map_err(|e| e.to_string())?).unwrap();
            let read: Effective = serde_json::from_str(&stored).unwrap();
            let id = EntryId::new("review-verdict").unwrap();
            Ok::<_, String>(read.pipeline().unwrap().entry(&id).unwrap().from_risk)
        };
        assert_eq!(from("medium"), Ok(Tier::Medium));
        assert_eq!(from("low"), Ok(Tier::Low));
        assert!(from("high").is_err_and(|e| e.contains("only tighten")));
        assert!(from("severe").is_err_and(|e| e.contains("not low, medium or high")));
        let merge = host("gates: {merge: {from_risk: high}}").unwrap_err();
        assert!(merge.contains("gates.merge.from_risk"), "{merge}");
    }

    #[test]
    fn repository_asks_a_person_about_more_deploys_and_never_about_fewer() {
        let host = "deploy_approval: {from_risk: medium}\nrepositories: {bank: {path: b.git, deploy_approval: {from_risk: low}}}";
        let host = HostConfig::parse("orch.yaml", host).unwrap();
        let from = |name: &str, own: &str| {
            let text = format!("ci: {{test: make}}\n{own}");
            let effective = Effective::combine(&host, name, &repo(&text));
            let stored = serde_json::to_string(&effective.map_err(|e| e.to_string())?).unwrap();
            let read: Effective = serde_json::from_str(&stored).unwrap();
            Ok::<_, String>(read.pipeline().unwrap().approval_from)
        };
        assert_eq!(from("shop", ""), Ok(Tier::Medium));
        assert_eq!(from("bank", ""), Ok(Tier::Low), "its own word stands");
        let low = "deploy_approval: {from_risk: low}";
        assert_eq!(from("shop", low), Ok(Tier::Low));
        let high = "deploy_approval: {from_risk: high}";
        assert!(from("shop", high).is_err_and(|e| e.contains("only tighten")));
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
