//! What a person can do about a task, as arguments of the program and in words.

use orch_domain::names::ItemRef;
use orch_domain::pipeline::Pipeline;
use orch_domain::remedy::{self, Ask};
use orch_store::TaskRecord;
use orch_views::task::{Outside, RemedyView};

/// What can be done about a task; `item` is what the reader calls it.
pub(super) fn views(record: &TaskRecord, pipeline: &Pipeline, item: &ItemRef) -> Vec<RemedyView> {
    let task = &record.task;
    let offered = remedy::remedies(task, pipeline).into_iter();
    let view = |remedy: remedy::Remedy| RemedyView {
        first: remedy.first.map(|first| Outside {
            kind: first,
            text: orch_words::remedy::first(first, task, &record.branch),
        }),
        command: command(remedy.ask, item),
        effect: orch_words::remedy::effect(remedy.ask),
    };
    offered.map(view).collect()
}

fn command(ask: Ask, item: &ItemRef) -> Vec<String> {
    let (verb, stage, rounds) = match ask {
        Ask::Approve => ("approve", None, 0),
        Ask::Resume { stage, rounds } => ("resume", stage, rounds),
        Ask::Rebase => ("resume", None, 0),
        Ask::Stop => ("stop", None, 0),
    };
    let mut command = vec!["task".to_owned(), verb.to_owned(), item.to_string()];
    if ask == Ask::Rebase {
        command.push("--rebase".to_owned());
    }
    if let Some(stage) = stage {
        command.extend(["--stage".to_owned(), stage.to_string()]);
    }
    if rounds > 0 {
        command.extend(["--rounds".to_owned(), rounds.to_string()]);
    }
    command
}
