//! Tasks as text: the list, and one with everything that belongs to it.

use std::fmt::Write as _;

use orch_domain::confined::HeldBy;
use orch_domain::outcome::RunEnding;
use orch_views::page::Page;
use orch_views::task::{
    BatchRunView, BatchView, DecisionView, RunView, TaskLine, TaskView, VerdictView,
};

use super::message::remedies;
use super::network::{denied, traffic};
use super::plain;
use super::risk;
use super::table::{latest, page, table};

pub(crate) fn list(tasks: &Page<TaskLine>) -> String {
    let header = [
        "item", "prio", "repo", "stage", "step", "status", "rework", "title",
    ];
    page(header, tasks, |task| {
        [
            task.work_item.clone(),
            task.priority.to_string(),
            task.repo.clone(),
            task.stage.to_string(),
            task.step.clone(),
            task.status.as_str().to_owned(),
            task.rework_rounds.to_string(),
            task.title.clone(),
        ]
    })
}

pub(crate) fn task(view: &TaskView) -> String {
    let mut page = head(view);
    for (what, rows) in [
        (
            latest("Verdicts", view.verdicts.len(), view.totals.verdicts),
            verdicts(&view.verdicts),
        ),
        (
            latest("Runs", view.runs.len(), view.totals.runs),
            runs(&view.runs),
        ),
    ] {
        // Writing to a String cannot fail.
        write!(page, "\n{what}\n{rows}\n").ok();
    }
    if !view.denied.is_empty() {
        write!(page, "\nRefused of the network\n{}\n", denied(&view.denied)).ok();
    }
    if !view.traffic.is_empty() {
        write!(
            page,
            "\nSent over the network\n{}\n",
            traffic(&view.traffic)
        )
        .ok();
    }
    page
}

fn head(view: &TaskView) -> String {
    let line = &view.line;
    let mut page = format!(
        "{} {}\n",
        plain::line(&line.work_item),
        plain::line(&line.title)
    );
    let stage = format!("{} · {} ({})", line.stage, line.step, line.status.as_str());
    let why = format!("{}{}", plain::block(&view.why), remedies(&view.remedies));
    let why = why.replace('\n', "\n              ");
    let mut rows = vec![
        ("repository", plain::line(&line.repo)),
        ("stage", plain::line(&stage)),
        ("why", why),
        ("branch", plain::line(&view.branch)),
    ];
    if let Some(code) = &view.code_tree {
        rows.push(("code", plain::line(code)));
    }
    if let Some(now) = &line.activity {
        rows.push((
            "now",
            plain::line(&format!("{}, since {}", now.text, now.at)),
        ));
    }
    if let Some(found) = &view.risk {
        rows.push(("risk", plain::line(&risk::line(found))));
    }
    if view.cost_usd > 0.0 {
        rows.push(("cost", cost(view)));
    }
    if let Some(merged) = &view.merged_commit {
        rows.push(("landed", plain::line(merged)));
    }
    if let Some(production) = &view.production {
        let back = production.put_back_to.as_ref();
        let back = back.map_or_else(String::new, |to| format!(", back to {to}"));
        let text = format!("{} {}{back}", production.state, production.commit);
        rows.push(("production", plain::line(&text)));
    }
    if let Some(batch) = &view.batch {
        rows.push(("batch", plain::line(&in_batch(batch))));
    }
    rows.extend(view.decisions.iter().map(|d| ("decided", decision(d))));
    for (name, text) in rows {
        // Writing to a String cannot fail.
        writeln!(page, "  {name:<11} {text}").ok();
    }
    page
}

/// Who decided what, on which way, when.
fn decision(view: &DecisionView) -> String {
    let by = view.channel.map(|channel| format!(" ({channel})"));
    plain::line(&format!(
        "{} by {}{}, {}",
        view.what,
        view.person,
        by.unwrap_or_default(),
        view.at
    ))
}

