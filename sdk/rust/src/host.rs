//! What a gate may ask the host, as a trait with two implementations: the component's imports and the
//! harness of `cargo test`.

pub use crate::bindings::orch::gate::{artefacts, evidence, forge, merge, task, tracker};

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
}
