//! The queue as text: how many, what is held back, what is at work, what comes next.

use std::fmt::Write as _;

use orch_views::job::{JobCounts, JobState, JobView, JobsView};
use orch_views::pause::PauseView;

use super::plain;
use super::table::{latest, page, table};

pub(crate) fn jobs(view: &JobsView) -> String {
    let mut text = counts(&view.counts);
    if view.alerts > 0 {
        // Writing to a String cannot fail.
        write!(text, "\nalerts {}: `orch alerts` lists them", view.alerts).ok();
    }
    for pause in &view.pauses {
        // Writing to a String cannot fail.
        write!(text, "\n{}", held(pause)).ok();
    }
    let at_work = u64::try_from(view.counts.running).unwrap_or_default();
    let running = latest("At work", view.running.len(), at_work);
    let header = ["id", "kind", "item", "repo", "attempt"];
    let rows = table(header, &view.running, |job| {
        [
            job.id.to_string(),
            kind(job),
            job.work_item.clone().unwrap_or_default(),
            job.repo.clone(),
            job.attempt.to_string(),
        ]
    });
    write!(text, "\n\n{running}\n{rows}\n\nNext\n{}", waiting(view)).ok();
    text
}

fn waiting(view: &JobsView) -> String {
    let header = [
        "id", "kind", "item", "repo", "prio", "due", "attempt", "reason",
    ];
    page(header, &view.waiting, |job| {
        [
            job.id.to_string(),
            kind(job),
            job.work_item.clone().unwrap_or_default(),
            job.repo.clone(),
            job.priority.to_string(),
            due(job),
            job.attempt.to_string(),
            job.reason.clone().unwrap_or_default(),
        ]
    })
}

fn kind(job: &JobView) -> String {
    // What another version of the host does this one has no word for.
    job.kind
        .map_or_else(|| "?".to_owned(), |kind| kind.to_string())
}

fn due(job: &JobView) -> String {
    if job.state == JobState::Ready {
        "now".to_owned()
    } else {
        job.due.clone()
    }
}

fn counts(counts: &JobCounts) -> String {
    [
        ("scheduled", counts.scheduled),
        ("ready", counts.ready),
        ("running", counts.running),
        ("done", counts.done),
        ("dead", counts.dead),
        ("cancelled", counts.cancelled),
    ]
    .map(|(state, count)| format!("{state} {count}"))
    .join("  ")
}

fn held(pause: &PauseView) -> String {
    let why = if pause.reason.is_empty() {
        String::new()
    } else {
        format!(": {}", pause.reason)
    };
    plain::line(&format!("{} holds `{}` back{why}", pause.by, pause.scope))
}

#[cfg(test)]
mod tests {
    use orch_domain::job::{JobKind, Lane};
    use orch_views::page::Page;

    use super::*;
    use crate::show::plain::tests::hostile;

    fn job(id: i64, state: JobState) -> JobView {
        JobView {
            id,
            kind: Some(JobKind::Agent),
            lane: Some(Lane::Agents),
            state,
            repo: "shop".into(),
            work_item: Some(format!("SHOP-{id}")),
            priority: 5,
            attempt: 0,
            due_ms: 0,
            due: "2026-11-21T10:00:00Z".into(),
            reason: None,
        }
    }

    fn view(running: Vec<JobView>, waiting: Vec<JobView>) -> JobsView {
        JobsView {
            counts: JobCounts {
                ready: waiting.len() as i64,
                running: running.len() as i64,
                ..JobCounts::default()
            },
            alerts: 0,
            pauses: vec![],
            running,
            waiting: Page {
                total: waiting.len() as u64,
                items: waiting,
                next: None,
            },
        }
    }

    #[test]
    fn empty_queue_and_one_job() {
        insta::assert_snapshot!(jobs(&view(vec![], vec![])), @r"
        scheduled 0  ready 0  running 0  done 0  dead 0  cancelled 0

        At work
        nothing

        Next
        nothing
        ");
        insta::assert_snapshot!(jobs(&view(vec![job(1, JobState::Running)], vec![])), @r"
        scheduled 0  ready 0  running 1  done 0  dead 0  cancelled 0

        At work
        id  kind   item    repo  attempt
        1   agent  SHOP-1  shop  0

        Next
        nothing
        ");
    }

    #[test]
    fn next_comes_first_and_the_rest_is_said() {
        let later = JobView {
            reason: Some("the provider's rate limit".into()),
            ..job(3, JobState::Scheduled)
        };
        let mut view = view(vec![], vec![job(2, JobState::Ready), later]);
        view.counts.ready = 158;
        view.alerts = 3;
        view.counts.scheduled = 2;
        view.waiting.total = 160;
        view.waiting.next = Some("later.1.3".into());
        view.pauses = vec![PauseView {
            scope: "lane:agents".into(),
            until_ms: None,
            reason: "the provider is on fire".into(),
            by: "ann".into(),
            since_ms: 0,
        }];
        insta::assert_snapshot!(jobs(&view), @r"
        scheduled 2  ready 158  running 0  done 0  dead 0  cancelled 0
        alerts 3: `orch alerts` lists them
        ann holds `lane:agents` back: the provider is on fire

        At work
        nothing

        Next
        id  kind   item    repo  prio  due                   attempt  reason
        2   agent  SHOP-2  shop  5     now                   0
        3   agent  SHOP-3  shop  5     2026-11-21T10:00:00Z  0        the provider's rate limit

        showing 2 of 160; `--after later.1.3` shows what follows, `--limit 160` shows more at once
        ");
    }

    #[test]
    fn nothing_acts_in_a_reason() {
        let mut view = view(vec![], vec![job(2, JobState::Ready)]);
        view.waiting.items[0].reason = Some(hostile());
        view.pauses = vec![PauseView {
            scope: "lane:agents".into(),
            until_ms: None,
            reason: hostile(),
            by: "ann".into(),
            since_ms: 0,
        }];
        insta::assert_snapshot!(jobs(&view), @r"
        scheduled 0  ready 1  running 0  done 0  dead 0  cancelled 0
        ann holds `lane:agents` back: \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎next

        At work
        nothing

        Next
        id  kind   item    repo  prio  due  attempt  reason
        2   agent  SHOP-2  shop  5     now  0        \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎next
        ");
    }
}