fn cost(view: &TaskView) -> String {
    let stages = view.costs.iter();
    let stages: Vec<String> = stages
        .map(|row| format!("{} {:.2}", plain::line(&row.name), row.cost_usd))
        .collect();
    format!("{:.2} USD ({})", view.cost_usd, stages.join(", "))
}

/// What became of a task in its batch, and which run of the tests tells of it.
fn in_batch(batch: &BatchView) -> String {
    let count = batch.members.len();
    let mut text = format!(
        "{}, {} of {count} ({}), {}",
        batch.id, batch.position, batch.part, batch.state
    );
    if let Some(why) = batch.why {
        // Writing to a String cannot fail.
        write!(text, " ({why})").ok();
    }
    // What landed is what the largest green run was of; of who turned the tests red, the smallest red one tells.
    let with_it = |run: &&BatchRunView| run.first >= batch.position;
    let mut runs = batch.runs.iter().filter(with_it);
    let green = runs.clone().rev().find(|run| run.passed);
    match green.or_else(|| runs.next()) {
        Some(run) => {
            let how = if run.passed { "passed" } else { "failed" };
            let (first, commit) = (run.first, &run.commit);
            write!(text, "; the first {first} {how} together as {commit}").ok();
        }
        None => text.push_str("; not tested"),
    }
    text
}

fn verdicts(rows: &[VerdictView]) -> String {
    let header = [
        "nr", "entry", "decision", "gate", "version", "µs", "summary",
    ];
    table(header, rows, |v| {
        [
            v.evaluation.to_string(),
            v.entry.clone(),
            v.decision.to_string(),
            v.gate.clone(),
            v.version.clone(),
            v.elapsed_us.to_string(),
            v.summary.clone(),
        ]
    })
}

fn runs(rows: &[RunView]) -> String {
    let header = ["role", "agent", "attempt", "outcome", "held by", "folder"];
    table(header, rows, |r| {
        [
            r.role.to_string(),
            r.agent.clone(),
            r.attempt.to_string(),
            r.outcome.map_or("", RunEnding::as_str).to_owned(),
            r.held_by.map_or("", HeldBy::as_str).to_owned(),
            r.folder.clone(),
        ]
    })
}

#[cfg(test)]
mod tests {
    use orch_domain::batch::{BatchState, Part, WhyDissolved};
    use orch_domain::person::Channel;
    use orch_domain::pipeline::Mode;
    use orch_domain::reach::Reached;
    use orch_domain::risk::Tier;
    use orch_domain::stage::{Role, RunRole, Stage};
    use orch_domain::verdict::EvaluationOutcome;
    use orch_views::costs::{CostView, TokensView};
    use orch_views::task::{DenialView, RemedyView, TaskStatus, TaskTotals, TrafficView};

    use super::*;
    use crate::show::plain::tests::hostile_and_long;

    fn line(item: &str, title: &str) -> TaskLine {
        TaskLine {
            work_item: item.into(),
            repo: "shop".into(),
            title: title.into(),
            stage: Stage::Review,
            step: "review-gate".into(),
            status: TaskStatus::Blocked,
            attempt: 2,
            rework_rounds: 1,
            priority: 5,
            updated: "2026-11-21T10:00:00Z".into(),
            is_drill: false,
            activity: None,
        }
    }

    fn view(title: &str) -> TaskView {
        TaskView {
            line: line("SHOP-1", title),
            why: "it is blocked (rework-exhausted): too often".into(),
            remedies: vec![RemedyView {
                first: None,
                command: ["task", "resume", "SHOP-1", "--rounds", "1"]
                    .map(Into::into)
                    .into(),
                effect: "goes on, with further rework rounds: 1".into(),
            }],
            branch: "orch/SHOP-1-1".into(),
            head: None,
            code_tree: None,
            risk: None,
            decisions: vec![],
            merged_commit: None,
            production: None,
            batch: None,
            cost_usd: 0.0,
            costs: vec![],
            findings: None,
            stages: vec![],
            verdicts: vec![],
            runs: vec![],
            denied: vec![],
            traffic: vec![],
            comments: vec![],
            totals: TaskTotals::default(),
        }
    }

