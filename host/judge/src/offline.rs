//! Judges a plain git repository with one gate and no host: for authors, and to look at history.
//!
//! No run rows exist here, so nobody can vouch for authors: roles are assumed, and the output says so. The
//! live host has no such path.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use orch_domain::artefact;
use orch_domain::id::WorkItem;
use orch_domain::imports::{ArtefactInfo, Author, Subject};
use orch_domain::transition::Judgement;
use orch_domain::verdict::Finding;
use orch_gates::{GateRuntime, Grants, Limits, RuntimeConfig, Seed, judge};
use orch_process::git::Git;
use orch_views::finding::FindingView;

use crate::advisories::{OsvClient, OsvConfig};
use crate::provider::{Item, Provider, Source};
use crate::rights::Rights;
use crate::tools::ToolBox;
use orch_config::{GateGrants, HostConfig};

/// Whom to take for the author of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumedRole {
    /// Path inside the task's folder.
    pub file: String,
    /// `host` or a role.
    pub role: String,
}

/// What to judge.
#[derive(Debug, Clone)]
pub struct OfflineRequest {
    /// The gate's file.
    pub gate: PathBuf,
    /// The repository: a work tree or a bare one.
    pub repo: PathBuf,
    /// Work item.
    pub work_item: String,
    /// Branch under judgement; none for the one that is checked out.
    pub branch: Option<String>,
    /// Base branch.
    pub base: String,
    /// Stage to tell the gate.
    pub stage: String,
    /// Settings as JSON.
    pub settings: String,
    /// Authors to assume.
    pub assumed: Vec<AssumedRole>,
    /// Whether files without an assumed author have none, rather than the one that their name belongs to.
    pub strict: bool,
    /// Lets the gate do what a host's configuration grants; without, it only reads.
    pub rights: Option<OfflineRights>,
}

/// What goes beyond reading.
#[derive(Debug, Clone)]
pub struct OfflineRights {
    /// Configuration with grants, tools and the feed of advisories.
    pub config: HostConfig,
    /// The program that confines tools; normally this one.
    pub orch: PathBuf,
    /// Folder for scratch files and the feed's cache.
    pub folder: PathBuf,
}

/// What came of it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct OfflineJudgement {
    /// Gate.
    pub gate: String,
    /// The gate's version.
    pub version: String,
    /// Digest of the gate's bytes.
    pub digest: String,
    /// `pass`, `fail`, `wait`, `not-applicable` or `inconclusive`.
    pub decision: String,
    /// Reason of an inconclusive one.
    pub reason: Option<String>,
    /// One line.
    pub summary: String,
    /// What was found.
    pub findings: Vec<FindingView>,
    /// The artefact, or empty for a wait or an inconclusive result.
    pub artefact: String,
    /// Commit judged.
    pub head_sha: String,
    /// Always false: who wrote what cannot be checked without a host.
    pub provenance_checked: bool,
    /// Exit code: 0 pass or not-applicable, 1 fail, 2 inconclusive, 3 wait.
    pub exit_code: i32,
}

fn finding_view(finding: &Finding) -> FindingView {
    FindingView {
        rule: finding.rule.clone(),
        severity: finding.severity.as_str().to_owned(),
        blocking: finding.blocking,
        message: finding.message.clone(),
        path: finding.path.clone(),
        line: finding.line,
        help: finding.help.clone(),
    }
}

