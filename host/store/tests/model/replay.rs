//! Carries the model's actions out on a real store under a driven clock, and compares every answer and row.

use std::collections::HashSet;

use orch_domain::id::{JobId, RepoName, TaskId, WorkItem};
use orch_domain::job::{JobKind, JobState, Lane, PutOff, PutOffKind};
use orch_store::{
    Cancel, ClaimedJob, CountsAsTry, EnqueueOutcome, FinishOutcome, JobKey, JobRow, NewJob,
    NewTask, Owner, Reaping, RenewOutcome, RunningJob, Store, StoreError, Tx,
};

use crate::protocol::{Action, Answer, Claimed, Key, Protocol, State, Write};
use crate::rows::{Ending, Identity, JOBS, Row, RowState};

/// Length of a tick, and of a lease.
const TICK_MS: i64 = 1_000;
/// The model's time zero.
const BEGIN_MS: i64 = 1_000_000;
/// Walks of one seed.
const WALKS: usize = 160;
/// Steps of a walk.
const STEPS: usize = 24;

/// How often the store gave each answer.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    traces: u32,
    actions: u32,
    claimed: u32,
    recovered: u32,
    finished: u32,
    fenced: u32,
    put_off: u32,
    put_off_fenced: u32,
    renewed: u32,
    lost: u32,
    held: u32,
    not_held: u32,
    cancelled: u32,
    not_cancelled: u32,
    released: u32,
    reaped: u32,
    not_reaped: u32,
    both: u32,
    one_of_both: u32,
    neither: u32,
    handed_out: u32,
}

impl Tally {
    fn count(&mut self, action: Action, answer: &Answer) {
        self.actions += 1;
        let counter = match (action, answer) {
            (_, Answer::Claimed(jobs)) if !jobs.is_empty() => &mut self.claimed,
            (_, Answer::Recovered(jobs)) if !jobs.is_empty() => &mut self.recovered,
            (Action::Finish(..), Answer::Row(true)) => &mut self.finished,
            (Action::Finish(..), Answer::Row(false)) => &mut self.fenced,
            (Action::PutOff(..), Answer::Row(true)) => &mut self.put_off,
            (Action::PutOff(..), Answer::Row(false)) => &mut self.put_off_fenced,
            (Action::Renew(_), Answer::Row(true)) => &mut self.renewed,
            (Action::Renew(_), Answer::Row(false)) => &mut self.lost,
            (Action::Look(_), Answer::Row(true)) => &mut self.held,
            (Action::Look(_), Answer::Row(false)) => &mut self.not_held,
            (Action::Cancel(_), Answer::Row(true)) => &mut self.cancelled,
            (Action::Cancel(_), Answer::Row(false)) => &mut self.not_cancelled,
            (Action::Release(_), Answer::Row(true)) => &mut self.released,
            (Action::Reap(_), Answer::Row(true)) => &mut self.reaped,
            (Action::Reap(_), Answer::Row(false)) => &mut self.not_reaped,
            (_, Answer::Rows([true, true])) => &mut self.both,
            (_, Answer::Rows([false, false])) => &mut self.neither,
            (_, Answer::Rows(_)) => &mut self.one_of_both,
            (_, Answer::HandedOut([1, 1], _)) => &mut self.handed_out,
            _ => return,
        };
        *counter += 1;
    }

    /// A comparison that never met an answer says nothing about it.
    pub(crate) fn assert_saw_everything(&self) {
        assert!(self.traces >= 300, "{self:?}");
        let answers = [
            self.claimed,
            self.recovered,
            self.finished,
            self.fenced,
            self.put_off,
            self.put_off_fenced,
            self.renewed,
            self.lost,
            self.held,
            self.not_held,
            self.cancelled,
            self.not_cancelled,
            self.released,
            self.reaped,
            self.not_reaped,
            self.both,
            self.one_of_both,
            self.neither,
            self.handed_out,
        ];
        assert!(answers.iter().all(|seen| *seen > 0), "{self:?}");
    }
}

/// Different walks of the model, the same for the same seed.
pub(crate) fn walks(protocol: &Protocol, seed: u64) -> HashSet<Vec<Action>> {
    let mut chance = Chance(seed);
    let mut walks = HashSet::new();
    while walks.len() < WALKS {
        walks.insert(walk(protocol, &mut chance));
    }
    walks
}

