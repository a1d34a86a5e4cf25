//! What must hold in every state, what must be reachable, and the faults that a single step can commit.

use stateright::{Model, Property};

use crate::protocol::{Action, Answer, Host, Key, Protocol, State, World, Write};
use crate::rows::{By, Ending, Identity, NOBODY, Row, RowState, Seen};

/// What no step may do. It is judged from the rows before and after, not from the guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    StaleCompletion,
    StalePutOff,
    StaleRenewal,
    RenewalAfterExpiry,
    TerminalRowChanged,
    EpochFell,
    EpochReused,
    TakenFromTheLiving,
    ReapedUnseen,
    RefusedYetWritten,
    HandedOutTwice,
}

/// Faults committed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Faults(u16);

impl Faults {
    pub(crate) const NONE: Self = Self(0);

    fn add(&mut self, fault: Fault) {
        self.0 |= 1 << fault as u16;
    }

    fn has(self, fault: Fault) -> bool {
        self.0 & (1 << fault as u16) != 0
    }

    /// Adds what `action` did wrong.
    pub(crate) fn judge(&mut self, before: &State, action: Action, answer: &Answer, after: &[Row]) {
        for (job, row) in after.iter().enumerate() {
            let old = before.rows[job];
            if old.state.is_terminal() && old != *row {
                self.add(Fault::TerminalRowChanged);
            }
            if row.epoch < old.epoch {
                self.add(Fault::EpochFell);
            }
            if takes(answer, job) {
                self.judge_taking(before, old, row);
            }
        }
        if *answer == Answer::Row(true) {
            self.judge_keyed_write(before, action);
            if let Action::Reap(seen) = action {
                self.judge_reaping(before, seen);
            }
        }
        if *answer == Answer::Row(false) && before.rows[..] != *after {
            self.add(Fault::RefusedYetWritten);
        }
        if let (Action::Both(write, keys), Answer::Rows(wrote)) = (action, answer) {
            self.judge_both(before, write, keys, *wrote, after);
        }
        if let Answer::HandedOut(_, claims) = answer
            && claims.windows(2).any(|two| two[0].0 == two[1].0)
        {
            self.add(Fault::HandedOutTwice);
        }
    }

    /// Each of two that were joined is judged as one that was written by itself.
    fn judge_both(
        &mut self,
        before: &State,
        write: Write,
        keys: [Key; 2],
        wrote_each: [bool; 2],
        after: &[Row],
    ) {
        for (key, wrote) in keys.into_iter().zip(wrote_each) {
            let alone = match write {
                Write::Renew => Action::Renew(key),
                Write::Complete => Action::Finish(key, Ending::Complete),
                Write::PutOff => Action::PutOff(key, true),
            };
            if wrote {
                self.judge_keyed_write(before, alone);
            }
            let is_written = |(other, wrote): (Key, bool)| wrote && other.job == key.job;
            let may_change = keys.into_iter().zip(wrote_each).any(is_written);
            if !may_change && before.rows[key.job] != after[key.job] {
                self.add(Fault::RefusedYetWritten);
            }
        }
    }

    /// A claim or a take-up: the row gets a new epoch, and nobody alive loses it.
    fn judge_taking(&mut self, before: &State, old: Row, new: &Row) {
        if new.epoch <= old.epoch {
            self.add(Fault::EpochReused);
        }
        if old.owner != NOBODY && before.host(old.owner).is_some() {
            self.add(Fault::TakenFromTheLiving);
        }
    }

    /// What is taken is the very claim that was seen, and nobody alive works under it.
    fn judge_reaping(&mut self, before: &State, seen: Seen) {
        let row = before.rows[seen.job];
        if row.epoch != seen.epoch {
            self.add(Fault::ReapedUnseen);
        }
        let owner = before.host(row.owner);
        if owner.is_some_and(|host| host.has_key(seen.job, row.epoch)) {
            self.add(Fault::TakenFromTheLiving);
        }
    }

    fn judge_keyed_write(&mut self, before: &State, action: Action) {
        let is_stale = |key: Key| {
            let row = before.rows[key.job];
            row.state != RowState::Running || row.epoch != key.epoch || row.owner != key.host
        };
        match action {
            Action::Finish(key, _) if is_stale(key) => self.add(Fault::StaleCompletion),
            Action::PutOff(key, _) if is_stale(key) => self.add(Fault::StalePutOff),
            Action::Renew(key) => {
                if is_stale(key) {
                    self.add(Fault::StaleRenewal);
                }
                if before.rows[key.job].lease_until < before.now {
                    self.add(Fault::RenewalAfterExpiry);
                }
            }
            Action::Finish(..)
            | Action::PutOff(..)
            | Action::Tick
            | Action::Start(_)
            | Action::Die(_)
            | Action::Pause(_)
            | Action::Resume(_)
            | Action::Recover(_)
            | Action::Claim(..)
            | Action::ClaimBoth(_)
            | Action::Both(..)
            | Action::Look(_)
            | Action::Leave(_)
            | Action::See(..)
            | Action::Reap(_)
            | Action::Release(_)
            | Action::Cancel(_) => {}
        }
    }
}