/// Judges.
///
/// # Errors
/// For a request that cannot be carried out: no such file, repository, branch or work item.
pub async fn judge_offline(request: &OfflineRequest) -> anyhow::Result<OfflineJudgement> {
    let work_item = WorkItem::new(request.work_item.clone())?;
    let runtime = GateRuntime::new(RuntimeConfig::default())?;
    let gate = runtime
        .load_file(&request.gate)
        .await
        .with_context(|| format!("gate `{}` cannot be loaded", request.gate.display()))?;
    let git = Git::at(git_dir(&request.repo)?)?;
    let resolve = async |name: &str| -> anyhow::Result<_> {
        let found = git.resolve(name).await?;
        found.with_context(|| {
            format!(
                "repository `{}` has no branch or commit `{name}`",
                request.repo.display()
            )
        })
    };
    let head = resolve(request.branch.as_deref().unwrap_or("HEAD")).await?;
    let base = resolve(&request.base).await?;
    let folder = artefact::folder(&work_item);
    let mut artefacts = Vec::new();
    for entry in git.list(&head, &folder).await? {
        let Some(name) = entry.path.below(&folder) else {
            continue;
        };
        let name = name.to_string();
        let author = author(request, &name);
        let info = ArtefactInfo {
            path: name,
            size: entry.size,
            written_by: author,
        };
        artefacts.push(Item {
            info,
            source: Source::Blob(entry),
        });
    }
    let provider = Provider {
        subject: Subject {
            work_item: work_item.to_string(),
            title: work_item.to_string(),
            repo: request
                .repo
                .file_name()
                .map(|n| n.to_string_lossy().into_owned())
                .unwrap_or_default(),
            stage: request.stage.clone(),
            branch: request.branch.clone().unwrap_or_else(|| "HEAD".to_owned()),
            base_branch: request.base.clone(),
            head_sha: head.to_string(),
            base_sha: base.to_string(),
            attempt: 1,
        },
        settings: request.settings.clone(),
        git,
        head: head.clone(),
        base,
        artefacts,
        status: None,
        pull_request: None,
        tracker: None,
        preparation: None,
        evidence: Vec::new(),
        rights: None,
    };
    let (rights, grants) = match &request.rights {
        None => (None, Grants::reading()),
        Some(given) => {
            let grants = GateGrants::of(&given.config, &provider.subject.repo, &gate.name)?;
            if let Some(missing) = grants.missing(&gate) {
                anyhow::bail!("gate `{}`: {missing}", gate.name);
            }
            (
                Some(rights_of(given, &provider, &grants)?),
                grants.interfaces(),
            )
        }
    };
    let provider = Provider { rights, ..provider };
    let problems = runtime.check_settings(&gate, &request.settings).await;
    let evaluation = match problems {
        Ok(problems) if problems.is_empty() => {
            let seed = Seed {
                evaluation: 0,
                now_ms: 0,
            };
            runtime
                .evaluate(&gate, Arc::new(provider), &grants, &Limits::default(), seed)
                .await
        }
        Ok(problems) => anyhow::bail!("settings: {}", problems.join("; ")),
        Err(inconclusive) => orch_gates::Evaluation::refused(inconclusive),
    };
    let judged = judge(&evaluation, &gate, head.as_str());
    let exit_code = match &judged.judgement {
        Judgement::Pass | Judgement::NotApplicable => 0,
        Judgement::Fail { .. } => 1,
        Judgement::Inconclusive { .. } => 2,
        Judgement::Wait { .. } => 3,
    };
    Ok(OfflineJudgement {
        gate: gate.name.clone(),
        version: gate.descriptor.version.clone(),
        digest: gate.digest.clone(),
        decision: judged.decision().to_owned(),
        reason: judged.reason().map(|r| r.as_str().to_owned()),
        summary: judged.summary,
        findings: evaluation
            .result
            .as_ref()
            .map(|verdict| verdict.findings.iter().map(finding_view).collect())
            .unwrap_or_default(),
        artefact: judged.artefact.unwrap_or_default(),
        head_sha: head.to_string(),
        provenance_checked: false,
        exit_code,
    })
}

fn rights_of(
    given: &OfflineRights,
    provider: &Provider,
    grants: &GateGrants,
) -> anyhow::Result<Rights> {
    let feed = &given.config.advisories;
    let advisories = OsvClient::new(OsvConfig {
        base_url: feed.url.clone(),
        cache_dir: given.folder.join("advisories"),
        timeout: Duration::from_secs(u64::from(feed.timeout_s)),
        cache_ttl: Duration::from_secs(u64::from(feed.cache_s)),
    })?;
    Ok(Rights {
        tools: ToolBox {
            config: Arc::new(given.config.clone()),
            orch: given.orch.clone(),
            folder: given.folder.clone(),
            socket: given.folder.join("orch.sock"),
            git: provider.git.clone(),
            head: provider.head.clone(),
            base: provider.base.clone(),
            granted: grants.tools.clone(),
        },
        advisories: Arc::new(advisories),
        http: grants.http.clone(),
        kept: Vec::new(),
        staged: Mutex::default(),
    })
}

fn author(request: &OfflineRequest, name: &str) -> Author {
    if let Some(assumed) = request.assumed.iter().find(|a| a.file == name) {
        return if assumed.role == "host" {
            Author::Host
        } else {
            Author::Role(assumed.role.clone())
        };
    }
    if request.strict {
        return Author::Unknown;
    }
    match artefact::owner(name) {
        artefact::Owner::Host => Author::Host,
        artefact::Owner::Role(role) => Author::Role(role.to_string()),
    }
}

/// The git folder of a work tree or of a bare repository.
fn git_dir(repo: &Path) -> anyhow::Result<PathBuf> {
    let inside = repo.join(".git");
    let found = if inside.is_dir() {
        inside
    } else {
        repo.to_owned()
    };
    if !found.join("HEAD").exists() {
        anyhow::bail!(
            "`{}` is no git repository; name one with --repo",
            repo.display()
        );
    }
    Ok(std::fs::canonicalize(&found)?)
}
