//! Answers a gate's questions from a case.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use orch_domain::artefact::{Owner, owner};
use orch_domain::imports::{
    Advisory, Answer, ArtefactInfo, Author, Change, ChangedFile, Check, CheckState, Commit,
    CommitStatus, EvidenceItem, GateImports, HttpResponse, LogLevel, Package, ReadError, Revision,
    ServiceError, Subject, ToolError, ToolOutcome, ToolRequest,
};
use orch_domain::verdict::Severity;

use crate::cases::{ArtefactSpec, Case, EvidenceSpec, ToolSpec};

/// A case as the host that the gate sees.
#[derive(Debug)]
pub(crate) struct Imagined {
    case: Case,
    head: String,
    base: String,
    kept: Mutex<BTreeMap<String, String>>,
    log: Mutex<Vec<String>>,
}

impl Imagined {
    pub(crate) fn of(case: &Case) -> Self {
        Self {
            case: case.clone(),
            head: "a".repeat(40),
            base: "b".repeat(40),
            kept: Mutex::default(),
            log: Mutex::default(),
        }
    }

    /// What the gate staged to keep.
    pub(crate) fn kept(&self) -> BTreeMap<String, String> {
        self.kept
            .lock()
            .map(|kept| kept.clone())
            .unwrap_or_default()
    }

    /// What the gate logged.
    pub(crate) fn logged(&self) -> Vec<String> {
        self.log.lock().map(|log| log.clone()).unwrap_or_default()
    }

    fn side(&self, at: Revision) -> &BTreeMap<String, String> {
        match at {
            Revision::Base => &self.case.files.base,
            Revision::Head => &self.case.files.head,
        }
    }
}

fn text_and_author(path: &str, spec: &ArtefactSpec) -> (String, Author) {
    match spec {
        ArtefactSpec::Text(text) => {
            let author = match owner(path) {
                Owner::Host => Author::Host,
                Owner::Role(role) => Author::Role(role.to_string()),
            };
            (text.clone(), author)
        }
        ArtefactSpec::Full(full) => {
            let author = match full.by.as_str() {
                "host" => Author::Host,
                "unknown" => Author::Unknown,
                role => Author::Role(role.to_owned()),
            };
            (full.text.clone(), author)
        }
    }
}

fn silent(what: &str) -> ServiceError {
    ServiceError::Unavailable(format!("the case says nothing of {what}"))
}

fn lines(text: Option<&String>) -> u32 {
    text.map_or(0, |text| {
        u32::try_from(text.lines().count()).unwrap_or(u32::MAX)
    })
}

fn outcome(tool: &str, spec: &ToolSpec) -> Result<ToolOutcome, ToolError> {
    match spec.error.as_deref() {
        None => Ok(ToolOutcome {
            exit_code: spec.exit_code,
            stdout: spec.stdout.clone(),
            stderr: spec.stderr.clone(),
            truncated: false,
            outputs: spec.outputs.clone().into_iter().collect(),
            duration_ms: 1,
        }),
        Some("not-installed") => Err(ToolError::NotInstalled(tool.to_owned())),
        Some("timed-out") => Err(ToolError::TimedOut(1000)),
        Some("killed") => Err(ToolError::Killed("the case says so".to_owned())),
        Some(other) => Err(ToolError::Failed(other.to_owned())),
    }
}

