//! Answers a gate's imports for one task on pinned commits: from git, the store, the forge and the tracker.
//!
//! What an evaluation sees is fixed when it begins: artefacts, authors and evidence are gathered first, so
//! that a push in the middle cannot show one gate two states.

use orch_domain::id::ObjectId;
use orch_domain::imports::{
    Advisory, Answer, ArtefactInfo, ChangedFile, Commit, CommitStatus, EvidenceItem, GateImports,
    HttpResponse, LogLevel, Package, Preparation, PullRequestInfo, ReadError, Revision,
    ServiceError, Subject, ToolError, ToolOutcome, ToolRequest,
};
use orch_domain::transition::TrackerState;
use orch_process::git::{Blob, Changed, Git, TreeEntry};
use orch_store::EvidenceRow;
use sha2::{Digest, Sha256};

use crate::rights::Rights;

/// Largest artefact that a gate may read, bytes.
const ARTEFACT_BYTES_MAX: u64 = 1024 * 1024;
/// Largest file of the repository that a gate may read, bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Most commits that a gate is told of.
const COMMITS_MAX: u32 = 1000;

/// An artefact as an evaluation sees it.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) info: ArtefactInfo,
    pub(crate) source: Source,
}

/// Where an artefact's text is.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Store(String),
    Blob(TreeEntry),
}

/// The answers for one evaluation.
pub(crate) struct Provider {
    pub(crate) subject: Subject,
    pub(crate) settings: String,
    pub(crate) git: Git,
    pub(crate) head: ObjectId,
    pub(crate) base: ObjectId,
    pub(crate) artefacts: Vec<Item>,
    pub(crate) status: Option<CommitStatus>,
    pub(crate) pull_request: Option<PullRequestInfo>,
    pub(crate) tracker: Option<TrackerState>,
    pub(crate) preparation: Option<Preparation>,
    pub(crate) evidence: Vec<EvidenceRow>,
    /// What goes beyond reading; nothing where there is no host.
    pub(crate) rights: Option<Rights>,
}

impl Provider {
    /// Digest of the artefacts and their authors: a pass over other artefacts does not hold.
    pub(crate) fn artefacts_digest(&self) -> String {
        let mut hash = Sha256::new();
        for item in &self.artefacts {
            let content = match &item.source {
                Source::Store(text) => hex::encode(Sha256::digest(text.as_bytes())),
                Source::Blob(entry) => entry.blob.to_string(),
            };
            hash.update(format!(
                "{}\0{:?}\0{content}\0",
                item.info.path, item.info.written_by
            ));
        }
        hex::encode(hash.finalize())
    }

    async fn blob(&self, entry: &TreeEntry, max: u64) -> Result<String, ReadError> {
        match self.git.read_blob(entry, max).await {
            Ok(Blob::Text(text)) => Ok(text),
            Ok(Blob::Missing) => Err(ReadError::Missing),
            Ok(Blob::TooLarge(bytes)) => Err(ReadError::TooLarge(bytes)),
            Ok(Blob::NotText) => Err(ReadError::NotText),
            Err(error) => Err(ReadError::Denied(error.to_string())),
        }
    }

    fn commit(&self, at: Revision) -> &ObjectId {
        match at {
            Revision::Head => &self.head,
            Revision::Base => &self.base,
        }
    }
}

fn unlisted(what: &str, error: &orch_process::git::GitError) -> String {
    format!("the {what} cannot be listed: {error}")
}

fn silent(what: &str) -> ServiceError {
    ServiceError::Unavailable(format!("{what} is not known here"))
}

impl GateImports for Provider {
    fn subject(&self) -> Subject {
        self.subject.clone()
    }
    fn settings(&self) -> String {
        self.settings.clone()
    }
    fn log(&self, _level: LogLevel, _message: &str) {}

