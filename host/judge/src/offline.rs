//! What does a gate say of a plain git repository, with no host? For authors, and to look at history.
//!
//! No run rows exist here, so nobody can vouch for authors: roles are assumed, and the output says so. The
//! live host has no such path.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use orch_config::{GateGrants, HostConfig};
use orch_domain::artefact;
use orch_domain::id::{ObjectId, WorkItem};
use orch_domain::imports::{ArtefactInfo, Author, Subject};
use orch_domain::transition::Judgement;
use orch_domain::verdict::Finding;
use orch_gates::{Evaluation, GateRuntime, Grants, Judged, Limits, LoadedGate, Seed, judge};
use orch_process::git::Git;

use crate::facts::{Artefact, Facts, Source};
use crate::provider::Provider;
use crate::rights::{Means, Outside};
use crate::tools::Workshop;

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
    /// What answers gates from the outside world.
    pub outside: Outside,
    /// The program that confines tools; normally this one.
    pub orch: PathBuf,
    /// Folder for scratch files.
    pub folder: PathBuf,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct OfflineJudgement {
    /// Gate.
    pub gate: String,
    /// The gate's version.
    pub version: String,
    /// Digest of the gate's bytes.
    pub digest: String,
    /// What a host would act on.
    pub judged: Judged,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Commit judged.
    pub head: ObjectId,
}

impl OfflineJudgement {
    /// Exit code: 0 pass or not-applicable, 1 fail, 2 inconclusive, 3 wait.
    pub fn exit_code(&self) -> u8 {
        match &self.judged.judgement {
            Judgement::Pass | Judgement::NotApplicable => 0,
            Judgement::Fail { .. } => 1,
            Judgement::Inconclusive { .. } => 2,
            Judgement::Wait { .. } => 3,
        }
    }
}

/// Judges.
///
/// # Errors
/// For a request that cannot be carried out: no such file, repository, branch or work item.
pub async fn judge_offline(
    runtime: &GateRuntime,
    request: &OfflineRequest,
) -> anyhow::Result<OfflineJudgement> {
    let gate = runtime
        .load_file(&request.gate)
        .await
        .with_context(|| format!("gate `{}` cannot be loaded", request.gate.display()))?;
    let folder = tempfile::tempdir()?;
    let facts = facts(request, &folder.path().join("view.git")).await?;
    let head = facts.head.clone();
    let evaluation = evaluate(runtime, &gate, request, facts).await?;
    let judged = judge(&evaluation, &gate, head.as_str());
    Ok(OfflineJudgement {
        gate: gate.name.clone(),
        version: gate.descriptor.version.clone(),
        digest: gate.digest.clone(),
        judged,
        findings: evaluation
            .result
            .map(|verdict| verdict.findings)
            .unwrap_or_default(),
        head,
    })
}

/// What the repository's objects alone say: they are read through an empty repository at `view`, for configuration,
/// attributes, replaced and grafted commits are a local opinion that no verdict may depend on.
async fn facts(request: &OfflineRequest, view: &Path) -> anyhow::Result<Facts> {
    let work_item = WorkItem::new(request.work_item.clone())?;
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
    let git = git.objects_only(view).await?;
    if git.is_shallow() && git.merge_base(&base, &head).await.is_err() {
        anyhow::bail!(
            "`{}` is a shallow clone and does not hold where `{}` left `{}`; fetch the rest with `git fetch --unshallow`",
            request.repo.display(),
            request.branch.as_deref().unwrap_or("HEAD"),
            request.base
        );
    }
    let folder = artefact::folder(&work_item);
    let mut artefacts = Vec::new();
    for entry in git.list(&head, &folder).await? {
        let Some(name) = entry.path.below(&folder) else {
            continue;
        };
        let name = name.to_string();
        let written_by = author(request, &name);
        let info = ArtefactInfo {
            path: name,
            size: entry.size,
            written_by,
        };
        artefacts.push(Artefact {
            info,
            source: Source::Blob(entry),
        });
    }
    let repo = request.repo.file_name();
    Ok(Facts {
        subject: Subject {
            work_item: work_item.to_string(),
            title: work_item.to_string(),
            repo: repo
                .map(|name| name.to_string_lossy().into_owned())
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
        submodules: None,
        head,
        base,
        artefacts,
        status: None,
        pull_request: None,
        tracker: None,
        preparation: None,
        evidence: Vec::new(),
    })
}

/// Has the gate judge, with the rights that were given.
async fn evaluate(
    runtime: &GateRuntime,
    gate: &LoadedGate,
    request: &OfflineRequest,
    facts: Facts,
) -> anyhow::Result<Evaluation> {
    let (rights, grants) = match &request.rights {
        None => (None, Grants::reading()),
        Some(given) => {
            let grants = GateGrants::of(&given.config, &facts.subject.repo, &gate.name)?;
            if let Some(missing) = grants.missing(gate) {
                anyhow::bail!("gate `{}`: {missing}", gate.name);
            }
            let interfaces = grants.interfaces();
            let means = Means {
                workshop: Workshop {
                    orch: given.orch.clone(),
                    folder: given.folder.clone(),
                },
                outside: given.outside.clone(),
            };
            // Without a host nothing is remembered.
            let rights = means.rights(&given.config, grants, &facts, Vec::new());
            (Some(rights), interfaces)
        }
    };
    match runtime.check_settings(gate, &request.settings).await {
        Ok(problems) if problems.is_empty() => {}
        Ok(problems) => anyhow::bail!("settings: {}", problems.join("; ")),
        Err(inconclusive) => return Ok(Evaluation::refused(inconclusive)),
    }
    let seed = Seed {
        evaluation: 0,
        now_ms: 0,
    };
    let imports = Arc::new(Provider { facts, rights });
    Ok(runtime
        .evaluate(gate, imports, &grants, &Limits::default(), seed)
        .await)
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
            "`{}` is not a git repository; name one with --repo",
            repo.display()
        );
    }
    Ok(std::fs::canonicalize(&found)?)
}
