//! What a gate may ask the host: the contract's imports as one port.
//!
//! `orch-gates` calls it while a guest runs; the engine answers from git, the store and the outside
//! world. The port lives here because the call would otherwise go sideways between two crates of one
//! layer. Which imports a gate may use at all is decided before, from its binary and the grants.

use std::future::Future;
use std::pin::Pin;

use crate::verdict::Severity;
use crate::words::words;

/// A future the host's answer comes from.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The task under judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "field names are the contract's; `wit/` documents them"
)]
pub struct Subject {
    pub work_item: String,
    pub title: String,
    pub repo: String,
    pub stage: String,
    pub branch: String,
    pub base_branch: String,
    pub head_sha: String,
    pub base_sha: String,
    pub attempt: u32,
}

/// Who left an artefact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// The host itself.
    Host,
    /// The role whose completed run left this very content in this attempt.
    Role(String),
    /// Nobody the host can vouch for.
    Unknown,
}

/// An artefact of the task, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtefactInfo {
    /// Path inside the task's folder.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// Who left it.
    pub written_by: Author,
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum ReadError {
    Missing,
    TooLarge(u64),
    NotText,
    Denied(String),
}

/// Which side of the change is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum Revision {
    Head,
    Base,
}

/// How a file changed between merge base and head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum Change {
    Added,
    Modified,
    Deleted,
    Renamed,
}

/// A changed file with its line counts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct ChangedFile {
    pub path: String,
    pub change: Change,
    pub added: u32,
    pub removed: u32,
}

/// A commit between merge base and head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Commit id.
    pub sha: String,
    /// Author's name.
    pub author: String,
    /// First line of the message.
    pub subject: String,
    /// Role whose run row names this commit.
    pub role: Option<String>,
}

/// A request to run an allow-listed program.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct ToolRequest {
    pub tool: String,
    pub args: Vec<String>,
    pub inputs: Vec<(String, String)>,
    pub outputs: Vec<String>,
}

/// What an allow-listed program left.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct ToolOutcome {
    pub exit_code: i32,
    pub stdout: String,
    pub stderr: String,
    pub truncated: bool,
    pub outputs: Vec<(String, String)>,
    pub duration_ms: u64,
}

/// Why a program did not run to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum ToolError {
    NotGranted(String),
    NotInstalled(String),
    TimedOut(u64),
    Killed(String),
    Failed(String),
}

words! {
    "state of a check":
    /// State of a commit status or of the combination of several.
    #[expect(missing_docs, reason = "the names are the contract's")]
    pub enum CheckState {
        Pending = "pending",
        Success = "success",
        Failure = "failure",
        Error = "error",
        None = "none",
    }
}

/// One commit status.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct Check {
    pub context: String,
    pub state: CheckState,
    pub url: Option<String>,
}

/// The combination of the contexts a commit needs, with each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct CommitStatus {
    pub sha: String,
    pub state: CheckState,
    pub checks: Vec<Check>,
}

/// State of a pull-request review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum ReviewState {
    Approved,
    ChangesRequested,
    Commented,
}

/// A pull-request review.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct Review {
    pub author: String,
    pub state: ReviewState,
    pub stale: bool,
}

/// A pull request as the forge has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct PullRequestInfo {
    pub number: u64,
    pub open: bool,
    pub merged: bool,
    pub head_sha: String,
    pub reviews: Vec<Review>,
}

/// Why an outside service gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceError {
    /// It did not answer; worth trying again.
    Unavailable(String),
    /// The gate was not granted this.
    Denied(String),
    /// The answer is larger than the host takes (bytes).
    TooLarge(u64),
}

/// Who holds a merge lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseHolder {
    /// Work item of the holding task.
    pub work_item: String,
    /// When it was acquired, Unix milliseconds.
    pub since_ms: u64,
}

/// Whether this task holds the merge lease.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum MergeLease {
    Held,
    Busy(LeaseHolder),
}

/// How the branch was brought up to date with the base.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum CatchUp {
    UpToDate,
    Rebased(String),
    Conflict(Vec<String>),
}

/// A run of the tests on the commit that would land.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct TestRun {
    pub passed: bool,
    pub exit_code: i32,
    pub output_tail: String,
    pub duration_ms: u64,
}

