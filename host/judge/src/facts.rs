//! What does an evaluation see?
//!
//! It is fixed when the evaluation begins: a push in the middle cannot show one gate two states.

use orch_domain::id::ObjectId;
use orch_domain::imports::{
    ArtefactInfo, CommitStatus, EvidenceItem, Preparation, PullRequestInfo, Subject,
};
use orch_domain::issue::TrackerState;
use orch_process::git::{Git, Modules, TreeEntry, Wanted};
use sha2::{Digest, Sha256};

/// An artefact as an evaluation sees it.
#[derive(Debug, Clone)]
pub struct Artefact {
    /// What the gate is told of it.
    pub info: ArtefactInfo,
    /// Where its text is.
    pub source: Source,
}

/// Where an artefact's text is.
#[derive(Debug, Clone)]
pub enum Source {
    /// Here: the host wrote it.
    Text(String),
    /// In the repository.
    Blob(TreeEntry),
}

/// How the submodules of a commit are laid out for programs that see a checkout.
#[derive(Debug, Clone)]
pub struct Submodules {
    /// The host's copies of them.
    pub copies: Modules,
    /// Which ones, and where they may come from.
    pub wanted: Wanted,
}

/// Everything that a gate may ask about without a grant.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The task.
    pub subject: Subject,
    /// The gate's settings as JSON.
    pub settings: String,
    /// The repository.
    pub git: Git,
    /// Its submodules; none where nobody says where they come from.
    pub submodules: Option<Submodules>,
    /// Commit under judgement.
    pub head: ObjectId,
    /// Where the base branch is.
    pub base: ObjectId,
    /// The task's artefacts, by path.
    pub artefacts: Vec<Artefact>,
    /// Statuses of the head; none where no forge is known.
    pub status: Option<CommitStatus>,
    /// The task's pull request.
    pub pull_request: Option<PullRequestInfo>,
    /// State of the task's issue; none where no tracker is known.
    pub tracker: Option<TrackerState>,
    /// What the host prepared for the merge.
    pub preparation: Option<Preparation>,
    /// What the host ran, with its output.
    pub evidence: Vec<EvidenceItem>,
}

impl Facts {
    /// Digest of the artefacts and their authors: a pass over other artefacts does not hold.
    pub fn artefacts_digest(&self) -> String {
        let mut hash = Sha256::new();
        for item in &self.artefacts {
            let content = match &item.source {
                Source::Text(text) => hex::encode(Sha256::digest(text.as_bytes())),
                Source::Blob(entry) => entry.blob.to_string(),
            };
            hash.update(format!(
                "{}\0{:?}\0{content}\0",
                item.info.path, item.info.written_by
            ));
        }
        hex::encode(hash.finalize())
    }
}
