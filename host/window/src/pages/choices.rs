//! What can be done about a task that waits for a person, as orders of a page: the remedies that the host itself names.

use orch_views::task::{self, RemedyView};

use crate::act::{Act, Acts, Look, seen_words};

/// Orders for the remedies of a task; `seen` is what the page shows, so that nobody decides about something else.
pub(super) fn choices(remedies: &[RemedyView], item: &str, seen: &str, acts: Acts<'_>) -> Vec<Act> {
    let mut list = Vec::new();
    for remedy in remedies {
        let words: Vec<&str> = remedy.command.iter().map(String::as_str).collect();
        match words.get(1).copied() {
            Some("approve") => list.extend(decision(item, seen, acts)),
            Some("resume") => list.extend(resume(&words, item, acts, &remedy.effect)),
            Some("stop") => list.extend(stop(item, acts)),
            _ => {}
        }
    }
    list
}

/// To approve or to reject.
pub(super) fn decision(item: &str, seen: &str, acts: Acts<'_>) -> Vec<Act> {
    let looked_at = seen_words(seen);
    let words = |verb: &'static str, more: &[&'static str]| {
        let mut words = vec!["task".to_owned(), verb.to_owned(), item.to_owned()];
        words.extend(more.iter().map(|w| (*w).to_owned()));
        words.extend(looked_at.iter().cloned());
        words
    };
    let of = |least, verb, label, words: &[String]| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let act = acts.about_task(least, item, verb, label, &words)?;
        Some(if seen.is_empty() {
            act
        } else {
            act.with("seen", seen)
        })
    };
    let approve = of(
        task::APPROVE.least,
        "approve",
        "Approve",
        &words("approve", &[]),
    );
    let reject = words("reject", &["--comment", "TEXT"]);
    let reject = of(task::REJECT.least, "reject", "Reject", &reject);
    let approve = approve.map(|act| act.by_key("a").looking(Look::Good));
    let reject = reject.map(|act| {
        act.by_key("r")
            .looking(Look::Bad)
            .asking("comment", "What to change; reaches the agent verbatim")
    });
    approve.into_iter().chain(reject).collect()
}

fn resume(words: &[&str], item: &str, acts: Acts<'_>, effect: &str) -> Option<Act> {
    let after = |flag: &str| {
        let at = words.iter().position(|word| *word == flag)?;
        words.get(at + 1).copied()
    };
    let is_rebase = words.contains(&"--rebase");
    let label = if is_rebase { "Rebase" } else { "Resume" };
    let mut act = acts
        .about_task(task::RESUME.least, item, "resume", label, words)?
        .by_key("e")
        .looking(Look::Good)
        .comes_to(effect);
    if let Some(stage) = after("--stage") {
        act = act.with("stage", stage);
    }
    if let Some(rounds) = after("--rounds") {
        act = act.with("rounds", rounds);
    }
    if is_rebase {
        act = act.with("rebase", "true");
    }
    Some(act)
}

/// To stop, which takes a second step.
pub(super) fn stop(item: &str, acts: Acts<'_>) -> Option<Act> {
    let act = acts.about_task(
        task::STOP.least,
        item,
        "stop",
        "Stop",
        &["task", "stop", item],
    )?;
    Some(act.by_key("x").looking(Look::Bad).warning(
        "Its runs are ended and it does not go on. Its branch and what was done stay; a new task may take up the same item.",
    ))
}