/// Mostly steps that ask the store; the others only change who asks it.
fn walk(protocol: &Protocol, chance: &mut Chance) -> Vec<Action> {
    let mut state = State::FIRST;
    let mut taken = Vec::with_capacity(STEPS);
    for _ in 0..STEPS {
        let mut actions = Vec::new();
        protocol.possible(&state, &mut actions);
        if chance.below(3) > 0 {
            let asks = |action: &Action| protocol.step(&state, *action).1 != Answer::Unasked;
            let asking: Vec<_> = actions.iter().copied().filter(asks).collect();
            // Cancelling ends a job at once: rarely, or nothing else would be seen.
            let quiet = |action: &Action| !matches!(action, Action::Cancel(_));
            let rest: Vec<_> = asking.iter().copied().filter(quiet).collect();
            let wanted = if chance.below(8) > 0 { rest } else { asking };
            if !wanted.is_empty() {
                actions = wanted;
            }
        }
        let action = actions[chance.below(actions.len())];
        state = protocol.step(&state, action).0;
        taken.push(action);
    }
    taken
}

/// SplitMix64: enough to choose steps by, and the same everywhere.
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % bound.max(1) as u64).unwrap_or(0)
    }
}

/// One store for many traces: each has tasks and jobs of its own and cancels them at its end.
#[derive(Debug)]
pub(crate) struct Rig {
    store: Store,
    _folder: tempfile::TempDir,
    traces: u32,
    /// What a reaper saw.
    seen: Option<RunningJob>,
}

/// The jobs of one trace, in the model's order.
type Jobs = [(TaskId, JobId); JOBS];