fn takes(answer: &Answer, job: usize) -> bool {
    match answer {
        Answer::Claimed(claims) | Answer::HandedOut(_, claims) => {
            claims.iter().any(|claim| claim.0 == job)
        }
        Answer::Recovered(jobs) => jobs.contains(&job),
        Answer::Unasked | Answer::Row(_) | Answer::Rows(_) => false,
    }
}

pub(crate) const ONE_COMPLETION: &str = "a job is completed at most once";
pub(crate) const PRESENT_EPOCH: &str = "an accepted ending carries the present epoch";
pub(crate) const PRESENT_PUT_OFF: &str = "an accepted putting-off carries the present epoch";
pub(crate) const PRESENT_RENEWAL: &str = "an accepted renewal carries the present epoch";
pub(crate) const NO_LATE_RENEWAL: &str = "a renewal after expiry is refused";
pub(crate) const REAPED_AS_SEEN: &str = "an accepted reaping takes the claim that was seen";
pub(crate) const REFUSED_CHANGES_NOTHING: &str = "a refused write changes nothing";
pub(crate) const HANDED_TO_ONE: &str = "a claimed job is handed to one worker";
pub(crate) const TERMINAL_STAYS: &str = "terminal rows never change";
pub(crate) const EPOCH_RISES: &str = "an epoch never falls";
pub(crate) const EPOCH_IS_NEW: &str = "a claim or a take-up has an epoch of its own";
pub(crate) const EPOCH_ADDS_UP: &str =
    "the epoch counts claims, take-ups, releases and cancellations";
pub(crate) const ATTEMPT_ADDS_UP: &str = "the attempt counts claims that were not given back";
pub(crate) const OWNED_WHILE_RUNNING: &str = "a row has an owner just while it runs";
pub(crate) const ENDS_AFTER_RESTART: &str = "every job ends after a restart";
pub(crate) const DEAD_OWN_NOTHING: &str = "beside a recovered host the dead own nothing";
pub(crate) const LIVING_KEEP_THEIRS: &str = "nothing is taken from a host that lives";
pub(crate) const ALL_DONE: &str = "every job is done";
pub(crate) const DONE_AFTER_CRASH: &str = "a job is done after its host died";
/// It is the reaper that takes such a row up; nothing else but the next start of a host does.
pub(crate) const STRANDED: &str = "a row whose handler is gone runs on while nobody reaps it";
pub(crate) const TWO_WORKERS: &str = "a zombie and its successor both work under a key of one job";

type Check = fn(&Protocol, &State) -> bool;

/// What holds always, in both worlds.
const ALWAYS: [(&str, Check); 15] = [
    (ONE_COMPLETION, |_, s| {
        s.ghosts.iter().all(|ghost| ghost.completions <= 1)
    }),
    (PRESENT_EPOCH, |_, s| !s.faults.has(Fault::StaleCompletion)),
    (PRESENT_PUT_OFF, |_, s| !s.faults.has(Fault::StalePutOff)),
    (PRESENT_RENEWAL, |_, s| !s.faults.has(Fault::StaleRenewal)),
    (NO_LATE_RENEWAL, |_, s| {
        !s.faults.has(Fault::RenewalAfterExpiry)
    }),
    (REFUSED_CHANGES_NOTHING, |_, s| {
        !s.faults.has(Fault::RefusedYetWritten)
    }),
    (HANDED_TO_ONE, |_, s| !s.faults.has(Fault::HandedOutTwice)),
    (REAPED_AS_SEEN, |_, s| !s.faults.has(Fault::ReapedUnseen)),
    (TERMINAL_STAYS, |_, s| {
        !s.faults.has(Fault::TerminalRowChanged)
    }),
    (EPOCH_RISES, |_, s| !s.faults.has(Fault::EpochFell)),
    (EPOCH_IS_NEW, |_, s| !s.faults.has(Fault::EpochReused)),
    (EPOCH_ADDS_UP, |_, s| epochs_add_up(s)),
    (ATTEMPT_ADDS_UP, |_, s| attempts_add_up(s)),
    (OWNED_WHILE_RUNNING, |_, s| {
        s.rows
            .iter()
            .all(|row| (row.state == RowState::Running) == (row.owner != NOBODY))
    }),
    (ENDS_AFTER_RESTART, ends_after_restart),
];

