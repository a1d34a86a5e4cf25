//! Which labels did people put on issues, and which issues do they want begun?
//!
//! A server lists issues by when they changed last, in whole seconds. What changed since the second of a position has
//! its timeline read; what did not change since it was read is remembered.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use orch_domain::id::{RepoName, WorkItem};
use orch_domain::port::tracker::{Entry, IssueMove, Position};
use orch_domain::port::{HOST_ACTOR, PortError, PortFailure};

use super::shapes::{Happened, Issue, Person, before, second_of};
use super::{GiteaIssues, Place, SCOPE, START, state_of};

/// How far a change may be dated behind what it followed, seconds.
const LATE_S: i64 = 2;
/// How long an issue shows the same time before nothing more can come under it.
const SETTLED: Duration = Duration::from_secs(3);
/// Issues that are remembered.
const REMEMBERED_MAX: usize = 5_000;

/// What was read of issues that did not change since.
#[derive(Debug, Default)]
pub(super) struct Read(BTreeMap<Place, Known>);

/// What is known of an issue.
#[derive(Debug)]
struct Known {
    /// The time that it showed.
    updated_at: Timestamp,
    /// Since when it has shown that time, by the host's own clock, which need not agree with the server's.
    since: Instant,
    /// What happened to it; none as long as more may follow under the same time.
    rows: Option<Vec<Happened>>,
}

impl GiteaIssues {
    /// What happened to an issue, read again only if it changed.
    async fn happened(&self, place: &Place, issue: &Issue) -> Result<Vec<Happened>, PortError> {
        let mut read = self.read.lock().await;
        if read.0.len() >= REMEMBERED_MAX {
            read.0.clear();
        }
        let fresh = || Known {
            updated_at: issue.updated_at,
            since: Instant::now(),
            rows: None,
        };
        let known = read.0.entry(place.clone()).or_insert_with(fresh);
        if known.updated_at != issue.updated_at {
            *known = fresh();
        }
        if let Some(rows) = &known.rows {
            return Ok(rows.clone());
        }
        // Within a second of whole seconds more can follow that does not show.
        let is_settled = known.since.elapsed() > SETTLED;
        let rows = self.timeline(place, "").await?;
        known.rows = is_settled.then(|| rows.clone());
        Ok(rows)
    }

    fn listed(&self, repo: &RepoName, query: &str) -> String {
        self.at(repo, &format!("/issues?type=issues&{query}&"))
    }
}

pub(super) async fn moves(
    tracker: &GiteaIssues,
    position: Position,
    most: u32,
) -> Result<Vec<IssueMove>, PortError> {
    let me = tracker.me().await?.id;
    let since = second_of(position);
    let mut all = Vec::new();
    for repo in tracker.setup.repositories.keys() {
        let path = tracker.listed(repo, &format!("state=all&since={since}"));
        let issues: Vec<Issue> = tracker.rows(&path).await?;
        for issue in issues {
            let place = Place {
                repo: repo.clone(),
                number: issue.number,
            };
            let Some(id) = place.issue() else { continue };
            let rows = tracker.happened(&place, &issue).await?;
            let moves: Vec<IssueMove> = rows
                .iter()
                .filter_map(|row| {
                    Some(IssueMove {
                        position: row.position(),
                        issue: id.clone(),
                        state: row.moved_to(me)?,
                        actor: actor(row, me),
                        at_ms: row.created_at.as_millisecond(),
                        is_past: false,
                    })
                })
                .collect();
            let last = moves.iter().rev().find(|m| m.actor != HOST_ACTOR);
            let last = last.map(|m| m.position);
            all.extend(moves.into_iter().map(|m| IssueMove {
                is_past: m.actor != HOST_ACTOR && Some(m.position) != last,
                ..m
            }));
        }
    }
    all.retain(|m| m.position > position);
    all.sort_by_key(|m| m.position);
    all.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(all)
}