impl Rig {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let owner = Owner("replay".to_owned());
        let store = Store::open(&folder.path().join("orch.db"), owner).await;
        Self {
            store: store.expect("the store opens"),
            _folder: folder,
            traces: 0,
            seen: None,
        }
    }

    /// Walks model and store along `actions`; says where they first differ.
    pub(crate) async fn replay(
        &mut self,
        protocol: &Protocol,
        actions: &[Action],
        tally: &mut Tally,
    ) -> Result<(), String> {
        let jobs = self.begin().await;
        let mut state = State::FIRST;
        let mut outcome = Ok(());
        for (index, action) in actions.iter().enumerate() {
            let (next, expected) = protocol.step(&state, *action);
            let answer = self.act(&jobs, state.now, *action).await;
            let rows = self.rows(&jobs).await;
            let wanted = next.rows.map(expected_row);
            if answer != expected {
                outcome = Err(format!(
                    "step {index} {action:?}: {answer:?}, model {expected:?}"
                ));
            } else if rows != wanted {
                outcome = Err(format!(
                    "step {index} {action:?}: {rows:?}, model {wanted:?}"
                ));
            }
            if outcome.is_err() {
                break;
            }
            tally.count(*action, &answer);
            state = next;
        }
        self.end(&jobs).await;
        tally.traces += 1;
        outcome
    }

    async fn begin(&mut self) -> Jobs {
        self.traces += 1;
        let trace = self.traces;
        let made = self.store.write(move |tx| {
            Box::pin(async move { Ok([queue(tx, trace, 1).await?, queue(tx, trace, 2).await?]) })
        });
        made.await.expect("queued")
    }

    async fn end(&self, jobs: &Jobs) {
        for (task, _) in *jobs {
            let ended = self
                .store
                .write(move |tx| Box::pin(tx.cancel_jobs(task, BEGIN_MS, Cancel::Everything)));
            ended.await.expect("cancelled");
        }
    }

    async fn rows(&self, jobs: &Jobs) -> [SeenRow; JOBS] {
        let newest = self.store.read(|tx| Box::pin(tx.recent_jobs(2))).await;
        let newest = newest.expect("listed");
        jobs.map(|(_, id)| {
            let row = newest.iter().find(|row| row.id == id);
            seen_row(row.expect("the newest jobs are this trace's"))
        })
    }

    async fn act(&mut self, jobs: &Jobs, now: u8, action: Action) -> Answer {
        let now = ms(now);
        match action {
            Action::Tick
            | Action::Start(_)
            | Action::Die(_)
            | Action::Pause(_)
            | Action::Resume(_)
            | Action::Leave(_) => Answer::Unasked,
            Action::Recover(host) => self.recover(jobs, owner(host), now).await,
            Action::Claim(host, count) => self.claim(jobs, owner(host), count, now).await,
            Action::Look(key) => {
                let key = real_key(jobs, key);
                let holds = self.store.read(|tx| Box::pin(tx.holds(key))).await;
                Answer::Row(holds.expect("answered"))
            }
            Action::Renew(key) => {
                let key = real_key(jobs, key);
                let done = self
                    .store
                    .write(move |tx| Box::pin(tx.renew(key, now, TICK_MS)));
                Answer::Row(done.await.expect("answered") == RenewOutcome::Renewed)
            }
            Action::Finish(key, ending) => self.finish(real_key(jobs, key), ending, now).await,
            Action::PutOff(key, gives_back) => {
                let key = real_key(jobs, key);
                let counts = match gives_back {
                    true => CountsAsTry::No,
                    false => CountsAsTry::Yes,
                };
                let done = self.store.write(move |tx| {
                    let later = PutOff::new(PutOffKind::Waiting, "later");
                    Box::pin(async move { tx.put_off(key, now + TICK_MS, &later, counts).await })
                });
                Answer::Row(done.await.expect("answered") == FinishOutcome::Finished)
            }
            Action::Both(write, keys) => {
                let [first, second] = keys.map(|key| self.write(write, real_key(jobs, key), now));
                // Asked for before the writer looks, so both are in one batch.
                let (first, second) = tokio::join!(first, second);
                Answer::Rows([first, second])
            }
            Action::ClaimBoth(host) => {
                let owner = owner(host);
                let claim = || self.store.claim(Lane::Gates, 1, &owner, now, TICK_MS);
                let (first, second) = tokio::join!(claim(), claim());
                let (first, second) = (first.expect("answered"), second.expect("answered"));
                let each = [first.len(), second.len()];
                Answer::HandedOut(each, claims(jobs, &[first, second].concat()))
            }
            Action::See(_, job) => {
                self.seen = self.running(jobs, job).await;
                Answer::Row(self.seen.is_some())
            }
            Action::Reap(_) => {
                let seen = self.seen.take().expect("it was seen before");
                Answer::Row(self.reap(seen, Reaping::Requeue, now).await)
            }
            Action::Release(job) => match self.running(jobs, job).await {
                Some(seen) => Answer::Row(self.reap(seen, Reaping::Release, now).await),
                None => Answer::Row(false),
            },
            Action::Cancel(job) => {
                let (task, id) = jobs[job];
                let done = self
                    .store
                    .write(move |tx| Box::pin(tx.cancel_jobs(task, now, Cancel::Everything)));
                Answer::Row(done.await.expect("answered") == [id])
            }
        }
    }

    async fn running(&self, jobs: &Jobs, job: usize) -> Option<RunningJob> {
        let running = self.store.read(|tx| Box::pin(tx.running_jobs())).await;
        let mut running = running.expect("listed").into_iter();
        running.find(|row| row.key.id == jobs[job].1)
    }

    async fn reap(&self, seen: RunningJob, reaping: Reaping, now: i64) -> bool {
        let done = self.store.write(move |tx| {
            let late = PutOff::new(PutOffKind::Reaped, "late");
            Box::pin(async move { tx.reap(&seen, &reaping, &late, now).await })
        });
        done.await.expect("answered").is_some()
    }

    async fn recover(&self, jobs: &Jobs, owner: Owner, now: i64) -> Answer {
        let done = self
            .store
            .write(move |tx| Box::pin(async move { tx.recover(&owner, now).await }));
        let mut taken: Vec<_> = done
            .await
            .expect("answered")
            .iter()
            .map(|row| index(jobs, row.id))
            .collect();
        taken.sort_unstable();
        Answer::Recovered(taken)
    }

    async fn claim(&self, jobs: &Jobs, owner: Owner, count: usize, now: i64) -> Answer {
        let count = u32::try_from(count).expect("small");
        let done = self.store.write(move |tx| {
            Box::pin(async move { tx.claim(Lane::Gates, count, &owner, now, TICK_MS).await })
        });
        let claimed = done.await.expect("answered");
        Answer::Claimed(claims(jobs, &claimed))
    }

    /// What a handler asks of the store for itself; says whether the row was written.
    async fn write(&self, write: Write, key: JobKey, now: i64) -> bool {
        let store = &self.store;
        match write {
            Write::Renew => {
                let renewed = store.renew(key, now, TICK_MS).await;
                renewed.expect("answered") == RenewOutcome::Renewed
            }
            Write::Complete => {
                let finished = store.complete(key, now).await;
                finished.expect("answered") == FinishOutcome::Finished
            }
            Write::PutOff => {
                let later = PutOff::new(PutOffKind::Waiting, "later");
                let put_off = store.put_off(key, now + TICK_MS, later, CountsAsTry::No);
                put_off.await.expect("answered") == FinishOutcome::Finished
            }
        }
    }

    async fn finish(&self, key: JobKey, ending: Ending, now: i64) -> Answer {
        let done = self.store.write(move |tx| {
            Box::pin(async move {
                match ending {
                    Ending::Complete => tx.complete(key, now).await,
                    Ending::Bury => tx.bury(key, "it failed", now).await,
                }
            })
        });
        Answer::Row(done.await.expect("answered") == FinishOutcome::Finished)
    }
}