/// What holds only where the lock does: `recover` asks for another owner, not for a dead one.
const ALWAYS_UNDER_LOCK: [(&str, Check); 2] = [
    (LIVING_KEEP_THEIRS, |_, s| {
        !s.faults.has(Fault::TakenFromTheLiving)
    }),
    (DEAD_OWN_NOTHING, |_, s| {
        let works = s
            .hosts
            .iter()
            .any(|host| host.is_up() && host.has_recovered);
        !works
            || s.rows
                .iter()
                .all(|row| row.owner == NOBODY || s.host(row.owner).is_some())
    }),
];

/// What is reachable, so that the rest is not true of an empty world.
const SOMETIMES: [(&str, Check); 2] = [
    (ALL_DONE, |m, s| {
        s.ghosts[..m.jobs]
            .iter()
            .all(|ghost| ghost.completions == 1)
    }),
    (DONE_AFTER_CRASH, |_, s| {
        s.rows
            .iter()
            .any(|row| row.state == RowState::Done && row.crashes > 0)
    }),
];

const SOMETIMES_UNDER_LOCK: [(&str, Check); 1] = [(STRANDED, |_, s| {
    s.rows
        .iter()
        .enumerate()
        .any(|(job, row)| is_stranded(s, job, row))
})];

const SOMETIMES_WITHOUT_LOCK: [(&str, Check); 1] = [(TWO_WORKERS, |m, s| {
    let are_working = |job| {
        s.hosts
            .iter()
            .all(|host| !host.is_paused && host.has_keys(job))
    };
    (0..m.jobs).any(are_working)
})];

fn epochs_add_up(state: &State) -> bool {
    state.rows.iter().zip(&state.ghosts).all(|(row, ghost)| {
        row.epoch == ghost.claims + row.crashes + ghost.cancellations + ghost.releases
    })
}

/// Each claim counts unless its try was given back, by putting off, by a person or because its host died.
fn attempts_add_up(state: &State) -> bool {
    state.rows.iter().zip(&state.ghosts).all(|(row, ghost)| {
        let given_back = i16::from(ghost.given_back) + i16::from(ghost.releases);
        let counted = i16::from(row.attempt) + given_back + i16::from(row.crashes);
        row.attempt >= 0 && counted == i16::from(ghost.claims)
    })
}

/// Past its lease, owned by a process that lives and works, and no handler there knows of it.
fn is_stranded(state: &State, job: usize, row: &Row) -> bool {
    let forgotten = |owner: Option<&Host>| {
        owner.is_some_and(|host| !host.is_paused && !host.has_key(job, row.epoch))
    };
    row.state == RowState::Running
        && row.lease_until < state.now
        && forgotten(state.host(row.owner))
}

/// Every process dies, one starts and works without trouble: does every job end?
fn ends_after_restart(protocol: &Protocol, state: &State) -> bool {
    // No row has this identity.
    let id = Identity::MAX;
    let mut rows = state.rows;
    let mut table = protocol.table(&mut rows);
    protocol.take_up(&mut table, id, state.now);
    // What is put off is due a tick later.
    for job in table.claim(protocol.jobs, id, state.now + 1) {
        let epoch = table.rows[job].epoch;
        table.finish(job, epoch, Ending::Complete, By::Itself);
    }
    table.rows.iter().all(|row| row.state.is_terminal())
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::FIRST]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let (next, _) = self.step(state, action);
        (next != *state).then_some(next)
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.rows.iter().all(|row| row.epoch <= self.epoch_max)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let always = |(name, check): &(&'static str, Check)| Property::always(name, *check);
        let sometimes = |(name, check): &(&'static str, Check)| Property::sometimes(name, *check);
        let mut all: Vec<_> = ALWAYS.iter().map(always).collect();
        match self.world {
            World::Locked => {
                all.extend(ALWAYS_UNDER_LOCK.iter().map(always));
                all.extend(SOMETIMES_UNDER_LOCK.iter().map(sometimes));
            }
            World::Forfeited => all.extend(SOMETIMES_WITHOUT_LOCK.iter().map(sometimes)),
        }
        all.extend(SOMETIMES.iter().map(sometimes));
        all.retain(|property| self.asked.is_none_or(|asked| property.name == asked));
        all
    }
}
