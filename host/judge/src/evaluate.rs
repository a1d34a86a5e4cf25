//! How does one evaluation go? Settings, grants and rights first, then the gate, then what a person has waived.

use std::sync::Arc;

use orch_config::{GateGrants, HostConfig, Waiver};
use orch_domain::memory::Remembered;
use orch_domain::pipeline::Entry;
use orch_domain::verdict::{Decision, Inconclusive, InconclusiveReason, Verdict};
use orch_gates::{
    Evaluation, EvaluationStats, GateRuntime, Judged, Limits, LoadedGate, RecordedEvaluation, Seed,
    judge,
};

use crate::facts::Facts;
use crate::memory::Staged;
use crate::provider::Provider;
use crate::replay::Kept;
use crate::rights::Means;
use crate::waivers;

/// What a gate is asked about.
#[derive(Debug)]
pub struct Case<'a> {
    /// Entry of the pipeline.
    pub entry: &'a Entry,
    /// What the gate sees.
    pub facts: Facts,
    /// What the gate keeps of this repository.
    pub memory: Vec<Remembered>,
    /// The repository's waivers.
    pub waivers: &'a [Waiver],
    /// Clock and random numbers.
    pub seed: Seed,
}

/// What a gate answered, and what may be kept of that.
#[derive(Debug)]
pub struct Answered {
    /// What the host acts on.
    pub judged: Judged,
    /// What the evaluation used.
    pub stats: EvaluationStats,
    /// Its recording as text; none if it cannot be replayed.
    pub recording: Option<String>,
    /// What the gate read and set of its memory; only a pass leaves something.
    pub staged: Vec<Staged>,
}

impl Answered {
    /// No gate was asked.
    pub fn inconclusive(reason: InconclusiveReason, detail: impl Into<String>) -> Self {
        Self::of(
            Judged::inconclusive(&Inconclusive::new(reason, detail)),
            EvaluationStats::default(),
        )
    }

    /// No gate was asked, because the entry asks of other changes only.
    pub fn not_asked(why: impl Into<String>) -> Self {
        Self::of(Judged::not_applicable(why), EvaluationStats::default())
    }

    /// An earlier pass of `gate` counts for the commit `head` too.
    pub fn passed_before(gate: &LoadedGate, head: &str, summary: String) -> Self {
        let verdict = Verdict {
            decision: Decision::Pass,
            summary,
            fields: Vec::new(),
            findings: Vec::new(),
            report: String::new(),
        };
        let evaluation = Evaluation {
            result: Ok(verdict),
            stats: EvaluationStats::default(),
            logs: Vec::new(),
        };
        Self::of(judge(&evaluation, gate, head), evaluation.stats)
    }

    fn of(judged: Judged, stats: EvaluationStats) -> Self {
        Self {
            judged,
            stats,
            recording: None,
            staged: Vec::new(),
        }
    }
}

/// Has a gate judge a case under the grants of the configuration.
pub(crate) async fn evaluate(
    runtime: &GateRuntime,
    means: &Means,
    config: &HostConfig,
    gate: &LoadedGate,
    case: Case<'_>,
) -> Answered {
    let Case {
        entry,
        facts,
        memory,
        waivers,
        seed,
    } = case;
    let refused = Answered::inconclusive;
    match runtime.check_settings(gate, &entry.settings).await {
        Ok(problems) if problems.is_empty() => {}
        Ok(problems) => {
            let detail = format!("settings of `{}`: {}", entry.id, problems.join("; "));
            return refused(InconclusiveReason::Misconfigured, detail);
        }
        Err(cause) => return refused(cause.reason, cause.detail),
    }
    let grants = match GateGrants::of(config, &facts.subject.repo, &gate.name) {
        Ok(grants) => grants,
        Err(error) => return refused(InconclusiveReason::Misconfigured, error.to_string()),
    };
    if let Some(missing) = grants.missing(gate) {
        let detail = format!("gate `{}`: {missing}", gate.name);
        return refused(InconclusiveReason::Denied, detail);
    }
    let (head, interfaces) = (facts.head.clone(), grants.interfaces());
    let rights = means.rights(config, grants, &facts, memory);
    let imports = Arc::new(Provider {
        facts,
        rights: Some(rights),
    });
    let RecordedEvaluation {
        mut evaluation,
        recording,
    } = runtime
        .evaluate_recorded(gate, imports.clone(), &interfaces, &limits_of(entry), seed)
        .await;
    for line in &evaluation.logs {
        tracing::debug!(gate.name = gate.name, level = ?line.level, "{}", line.text);
    }
    // Only a pass of the gate itself leaves something behind, not one that waivers make of a fail.
    let passes = matches!(&evaluation.result, Ok(v) if v.decision == Decision::Pass);
    let rights = imports.rights.as_ref().filter(|_| passes);
    let staged = rights
        .map(|rights| rights.memory.staged())
        .unwrap_or_default();
    if let Ok(verdict) = &mut evaluation.result {
        waivers::apply(verdict, waivers, seed.now_ms);
    }
    let kept = recording.and_then(|recording| Kept::of(recording, waivers).text());
    Answered {
        recording: kept,
        staged,
        ..Answered::of(judge(&evaluation, gate, head.as_str()), evaluation.stats)
    }
}

/// The production limits, as far as the entry does not lower them.
fn limits_of(entry: &Entry) -> Limits {
    let most = Limits::default();
    let lower = |most: u64, limit: Option<u64>| limit.map_or(most, |limit| limit.min(most));
    Limits {
        cpu_ms: lower(most.cpu_ms, entry.limits.cpu_ms),
        wall_ms: lower(most.wall_ms, entry.limits.wall_ms),
        memory_bytes: lower(most.memory_bytes, entry.limits.memory_bytes),
        host_calls: lower(most.host_calls, entry.limits.host_calls),
        ..most
    }
}
