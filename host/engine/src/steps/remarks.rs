//! What did persons say of the task's difference that nobody has worked on yet? Words for the prompt of a run.

use orch_domain::id::TaskId;
use orch_domain::remark;
use orch_domain::stage::Role;
use orch_store::RemarkRow;

use super::prompts::quote;
use crate::ledger::Ledger;

/// Whether a role makes what persons speak of. Who judges it is not told what to find.
fn makes(role: Role) -> bool {
    match role {
        Role::Analyst | Role::Architect | Role::Developer => true,
        Role::Reviewer | Role::Tester => false,
    }
}

/// The remarks that a run of `role` is to read, oldest first.
pub(super) async fn open(
    ledger: &Ledger,
    task: TaskId,
    role: Role,
) -> anyhow::Result<Vec<RemarkRow>> {
    if !makes(role) {
        return Ok(Vec::new());
    }
    let open = ledger.read(move |tx| Box::pin(async move { tx.open_remarks(task).await }));
    Ok(open.await?)
}

/// What a prompt says of them: each person's in one quotation, for the quotation names who wrote it.
pub(super) fn told(remarks: &[RemarkRow]) -> String {
    let mut persons: Vec<&str> = Vec::new();
    for row in remarks {
        if !persons.contains(&row.new.person.as_str()) {
            persons.push(row.new.person.as_str());
        }
    }
    let of = |person: &str| {
        let own = remarks
            .iter()
            .filter(|row| row.new.person.as_str() == person);
        let texts: Vec<String> = own
            .map(|row| remark::told(&row.new.place, &row.new.text))
            .collect();
        quote(
            "Findings of a person, on places of your change",
            &format!("written by {person}"),
            &texts.join("\n"),
        )
    };
    persons.into_iter().map(of).collect()
}