/// What the host prepared for the merge.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct Preparation {
    pub lease: MergeLease,
    pub head_sha: String,
    pub base_sha: String,
    pub catch_up: Option<CatchUp>,
    pub retest: Option<TestRun>,
}

/// Output of something the host ran for the task.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct EvidenceItem {
    pub name: String,
    pub sha: String,
    pub obtained_ms: u64,
    pub content: String,
}

/// A package whose advisories are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct Package {
    pub ecosystem: String,
    pub name: String,
    pub version: String,
}

/// A known vulnerability of one of the packages asked for.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct Advisory {
    pub subject: u32,
    pub id: String,
    pub aliases: Vec<String>,
    pub severity: Option<Severity>,
    pub score: Option<f64>,
    pub summary: String,
    pub fixed_in: Vec<String>,
}

/// An answer to an HTTP GET.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct HttpResponse {
    pub status: u16,
    pub body: String,
}

/// Level of a gate's log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// Answers to a gate's imports for one evaluation.
///
/// Methods are called one at a time, from one evaluation, in the order the guest asks. Each has a
/// default that denies, so a provider implements what it has. Implementations bound their own work;
/// the caller bounds the number of calls, the bytes and the wall clock, and drops the future when the
/// evaluation is cancelled.
#[expect(
    missing_docs,
    reason = "one method per function of the contract; `wit/` documents them"
)]
pub trait GateImports: Send + Sync {
    fn subject(&self) -> Subject;
    /// The gate's settings as JSON text.
    fn settings(&self) -> String;
    /// Not counted against the guest when it is silent; the caller caps lines and bytes.
    fn log(&self, level: LogLevel, message: &str);

    fn artefacts(&self) -> Answer<'_, Vec<ArtefactInfo>>;
    fn read_artefact<'a>(&'a self, path: &'a str) -> Answer<'a, Result<String, ReadError>>;

    fn read_file<'a>(
        &'a self,
        at: Revision,
        path: &'a str,
    ) -> Answer<'a, Result<String, ReadError>>;
    // The contract knows no error here: a reason makes the evaluation inconclusive, because a list that is
    // empty for want of an answer looks like a branch that changes nothing.
    fn files<'a>(
        &'a self,
        at: Revision,
        prefix: &'a str,
    ) -> Answer<'a, Result<Vec<String>, String>>;
    fn changed_files(&self) -> Answer<'_, Result<Vec<ChangedFile>, String>>;
    fn commits(&self) -> Answer<'_, Result<Vec<Commit>, String>>;

    fn run_tool(&self, request: ToolRequest) -> Answer<'_, Result<ToolOutcome, ToolError>> {
        Box::pin(async move {
            Err(ToolError::NotGranted(format!(
                "no tool profile named `{}`",
                request.tool
            )))
        })
    }
    fn commit_status<'a>(
        &'a self,
        _sha: &'a str,
    ) -> Answer<'a, Result<CommitStatus, ServiceError>> {
        deny("forge")
    }
    fn pull_request(&self) -> Answer<'_, Result<Option<PullRequestInfo>, ServiceError>> {
        deny("forge")
    }
    fn tracker_state(&self) -> Answer<'_, Result<String, ServiceError>> {
        deny("tracker")
    }
    fn preparation(&self) -> Answer<'_, Result<Preparation, ServiceError>> {
        deny("merge")
    }
    fn evidence_names(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async { Vec::new() })
    }
    fn evidence<'a>(&'a self, _name: &'a str) -> Answer<'a, Result<EvidenceItem, ReadError>> {
        Box::pin(async { Err(ReadError::Missing) })
    }
    fn advisories(
        &self,
        _packages: Vec<Package>,
    ) -> Answer<'_, Result<Vec<Advisory>, ServiceError>> {
        deny("advisories")
    }
    fn http_get<'a>(&'a self, _url: &'a str) -> Answer<'a, Result<HttpResponse, ServiceError>> {
        deny("http")
    }
    fn memory_get<'a>(&'a self, _key: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(async { None })
    }
    fn memory_set<'a>(&'a self, _key: &'a str, _value: &'a str) -> Answer<'a, ()> {
        Box::pin(async {})
    }
}

fn deny<'a, T: Send + 'a>(interface: &'static str) -> Answer<'a, Result<T, ServiceError>> {
    Box::pin(async move {
        Err(ServiceError::Denied(format!(
            "this host does not provide `{interface}`"
        )))
    })
}
