//! How are a gate's imports answered? For one task on pinned commits, from git and from what was gathered.

use orch_domain::id::ObjectId;
use orch_domain::imports::{
    Advisory, Answer, ArtefactInfo, ChangedFile, Commit, CommitStatus, EvidenceItem, GateImports,
    HttpResponse, LogLevel, Package, Preparation, PullRequestInfo, ReadError, Revision,
    ServiceError, Subject, ToolError, ToolOutcome, ToolRequest,
};
use orch_domain::path::RepoPath;
use orch_process::git::{Blob, Changed, TreeEntry};

use crate::decode;
use crate::facts::{Facts, Source};
use crate::rights::Rights;

/// Largest artefact that a gate may read, bytes.
const ARTEFACT_BYTES_MAX: u64 = 1024 * 1024;
/// Largest file of the repository that a gate may read, bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Most commits that a gate is told of.
const COMMITS_MAX: u32 = 1000;

/// The answers for one evaluation.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) facts: Facts,
    /// What goes beyond reading; nothing where nothing is granted.
    pub(crate) rights: Option<Rights>,
}

impl Provider {
    async fn blob(&self, entry: &TreeEntry, max: u64) -> Result<String, ReadError> {
        match self.facts.git.read_blob(entry, max).await {
            Ok(Blob::Text(text)) => Ok(text),
            Ok(Blob::Missing) => Err(ReadError::Missing),
            Ok(Blob::TooLarge(bytes)) => Err(ReadError::TooLarge(bytes)),
            Ok(Blob::NotText) => Err(ReadError::NotText),
            Err(error) => Err(ReadError::Denied(error.to_string())),
        }
    }

    /// Text that is no UTF-8: by its byte order mark UTF-16 or UTF-32, or letters of one country. What reads such a file
    /// in the repository reads it well.
    async fn otherwise(&self, entry: &TreeEntry) -> Result<String, ReadError> {
        let bytes = self.facts.git.raw_blob(entry, FILE_BYTES_MAX).await;
        let bytes = bytes.map_err(|error| ReadError::Denied(error.to_string()))?;
        let text =
            bytes.and_then(|bytes| decode::marked(&bytes).or_else(|| decode::foreign(&bytes)));
        text.ok_or(ReadError::NotText)
    }

    fn commit(&self, at: Revision) -> &ObjectId {
        match at {
            Revision::Head => &self.facts.head,
            Revision::Base => &self.facts.base,
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
        self.facts.subject.clone()
    }
    fn settings(&self) -> String {
        self.facts.settings.clone()
    }
    fn log(&self, _level: LogLevel, _message: &str) {}

    fn artefacts(&self) -> Answer<'_, Vec<ArtefactInfo>> {
        Box::pin(async {
            self.facts
                .artefacts
                .iter()
                .map(|item| item.info.clone())
                .collect()
        })
    }
    fn read_artefact<'a>(&'a self, path: &'a str) -> Answer<'a, Result<String, ReadError>> {
        Box::pin(async move {
            match self
                .facts
                .artefacts
                .iter()
                .find(|item| item.info.path == path)
                .map(|item| &item.source)
            {
                None => Err(ReadError::Missing),
                Some(Source::Text(text)) => Ok(text.clone()),
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
            let listed = self.facts.git.list(self.commit(at), path).await;
            let listed = listed.map_err(|error| ReadError::Denied(error.to_string()))?;
            let path = RepoPath::from_text(path);
            let Some(entry) = listed.into_iter().find(|entry| entry.path == path) else {
                return Err(ReadError::Missing);
            };
            match self.blob(&entry, FILE_BYTES_MAX).await {
                Err(ReadError::NotText) => self.otherwise(&entry).await,
                answer => answer,
            }
        })
    }
    fn files<'a>(
        &'a self,
        at: Revision,
        prefix: &'a str,
    ) -> Answer<'a, Result<Vec<String>, String>> {
        Box::pin(async move {
            let listed = self.facts.git.list(self.commit(at), prefix).await;
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
            let from = self
                .facts
                .git
                .merge_base(&self.facts.base, &self.facts.head)
                .await;
            let from = from.map_err(unlisted)?;
            let changed = self.facts.git.changed(&from, &self.facts.head).await;
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
            let listed = self
                .facts
                .git
                .commits(&self.facts.base, &self.facts.head, COMMITS_MAX)
                .await;
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
            match &self.facts.status {
                Some(status) if status.sha == sha => Ok(status.clone()),
                Some(_) | None => Err(silent(&format!("the status of {sha}"))),
            }
        })
    }
    fn pull_request(&self) -> Answer<'_, Result<Option<PullRequestInfo>, ServiceError>> {
        Box::pin(async { Ok(self.facts.pull_request.clone()) })
    }
    fn tracker_state(&self) -> Answer<'_, Result<String, ServiceError>> {
        Box::pin(async {
            self.facts
                .tracker
                .map(|s| s.as_str().to_owned())
                .ok_or_else(|| silent("the issue"))
        })
    }
    fn preparation(&self) -> Answer<'_, Result<Preparation, ServiceError>> {
        Box::pin(async {
            self.facts
                .preparation
                .clone()
                .ok_or_else(|| silent("a merge preparation"))
        })
    }
    fn evidence_names(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async {
            self.facts
                .evidence
                .iter()
                .map(|item| item.name.clone())
                .collect()
        })
    }
    fn evidence<'a>(&'a self, name: &'a str) -> Answer<'a, Result<EvidenceItem, ReadError>> {
        Box::pin(async move {
            let found = self.facts.evidence.iter().find(|item| item.name == name);
            found.cloned().ok_or(ReadError::Missing)
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
                Some(rights) => rights.advisories(&packages).await,
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
        Box::pin(async move {
            self.rights
                .as_ref()
                .and_then(|rights| rights.memory.recall(key))
        })
    }
    fn memory_set<'a>(&'a self, key: &'a str, value: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            if let Some(rights) = &self.rights {
                rights.memory.remember(key, value);
            }
        })
    }
}
