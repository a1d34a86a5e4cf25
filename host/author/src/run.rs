//! Runs cases on a component under the production limits.

use std::sync::Arc;

use orch_domain::verdict::{Finding, Inconclusive, InconclusiveReason, Scalar};
use orch_gates::{
    Evaluation, GateRuntime, Grants, Interface, Judged, Limits, LoadedGate, Seed, judge,
};
use serde::Serialize;

use crate::cases::{Case, Expect};
use crate::imagined::Imagined;

/// What came of one case.
#[derive(Debug, Clone, Serialize)]
pub struct CaseResult {
    /// The case.
    pub name: String,
    /// What differs from what was expected; empty if the case holds.
    pub problems: Vec<String>,
    /// What the gate decided.
    pub decision: String,
    /// Reason of an inconclusive decision.
    pub reason: Option<String>,
    /// One line.
    pub summary: String,
    /// Rules of the findings.
    pub rules: Vec<String>,
    /// What the gate logged.
    pub log: Vec<String>,
    /// Wall clock, microseconds.
    pub elapsed_us: u64,
    /// CPU time of the guest, microseconds.
    pub cpu_us: u64,
    /// Peak of linear memory, bytes.
    pub memory_bytes: u64,
    /// Host calls.
    pub host_calls: u64,
}

impl CaseResult {
    /// Whether the case holds.
    pub fn holds(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Every interface: what a gate may do in production is the operator's grant, not the author's case.
pub(crate) fn grants() -> Grants {
    Grants::of(Interface::ALL)
}

pub(crate) fn seed(case: &Case) -> Seed {
    Seed {
        evaluation: 1,
        now_ms: case.now_ms,
    }
}

/// Runs one case.
pub async fn run(runtime: &GateRuntime, gate: &LoadedGate, case: &Case) -> CaseResult {
    let settings = case.settings.to_string();
    let problems = match runtime.check_settings(gate, &settings).await {
        Ok(problems) => problems,
        Err(inconclusive) => {
            let failed = Evaluation::refused(inconclusive);
            return result(gate, case, failed, &Imagined::of(case));
        }
    };
    if let Some(expected) = &case.expect.settings_problems {
        return settings_result(case, expected, &problems);
    }
    let imagined = Arc::new(Imagined::of(case));
    let evaluation = match problems.is_empty() {
        false => Evaluation::refused(Inconclusive::new(
            InconclusiveReason::Misconfigured,
            problems.join("; "),
        )),
        true => {
            let (grants, limits) = (grants(), Limits::default());
            runtime
                .evaluate(gate, imagined.clone(), &grants, &limits, seed(case))
                .await
        }
    };
    result(gate, case, evaluation, &imagined)
}

fn settings_result(case: &Case, expected: &[String], problems: &[String]) -> CaseResult {
    let mut differ = Vec::new();
    if problems.is_empty() {
        differ.push("the settings should be refused, and are taken".to_owned());
    }
    for text in expected {
        if !problems.iter().any(|p| p.contains(text.as_str())) {
            differ.push(format!(
                "no problem with the settings holds `{text}`; there are: {}",
                problems.join("; ")
            ));
        }
    }
    CaseResult {
        name: case.name.clone(),
        problems: differ,
        decision: "settings-refused".to_owned(),
        reason: None,
        summary: problems.join("; "),
        rules: Vec::new(),
        log: Vec::new(),
        elapsed_us: 0,
        cpu_us: 0,
        memory_bytes: 0,
        host_calls: 0,
    }
}

fn result(
    gate: &LoadedGate,
    case: &Case,
    evaluation: Evaluation,
    imagined: &Imagined,
) -> CaseResult {
    let stats = evaluation.stats;
    let judged = judge(&evaluation, gate, &"a".repeat(40));
    // A verdict that could not be read back counts for nothing.
    let verdict = evaluation.result.ok().filter(|_| judged.reason().is_none());
    let findings: &[Finding] = verdict.as_ref().map_or(&[], |v| &v.findings);
    let mut problems = compare(&case.expect, &judged, findings);
    let fields: &[(String, Scalar)] = verdict.as_ref().map_or(&[], |v| &v.fields);
    for (key, wanted) in &case.expect.fields {
        let found = fields.iter().find(|(k, _)| k == key).map(|(_, v)| json(v));
        if found.as_ref() != Some(wanted) {
            let found = found.map_or("not there".to_owned(), |f| f.to_string());
            problems.push(format!("field `{key}` should be {wanted} and is {found}"));
        }
    }
    let kept = imagined.kept();
    for (key, wanted) in &case.expect.memory {
        if kept.get(key) != Some(wanted) {
            problems.push(format!(
                "`{key}` should be kept as `{wanted}` and is {:?}",
                kept.get(key)
            ));
        }
    }
    CaseResult {
        name: case.name.clone(),
        problems,
        decision: judged.outcome().to_string(),
        reason: judged.reason().map(|r| r.as_str().to_owned()),
        summary: judged.summary,
        rules: findings.iter().map(|f| f.rule.clone()).collect(),
        log: imagined.logged(),
        elapsed_us: stats.elapsed_us,
        cpu_us: stats.cpu_us,
        memory_bytes: stats.memory_bytes,
        host_calls: stats.host_calls,
    }
}

/// What differs from what was expected of decision and findings.
fn compare(expect: &Expect, judged: &Judged, findings: &[Finding]) -> Vec<String> {
    let mut problems = Vec::new();
    let (decision, summary) = (judged.outcome(), &judged.summary);
    let reason = judged.reason().map(|r| r.as_str());
    if let Some(wanted) = expect
        .decision
        .as_deref()
        .filter(|wanted| *wanted != decision.as_str())
    {
        let why = reason.map(|r| format!(" ({r})")).unwrap_or_default();
        problems.push(format!(
            "should {wanted}, but it is {decision}{why}: {summary}"
        ));
    }
    if let Some(wanted) = expect
        .reason
        .as_deref()
        .filter(|wanted| reason != Some(*wanted))
    {
        problems.push(format!("the reason should be `{wanted}` and is {reason:?}"));
    }
    if let Some(wanted) = &expect.summary
        && !summary.contains(wanted.as_str())
    {
        problems.push(format!(
            "the summary should hold `{wanted}` and is `{summary}`"
        ));
    }
    if let Some(wanted) = &expect.rules {
        let sorted = |list: Vec<&str>| {
            let mut list = list;
            list.sort_unstable();
            list.join(", ")
        };
        let wanted = sorted(wanted.iter().map(String::as_str).collect());
        let found = sorted(findings.iter().map(|f| f.rule.as_str()).collect());
        if wanted != found {
            problems.push(format!("the rules should be [{wanted}] and are [{found}]"));
        }
    }
    for text in &expect.messages {
        if !findings.iter().any(|f| f.message.contains(text.as_str())) {
            problems.push(format!("no finding's message holds `{text}`"));
        }
    }
    problems
}

fn json(value: &Scalar) -> serde_json::Value {
    match value {
        Scalar::Text(text) => text.clone().into(),
        Scalar::Integer(number) => (*number).into(),
        Scalar::Number(number) => (*number).into(),
        Scalar::Flag(flag) => (*flag).into(),
    }
}
