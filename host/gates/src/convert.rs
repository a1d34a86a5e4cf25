//! Between the contract's generated types and the host's own.

use orch_domain::imports as domain;
use orch_domain::verdict::{Decision, Descriptor, Finding, Scalar, Severity, Verdict};

use crate::contract::bindings::exports::orch::gate::gate as exported;
use crate::contract::bindings::orch::gate::{
    advisories, artefacts, evidence, forge, http, merge, repository, task, tools, tracker, types,
};

pub(crate) fn severity(value: types::Severity) -> Severity {
    match value {
        types::Severity::Info => Severity::Info,
        types::Severity::Low => Severity::Low,
        types::Severity::Medium => Severity::Medium,
        types::Severity::High => Severity::High,
        types::Severity::Critical => Severity::Critical,
    }
}

fn severity_out(value: Severity) -> types::Severity {
    match value {
        Severity::Info => types::Severity::Info,
        Severity::Low => types::Severity::Low,
        Severity::Medium => types::Severity::Medium,
        Severity::High => types::Severity::High,
        Severity::Critical => types::Severity::Critical,
    }
}

pub(crate) fn verdict(value: types::Verdict) -> Verdict {
    Verdict {
        decision: match value.decision {
            types::Decision::Pass => Decision::Pass,
            types::Decision::Fail => Decision::Fail,
            types::Decision::Wait(after_ms) => Decision::Wait { after_ms },
            types::Decision::NotApplicable => Decision::NotApplicable,
        },
        summary: value.summary,
        fields: value
            .fields
            .into_iter()
            .map(|field| {
                let scalar = match field.value {
                    types::Scalar::Text(text) => Scalar::Text(text),
                    types::Scalar::Integer(number) => Scalar::Integer(number),
                    types::Scalar::Number(number) => Scalar::Number(number),
                    types::Scalar::Flag(flag) => Scalar::Flag(flag),
                };
                (field.key, scalar)
            })
            .collect(),
        findings: value
            .findings
            .into_iter()
            .map(|f| {
                let (path, line) = f.at.map_or((None, None), |at| (Some(at.path), at.line));
                Finding {
                    rule: f.rule,
                    severity: severity(f.severity),
                    message: f.message,
                    path,
                    line,
                    help: f.help,
                    blocking: f.blocking,
                }
            })
            .collect(),
        report: value.report,
    }
}

pub(crate) fn descriptor(value: exported::Descriptor) -> Descriptor {
    Descriptor {
        name: value.name,
        version: value.version,
        summary: value.summary,
        status_key: value.status.key,
        status_pass: value.status.pass,
        status_fail: value.status.fail,
        artefact: value.artefact,
        settings_schema: value.settings_schema,
    }
}

pub(crate) fn subject(value: domain::Subject) -> task::Subject {
    task::Subject {
        work_item: value.work_item,
        title: value.title,
        repo: value.repo,
        stage: value.stage,
        branch: value.branch,
        base_branch: value.base_branch,
        head_sha: value.head_sha,
        base_sha: value.base_sha,
        attempt: value.attempt,
    }
}

pub(crate) fn level(value: task::Level) -> domain::LogLevel {
    match value {
        task::Level::Debug => domain::LogLevel::Debug,
        task::Level::Info => domain::LogLevel::Info,
        task::Level::Warn => domain::LogLevel::Warn,
        task::Level::Error => domain::LogLevel::Error,
    }
}

pub(crate) fn artefact(value: domain::ArtefactInfo) -> artefacts::Artefact {
    artefacts::Artefact {
        path: value.path,
        size: value.size,
        written_by: match value.written_by {
            domain::Author::Host => artefacts::Author::Host,
            domain::Author::Role(role) => artefacts::Author::Role(role),
            domain::Author::Unknown => artefacts::Author::Unknown,
        },
    }
}

