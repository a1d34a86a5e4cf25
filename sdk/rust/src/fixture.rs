//! A host in memory, so that a gate's logic runs under `cargo test` without a component.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::host::artefacts::{self, Artefact, Author};
use crate::host::{
    Host, advisories, evidence, forge, http, merge, repository, task, tools, tracker,
};
use crate::{Gate, GateError, Verdict};

/// Answers a tool run.
type Tool = dyn Fn(&tools::Request) -> Result<tools::Outcome, tools::ToolError>;

/// What the host would answer. Whatever is not set is denied or missing.
pub struct Fixture {
    subject: task::Subject,
    settings: String,
    artefacts: Vec<(Artefact, String)>,
    status: Option<forge::Status>,
    pull_request: Option<forge::PullRequestInfo>,
    tracker: Option<String>,
    preparation: Option<merge::Preparation>,
    evidence: Vec<evidence::Item>,
    files: Vec<(repository::Revision, String, String)>,
    changed: Vec<repository::ChangedFile>,
    commits: Vec<repository::Commit>,
    tools: BTreeMap<String, Box<Tool>>,
    advisories: Option<Vec<(String, advisories::Advisory)>>,
    pages: BTreeMap<String, http::Response>,
    memory: RefCell<BTreeMap<String, String>>,
    log: RefCell<Vec<String>>,
}

impl std::fmt::Debug for Fixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fixture")
            .field("subject", &self.subject)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
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
            files: Vec::new(),
            changed: Vec::new(),
            commits: Vec::new(),
            tools: BTreeMap::new(),
            advisories: None,
            pages: BTreeMap::new(),
            memory: RefCell::default(),
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
    pub fn evidence(self, name: &str, content: &str) -> Self {
        let sha = self.subject.head_sha.clone();
        self.evidence_of(&sha, name, content)
    }

    /// Adds evidence for another commit.
    #[must_use]
    pub fn evidence_of(mut self, sha: &str, name: &str, content: &str) -> Self {
        self.evidence.push(evidence::Item {
            name: name.to_owned(),
            sha: sha.to_owned(),
            obtained_ms: 0,
            content: content.to_owned(),
        });
        self
    }

    /// Adds a file of the repository at the head or at the base.
    #[must_use]
    pub fn file(mut self, at: repository::Revision, path: &str, text: &str) -> Self {
        self.files.push((at, path.to_owned(), text.to_owned()));
        self
    }

    /// Adds a changed file.
    #[must_use]
    pub fn changed(
        mut self,
        path: &str,
        change: repository::Change,
        added: u32,
        removed: u32,
    ) -> Self {
        self.changed.push(repository::ChangedFile {
            path: path.to_owned(),
            change,
            added,
            removed,
        });
        self
    }

    /// Adds a commit of the branch; `role` as the host recorded it.
    #[must_use]
    pub fn commit(mut self, sha: &str, subject: &str, role: Option<&str>) -> Self {
        self.commits.push(repository::Commit {
            sha: sha.to_owned(),
            author: "Ann <ann@orch.invalid>".to_owned(),
            subject: subject.to_owned(),
            role: role.map(str::to_owned),
        });
        self
    }

    /// Sets what running a tool answers.
    #[must_use]
    pub fn tool(
        mut self,
        name: &str,
        run: impl Fn(&tools::Request) -> Result<tools::Outcome, tools::ToolError> + 'static,
    ) -> Self {
        self.tools.insert(name.to_owned(), Box::new(run));
        self
    }

    /// Makes the feed answer: what is known of each package, by package name.
    #[must_use]
    pub fn advisories(mut self, known: Vec<(&str, advisories::Advisory)>) -> Self {
        let known = known.into_iter().map(|(n, a)| (n.to_owned(), a)).collect();
        self.advisories = Some(known);
        self
    }

    /// Adds a page that an HTTP GET finds.
    #[must_use]
    pub fn page(mut self, url: &str, status: u16, body: &str) -> Self {
        let body = body.to_owned();
        self.pages
            .insert(url.to_owned(), http::Response { status, body });
        self
    }

    /// Sets a value kept from an earlier task.
    #[must_use]
    pub fn remembered(self, key: &str, value: &str) -> Self {
        self.memory
            .borrow_mut()
            .insert(key.to_owned(), value.to_owned());
        self
    }

    /// The value kept under `key` after the evaluation.
    pub fn memory_after(&self, key: &str) -> Option<String> {
        self.memory.borrow().get(key).cloned()
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
    fn evidence_names(&self) -> Vec<String> {
        self.evidence.iter().map(|item| item.name.clone()).collect()
    }
    fn read_file(
        &self,
        at: repository::Revision,
        path: &str,
    ) -> Result<String, repository::ReadError> {
        let found = self.files.iter().find(|(a, p, _)| *a == at && p == path);
        found
            .map(|(_, _, text)| text.clone())
            .ok_or(repository::ReadError::Missing)
    }
    fn files(&self, at: repository::Revision, prefix: &str) -> Vec<String> {
        let of_it = self.files.iter().filter(|(a, _, _)| *a == at);
        let paths = of_it.map(|(_, path, _)| path);
        paths.filter(|p| p.starts_with(prefix)).cloned().collect()
    }
    fn changed_files(&self) -> Vec<repository::ChangedFile> {
        self.changed.clone()
    }
    fn commits(&self) -> Vec<repository::Commit> {
        self.commits.clone()
    }
    fn run_tool(&self, request: &tools::Request) -> Result<tools::Outcome, tools::ToolError> {
        match self.tools.get(&request.tool) {
            Some(run) => run(request),
            None => Err(tools::ToolError::NotInstalled(request.tool.clone())),
        }
    }
    fn advisories(
        &self,
        packages: &[advisories::Package],
    ) -> Result<Vec<advisories::Advisory>, advisories::AdvisoryError> {
        let Some(known) = &self.advisories else {
            return Err(advisories::AdvisoryError::Unreachable("no feed".to_owned()));
        };
        let mut found = Vec::new();
        for (subject, package) in (0..).zip(packages) {
            for (_, advisory) in known.iter().filter(|(name, _)| *name == package.name) {
                found.push(advisories::Advisory {
                    subject,
                    ..advisory.clone()
                });
            }
        }
        Ok(found)
    }
    fn http_get(&self, url: &str) -> Result<http::Response, http::HttpError> {
        let page = self.pages.get(url).cloned();
        page.ok_or_else(|| http::HttpError::Unavailable(url.to_owned()))
    }
    fn memory(&self, key: &str) -> Option<String> {
        self.memory.borrow().get(key).cloned()
    }
    fn remember(&self, key: &str, value: &str) {
        self.memory
            .borrow_mut()
            .insert(key.to_owned(), value.to_owned());
    }
}