/// From now on, by the server's own clock: that of the latest change.
pub(super) async fn beginning(tracker: &GiteaIssues) -> Result<Position, PortError> {
    let mut latest = None;
    for repo in tracker.setup.repositories.keys() {
        let path = tracker.listed(repo, "state=all&sort=recentupdate");
        let answer = tracker
            .setup
            .server
            .get(&tracker.source(), &format!("{path}page=1&limit=50"))
            .await?;
        let issues: Option<Vec<Issue>> = tracker.shape(answer.json)?;
        let newest = issues.into_iter().flatten().map(|issue| issue.updated_at);
        latest = latest.max(newest.max());
    }
    Ok(latest.map_or(0, before))
}

/// Who did something, as `people` names them: by the number of their account, which a new name leaves as it is.
fn actor(row: &Happened, me: i64) -> String {
    match row.by() {
        Some(id) if id == me => HOST_ACTOR.to_owned(),
        Some(id) => id.to_string(),
        None => "nobody".to_owned(),
    }
}

/// Open issues that are assigned to an account.
async fn assigned_to(
    tracker: &GiteaIssues,
    repo: &RepoName,
    who: &Person,
) -> Result<Vec<Issue>, PortError> {
    let query = format!("state=open&assigned_by={}", who.login);
    tracker.rows(&tracker.listed(repo, &query)).await
}

pub(super) async fn entries(tracker: &GiteaIssues, most: u32) -> Result<Vec<Entry>, PortError> {
    let mut me = tracker.me().await?;
    let mut all = Vec::new();
    for (repo, of) in &tracker.setup.repositories {
        let labelled = tracker.listed(repo, &format!("state=open&labels={SCOPE}{START}"));
        let mut issues: Vec<Issue> = tracker.rows(&labelled).await?;
        let assigned = match assigned_to(tracker, repo, &me).await {
            // Servers say so of a name that nobody has any more.
            Err(error) if error.failure == PortFailure::NotFound => {
                me = tracker.me_now().await?;
                assigned_to(tracker, repo, &me).await?
            }
            assigned => assigned?,
        };
        for issue in assigned {
            let is_known = issues.iter().any(|known| known.number == issue.number);
            let is_ours = issue.assignees.iter().flatten().any(|who| who.id == me.id);
            // One that stands somewhere was begun before.
            let stands = issue.labels.iter().any(|l| state_of(&l.name).is_some());
            if !is_known && is_ours && !stands {
                issues.push(issue);
            }
        }
        for issue in issues {
            let place = Place {
                repo: repo.clone(),
                number: issue.number,
            };
            let rows = tracker.happened(&place, &issue).await?;
            let item = WorkItem::new(format!("{}-{}", of.prefix, issue.number));
            let (Some(id), Ok(work_item)) = (place.issue(), item) else {
                continue;
            };
            let asked = rows.iter().rev().find(|row| asks(row, me.id));
            let Some(asked) = asked else { continue };
            all.push(Entry {
                issue: id,
                work_item,
                repo: repo.clone(),
                by: asked.by().unwrap_or_default().to_string(),
                changed_by: changed_by(&issue, asked),
                at_ms: asked.created_at.as_millisecond(),
                title: issue.title,
                text: issue.body,
            });
        }
    }
    all.sort_by_key(|entry| entry.at_ms);
    all.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(all)
}

/// Whether this is how somebody asked for a task.
fn asks(row: &Happened, me: i64) -> bool {
    let is_start = row
        .put()
        .and_then(|name| name.strip_prefix(SCOPE))
        .is_some_and(|name| name == START);
    let is_assigned = row.kind == "assignees"
        && !row.removed_assignee
        && row.assignee.as_ref().is_some_and(|who| who.id == me);
    (is_start || is_assigned) && row.by() != Some(me)
}

/// Who may have changed what the issue asks for since somebody asked for it. A server keeps no record of that: only the
/// time of the issue moves, and its author may have done it.
fn changed_by(issue: &Issue, asked: &Happened) -> Vec<String> {
    let is_changed = issue.updated_at.as_second() > asked.created_at.as_second() + LATE_S;
    let author = issue.user.as_ref().map(|user| user.id.to_string());
    author.filter(|_| is_changed).into_iter().collect()
}