pub(crate) fn artefact_error(value: domain::ReadError) -> artefacts::ReadError {
    match value {
        domain::ReadError::Missing => artefacts::ReadError::Missing,
        domain::ReadError::TooLarge(bytes) => artefacts::ReadError::TooLarge(bytes),
        domain::ReadError::NotText => artefacts::ReadError::NotText,
        domain::ReadError::Denied(why) => artefacts::ReadError::Denied(why),
    }
}

pub(crate) fn repository_error(value: domain::ReadError) -> repository::ReadError {
    match value {
        domain::ReadError::Missing => repository::ReadError::Missing,
        domain::ReadError::TooLarge(bytes) => repository::ReadError::TooLarge(bytes),
        domain::ReadError::NotText => repository::ReadError::NotText,
        domain::ReadError::Denied(why) => repository::ReadError::Denied(why),
    }
}

pub(crate) fn evidence_error(value: domain::ReadError) -> evidence::EvidenceError {
    match value {
        domain::ReadError::Missing | domain::ReadError::Denied(_) => {
            evidence::EvidenceError::Missing
        }
        domain::ReadError::TooLarge(bytes) => evidence::EvidenceError::TooLarge(bytes),
        domain::ReadError::NotText => evidence::EvidenceError::NotText,
    }
}

pub(crate) fn revision(value: repository::Revision) -> domain::Revision {
    match value {
        repository::Revision::Head => domain::Revision::Head,
        repository::Revision::Base => domain::Revision::Base,
    }
}

pub(crate) fn changed_file(value: domain::ChangedFile) -> repository::ChangedFile {
    repository::ChangedFile {
        path: value.path,
        change: match value.change {
            domain::Change::Added => repository::Change::Added,
            domain::Change::Modified => repository::Change::Modified,
            domain::Change::Deleted => repository::Change::Deleted,
            domain::Change::Renamed => repository::Change::Renamed,
        },
        added: value.added,
        removed: value.removed,
    }
}

pub(crate) fn commit(value: domain::Commit) -> repository::Commit {
    repository::Commit {
        sha: value.sha,
        author: value.author,
        subject: value.subject,
        role: value.role,
    }
}

pub(crate) fn tool_request(value: tools::Request) -> domain::ToolRequest {
    domain::ToolRequest {
        tool: value.tool,
        args: value.args,
        inputs: value
            .inputs
            .into_iter()
            .map(|i| (i.path, i.content))
            .collect(),
        outputs: value.outputs,
    }
}

pub(crate) fn tool_outcome(value: domain::ToolOutcome) -> tools::Outcome {
    tools::Outcome {
        exit_code: value.exit_code,
        stdout: value.stdout,
        stderr: value.stderr,
        truncated: value.truncated,
        outputs: value.outputs,
        duration_ms: value.duration_ms,
    }
}

pub(crate) fn tool_error(value: domain::ToolError) -> tools::ToolError {
    match value {
        domain::ToolError::NotGranted(why) => tools::ToolError::NotGranted(why),
        domain::ToolError::NotInstalled(why) => tools::ToolError::NotInstalled(why),
        domain::ToolError::TimedOut(ms) => tools::ToolError::TimedOut(ms),
        domain::ToolError::Killed(why) => tools::ToolError::Killed(why),
        domain::ToolError::Failed(why) => tools::ToolError::Failed(why),
    }
}

fn check_state(value: domain::CheckState) -> forge::CheckState {
    match value {
        domain::CheckState::Pending => forge::CheckState::Pending,
        domain::CheckState::Success => forge::CheckState::Success,
        domain::CheckState::Failure => forge::CheckState::Failure,
        domain::CheckState::Error => forge::CheckState::Error,
        domain::CheckState::None => forge::CheckState::None,
    }
}

pub(crate) fn commit_status(value: domain::CommitStatus) -> forge::Status {
    forge::Status {
        sha: value.sha,
        state: check_state(value.state),
        checks: value
            .checks
            .into_iter()
            .map(|c| forge::Check {
                context: c.context,
                state: check_state(c.state),
                url: c.url,
            })
            .collect(),
    }
}

