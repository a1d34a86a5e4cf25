//! What a gate may ask the host, as a trait with two implementations: the component's imports and the
//! harness of `cargo test`.

pub use crate::bindings::orch::gate::{
    advisories, artefacts, evidence, forge, http, memory, merge, repository, task, tools, tracker,
};

use artefacts::Artefact;

/// The host as a gate sees it. Only what a gate calls becomes an import of its component.
pub trait Host {
    /// The task under judgement.
    fn subject(&self) -> task::Subject;
    /// The gate's settings as JSON text.
    fn settings(&self) -> String;
    /// Writes a line to the host's log.
    fn log(&self, level: task::Level, message: &str);
    /// Every artefact of the task.
    fn artefacts(&self) -> Vec<Artefact>;
    /// Text of an artefact.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read_artefact(&self, path: &str) -> Result<String, artefacts::ReadError>;
    /// Combined status of a commit.
    ///
    /// # Errors
    /// Why the forge gives no answer.
    fn commit_status(&self, sha: &str) -> Result<forge::Status, forge::ForgeError>;
    /// The task's pull request.
    ///
    /// # Errors
    /// Why the forge gives no answer.
    fn pull_request(&self) -> Result<Option<forge::PullRequestInfo>, forge::ForgeError>;
    /// State of the tracker's issue.
    ///
    /// # Errors
    /// Why the tracker gives no answer.
    fn tracker_state(&self) -> Result<String, tracker::TrackerError>;
    /// What the host prepared for the merge.
    ///
    /// # Errors
    /// Why there is no preparation.
    fn preparation(&self) -> Result<merge::Preparation, merge::MergeError>;
    /// Output of something the host ran.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn evidence(&self, name: &str) -> Result<evidence::Item, evidence::EvidenceError>;
    /// Names of everything the host ran for this task and kept.
    fn evidence_names(&self) -> Vec<String>;
    /// Text of a file of the repository.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read_file(
        &self,
        at: repository::Revision,
        path: &str,
    ) -> Result<String, repository::ReadError>;
    /// Paths of the repository's files that begin with `prefix`.
    fn files(&self, at: repository::Revision, prefix: &str) -> Vec<String>;
    /// Files that differ between the merge base and the head.
    fn changed_files(&self) -> Vec<repository::ChangedFile>;
    /// Commits between the base and the head.
    fn commits(&self) -> Vec<repository::Commit>;
    /// Has an allow-listed program run in the host's sandbox.
    ///
    /// # Errors
    /// Why it did not run, or did not end by itself.
    fn run_tool(&self, request: &tools::Request) -> Result<tools::Outcome, tools::ToolError>;
    /// Known vulnerabilities of packages.
    ///
    /// # Errors
    /// Why the feed gives no answer.
    fn advisories(
        &self,
        packages: &[advisories::Package],
    ) -> Result<Vec<advisories::Advisory>, advisories::AdvisoryError>;
    /// Sends an HTTP GET to an address of the gate's allow-list.
    ///
    /// # Errors
    /// Why there is no answer.
    fn http_get(&self, url: &str) -> Result<http::Response, http::HttpError>;
    /// A value kept across tasks of this repository.
    fn memory(&self, key: &str) -> Option<String>;
    /// Stages a value; it is kept when this task's change lands.
    fn remember(&self, key: &str, value: &str);
}

/// The component's imports.
#[derive(Debug, Clone, Copy)]
pub struct Imports;

impl Host for Imports {
    fn subject(&self) -> task::Subject {
        task::get_subject()
    }
    fn settings(&self) -> String {
        task::settings()
    }
    fn log(&self, level: task::Level, message: &str) {
        task::log(level, message);
    }
    fn artefacts(&self) -> Vec<Artefact> {
        artefacts::all()
    }
    fn read_artefact(&self, path: &str) -> Result<String, artefacts::ReadError> {
        artefacts::read(path)
    }
    fn commit_status(&self, sha: &str) -> Result<forge::Status, forge::ForgeError> {
        forge::commit_status(sha)
    }
    fn pull_request(&self) -> Result<Option<forge::PullRequestInfo>, forge::ForgeError> {
        forge::pull_request()
    }
    fn tracker_state(&self) -> Result<String, tracker::TrackerError> {
        tracker::state()
    }
    fn preparation(&self) -> Result<merge::Preparation, merge::MergeError> {
        merge::get_preparation()
    }
    fn evidence(&self, name: &str) -> Result<evidence::Item, evidence::EvidenceError> {
        evidence::get(name)
    }
    fn evidence_names(&self) -> Vec<String> {
        evidence::names()
    }
    fn read_file(
        &self,
        at: repository::Revision,
        path: &str,
    ) -> Result<String, repository::ReadError> {
        repository::read(at, path)
    }
    fn files(&self, at: repository::Revision, prefix: &str) -> Vec<String> {
        repository::files(at, prefix)
    }
    fn changed_files(&self) -> Vec<repository::ChangedFile> {
        repository::changed_files()
    }
    fn commits(&self) -> Vec<repository::Commit> {
        repository::commits()
    }
    fn run_tool(&self, request: &tools::Request) -> Result<tools::Outcome, tools::ToolError> {
        tools::run(request)
    }
    fn advisories(
        &self,
        packages: &[advisories::Package],
    ) -> Result<Vec<advisories::Advisory>, advisories::AdvisoryError> {
        advisories::lookup(packages)
    }
    fn http_get(&self, url: &str) -> Result<http::Response, http::HttpError> {
        http::get(url)
    }
    fn memory(&self, key: &str) -> Option<String> {
        memory::get(key)
    }
    fn remember(&self, key: &str, value: &str) {
        memory::set(key, value);
    }
}
