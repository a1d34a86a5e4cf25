//! What the review of a round says: to lines of the change what was found there, and the rest in one text.

use orch_domain::port::forge::{LineRemark, NewReview};
use orch_domain::review::{Noted, RoundReview};

use crate::inert::inert;

/// Findings that are shown at their lines. Each is a thread of its own for whoever reads.
const LINES_MAX: usize = 40;

/// The review as it is given.
pub fn review(round: &RoundReview) -> NewReview {
    let (mut lines, mut rest) = (Vec::new(), Vec::new());
    for found in &round.findings {
        match found.place() {
            Some((path, line)) if lines.len() < LINES_MAX => lines.push(LineRemark {
                path: path.to_owned(),
                line,
                text: inert(&text(found)),
            }),
            Some(_) | None => rest.push(inert(&listed(found))),
        }
    }
    let blocking = round.findings.iter().filter(|f| f.blocking).count();
    let mut text = format!(
        "Round {}, commit {}: {}, {} of them {} the landing.",
        round.round,
        round.commit,
        match round.findings.len() {
            1 => "one finding".to_owned(),
            count => format!("{count} findings"),
        },
        blocking,
        if blocking == 1 { "holds up" } else { "hold up" },
    );
    if !rest.is_empty() {
        text.push_str("\n\n");
        text.push_str(&rest.join("\n"));
    }
    if round.left_out > 0 {
        text.push_str(&format!(
            "\n\n{} more are with the task: `orch task show`.",
            round.left_out
        ));
    }
    NewReview {
        commit: round.commit.clone(),
        text,
        lines,
    }
}

fn text(found: &Noted) -> String {
    let weight = if found.blocking { "" } else { ", advice" };
    let mut text = format!(
        "`{}` · {}{weight} · `{}`\n\n{}",
        found.entry, found.severity, found.rule, found.message
    );
    if let Some(help) = &found.help {
        text.push_str("\n\n");
        text.push_str(help);
    }
    text
}

/// A finding as an entry of a list.
fn listed(found: &Noted) -> String {
    let place = match (&found.path, found.line) {
        (Some(path), Some(line)) => format!(" at `{path}:{line}`"),
        (Some(path), None) => format!(" in `{path}`"),
        (None, _) => String::new(),
    };
    let text = text(found).replace("\n\n", "\n");
    let (head, body) = text.split_once('\n').unwrap_or((&text, ""));
    let body = body.replace('\n', "\n  ");
    format!("- {head}{place}\n  {body}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use orch_domain::id::{EntryId, ObjectId};
    use orch_domain::verdict::Severity;

    fn noted(rule: &str, at: Option<(&str, u32)>, blocking: bool) -> Noted {
        Noted {
            entry: EntryId::new("security").unwrap(),
            rule: rule.to_owned(),
            severity: Severity::High,
            blocking,
            message: "ask @ann\nand wait".to_owned(),
            help: Some("read the key from a file".to_owned()),
            path: at.map(|(path, _)| path.to_owned()),
            line: at.map(|(_, line)| line),
        }
    }

    #[test]
    fn finding_with_a_place_stands_at_its_line_and_the_rest_in_one_text() {
        let round = RoundReview {
            branch: "orch/S-1".to_owned(),
            commit: ObjectId::new("a".repeat(40)).unwrap(),
            round: 2,
            findings: vec![
                noted("secret/key", Some(("src/a.rs", 3)), true),
                noted("secret/file", None, false),
            ],
            left_out: 4,
        };
        let review = review(&round);
        assert_eq!(
            review.text,
            format!(
                "Round 2, commit {}: 2 findings, 1 of them holds up the landing.\n\n\
                 - `security` · high, advice · `secret/file`\n  ask @\u{200b}ann\n  and wait\n  read the key from a file\n\n\
                 4 more are with the task: `orch task show`.",
                "a".repeat(40)
            )
        );
        assert_eq!(
            review.lines,
            [LineRemark {
                path: "src/a.rs".to_owned(),
                line: 3,
                text: "`security` · high · `secret/key`\n\nask @\u{200b}ann\nand wait\n\nread the key from a file".to_owned(),
            }]
        );
    }

    #[test]
    fn lines_beyond_the_bound_are_said_in_the_text() {
        let round = RoundReview {
            branch: "orch/S-1".to_owned(),
            commit: ObjectId::new("a".repeat(40)).unwrap(),
            round: 1,
            findings: vec![noted("x", Some(("a", 1)), true); LINES_MAX + 1],
            left_out: 0,
        };
        let review = review(&round);
        assert_eq!(review.lines.len(), LINES_MAX);
        assert!(review.text.contains(" at `a:1`"), "{}", review.text);
    }
}