pub(crate) fn pull_request(value: domain::PullRequestInfo) -> forge::PullRequestInfo {
    forge::PullRequestInfo {
        number: value.number,
        open: value.open,
        merged: value.merged,
        head_sha: value.head_sha,
        reviews: value
            .reviews
            .into_iter()
            .map(|r| forge::Review {
                author: r.author,
                state: match r.state {
                    domain::ReviewState::Approved => forge::ReviewState::Approved,
                    domain::ReviewState::ChangesRequested => forge::ReviewState::ChangesRequested,
                    domain::ReviewState::Commented => forge::ReviewState::Commented,
                },
                stale: r.stale,
            })
            .collect(),
    }
}

pub(crate) fn preparation(value: domain::Preparation) -> merge::Preparation {
    merge::Preparation {
        lease: match value.lease {
            domain::MergeLease::Held => merge::Lease::Held,
            domain::MergeLease::Busy(holder) => merge::Lease::Busy(merge::Holder {
                work_item: holder.work_item,
                since_ms: holder.since_ms,
            }),
        },
        head_sha: value.head_sha,
        base_sha: value.base_sha,
        catch_up: value.catch_up.map(|c| match c {
            domain::CatchUp::UpToDate => merge::CatchUp::UpToDate,
            domain::CatchUp::Rebased(sha) => merge::CatchUp::Rebased(sha),
            domain::CatchUp::Conflict(files) => merge::CatchUp::Conflict(files),
        }),
        retest: value.retest.map(|run| merge::TestRun {
            passed: run.passed,
            exit_code: run.exit_code,
            output_tail: run.output_tail,
            duration_ms: run.duration_ms,
        }),
    }
}

pub(crate) fn evidence_item(value: domain::EvidenceItem) -> evidence::Item {
    evidence::Item {
        name: value.name,
        sha: value.sha,
        obtained_ms: value.obtained_ms,
        content: value.content,
    }
}

pub(crate) fn package(value: advisories::Package) -> domain::Package {
    domain::Package {
        ecosystem: value.ecosystem,
        name: value.name,
        version: value.version,
    }
}

pub(crate) fn advisory(value: domain::Advisory) -> advisories::Advisory {
    advisories::Advisory {
        subject: value.subject,
        id: value.id,
        aliases: value.aliases,
        severity: value.severity.map(severity_out),
        score: value.score,
        summary: value.summary,
        fixed_in: value.fixed_in,
    }
}

fn unavailable_or_denied<E>(
    value: domain::ServiceError,
    unavailable: impl FnOnce(String) -> E,
    denied: impl FnOnce(String) -> E,
) -> E {
    match value {
        domain::ServiceError::Unavailable(why) => unavailable(why),
        domain::ServiceError::TooLarge(bytes) => {
            unavailable(format!("the answer has {bytes} bytes"))
        }
        domain::ServiceError::Denied(why) => denied(why),
    }
}

pub(crate) fn forge_error(value: domain::ServiceError) -> forge::ForgeError {
    unavailable_or_denied(
        value,
        forge::ForgeError::Unavailable,
        forge::ForgeError::Denied,
    )
}

pub(crate) fn tracker_error(value: domain::ServiceError) -> tracker::TrackerError {
    unavailable_or_denied(
        value,
        tracker::TrackerError::Unavailable,
        tracker::TrackerError::Denied,
    )
}

pub(crate) fn merge_error(value: domain::ServiceError) -> merge::MergeError {
    unavailable_or_denied(
        value,
        merge::MergeError::Unavailable,
        merge::MergeError::Denied,
    )
}

pub(crate) fn advisory_error(value: domain::ServiceError) -> advisories::AdvisoryError {
    unavailable_or_denied(
        value,
        advisories::AdvisoryError::Unreachable,
        advisories::AdvisoryError::Denied,
    )
}

pub(crate) fn http_error(value: domain::ServiceError) -> http::HttpError {
    match value {
        domain::ServiceError::Unavailable(why) => http::HttpError::Unavailable(why),
        domain::ServiceError::Denied(why) => http::HttpError::Denied(why),
        domain::ServiceError::TooLarge(bytes) => http::HttpError::TooLarge(bytes),
    }
}
