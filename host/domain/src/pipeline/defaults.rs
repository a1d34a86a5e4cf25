//! The pipeline that stands where nothing is configured: its entries, their settings and deadlines, and its steps.

use std::collections::BTreeMap;

use super::{Entry, EntryLimits, HostWork, Mode, Pipeline, Rules, Step};
use crate::id::EntryId;
use crate::risk::Tier;
use crate::stage::{Role, Stage};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// Registry name of the gate that reads the probes after a deploy. No step names it: it moves nothing.
pub const POST_DEPLOY: &str = "post-deploy";
/// Name of the gate that reads what people say of a change.
pub const REVIEW_GATE: &str = "review";
/// Registry name of the gate that holds the staging image against the commit to land.
pub const IMAGE_FRESHNESS: &str = "image-freshness";

/// Registry names with gate component, settings, wait deadline and whether a wait is for a person.
pub const DEFAULT_ENTRIES: [(&str, &str, &str, i64, bool); 16] = [
    (
        "analysis-complete",
        "analysis",
        r#"{"check":"complete"}"#,
        10 * MINUTE_MS,
        false,
    ),
    (
        "analysis-approved",
        "analysis",
        r#"{"check":"approved"}"#,
        14 * DAY_MS,
        true,
    ),
    (
        "architecture-done",
        "architecture",
        "{}",
        10 * MINUTE_MS,
        false,
    ),
    ("ci-green", "ci", "{}", 120 * MINUTE_MS, false),
    (
        "review-verdict",
        "review",
        r#"{"check":"verdict"}"#,
        10 * MINUTE_MS,
        false,
    ),
    (
        "review-approved",
        "review",
        r#"{"check":"approved"}"#,
        14 * DAY_MS,
        true,
    ),
    (
        "tests-passed",
        "tests",
        r#"{"check":"passed"}"#,
        10 * MINUTE_MS,
        false,
    ),
    (
        "tests-local",
        "tests",
        r#"{"check":"local"}"#,
        120 * MINUTE_MS,
        false,
    ),
    ("staging-status", "staging", "{}", 60 * MINUTE_MS, false),
    ("merge", "merge", "{}", 120 * MINUTE_MS, false),
    ("deploy-status", "deploy", "{}", 60 * MINUTE_MS, false),
    // What follows judges only where the configuration names it.
    (
        "protected-paths",
        "protected-paths",
        "{}",
        14 * DAY_MS,
        true,
    ),
    ("security", "security", "{}", 60 * MINUTE_MS, false),
    ("coverage", "coverage", "{}", 120 * MINUTE_MS, false),
    (
        IMAGE_FRESHNESS,
        "image-freshness",
        "{}",
        60 * MINUTE_MS,
        false,
    ),
    (POST_DEPLOY, "post-deploy", "{}", 60 * MINUTE_MS, false),
];

pub(super) fn entry_id(name: &str) -> EntryId {
    EntryId::new(name).expect("names of the default pipeline are valid ids")
}

/// The entries of the default pipeline.
pub fn default_entries() -> BTreeMap<EntryId, Entry> {
    DEFAULT_ENTRIES
        .into_iter()
        .map(|(id, gate, settings, wait_deadline_ms, awaits_person)| {
            let id = entry_id(id);
            let entry = Entry {
                id: id.clone(),
                gate: gate.to_owned(),
                mode: Mode::Enforce,
                settings: settings.to_owned(),
                on_fail: None,
                wait_deadline_ms,
                awaits_person,
                limits: EntryLimits::default(),
                from_risk: Tier::Low,
            };
            (id, entry)
        })
        .collect()
}

/// The steps of the default pipeline.
pub fn default_steps() -> BTreeMap<Stage, Vec<Step>> {
    let gate = |name: &str| Step::Gate(entry_id(name));
    BTreeMap::from([
        (
            Stage::Analysis,
            vec![
                Step::Run(Role::Analyst),
                gate("analysis-complete"),
                gate("analysis-approved"),
            ],
        ),
        (
            Stage::Architecture,
            vec![Step::Run(Role::Architect), gate("architecture-done")],
        ),
        (
            Stage::Development,
            vec![Step::Run(Role::Developer), gate("ci-green")],
        ),
        (
            Stage::Review,
            vec![Step::Run(Role::Reviewer), gate("review-verdict")],
        ),
        (
            Stage::Testing,
            vec![Step::Run(Role::Tester), gate("tests-passed")],
        ),
        (
            Stage::DeployStaging,
            vec![
                Step::Work(HostWork::Staging),
                gate("staging-status"),
                Step::Approval,
                Step::Work(HostWork::MergePrepare),
                gate("merge"),
                Step::Work(HostWork::Land),
            ],
        ),
        (
            Stage::Deploy,
            vec![Step::Work(HostWork::Deploy), gate("deploy-status")],
        ),
    ])
}

impl Default for Pipeline {
    fn default() -> Self {
        Self::new(default_steps(), default_entries(), Rules::default())
            .expect("the default pipeline is valid")
    }
}