    fn in_a_batch() -> BatchView {
        let run = |first, passed| BatchRunView {
            first,
            commit: "b0".repeat(20),
            passed,
            exit_code: i32::from(!passed),
            duration_ms: 10_000,
        };
        BatchView {
            id: 7,
            state: BatchState::Landed,
            why: None,
            part: Part::Ready,
            position: 2,
            members: ["SHOP-1", "SHOP-2", "SHOP-3"].map(Into::into).into(),
            base: "a0".repeat(20),
            tip: "c0".repeat(20),
            runs: vec![run(1, true), run(2, true), run(3, false)],
        }
    }

    #[test]
    fn part_in_a_batch_names_the_run_that_tells_of_it() {
        insta::assert_snapshot!(in_batch(&in_a_batch()), @"7, 2 of 3 (ready), landed; the first 2 passed together as b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0");
        let bad = BatchView {
            part: Part::Bad,
            position: 3,
            ..in_a_batch()
        };
        insta::assert_snapshot!(in_batch(&bad), @"7, 3 of 3 (bad), landed; the first 3 failed together as b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0");
        let over = BatchView {
            state: BatchState::Dissolved,
            why: Some(WhyDissolved::BaseMoved),
            part: Part::In,
            runs: vec![],
            ..in_a_batch()
        };
        insta::assert_snapshot!(in_batch(&over), @"7, 2 of 3 (in), dissolved (base-moved); not tested");
    }

    fn verdict(summary: &str) -> VerdictView {
        VerdictView {
            evaluation: 12,
            entry: "review".into(),
            gate: "review".into(),
            version: "1.0.0".into(),
            digest: "ab".repeat(32),
            mode: Mode::Enforce,
            stage: Stage::Review,
            attempt: 1,
            decision: EvaluationOutcome::Fail,
            reason: None,
            summary: summary.into(),
            head_sha: "c0".repeat(20),
            elapsed_us: 812,
            reused: false,
            risk: Some(Tier::High),
            not_asked_below: None,
            at_ms: 0,
            frontmatter: String::new(),
        }
    }

    fn run(outcome: Option<RunEnding>) -> RunView {
        RunView {
            id: 3,
            role: RunRole::Role(Role::Developer),
            agent: "script".into(),
            stage: Stage::Development,
            attempt: 1,
            outcome,
            detail: None,
            exit_code: None,
            cost_usd: None,
            tokens: None,
            reattached: 0,
            held_by: outcome.map(|_| HeldBy::Namespaces),
            folder: "/data/runs/shop/3".into(),
            activity: None,
            log_bytes: 0,
            started_ms: 0,
            finished_ms: None,
        }
    }

    fn page_of(items: Vec<TaskLine>) -> Page<TaskLine> {
        Page {
            total: items.len() as u64,
            items,
            next: None,
        }
    }

