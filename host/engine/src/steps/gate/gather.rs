//! Gathers what an evaluation sees, from git, the store, the forge and the tracker.
//!
//! It is fixed when the evaluation begins: a push in the middle cannot show one gate two states.

use std::collections::BTreeMap;

use orch_config::Effective;
use orch_domain::artefact;
use orch_domain::id::ObjectId;
use orch_domain::imports::{ArtefactInfo, Author, EvidenceItem, Subject};
use orch_domain::memory::Remembered;
use orch_domain::pipeline::Entry;
use orch_judge::{Artefact, Facts, Source};
use orch_store::EvidenceRow;

use super::forge;
use super::subject::Subject as Asked;
use crate::ledger::Ledger;
use crate::ledger::evidence::{PREPARATION, read_preparation, reviews_of};
use crate::ledger::repos::Repo;

/// What the store gives to one evaluation.
pub(super) struct Gathered {
    pub(super) facts: Facts,
    /// What the gate keeps of the repository.
    pub(super) memory: Vec<Remembered>,
}

/// Whether the gate may ask of the forge: only then the forge is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AsksForge {
    Yes,
    /// For statuses alone: what else the forge knows costs a call each.
    Statuses,
    No,
}

/// Gathers what one evaluation sees.
pub(super) async fn gather(
    ledger: &Ledger,
    asked: Asked<'_>,
    effective: &Effective,
    entry: &Entry,
    asks_forge: AsksForge,
) -> anyhow::Result<Gathered> {
    let Asked {
        record,
        repo,
        head,
        base,
        ..
    } = asked;
    let task = &record.task;
    let id = task.id;
    let (name, gate) = (repo.name.clone(), entry.gate.clone());
    let (host, provenance, evidence, tracker, kept) = ledger
        .read(|tx| {
            Box::pin(async move {
                Ok((
                    tx.host_artefacts(id).await?,
                    tx.provenance(id).await?,
                    tx.evidence(id).await?,
                    tx.issue_state(id).await.ok(),
                    tx.gate_memory(&name, &gate).await?,
                ))
            })
        })
        .await?;
    let folder = artefact::folder(&task.work_item);
    let mut items: BTreeMap<String, Artefact> = BTreeMap::new();
    for entry in repo.mirror.list(head, &folder).await? {
        let Some(name) = entry.path.below(&folder) else {
            continue;
        };
        // A link could show a gate another file under an artefact's name.
        let is_hosts = artefact::owner(name.as_bytes()) == artefact::Owner::Host;
        if !entry.mode.starts_with("100") || is_hosts {
            continue;
        }
        let name = name.to_string();
        let author = provenance
            .iter()
            .find(|p| p.path == name && p.blob == entry.blob.as_str())
            .map_or(Author::Unknown, |p| Author::Role(p.role.to_string()));
        let info = ArtefactInfo {
            path: name.clone(),
            size: entry.size,
            written_by: author,
        };
        items.insert(
            name,
            Artefact {
                info,
                source: Source::Blob(entry),
            },
        );
    }
    for item in host {
        let info = ArtefactInfo {
            path: item.path.clone(),
            size: item.content.len() as u64,
            written_by: Author::Host,
        };
        items.insert(
            item.path,
            Artefact {
                info,
                source: Source::Text(item.content),
            },
        );
    }
    let evidence = of_same_code(repo, &folder, head, evidence).await?;
    let preparation = evidence
        .iter()
        .find(|row| row.name == PREPARATION)
        .and_then(|row| read_preparation(&row.content).ok());
    let required = &effective.required_contexts;
    let (status, pull_request) = match asks_forge {
        AsksForge::Yes => (
            Some(forge::commit_status(ledger, record, repo, head, required).await?),
            forge::pull_request(repo, asked, reviews_of(&evidence, head)).await?,
        ),
        AsksForge::Statuses => (
            Some(forge::commit_status(ledger, record, repo, head, required).await?),
            None,
        ),
        AsksForge::No => (None, None),
    };
    let facts = Facts {
        subject: Subject {
            work_item: task.work_item.to_string(),
            title: task.title.clone(),
            repo: task.repo.to_string(),
            stage: task.stage.to_string(),
            branch: record.branch.clone(),
            base_branch: record.base_branch.clone(),
            head_sha: head.to_string(),
            base_sha: base.to_string(),
            attempt: task.attempt(),
        },
        settings: entry.settings.clone(),
        git: repo.mirror.clone(),
        submodules: Some(repo.submodules()),
        head: head.clone(),
        base: base.clone(),
        artefacts: items.into_values().collect(),
        status,
        pull_request,
        tracker,
        preparation,
        evidence: evidence.into_iter().map(item).collect(),
    };
    Ok(Gathered {
        facts,
        memory: kept,
    })
}

fn item(row: EvidenceRow) -> EvidenceItem {
    EvidenceItem {
        name: row.name,
        sha: row.sha,
        obtained_ms: u64::try_from(row.obtained_ms).unwrap_or(0),
        content: row.content,
    }
}

/// Evidence for commits with the head's code counts for the head: what a role writes into the task's folder
/// changes nothing that was tried, and is not tried again.
async fn of_same_code(
    repo: &Repo,
    folder: &str,
    head: &ObjectId,
    mut rows: Vec<EvidenceRow>,
) -> anyhow::Result<Vec<EvidenceRow>> {
    let code = repo.mirror.code_tree(head, folder).await?;
    for row in rows.iter_mut().filter(|row| row.sha != head.as_str()) {
        let Ok(sha) = ObjectId::new(row.sha.clone()) else {
            continue;
        };
        // A commit that is gone from the mirror was of a branch that is gone.
        let of_row = repo.mirror.code_tree(&sha, folder).await;
        if of_row.is_ok_and(|tree| tree == code) {
            head.as_str().clone_into(&mut row.sha);
        }
    }
    Ok(rows)
}
