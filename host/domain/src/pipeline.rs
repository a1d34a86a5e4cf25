//! What each stage consists of: steps in order and the gate entries they name, as data.
//!
//! Reading it from configuration is the engine's business; here is what it means and the default.

mod about;
mod defaults;
mod drilled;
mod preset;

use std::collections::BTreeMap;

use self::defaults::entry_id;
use crate::id::EntryId;
use crate::risk::Tier;
use crate::stage::{Role, Stage};
use crate::words::words;

pub use self::about::{about, about_entry, about_role, about_work};
pub use self::defaults::{
    DEFAULT_ENTRIES, IMAGE_FRESHNESS, POST_DEPLOY, REVIEW_GATE, default_entries, default_steps,
};
pub use self::preset::{Preset, SECURITY, Site, role_before, steps_for};

words! {
    "work of the host":
    /// Work that the host does itself.
    pub enum HostWork {
        /// Deploy to staging, run its suite, write the staging log.
        Staging = "staging",
        /// Take the merge lease and prepare the commit that would land.
        MergePrepare = "merge-prepare",
        /// Move the base to the prepared commit.
        Land = "land",
        /// Run the production deploy hook and write the deploy log.
        Deploy = "deploy",
    }
}

impl HostWork {
    /// Whether the step cannot be taken back, so that a stop waits for its end.
    pub fn is_irreversible(self) -> bool {
        matches!(self, Self::Land | Self::Deploy)
    }
}

/// One step of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An agent works as this role.
    Run(Role),
    /// A gate entry judges.
    Gate(EntryId),
    /// A person approves the deploy.
    Approval,
    /// The host works.
    Work(HostWork),
}

impl Step {
    /// Short name for people: the role, entry or work.
    pub fn name(&self) -> String {
        match self {
            Self::Run(role) => role.to_string(),
            Self::Gate(entry) => entry.to_string(),
            Self::Approval => "deploy-approval".to_owned(),
            Self::Work(work) => work.as_str().to_owned(),
        }
    }
}

words! {
    "mode":
    /// How much a gate's verdict counts.
    pub enum Mode {
        /// Not evaluated.
        Off = "off",
        /// Evaluated, recorded and counted; moves nothing and is told to no forge.
        Observe = "observe",
        /// Evaluated, recorded and told; moves nothing.
        Advise = "advise",
        /// Only a pass or not-applicable lets the task on.
        Enforce = "enforce",
    }
}

/// A pipeline entry: which gate component judges under which registry name, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Registry name.
    pub id: EntryId,
    /// Gate component: the file stem in `gates/`.
    pub gate: String,
    /// How much the verdict counts.
    pub mode: Mode,
    /// Settings as JSON text.
    pub settings: String,
    /// Stage a failed task falls back to; none means the rule of the stage (the stage itself before
    /// development, development from there on).
    pub on_fail: Option<Stage>,
    /// How long the entry may wait, counted from its first wait, in milliseconds.
    pub wait_deadline_ms: i64,
    /// Whether a wait here means that a person has not answered.
    pub awaits_person: bool,
    /// Limits below the production limits.
    pub limits: EntryLimits,
    /// Tier of a change from which on the gate is asked; every change is at least low.
    pub from_risk: Tier,
}

/// Limits of an entry's evaluations; none stands for the production limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EntryLimits {
    /// CPU time of the guest, milliseconds.
    pub cpu_ms: Option<u64>,
    /// Wall clock outside of tool runs, milliseconds.
    pub wall_ms: Option<u64>,
    /// Memory, bytes.
    pub memory_bytes: Option<u64>,
    /// Host calls.
    pub host_calls: Option<u64>,
}

/// Bounds that the transition function applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Rework rounds of a new task.
    pub rework_rounds_max: u32,
    /// Failed gates before development until a person is asked.
    pub early_rounds_max: u32,
    /// Infrastructure failures of one step in a row until the task is blocked.
    pub infra_failures_max: u32,
    /// How often a landing is prepared again at once after its base moved; from then on with pauses.
    pub overtaken_max: u32,
    /// First delay of an infrastructure back-off, in milliseconds.
    pub backoff_base_ms: i64,
    /// How long host work may wait (for a lease, for contexts), in milliseconds.
    pub work_wait_deadline_ms: i64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            rework_rounds_max: 3,
            early_rounds_max: 3,
            infra_failures_max: 3,
            overtaken_max: 5,
            backoff_base_ms: crate::retry::BACKOFF_BASE_MS,
            work_wait_deadline_ms: 2 * 3_600_000,
        }
    }
}