impl GateImports for Imagined {
    fn subject(&self) -> Subject {
        let given = &self.case.subject;
        let or = |value: &Option<String>, plain: &str| value.clone().unwrap_or(plain.to_owned());
        Subject {
            work_item: or(&given.work_item, "SHOP-1"),
            title: or(&given.title, "Sell things"),
            repo: or(&given.repo, "shop"),
            stage: or(&given.stage, "review"),
            branch: or(&given.branch, "feature/SHOP-1"),
            base_branch: or(&given.base_branch, "main"),
            head_sha: self.head.clone(),
            base_sha: self.base.clone(),
            attempt: given.attempt.unwrap_or(1),
        }
    }
    fn settings(&self) -> String {
        self.case.settings.to_string()
    }
    fn log(&self, level: LogLevel, message: &str) {
        if let Ok(mut log) = self.log.lock() {
            log.push(format!("{level:?}: {message}"));
        }
    }
    fn artefacts(&self) -> Answer<'_, Vec<ArtefactInfo>> {
        let info = |(path, spec): (&String, &ArtefactSpec)| {
            let (text, written_by) = text_and_author(path, spec);
            ArtefactInfo {
                path: path.clone(),
                size: text.len() as u64,
                written_by,
            }
        };
        Box::pin(async move { self.case.artefacts.iter().map(info).collect() })
    }
    fn read_artefact<'a>(&'a self, path: &'a str) -> Answer<'a, Result<String, ReadError>> {
        Box::pin(async move {
            let spec = self.case.artefacts.get(path).ok_or(ReadError::Missing)?;
            Ok(text_and_author(path, spec).0)
        })
    }
    fn read_file<'a>(
        &'a self,
        at: Revision,
        path: &'a str,
    ) -> Answer<'a, Result<String, ReadError>> {
        Box::pin(async move { self.side(at).get(path).cloned().ok_or(ReadError::Missing) })
    }
    fn files<'a>(
        &'a self,
        at: Revision,
        prefix: &'a str,
    ) -> Answer<'a, Result<Vec<String>, String>> {
        Box::pin(async move {
            let names = self.side(at).keys();
            Ok(names.filter(|p| p.starts_with(prefix)).cloned().collect())
        })
    }
    fn changed_files(&self) -> Answer<'_, Result<Vec<ChangedFile>, String>> {
        Box::pin(async move {
            let (base, head) = (&self.case.files.base, &self.case.files.head);
            let paths: BTreeSet<&String> = base.keys().chain(head.keys()).collect();
            let differ = paths.into_iter().filter(|p| base.get(*p) != head.get(*p));
            Ok(differ
                .map(|path| ChangedFile {
                    path: path.clone(),
                    change: match (base.contains_key(path), head.contains_key(path)) {
                        (false, _) => Change::Added,
                        (true, false) => Change::Deleted,
                        (true, true) => Change::Modified,
                    },
                    added: lines(head.get(path)),
                    removed: lines(base.get(path)),
                })
                .collect())
        })
    }
    fn commits(&self) -> Answer<'_, Result<Vec<Commit>, String>> {
        let commit = |(index, spec): (usize, &crate::cases::CommitSpec)| Commit {
            sha: format!("{:040x}", index + 1),
            author: "someone".to_owned(),
            subject: spec.subject.clone(),
            role: spec.role.clone(),
        };
        Box::pin(async move { Ok(self.case.commits.iter().enumerate().map(commit).collect()) })
    }
    fn run_tool(&self, request: ToolRequest) -> Answer<'_, Result<ToolOutcome, ToolError>> {
        Box::pin(async move {
            match self.case.tools.get(&request.tool) {
                Some(spec) => outcome(&request.tool, spec),
                None => Err(ToolError::NotGranted(format!(
                    "the case has no tool `{}`",
                    request.tool
                ))),
            }
        })
    }
    fn commit_status<'a>(&'a self, sha: &'a str) -> Answer<'a, Result<CommitStatus, ServiceError>> {
        Box::pin(async move {
            let statuses = self.case.statuses.as_ref();
            let statuses = statuses.ok_or_else(|| silent("statuses"))?;
            let checks: Vec<Check> = statuses
                .iter()
                .map(|(context, state)| Check {
                    context: context.clone(),
                    state: CheckState::parse(state).unwrap_or(CheckState::None),
                    url: None,
                })
                .collect();
            let is = |state| checks.iter().any(|c| c.state == state);
            let worst = [CheckState::Failure, CheckState::Error, CheckState::Pending];
            let state = match worst.into_iter().find(|state| is(*state)) {
                Some(state) => state,
                None if checks.is_empty() => CheckState::None,
                None => CheckState::Success,
            };
            Ok(CommitStatus {
                sha: sha.to_owned(),
                state,
                checks,
            })
        })
    }
    fn tracker_state(&self) -> Answer<'_, Result<String, ServiceError>> {
        Box::pin(async move { self.case.tracker.clone().ok_or_else(|| silent("the issue")) })
    }
    fn evidence_names(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async move { self.case.evidence.keys().cloned().collect() })
    }
    fn evidence<'a>(&'a self, name: &'a str) -> Answer<'a, Result<EvidenceItem, ReadError>> {
        Box::pin(async move {
            let spec = self.case.evidence.get(name).ok_or(ReadError::Missing)?;
            let (content, sha) = match spec {
                EvidenceSpec::Text(text) => (text.clone(), self.head.clone()),
                EvidenceSpec::Full(full) => (full.text.clone(), full.sha.clone()),
            };
            Ok(EvidenceItem {
                name: name.to_owned(),
                sha,
                obtained_ms: u64::try_from(self.case.now_ms).unwrap_or(0),
                content,
            })
        })
    }
    fn advisories(
        &self,
        packages: Vec<Package>,
    ) -> Answer<'_, Result<Vec<Advisory>, ServiceError>> {
        Box::pin(async move {
            let known = self.case.advisories.as_ref();
            let known = known.ok_or_else(|| silent("advisories"))?;
            let mut found = Vec::new();
            for (index, package) in packages.iter().enumerate() {
                let fits = known.iter().filter(|a| {
                    a.ecosystem == package.ecosystem
                        && a.package == package.name
                        && a.version == package.version
                });
                found.extend(fits.map(|a| Advisory {
                    subject: u32::try_from(index).unwrap_or(u32::MAX),
                    id: a.id.clone(),
                    aliases: Vec::new(),
                    severity: a.severity.as_deref().and_then(Severity::parse),
                    score: None,
                    summary: a.summary.clone(),
                    fixed_in: a.fixed_in.clone(),
                }));
            }
            Ok(found)
        })
    }
    fn http_get<'a>(&'a self, url: &'a str) -> Answer<'a, Result<HttpResponse, ServiceError>> {
        Box::pin(async move {
            let page = self.case.pages.get(url).ok_or_else(|| silent(url))?;
            Ok(HttpResponse {
                status: page.status,
                body: page.body.clone(),
            })
        })
    }
    fn memory_get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(async move { self.case.memory.get(key).cloned() })
    }
    fn memory_set<'a>(&'a self, key: &'a str, value: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            if let Ok(mut kept) = self.kept.lock() {
                kept.insert(key.to_owned(), value.to_owned());
            }
        })
    }
}