    fn artefacts(&self) -> Answer<'_, Vec<ArtefactInfo>> {
        Box::pin(async {
            self.artefacts
                .iter()
                .map(|item| item.info.clone())
                .collect()
        })
    }
    fn read_artefact<'a>(&'a self, path: &'a str) -> Answer<'a, Result<String, ReadError>> {
        Box::pin(async move {
            match self
                .artefacts
                .iter()
                .find(|item| item.info.path == path)
                .map(|item| &item.source)
            {
                None => Err(ReadError::Missing),
                Some(Source::Store(text)) => Ok(text.clone()),
                Some(Source::Blob(entry)) => self.blob(entry, ARTEFACT_BYTES_MAX).await,
            }
        })
    }
    fn read_file<'a>(
        &'a self,
        at: Revision,
        path: &'a str,
    ) -> Answer<'a, Result<String, ReadError>> {
        Box::pin(async move {
            match self.git.read(self.commit(at), path, FILE_BYTES_MAX).await {
                Ok(Blob::Text(text)) => Ok(text),
                Ok(Blob::Missing) => Err(ReadError::Missing),
                Ok(Blob::TooLarge(bytes)) => Err(ReadError::TooLarge(bytes)),
                Ok(Blob::NotText) => Err(ReadError::NotText),
                Err(error) => Err(ReadError::Denied(error.to_string())),
            }
        })
    }
    fn files<'a>(
        &'a self,
        at: Revision,
        prefix: &'a str,
    ) -> Answer<'a, Result<Vec<String>, String>> {
        Box::pin(async move {
            let listed = self.git.list(self.commit(at), prefix).await;
            let listed = listed.map_err(|e| unlisted("files", &e))?;
            Ok(listed
                .into_iter()
                .map(|entry| entry.path.to_string())
                .collect())
        })
    }
    fn changed_files(&self) -> Answer<'_, Result<Vec<ChangedFile>, String>> {
        Box::pin(async {
            let unlisted = |e| unlisted("changed files", &e);
            let from = self.git.merge_base(&self.base, &self.head).await;
            let from = from.map_err(unlisted)?;
            let changed = self.git.changed(&from, &self.head).await;
            let shown = |file: Changed| ChangedFile {
                path: file.path.to_string(),
                change: file.change,
                added: file.added,
                removed: file.removed,
            };
            Ok(changed.map_err(unlisted)?.into_iter().map(shown).collect())
        })
    }
    fn commits(&self) -> Answer<'_, Result<Vec<Commit>, String>> {
        Box::pin(async {
            let listed = self.git.commits(&self.base, &self.head, COMMITS_MAX).await;
            let listed = listed.map_err(|e| unlisted("commits", &e))?;
            let commit = |(sha, author, subject): (ObjectId, String, String)| Commit {
                sha: sha.to_string(),
                author,
                subject,
                role: None,
            };
            Ok(listed.into_iter().map(commit).collect())
        })
    }
    fn commit_status<'a>(&'a self, sha: &'a str) -> Answer<'a, Result<CommitStatus, ServiceError>> {
        Box::pin(async move {
            match &self.status {
                Some(status) if status.sha == sha => Ok(status.clone()),
                Some(_) | None => Err(silent(&format!("the status of {sha}"))),
            }
        })
    }
    fn pull_request(&self) -> Answer<'_, Result<Option<PullRequestInfo>, ServiceError>> {
        Box::pin(async { Ok(self.pull_request.clone()) })
    }
    fn tracker_state(&self) -> Answer<'_, Result<String, ServiceError>> {
        Box::pin(async {
            self.tracker
                .map(|s| s.as_str().to_owned())
                .ok_or_else(|| silent("the issue"))
        })
    }
    fn preparation(&self) -> Answer<'_, Result<Preparation, ServiceError>> {
        Box::pin(async {
            self.preparation
                .clone()
                .ok_or_else(|| silent("a merge preparation"))
        })
    }
    fn evidence_names(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async { self.evidence.iter().map(|row| row.name.clone()).collect() })
    }
    fn evidence<'a>(&'a self, name: &'a str) -> Answer<'a, Result<EvidenceItem, ReadError>> {
        Box::pin(async move {
            let row = self
                .evidence
                .iter()
                .find(|row| row.name == name)
                .ok_or(ReadError::Missing)?;
            Ok(EvidenceItem {
                name: row.name.clone(),
                sha: row.sha.clone(),
                obtained_ms: u64::try_from(row.obtained_ms).unwrap_or(0),
                content: row.content.clone(),
            })
        })
    }
    fn run_tool(&self, request: ToolRequest) -> Answer<'_, Result<ToolOutcome, ToolError>> {
        Box::pin(async move {
            match &self.rights {
                Some(rights) => rights.tools.run(request).await,
                None => Err(ToolError::NotGranted("no tools run here".to_owned())),
            }
        })
    }
    fn advisories(
        &self,
        packages: Vec<Package>,
    ) -> Answer<'_, Result<Vec<Advisory>, ServiceError>> {
        Box::pin(async move {
            match &self.rights {
                Some(rights) => rights.advisories.lookup(&packages).await,
                None => Err(silent("the feed of advisories")),
            }
        })
    }
    fn http_get<'a>(&'a self, url: &'a str) -> Answer<'a, Result<HttpResponse, ServiceError>> {
        Box::pin(async move {
            match &self.rights {
                Some(rights) => rights.get(url).await,
                None => Err(ServiceError::Denied(
                    "no address is granted here".to_owned(),
                )),
            }
        })
    }
    fn memory_get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(async move { self.rights.as_ref().and_then(|rights| rights.recall(key)) })
    }
    fn memory_set<'a>(&'a self, key: &'a str, value: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            if let Some(rights) = &self.rights {
                rights.remember(key, value);
            }
        })
    }
}