/// Steps of every working stage and the entries they name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    steps: BTreeMap<Stage, Vec<Step>>,
    entries: BTreeMap<EntryId, Entry>,
    /// Bounds of rounds, failures and waits, the same at every stage.
    pub rules: Rules,
    /// Tier of a change from which on a person approves its deploy; every change is at least low.
    pub approval_from: Tier,
    /// Whether it is for drills: every gate judges once, nothing is held up, and nothing lands.
    pub is_drill: bool,
}

/// Why steps and entries do not make a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PipelineError {
    /// A step names an entry that is not defined.
    #[error(
        "stage `{stage}` names gate entry `{entry}`, which is not defined; define it under `gates`"
    )]
    UnknownEntry {
        /// Stage of the step.
        stage: Stage,
        /// The missing entry.
        entry: EntryId,
    },
    /// An entry is used twice.
    #[error(
        "gate entry `{entry}` stands twice in the pipeline; give the second use an id of its own"
    )]
    EntryTwice {
        /// The entry.
        entry: EntryId,
    },
    /// Steps for a stage where no work happens.
    #[error("stage `{0}` takes no steps")]
    NoSteps(Stage),
    /// Land without its preparation, or deploy before landing.
    #[error("`{later}` must come after `{earlier}`: the order to production is fixed")]
    Order {
        /// What must come first.
        earlier: &'static str,
        /// What must come later.
        later: &'static str,
    },
    /// An entry falls back to a stage that does not come earlier.
    #[error("gate entry `{entry}` falls back to `{to}`, which is not at or before `{from}`")]
    FallsForward {
        /// The entry.
        entry: EntryId,
        /// Its stage.
        from: Stage,
        /// Its fall-back.
        to: Stage,
    },
}

impl Pipeline {
    /// Checks steps and entries and makes a pipeline. Entries in mode `off` lose their steps.
    ///
    /// # Errors
    /// [`PipelineError`] for the first rule broken.
    pub fn new(
        mut steps: BTreeMap<Stage, Vec<Step>>,
        entries: BTreeMap<EntryId, Entry>,
        rules: Rules,
    ) -> Result<Self, PipelineError> {
        let mut seen = Vec::new();
        for (stage, list) in &mut steps {
            if !stage.is_working() {
                return Err(PipelineError::NoSteps(*stage));
            }
            for step in list.iter() {
                let Step::Gate(id) = step else { continue };
                let Some(entry) = entries.get(id) else {
                    return Err(PipelineError::UnknownEntry {
                        stage: *stage,
                        entry: id.clone(),
                    });
                };
                if seen.contains(id) {
                    return Err(PipelineError::EntryTwice { entry: id.clone() });
                }
                seen.push(id.clone());
                if let Some(to) = entry.on_fail.filter(|to| to > stage || !to.is_working()) {
                    return Err(PipelineError::FallsForward {
                        entry: id.clone(),
                        from: *stage,
                        to,
                    });
                }
            }
            list.retain(|step| match step {
                Step::Gate(id) => entries.get(id).is_some_and(|e| e.mode != Mode::Off),
                Step::Run(_) | Step::Approval | Step::Work(_) => true,
            });
        }
        let pipeline = Self {
            steps,
            entries,
            rules,
            approval_from: Tier::Low,
            is_drill: false,
        };
        pipeline.check_order()?;
        Ok(pipeline)
    }