    #[test]
    fn list_of_none_one_and_many() {
        insta::assert_snapshot!(list(&page_of(vec![])), @"nothing");
        insta::assert_snapshot!(list(&page_of(vec![line("SHOP-1", "A discount")])), @r"
        item    prio  repo  stage   step         status   rework  title
        SHOP-1  5     shop  review  review-gate  blocked  1       A discount
        ");
        let many = Page {
            total: 160,
            next: Some("159".into()),
            items: vec![
                line("SHOP-160", "The latest"),
                line("SHOP-159", "One before"),
            ],
        };
        insta::assert_snapshot!(list(&many), @r"
        item      prio  repo  stage   step         status   rework  title
        SHOP-160  5     shop  review  review-gate  blocked  1       The latest
        SHOP-159  5     shop  review  review-gate  blocked  1       One before

        showing 2 of 160; `--after 159` shows what follows, `--limit 160` shows more at once
        ");
    }

    #[test]
    fn task_with_nothing_yet_and_with_everything() {
        insta::assert_snapshot!(task(&view("A discount")), @r"
        SHOP-1 A discount
          repository  shop
          stage       review · review-gate (blocked)
          why         it is blocked (rework-exhausted): too often
                      `orch task resume SHOP-1 --rounds 1`: goes on, with further rework rounds: 1
          branch      orch/SHOP-1-1

        Verdicts
        nothing

        Runs
        nothing
        ");
        let full = TaskView {
            merged_commit: Some("c0".repeat(20)),
            batch: Some(in_a_batch()),
            code_tree: Some("d1".repeat(20)),
            risk: Some(crate::show::risk::tests::risky()),
            decisions: vec![DecisionView {
                what: "approved".into(),
                person: "ann".into(),
                channel: Some(Channel::Token),
                at: "2026-01-01".into(),
                head: None,
            }],
            cost_usd: 1.5,
            costs: vec![CostView {
                name: "development".into(),
                runs: 2,
                cost_usd: 1.5,
                reserved_usd: 0.0,
                tokens: TokensView::default(),
            }],
            verdicts: vec![verdict("a test is missing")],
            runs: vec![run(Some(RunEnding::Completed)), run(None)],
            denied: vec![DenialView {
                run: Some(3),
                host: "evil.test".into(),
                port: 443,
                why: Reached::NotListed,
                count: 2,
            }],
            traffic: vec![TrafficView {
                run: Some(3),
                host: "registry.test".into(),
                port: 443,
                count: 4,
                sent_bytes: 1_234,
                received_bytes: 56_789,
            }],
            totals: TaskTotals {
                verdicts: 240,
                runs: 2,
                ..TaskTotals::default()
            },
            ..view("A discount")
        };
        insta::assert_snapshot!(task(&full), @r"
        SHOP-1 A discount
          repository  shop
          stage       review · review-gate (blocked)
          why         it is blocked (rework-exhausted): too often
                      `orch task resume SHOP-1 --rounds 1`: goes on, with further rework rounds: 1
          branch      orch/SHOP-1-1
          code        d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
          risk        high (guard .ci/0, guard .ci/1, guard .ci/2, guard .ci/3, code 7, 3 more)
          cost        1.50 USD (development 1.50)
          landed      c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0
          batch       7, 2 of 3 (ready), landed; the first 2 passed together as b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0
          decided     approved by ann (token), 2026-01-01

        Verdicts (the latest 1 of 240)
        nr  entry   decision  gate    version  µs   summary
        12  review  fail      review  1.0.0    812  a test is missing

        Runs
        role       agent   attempt  outcome    held by     folder
        developer  script  1        completed  namespaces  /data/runs/shop/3
        developer  script  1                               /data/runs/shop/3

        Refused of the network
        run  asked for      times  why
        3    evil.test:443  2      not-listed: the operator does not list it under `network.reach`

        Sent over the network
        run  to                 times  sent bytes  received bytes
        3    registry.test:443  4      1234        56789
        ");
    }

    #[test]
    fn nothing_acts_in_what_people_agents_and_gates_wrote() {
        let hostile = hostile_and_long();
        let task = TaskView {
            why: hostile.chars().take(50).collect(),
            verdicts: vec![verdict(&hostile)],
            ..super::tests::view(&hostile)
        };
        insta::assert_snapshot!(super::task(&task), @r"
        SHOP-1 \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎nextxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… (9830 more characters)
          repository  shop
          stage       review · review-gate (blocked)
          why         \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}
                      nextxxxxxxxxxxxxxxxxxxxx
                      `orch task resume SHOP-1 --rounds 1`: goes on, with further rework rounds: 1
          branch      orch/SHOP-1-1

        Verdicts (the latest 1 of 0)
        nr  entry   decision  gate    version  µs   summary
        12  review  fail      review  1.0.0    812  \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎nextxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… (9830 more characters)

        Runs
        nothing
        ");
        insta::assert_snapshot!(list(&page_of(vec![line("SHOP-1", &hostile)])), @r"
        item    prio  repo  stage   step         status   rework  title
        SHOP-1  5     shop  review  review-gate  blocked  1       \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎nextxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… (9830 more characters)
        ");
    }
}
