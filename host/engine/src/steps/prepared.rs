//! Which commit is prepared for a task's landing, and is it still what would land?

use orch_domain::batch::BatchState;
use orch_domain::id::ObjectId;
use orch_store::TaskRecord;

use crate::ledger::Ledger;
use crate::ledger::evidence::prepared_of;

/// What the gates after the preparation judge.
pub(super) enum Standing {
    /// This commit, against what it stands on.
    Here { head: ObjectId, base: ObjectId },
    /// Nothing: what was prepared is not what would land any more.
    Overtaken(String),
}

/// Holds what was prepared against where the base is now. A preparation that conflicts with this very base stands.
pub(super) async fn standing(
    ledger: &Ledger,
    record: &TaskRecord,
    tip: &ObjectId,
) -> anyhow::Result<Standing> {
    let id = record.task.id;
    let overtaken = |why: String| Ok(Standing::Overtaken(why));
    let Some(prepared) = prepared_of(ledger, id).await? else {
        return overtaken("nothing is prepared".to_owned());
    };
    let moved = format!("`{}` moved to {tip} after the re-test", record.base_branch);
    if let Some(number) = prepared.batch {
        let batch = ledger.read(|tx| Box::pin(tx.batch(number))).await?;
        let is_whole = matches!(batch.state, BatchState::Passed | BatchState::Landing);
        let member = batch.member(id).filter(|member| member.part.is_in());
        return match member {
            Some(_) if batch.base != *tip => overtaken(moved),
            Some(member) if is_whole => Ok(Standing::Here {
                head: member.tip.clone(),
                base: member.below.clone(),
            }),
            Some(_) | None => overtaken(format!("batch {number} is `{}`", batch.state)),
        };
    }
    let prepared = prepared.preparation;
    let head = record.task.head.clone().unwrap_or_else(|| tip.clone());
    if prepared.base_sha != tip.as_str() {
        return overtaken(moved);
    }
    if prepared.head_sha != head.as_str() {
        return overtaken(format!("prepared is {}, not {head}", prepared.head_sha));
    }
    Ok(Standing::Here {
        head,
        base: tip.clone(),
    })
}