    fn check_order(&self) -> Result<(), PipelineError> {
        let order = [
            HostWork::Staging,
            HostWork::MergePrepare,
            HostWork::Land,
            HostWork::Deploy,
        ];
        let position = |work: HostWork| self.all().position(|(_, step)| *step == Step::Work(work));
        for pair in order.windows(2) {
            let (earlier, later) = (pair[0], pair[1]);
            let needs = later != HostWork::MergePrepare;
            match (position(earlier), position(later)) {
                (None, Some(_)) if needs => {
                    return Err(PipelineError::Order {
                        earlier: earlier.as_str(),
                        later: later.as_str(),
                    });
                }
                (Some(a), Some(b)) if a > b => {
                    return Err(PipelineError::Order {
                        earlier: earlier.as_str(),
                        later: later.as_str(),
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Every step with its stage, in order.
    pub fn all(&self) -> impl Iterator<Item = (Stage, &Step)> {
        self.steps
            .iter()
            .flat_map(|(stage, list)| list.iter().map(move |step| (*stage, step)))
    }

    /// Steps of `stage`; empty for a stage without work.
    pub fn steps(&self, stage: Stage) -> &[Step] {
        self.steps.get(&stage).map_or(&[], Vec::as_slice)
    }

    /// The step at `index` of `stage`.
    pub fn step(&self, stage: Stage, index: u32) -> Option<&Step> {
        self.steps(stage).get(index as usize)
    }

    /// Index of the step of `stage` that prepares the landing.
    pub fn preparation(&self, stage: Stage) -> Option<u32> {
        let mut steps = self.steps(stage).iter();
        let at = steps.position(|step| *step == Step::Work(HostWork::MergePrepare));
        at.and_then(|at| u32::try_from(at).ok())
    }

    /// Whether the step at `index` of `stage` comes after the preparation of the landing.
    pub fn is_prepared(&self, stage: Stage, index: u32) -> bool {
        self.preparation(stage).is_some_and(|at| index > at)
    }

    /// The entry with this id.
    pub fn entry(&self, id: &EntryId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// Every entry that a step names, in pipeline order.
    pub fn entries_in_use(&self) -> impl Iterator<Item = (Stage, &Entry)> {
        self.all().filter_map(|(stage, step)| match step {
            Step::Gate(id) => self.entries.get(id).map(|entry| (stage, entry)),
            Step::Run(_) | Step::Approval | Step::Work(_) => None,
        })
    }

    /// The entry that reads the probes after a deploy, unless it is off.
    pub fn watch_entry(&self) -> Option<&Entry> {
        self.entry(&entry_id(POST_DEPLOY))
            .filter(|entry| entry.mode != Mode::Off)
    }

    /// Stage a task at `stage` falls back to when `entry` fails.
    pub fn fallback(&self, stage: Stage, entry: Option<&Entry>) -> Stage {
        match entry.and_then(|e| e.on_fail) {
            Some(to) => to,
            None if stage < Stage::Development => stage,
            None => Stage::Development,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_switched_off_loses_its_step() {
        let mut entries = default_entries();
        if let Some(entry) = entries.get_mut(&entry_id("ci-green")) {
            entry.mode = Mode::Off;
        }
        let pipeline = Pipeline::new(default_steps(), entries, Rules::default()).unwrap();
        assert_eq!(
            pipeline.steps(Stage::Development),
            [Step::Run(Role::Developer)]
        );
    }

    #[test]
    fn landing_without_preparation_is_refused() {
        let mut steps = default_steps();
        if let Some(list) = steps.get_mut(&Stage::DeployStaging) {
            list.retain(|step| *step != Step::Work(HostWork::MergePrepare));
        }
        let refused = Pipeline::new(steps, default_entries(), Rules::default());
        assert!(
            matches!(refused, Err(PipelineError::Order { later: "land", .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn unknown_entry_and_double_entry_are_refused() {
        let mut steps = default_steps();
        steps.insert(Stage::Review, vec![Step::Gate(entry_id("nope"))]);
        assert!(matches!(
            Pipeline::new(steps.clone(), default_entries(), Rules::default()),
            Err(PipelineError::UnknownEntry { .. })
        ));
        steps.insert(Stage::Review, vec![Step::Gate(entry_id("ci-green"))]);
        assert!(matches!(
            Pipeline::new(steps, default_entries(), Rules::default()),
            Err(PipelineError::EntryTwice { .. })
        ));
    }
}
