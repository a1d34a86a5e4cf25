//! Judges a plain git repository with one gate, without a host.

use std::path::Path;

use anyhow::Context;
use orch_author::report::Format;
use orch_config::HostConfig;
use orch_domain::verdict::Finding;
use orch_judge::{AssumedRole, OfflineJudgement, OfflineRequest, OfflineRights, judge_offline};
use orch_views::finding::FindingView;
use orch_views::judgement::JudgementView;

use super::author;
use crate::cli::gate::GateRun;
use crate::client::load_config;
use crate::exit::USAGE;
use crate::setup::{gate_runtime, outside, this_program};
use crate::show::{out, plain, problem};

pub(crate) async fn run(config: &Path, run: GateRun, json: bool) -> anyhow::Result<u8> {
    let scratch = tempfile::tempdir().context("a scratch folder")?;
    let (request, format) = match understood(config, run, json, scratch.path()) {
        Ok(understood) => understood,
        Err(error) => return usage(&error, json),
    };
    match judge_offline(&gate_runtime()?, &request).await {
        Ok(judged) => {
            let exit_code = judged.exit_code();
            show(&view(judged), format)?;
            Ok(exit_code)
        }
        Err(error) => usage(&error, json),
    }
}

/// Says what makes no sense, as every refusal is said.
fn usage(error: &anyhow::Error, json: bool) -> anyhow::Result<u8> {
    problem::report(error, json)?;
    Ok(USAGE)
}

fn understood(
    config: &Path,
    run: GateRun,
    json: bool,
    scratch: &Path,
) -> anyhow::Result<(OfflineRequest, Format)> {
    let format = author::format(&run.format, json)?;
    let assumed: anyhow::Result<Vec<AssumedRole>> =
        run.assume_role.iter().map(|text| assumed(text)).collect();
    let rights = if run.tools {
        Some(rights(config, scratch)?)
    } else {
        None
    };
    let request = OfflineRequest {
        gate: run.file,
        repo: run.repo,
        work_item: run.work_item,
        branch: run.branch,
        base: run.base,
        stage: run.stage,
        settings: run.settings,
        assumed: assumed?,
        strict: run.strict,
        rights,
    };
    Ok((request, format))
}

fn assumed(text: &str) -> anyhow::Result<AssumedRole> {
    let parts = text.split_once('=');
    let (file, role) =
        parts.with_context(|| format!("--assume-role takes FILE=ROLE, not `{text}`"))?;
    Ok(AssumedRole {
        file: file.to_owned(),
        role: role.to_owned(),
    })
}

fn rights(config: &Path, scratch: &Path) -> anyhow::Result<OfflineRights> {
    Ok(OfflineRights {
        // Without a file the defaults apply: the host's own gates have their own grants.
        config: if config.exists() {
            load_config(config)?
        } else {
            HostConfig::default()
        },
        outside: outside(scratch.join("advisories"))?,
        orch: this_program()?,
        folder: scratch.to_owned(),
    })
}

fn view(of: OfflineJudgement) -> JudgementView {
    JudgementView {
        exit_code: i32::from(of.exit_code()),
        gate: of.gate,
        version: of.version,
        digest: of.digest,
        decision: of.judged.outcome(),
        reason: of.judged.reason(),
        summary: of.judged.summary,
        findings: of.findings.into_iter().map(finding).collect(),
        artefact: of.judged.artefact.unwrap_or_default(),
        head_sha: of.head.to_string(),
        provenance_checked: false,
    }
}

fn finding(of: Finding) -> FindingView {
    FindingView {
        rule: of.rule,
        severity: of.severity.as_str().to_owned(),
        blocking: of.blocking,
        message: of.message,
        path: of.path,
        line: of.line,
        help: of.help,
    }
}

fn show(judged: &JudgementView, format: Format) -> anyhow::Result<()> {
    match format {
        Format::Json => {
            let text = serde_json::to_string_pretty(judged)?;
            out(&format!("{}\n", plain::json(&text)))
        }
        Format::Junit | Format::Sarif => out(&author::judgement(judged, format)?),
        Format::Text => {
            out(&plain::block(&judged.artefact))?;
            let reason = judged.reason;
            let reason = reason.map(|r| format!(" ({r})")).unwrap_or_default();
            let line = format!("{}{reason}: {}", judged.decision, judged.summary);
            eprintln!("{}", plain::line(&line));
            eprintln!("provenance not checked: without a host, authors are assumed");
            Ok(())
        }
    }
}
