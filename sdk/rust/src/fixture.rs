//! A host in memory, so that a gate's logic runs under `cargo test` without a component.

use std::cell::RefCell;

use crate::host::artefacts::{self, Artefact, Author};
use crate::host::{Host, evidence, forge, merge, task, tracker};
use crate::{Gate, GateError, Verdict};

/// What the host would answer. Whatever is not set is denied or missing.
#[derive(Debug)]
pub struct Fixture {
    subject: task::Subject,
    settings: String,
    artefacts: Vec<(Artefact, String)>,
    status: Option<forge::Status>,
    pull_request: Option<forge::PullRequestInfo>,
    tracker: Option<String>,
    preparation: Option<merge::Preparation>,
    evidence: Vec<evidence::Item>,
    log: RefCell<Vec<String>>,
}

impl Default for Fixture {
    fn default() -> Self {
        Self::new()
    }
}

impl Fixture {
    /// Work item `SHOP-1` in review, with nothing else known.
    pub fn new() -> Self {
        Self {
            subject: task::Subject {
                work_item: "SHOP-1".to_owned(),
                title: "Sell things".to_owned(),
                repo: "shop".to_owned(),
                stage: "review".to_owned(),
                branch: "feature/SHOP-1".to_owned(),
                base_branch: "main".to_owned(),
                head_sha: "a".repeat(40),
                base_sha: "b".repeat(40),
                attempt: 1,
            },
            settings: "{}".to_owned(),
            artefacts: Vec::new(),
            status: None,
            pull_request: None,
            tracker: None,
            preparation: None,
            evidence: Vec::new(),
            log: RefCell::default(),
        }
    }

    /// Sets the gate's settings as JSON.
    #[must_use]
    pub fn settings(mut self, json: &str) -> Self {
        json.clone_into(&mut self.settings);
        self
    }

    /// Adds an artefact left by a role, by `host` or by `unknown`.
    #[must_use]
    pub fn artefact(mut self, path: &str, by: &str, text: &str) -> Self {
        let written_by = match by {
            "host" => Author::Host,
            "unknown" => Author::Unknown,
            role => Author::Role(role.to_owned()),
        };
        let info = Artefact {
            path: path.to_owned(),
            size: text.len() as u64,
            written_by,
        };
        self.artefacts.push((info, text.to_owned()));
        self
    }

    /// Sets the commit status.
    #[must_use]
    pub fn status(
        mut self,
        state: forge::CheckState,
        checks: &[(&str, forge::CheckState)],
    ) -> Self {
        let checks = checks
            .iter()
            .map(|(context, state)| forge::Check {
                context: (*context).to_owned(),
                state: *state,
                url: None,
            })
            .collect();
        self.status = Some(forge::Status {
            sha: self.subject.head_sha.clone(),
            state,
            checks,
        });
        self
    }

    /// Sets the pull request.
    #[must_use]
    pub fn pull_request(mut self, reviews: Vec<forge::Review>) -> Self {
        self.pull_request = Some(forge::PullRequestInfo {
            number: 1,
            open: true,
            merged: false,
            head_sha: self.subject.head_sha.clone(),
            reviews,
        });
        self
    }

    /// Sets the state of the tracker's issue.
    #[must_use]
    pub fn tracker(mut self, state: &str) -> Self {
        self.tracker = Some(state.to_owned());
        self
    }

    /// Sets what the host prepared for the merge.
    #[must_use]
    pub fn preparation(mut self, preparation: merge::Preparation) -> Self {
        self.preparation = Some(preparation);
        self
    }

    /// Adds evidence for the head commit.
    #[must_use]
    pub fn evidence(mut self, name: &str, content: &str) -> Self {
        let sha = self.subject.head_sha.clone();
        self.evidence.push(evidence::Item {
            name: name.to_owned(),
            sha,
            obtained_ms: 0,
            content: content.to_owned(),
        });
        self
    }

    /// Evaluates `G`, settings included, just as the component would.
    ///
    /// # Errors
    /// What the gate answers when it cannot decide.
    pub fn judge<G: Gate>(&self) -> Result<Verdict, GateError> {
        crate::run::<G, Self>(self)
    }

    /// What the gate has logged.
    pub fn logged(&self) -> Vec<String> {
        self.log.borrow().clone()
    }
}

impl Host for Fixture {
    fn subject(&self) -> task::Subject {
        self.subject.clone()
    }
    fn settings(&self) -> String {
        self.settings.clone()
    }
    fn log(&self, _level: task::Level, message: &str) {
        self.log.borrow_mut().push(message.to_owned());
    }
    fn artefacts(&self) -> Vec<Artefact> {
        self.artefacts
            .iter()
            .map(|(info, _)| info.clone())
            .collect()
    }
    fn read_artefact(&self, path: &str) -> Result<String, artefacts::ReadError> {
        let found = self.artefacts.iter().find(|(info, _)| info.path == path);
        found
            .map(|(_, text)| text.clone())
            .ok_or(artefacts::ReadError::Missing)
    }
    fn commit_status(&self, _sha: &str) -> Result<forge::Status, forge::ForgeError> {
        self.status
            .clone()
            .ok_or_else(|| forge::ForgeError::Unavailable("no forge".to_owned()))
    }
    fn pull_request(&self) -> Result<Option<forge::PullRequestInfo>, forge::ForgeError> {
        Ok(self.pull_request.clone())
    }
    fn tracker_state(&self) -> Result<String, tracker::TrackerError> {
        self.tracker
            .clone()
            .ok_or_else(|| tracker::TrackerError::Unavailable("no tracker".to_owned()))
    }
    fn preparation(&self) -> Result<merge::Preparation, merge::MergeError> {
        self.preparation
            .clone()
            .ok_or_else(|| merge::MergeError::Unavailable("nothing prepared".to_owned()))
    }
    fn evidence(&self, name: &str) -> Result<evidence::Item, evidence::EvidenceError> {
        self.evidence
            .iter()
            .find(|item| item.name == name)
            .cloned()
            .ok_or(evidence::EvidenceError::Missing)
    }
}
