//! Begins drills: for each class a task that carries a bad change and cannot land. One transaction; from then on its
//! jobs are like others.

use orch_config::LiveConfig;
use orch_domain::drill::DrillClass;
use orch_domain::id::{DrillId, ObjectId, RepoName, WorkItem};
use orch_domain::person::Caller;
use orch_domain::transition::Event;
use orch_judge::{Made, Material};
use orch_store::{DrillCase, NewDrill, NewTask, Tx};
use orch_views::drill::{DrillBegun, DrillRequest};
use sha2::{Digest, Sha256};

use super::error::{CommandError, host};
use super::unusable::unusable;
use crate::ledger::Ledger;
use crate::ledger::apply::{By, apply};
use crate::ledger::messages;
use crate::ledger::repos::{InForce, Repo, Repos};
use crate::ledger::unwritten::Unwritten;

/// Drills come after work.
const PRIORITY: i64 = 9;

/// What may be asked about drills. Clones are the same.
#[derive(Debug, Clone)]
pub struct Drills {
    pub(crate) ledger: Ledger,
    pub(crate) config: LiveConfig,
    pub(crate) repos: Repos,
}

/// A drill as it is written.
struct Asked {
    new: NewDrill,
    repo: RepoName,
    base_branch: String,
    config: String,
    cases: Vec<(DrillClass, Made)>,
}

impl Drills {
    /// Begins a drill.
    ///
    /// # Errors
    /// [`CommandError`]; nothing is stored then.
    pub async fn begin(
        &self,
        request: DrillRequest,
        caller: &Caller,
    ) -> Result<DrillBegun, CommandError> {
        let repo = self
            .repos
            .get(&request.repo)
            .map_err(|e| CommandError::not_found(format!("{e:#}")))?;
        let invalid = |e: anyhow::Error| CommandError::invalid(format!("{e:#}"));
        repo.prepare().await.map_err(invalid)?;
        let base = repo.base_tip().await.map_err(invalid)?;
        if let Some(unfit) = repo.unfit(&base).await.map_err(host)? {
            return Err(CommandError::conflict(unfit.to_string()).with_remedy(unfit.remedy()));
        }
        let asked = self.asked(repo, base, request.classes, caller).await?;
        let count = asked.cases.iter().filter(|(_, made)| made.is_ok()).count();
        let by = self.ledger.by_person(caller);
        let begun = self
            .ledger
            .write_or(move |tx| Box::pin(async move { begin(tx, asked, &by).await }));
        match begun.await? {
            Ok(drill) => Ok(DrillBegun {
                drill: drill.0,
                message: format!("drill {drill} has begun with {count} changes"),
            }),
            Err(other) => Err(CommandError::conflict(format!(
                "drill {other} of repository `{}` is still under way",
                repo.name
            ))
            .with_remedy(format!(
                "wait for its end; `orch drill --show {other}` says how far it is"
            ))),
        }
    }

    async fn asked(
        &self,
        repo: &Repo,
        base: ObjectId,
        classes: Vec<DrillClass>,
        caller: &Caller,
    ) -> Result<Asked, CommandError> {
        let InForce { effective, .. } = repo
            .in_force(&self.config.now(), &base)
            .await
            .map_err(|e| unusable(repo, &e))?;
        let drilled = effective.drilled();
        drilled
            .pipeline()
            .map_err(|e| CommandError::invalid(e.to_string()))?;
        let config = serde_json::to_string(&drilled).map_err(|e| host(e.into()))?;
        let seed = format!("{}:{}:{base}", repo.name, self.ledger.now());
        let has_tests = effective.ci.is_some();
        let material = Material::read(&repo.mirror, &base, has_tests, &seed).await;
        let material = material.map_err(host)?;
        let is_wanted = |class: &DrillClass| {
            *class == DrillClass::Control || classes.is_empty() || classes.contains(class)
        };
        let wanted = DrillClass::ALL.into_iter().filter(is_wanted);
        let name = RepoName::new(repo.name.clone());
        Ok(Asked {
            new: NewDrill {
                repo: repo.name.clone(),
                base,
                config_digest: hex::encode(Sha256::digest(config.as_bytes())),
                seed,
                person: caller.person.to_string(),
            },
            repo: name.map_err(|e| CommandError::invalid(e.to_string()))?,
            base_branch: repo.config.base.clone(),
            config,
            cases: wanted.map(|class| (class, material.make(class))).collect(),
        })
    }
}

/// Writes the drill with its tasks; the drill that is still under way instead, if there is one.
async fn begin(tx: &mut Tx, asked: Asked, by: &By) -> Result<Result<DrillId, DrillId>, Unwritten> {
    if let Some(other) = tx.drill_under_way(&asked.new.repo).await? {
        return Ok(Err(other));
    }
    let drill = tx.insert_drill(&asked.new, by.now).await?;
    for (class, made) in &asked.cases {
        let (task, note) = match made {
            Ok(planned) => (
                Some(insert(tx, &asked, drill, *class, by).await?),
                planned.note.clone(),
            ),
            Err(why) => (None, why.clone()),
        };
        let case = DrillCase {
            class: *class,
            task,
            note,
        };
        tx.insert_drill_case(drill, &case).await?;
        if let Some(task) = task {
            apply(tx, task, &Event::Created, by).await?;
        }
    }
    Ok(Ok(drill))
}

/// Writes the task of one class.
async fn insert(
    tx: &mut Tx,
    asked: &Asked,
    drill: DrillId,
    class: DrillClass,
    by: &By,
) -> Result<orch_domain::id::TaskId, Unwritten> {
    let name = format!("DRILL-{drill}-{class}");
    let work_item = WorkItem::new(name).expect("a number and a word of a closed list fit");
    let new = NewTask {
        work_item,
        repo: asked.repo.clone(),
        title: format!("Drill: {}", class.about()),
        body: format!("A drill of the gates: {}. It never lands.", class.about()),
        author: asked.new.person.clone(),
        branch: String::new(),
        base_branch: asked.base_branch.clone(),
        config: asked.config.clone(),
        config_digest: asked.new.config_digest.clone(),
        rework_rounds_max: 0,
    };
    let task = tx.insert_task(new, by.now).await?;
    let branch = messages::branch(&task.work_item, task.id);
    tx.set_branch(task.id, &branch).await?;
    tx.set_priority(task.id, PRIORITY).await?;
    Ok(task.id)
}
