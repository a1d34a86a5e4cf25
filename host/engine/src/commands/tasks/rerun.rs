//! Tests a commit again: that of a task, or one that is named.

use orch_domain::id::ObjectId;
use orch_store::TaskRecord;
use orch_views::task::Done;

use super::Tasks;
use crate::commands::done::status_of;
use crate::commands::error::{CommandError, host};
use crate::commands::lookup::task_of_item;
use crate::ledger::ci_request::ask_ci;

/// Tasks with one commit that are woken.
const TASKS_MAX: u32 = 50;
/// Digits that a commit is named with at least.
const DIGITS_MIN: usize = 7;

impl Tasks {
    /// Has the commit of a task tested again, whatever came of it before; whoever waits for it looks again. `of` is the
    /// work item of a task, or the commit that a task stands at.
    ///
    /// # Errors
    /// [`CommandError::Conflict`] if the task has ended or has no commit yet; [`CommandError::NotFound`] if no task
    /// under way is at the commit.
    pub async fn rerun_ci(&self, of: &str) -> Result<Done, CommandError> {
        let records = match is_commit(of) {
            true => self.at_commit(of).await?,
            false => vec![task_of_item(&self.ledger, of).await?],
        };
        let Some(first) = records.first().map(|record| record.task.clone()) else {
            return Err(CommandError::not_found(format!(
                "no task under way is at commit `{of}`; a base is tested again by `orch repo check`"
            )));
        };
        let (Some(head), false) = (first.head.clone(), first.stage.is_terminal()) else {
            let text = format!("{of} is in `{}` and has no commit to test", first.stage);
            return Err(CommandError::conflict(text));
        };
        let (sha, now) = (head.clone(), self.ledger.now());
        self.ledger
            .write(move |tx| {
                Box::pin(async move {
                    for TaskRecord { task, .. } in &records {
                        ask_ci(tx, &task.repo, task.id, &sha, now).await?;
                        tx.make_due(task.id, now).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(Done {
            work_item: first.work_item.to_string(),
            stage: first.stage,
            status: status_of(&first.status),
            message: format!("{head} is tested again"),
        })
    }

    /// The tasks under way that stand at a commit, of the first repository that knows it.
    async fn at_commit(&self, of: &str) -> Result<Vec<TaskRecord>, CommandError> {
        for repo in self.repos.all() {
            let known = repo.mirror.resolve(of).await.map_err(|e| host(e.into()))?;
            let Some(commit) = known else { continue };
            let tasks = self.at(&repo.name, commit).await?;
            if !tasks.is_empty() {
                return Ok(tasks);
            }
        }
        Ok(Vec::new())
    }

    async fn at(&self, repo: &str, commit: ObjectId) -> Result<Vec<TaskRecord>, CommandError> {
        let repo = repo.to_owned();
        let read = self.ledger.read(|tx| {
            Box::pin(async move {
                let mut records = Vec::new();
                for task in tx.tasks_at(&repo, &commit, TASKS_MAX).await? {
                    records.push(tx.task(task).await?);
                }
                Ok(records)
            })
        });
        Ok(read.await?)
    }
}

/// Whether a name is that of a commit: work items have a dash in them.
fn is_commit(name: &str) -> bool {
    let is_hex = name
        .bytes()
        .all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
    is_hex && (DIGITS_MIN..=64).contains(&name.len())
}