async fn queue(tx: &mut Tx, trace: u32, number: u32) -> Result<(TaskId, JobId), StoreError> {
    let item = format!("M-{trace}{number}");
    let new = NewTask {
        branch: format!("orch/{item}"),
        work_item: WorkItem::new(item).expect("an item"),
        repo: RepoName::new("shop").expect("a name"),
        title: "t".into(),
        body: "b".into(),
        author: "ann".into(),
        base_branch: "main".into(),
        config: "{}".into(),
        config_digest: "d".into(),
        rework_rounds_max: 3,
    };
    let task = tx.insert_task(new, BEGIN_MS).await?.id;
    let job = NewJob {
        kind: JobKind::Gate,
        task: Some(task),
        repo: String::new(),
        payload: "{}".into(),
        priority: 5,
        run_at_ms: BEGIN_MS,
        name: None,
        put_off: None,
    };
    match tx.enqueue(&job, BEGIN_MS).await? {
        EnqueueOutcome::Enqueued(id) => Ok((task, id)),
        EnqueueOutcome::AlreadyQueued(id) => panic!("job {id} has no key"),
    }
}

/// What the store shows of a row: state, epoch, attempt, due time, and whether it says that it ended.
type SeenRow = (RowState, i64, i64, i64, bool);

fn expected_row(row: Row) -> SeenRow {
    let ended = row.state.is_terminal();
    (
        row.state,
        row.epoch.into(),
        row.attempt.into(),
        ms(row.run_at),
        ended,
    )
}

fn seen_row(row: &JobRow) -> SeenRow {
    let state = match row.state {
        JobState::Scheduled => RowState::Scheduled,
        JobState::Ready => RowState::Ready,
        JobState::Running => RowState::Running,
        JobState::Done => RowState::Done,
        JobState::Dead => RowState::Dead,
        JobState::Cancelled => RowState::Cancelled,
    };
    (
        state,
        row.epoch,
        row.attempt,
        row.run_at_ms,
        row.finished_ms.is_some(),
    )
}

fn claims(jobs: &Jobs, claimed: &[ClaimedJob]) -> Vec<Claimed> {
    let mut claims: Vec<_> = claimed
        .iter()
        .map(|job| {
            let attempt = i8::try_from(job.attempt).expect("small");
            (
                index(jobs, job.key.id),
                small(job.key.epoch),
                attempt,
                small(job.crashes),
            )
        })
        .collect();
    claims.sort_unstable();
    claims
}

fn real_key(jobs: &Jobs, key: Key) -> JobKey {
    JobKey {
        id: jobs[key.job].1,
        epoch: key.epoch.into(),
    }
}

fn index(jobs: &Jobs, id: JobId) -> usize {
    let found = jobs.iter().position(|(_, job)| *job == id);
    found.expect("a job of this trace")
}

fn owner(id: Identity) -> Owner {
    Owner(format!("host-{id}"))
}

fn ms(tick: u8) -> i64 {
    BEGIN_MS + i64::from(tick) * TICK_MS
}

fn small(number: i64) -> u8 {
    u8::try_from(number).expect("small")
}
