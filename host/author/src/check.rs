//! Looks at a gate file before a host does: would it load, what would it need, does it stand an empty task?

use std::path::Path;

use orch_domain::transition::Judgement;
use orch_domain::verdict::InconclusiveReason;
use orch_gates::{GateRuntime, Interface, Limits, LoadedGate, judge};
use serde::Serialize;

use crate::cases::{Case, Expect};
use crate::imagined::Imagined;
use crate::run::{grants, seed};

/// How much a remark matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A host would refuse the gate, or never get a verdict of it.
    Error,
    /// It would serve, but somebody will stumble.
    Warning,
    /// Good to know.
    Note,
}

/// One remark.
#[derive(Debug, Clone, Serialize)]
pub struct Note {
    /// How much it matters.
    pub level: Level,
    /// What, and what to do.
    pub text: String,
}

fn note(level: Level, text: impl Into<String>) -> Note {
    Note {
        level,
        text: text.into(),
    }
}

/// Looks at a loaded gate.
pub async fn check(runtime: &GateRuntime, file: &Path, gate: &LoadedGate) -> Vec<Note> {
    let mut notes = Vec::new();
    let about = &gate.descriptor;
    let stem = file.file_stem().map(|s| s.to_string_lossy().into_owned());
    if stem.as_deref() != Some(about.name.as_str()) {
        let text = format!(
            "the file is not named as the gate; a host calls it by the file: rename it to `{}.wasm`",
            about.name
        );
        notes.push(note(Level::Warning, text));
    }
    for import in &gate.imports {
        notes.push(note(Level::Note, format!("it may {}", import.in_words())));
    }
    if let Some(line) = needed_grants(gate) {
        notes.push(note(
            Level::Warning,
            format!("the operator must grant it; in orch.yaml: {line}"),
        ));
    }
    match runtime.check_settings(gate, "{}").await {
        Ok(problems) if problems.is_empty() => {}
        Ok(problems) => {
            let text = format!("it does not do without settings: {}", problems.join("; "));
            notes.push(note(Level::Note, text));
        }
        Err(cause) => notes.push(note(
            Level::Error,
            format!(
                "`check-settings` fails: {}: {}",
                cause.reason.as_str(),
                cause.detail
            ),
        )),
    }
    notes.push(empty_task(runtime, gate).await);
    notes
}

/// The line of `orch.yaml` that grants what the gate imports beyond reading.
fn needed_grants(gate: &LoadedGate) -> Option<String> {
    let words: Vec<&str> = gate
        .imports
        .iter()
        .filter_map(|import| match import {
            Interface::Tools => Some("tools/PROFILE"),
            Interface::Http => Some("http/https://HOST/"),
            Interface::Memory => Some("memory"),
            Interface::Task
            | Interface::Artefacts
            | Interface::Repository
            | Interface::Forge
            | Interface::Tracker
            | Interface::Merge
            | Interface::Evidence
            | Interface::Advisories => None,
        })
        .collect();
    let name = &gate.descriptor.name;
    (!words.is_empty()).then(|| format!("grants: {{{name}: [{}]}}", words.join(", ")))
}

async fn empty_task(runtime: &GateRuntime, gate: &LoadedGate) -> Note {
    let case = Case {
        name: "an empty task".to_owned(),
        subject: Default::default(),
        settings: serde_json::json!({}),
        artefacts: Default::default(),
        files: Default::default(),
        commits: Vec::new(),
        statuses: None,
        tracker: None,
        evidence: Default::default(),
        tools: Default::default(),
        advisories: None,
        pages: Default::default(),
        memory: Default::default(),
        now_ms: 0,
        expect: Expect::default(),
    };
    let imagined = std::sync::Arc::new(Imagined::of(&case));
    let limits = Limits::default();
    let done = runtime
        .evaluate(gate, imagined, &grants(), &limits, seed(&case))
        .await;
    let judged = judge(&done, gate, &"a".repeat(40));
    let (decision, summary) = (judged.outcome(), &judged.summary);
    match &judged.judgement {
        Judgement::Pass => note(
            Level::Warning,
            "it passes a task with nothing in it; a gate should fail what it cannot see",
        ),
        Judgement::NotApplicable | Judgement::Fail { .. } | Judgement::Wait { .. } => note(
            Level::Note,
            format!("of a task with nothing in it, it says {decision}: {summary}"),
        ),
        Judgement::Inconclusive { reason, detail } => {
            let level = match reason {
                InconclusiveReason::Unavailable | InconclusiveReason::Misconfigured => Level::Note,
                InconclusiveReason::Trap
                | InconclusiveReason::Cpu
                | InconclusiveReason::Wall
                | InconclusiveReason::Memory
                | InconclusiveReason::Table
                | InconclusiveReason::Output
                | InconclusiveReason::HostCalls
                | InconclusiveReason::Denied
                | InconclusiveReason::BadVerdict
                | InconclusiveReason::Init
                | InconclusiveReason::Load
                | InconclusiveReason::Incompatible
                | InconclusiveReason::Internal => Level::Error,
            };
            note(
                level,
                format!("of a task with nothing in it, it says {reason}: {detail}"),
            )
        }
    }
}
