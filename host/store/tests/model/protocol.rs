//! Hosts that claim, pause, die and come back around one table: every step they can take, and what it answers.

use crate::properties::Faults;
use crate::rows::{By, Ending, Identity, JOBS, Mutant, NOBODY, Row, RowState, Seen, Table};
use crate::together::possible_together;

/// Processes that can exist at once.
pub(crate) const HOSTS: usize = 2;

/// What excludes a second host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum World {
    /// As built: a lock of the kernel, kept while the process exists, paused or not.
    Locked,
    /// Worse than built: whoever is paused may lose the lock, and goes on later without knowing it. Only the
    /// rows' guards are left.
    Forfeited,
}

/// One process, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Host {
    /// `NOBODY` while there is no process.
    pub(crate) id: Identity,
    pub(crate) is_paused: bool,
    pub(crate) has_recovered: bool,
    /// Per job, the epochs under which a handler of this process works: bit `e` is epoch `e`.
    keys: [u16; JOBS],
}

impl Host {
    const DOWN: Self = Self {
        id: NOBODY,
        is_paused: false,
        has_recovered: false,
        keys: [0; JOBS],
    };

    pub(crate) fn is_up(&self) -> bool {
        self.id != NOBODY
    }

    pub(crate) fn has_key(&self, job: usize, epoch: u8) -> bool {
        self.keys[job] & (1 << epoch) != 0
    }

    pub(crate) fn has_keys(&self, job: usize) -> bool {
        self.keys[job] != 0
    }

    pub(crate) fn epochs(&self, job: usize) -> impl Iterator<Item = u8> + use<> {
        let keys = self.keys[job];
        (0..16).filter(move |epoch| keys & (1 << epoch) != 0)
    }
}

/// What happened to a job, counted beside the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub(crate) struct Ghost {
    pub(crate) claims: u8,
    pub(crate) given_back: u8,
    pub(crate) cancellations: u8,
    /// Taken from a claim because a person wanted it.
    pub(crate) releases: u8,
    /// Accepted completions.
    pub(crate) completions: u8,
}

/// Everything there is at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) now: u8,
    /// Who has the lock.
    pub(crate) lock: Identity,
    /// Sorted: the slots mean nothing.
    pub(crate) hosts: [Host; HOSTS],
    pub(crate) rows: [Row; JOBS],
    pub(crate) ghosts: [Ghost; JOBS],
    /// What a reaper saw and has not acted on yet.
    pub(crate) seen: Option<Seen>,
    pub(crate) faults: Faults,
}

impl State {
    pub(crate) const FIRST: Self = Self {
        now: 0,
        lock: NOBODY,
        hosts: [Host::DOWN; HOSTS],
        rows: [Row::QUEUED; JOBS],
        ghosts: [Ghost {
            claims: 0,
            given_back: 0,
            cancellations: 0,
            releases: 0,
            completions: 0,
        }; JOBS],
        seen: None,
        faults: Faults::NONE,
    };

    pub(crate) fn host(&self, id: Identity) -> Option<&Host> {
        self.hosts.iter().find(|host| host.is_up() && host.id == id)
    }

    /// An identity that neither a process nor a row has.
    fn fresh_identity(&self) -> Identity {
        let taken = |id| {
            self.host(id).is_some()
                || self.rows.iter().any(|row| row.owner == id)
                || self.seen.is_some_and(|seen| seen.owner == id)
        };
        (NOBODY + 1..).find(|id| !taken(*id)).unwrap_or(NOBODY)
    }

    fn host_mut(&mut self, id: Identity) -> &mut Host {
        let found = self.hosts.iter_mut().find(|host| host.id == id);
        found.expect("actions name processes that exist")
    }

    fn drop_key(&mut self, host: Identity, job: usize, epoch: u8) {
        self.host_mut(host).keys[job] &= !(1 << epoch);
    }
}

/// Job, epoch and the process that works under them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) host: Identity,
    pub(crate) job: usize,
    pub(crate) epoch: u8,
}

/// One step of one actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Tick,
    /// A process takes the lock.
    Start(Identity),
    Die(Identity),
    /// SIGSTOP, SIGCONT.
    Pause(Identity),
    Resume(Identity),
    Recover(Identity),
    Claim(Identity, usize),
    Renew(Key),
    /// The half-second look whether the claim still holds.
    Look(Key),
    Finish(Key, Ending),
    PutOff(Key, bool),
    /// Two handlers write while the writer is at work: it joins what they ask for.
    Both(Write, [Key; 2]),
    /// Two workers claim one job each, likewise.
    ClaimBoth(Identity),
    /// A handler is gone: it ended, panicked, or could not record how it ended. Until then it may write again,
    /// as one does whose accepted write failed to answer.
    Leave(Key),
    /// A reaper reads a running row on which no handler of its host works.
    See(Identity, usize),
    /// It writes, repeating what it saw.
    Reap(Seen),
    /// A person has the job's transition begin anew: reads and writes in one transaction.
    Release(usize),
    /// A person cancels the job's task.
    Cancel(usize),
}

/// What handlers write under their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Write {
    Renew,
    Complete,
    PutOff,
}

/// What the store says to an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The store was not asked.
    Unasked,
    /// Whether the row was written; for a look, whether the claim holds.
    Row(bool),
    Claimed(Vec<Claimed>),
    /// Of each of two writes, whether the row was written.
    Rows([bool; 2]),
    /// How many jobs each of two claims got, and all of them. Which of them gets which means nothing.
    HandedOut([usize; 2], Vec<Claimed>),
    /// Jobs taken up.
    Recovered(Vec<usize>),
}

/// Job, epoch, attempt and crashes of a claim.
pub(crate) type Claimed = (usize, u8, i8, u8);

/// The protocol in one world, with at most one guard missing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Protocol {
    pub(crate) world: World,
    pub(crate) mutant: Mutant,
    /// The one property to judge, if not all.
    pub(crate) asked: Option<&'static str>,
    pub(crate) jobs: usize,
    /// Whether handlers also bury, and put off with the try counted. Both have the guards of their twins.
    pub(crate) has_twins: bool,
    pub(crate) has_reaper: bool,
    pub(crate) now_max: u8,
    /// States past this epoch are not explored. Deaths and restarts are not counted otherwise.
    pub(crate) epoch_max: u8,
}

impl Protocol {
    /// Every action that is possible in `state`.
    pub(crate) fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        if state.now < self.now_max {
            actions.push(Action::Tick);
        }
        if self.may_start(state) {
            actions.push(Action::Start(state.fresh_identity()));
        }
        for host in state.hosts.iter().filter(|host| host.is_up()) {
            actions.push(Action::Die(host.id));
            if host.is_paused {
                actions.push(Action::Resume(host.id));
            } else {
                // Under the lock a paused process keeps everybody out: a pause is then no more than taking no step.
                let may_pause = self.world == World::Forfeited;
                actions.extend(may_pause.then_some(Action::Pause(host.id)));
                self.possible_for(state, host, actions);
            }
        }
        if state
            .hosts
            .iter()
            .any(|host| host.is_up() && !host.is_paused)
        {
            actions.extend((0..self.jobs).map(Action::Cancel));
            let runs = |job: &usize| state.rows[*job].state == RowState::Running;
            let running = (0..self.jobs).filter(|job| self.has_reaper && runs(job));
            actions.extend(running.map(Action::Release));
        }
    }

    fn may_start(&self, state: &State) -> bool {
        let is_free = match state.host(state.lock) {
            None => true,
            Some(holder) => self.world == World::Forfeited && holder.is_paused,
        };
        (is_free || self.mutant == Mutant::StartWithoutLock)
            && state.hosts.iter().any(|host| !host.is_up())
    }

    fn possible_for(&self, state: &State, host: &Host, actions: &mut Vec<Action>) {
        // The engine recovers once, at its start; under the lock it may do so at any time.
        if !host.has_recovered || self.world == World::Locked {
            actions.push(Action::Recover(host.id));
        }
        if !host.has_recovered {
            return;
        }
        let mut rows = state.rows;
        if self.table(&mut rows).has_due(state.now) || self.mutant == Mutant::ClaimWhatRuns {
            actions.extend((1..=self.jobs).map(|count| Action::Claim(host.id, count)));
            actions.extend((self.jobs > 1).then_some(Action::ClaimBoth(host.id)));
        }
        possible_together(self, state, host, actions);
        if self.has_reaper {
            self.possible_for_reaper(state, host, actions);
        }
        for job in 0..self.jobs {
            for epoch in host.epochs(job) {
                let key = Key {
                    host: host.id,
                    job,
                    epoch,
                };
                actions.extend([
                    Action::Renew(key),
                    Action::Look(key),
                    Action::Finish(key, Ending::Complete),
                    Action::Leave(key),
                ]);
                // Put off past the last tick it would never be due.
                let may_put_off = state.now < self.now_max;
                actions.extend(may_put_off.then_some(Action::PutOff(key, true)));
                if self.has_twins {
                    actions.push(Action::Finish(key, Ending::Bury));
                    actions.extend(may_put_off.then_some(Action::PutOff(key, false)));
                }
            }
        }
    }

    fn possible_for_reaper(&self, state: &State, host: &Host, actions: &mut Vec<Action>) {
        match state.seen {
            Some(seen) if seen.host == host.id => actions.push(Action::Reap(seen)),
            Some(_) => {}
            None => {
                let is_unattended = |job: &usize| {
                    let row = state.rows[*job];
                    row.state == RowState::Running && !host.has_key(*job, row.epoch)
                };
                let jobs = (0..self.jobs).filter(is_unattended);
                actions.extend(jobs.map(|job| Action::See(host.id, job)));
            }
        }
    }

    /// What `action` makes of `state`, and what the store answers.
    pub(crate) fn step(&self, state: &State, action: Action) -> (State, Answer) {
        let mut next = *state;
        let answer = match action {
            Action::Tick => {
                next.now += 1;
                Answer::Unasked
            }
            Action::Start(id) => {
                *next.host_mut(NOBODY) = Host { id, ..Host::DOWN };
                next.lock = id;
                Answer::Unasked
            }
            Action::Die(id) => {
                *next.host_mut(id) = Host::DOWN;
                next.seen = next.seen.filter(|seen| seen.host != id);
                if next.lock == id {
                    next.lock = NOBODY;
                }
                Answer::Unasked
            }
            Action::Pause(id) => {
                next.host_mut(id).is_paused = true;
                Answer::Unasked
            }
            Action::Resume(id) => {
                next.host_mut(id).is_paused = false;
                Answer::Unasked
            }
            Action::Leave(key) => {
                next.drop_key(key.host, key.job, key.epoch);
                Answer::Unasked
            }
            Action::See(host, job) => Answer::Row(see(&mut next, host, job)),
            Action::Release(job) => Answer::Row(self.release(&mut next, job)),
            Action::Reap(seen) => {
                next.seen = None;
                let now = next.now;
                Answer::Row(self.table(&mut next.rows).reap(seen, now))
            }
            Action::Recover(host) => self.recover(&mut next, host),
            Action::Claim(host, count) => self.claim(&mut next, host, count),
            Action::Cancel(job) => Answer::Row(self.cancel(&mut next, job)),
            Action::Renew(key) => Answer::Row(self.renew(&mut next, key)),
            Action::Look(key) => Answer::Row(self.look(&mut next, key)),
            Action::Finish(key, ending) => Answer::Row(self.finish(&mut next, key, ending)),
            Action::PutOff(key, back) => Answer::Row(self.put_off(&mut next, key, back)),
            Action::Both(write, keys) => Answer::Rows(self.both(&mut next, write, keys)),
            Action::ClaimBoth(host) => {
                let now = next.now;
                let (each, jobs) = self.table(&mut next.rows).claim_both(host, now);
                Answer::HandedOut(each, handed_out(&mut next, host, jobs))
            }
        };
        next.faults.judge(state, action, &answer, &next.rows);
        next.hosts.sort_unstable();
        (next, answer)
    }

    pub(crate) fn table<'t>(&self, rows: &'t mut [Row; JOBS]) -> Table<'t> {
        Table {
            rows: &mut rows[..self.jobs],
            mutant: self.mutant,
        }
    }

    fn recover(&self, next: &mut State, host: Identity) -> Answer {
        next.host_mut(host).has_recovered = true;
        let now = next.now;
        Answer::Recovered(self.take_up(&mut self.table(&mut next.rows), host, now))
    }

    /// What a host does at its start.
    pub(crate) fn take_up(&self, table: &mut Table<'_>, host: Identity, now: u8) -> Vec<usize> {
        if self.mutant == Mutant::NeverRecovers {
            return Vec::new();
        }
        table.recover(host, now)
    }

    fn claim(&self, next: &mut State, host: Identity, count: usize) -> Answer {
        let now = next.now;
        let claimed = self.table(&mut next.rows).claim(count, host, now);
        Answer::Claimed(handed_out(next, host, claimed))
    }

    /// What follows for the handlers, and what is counted, is as for each by itself.
    fn both(&self, next: &mut State, write: Write, keys: [Key; 2]) -> [bool; 2] {
        let now = next.now;
        let mut table = self.table(&mut next.rows);
        let rows = keys.map(|key| (key.job, key.epoch));
        let wrote = table.all_or_each(rows, |table, job, epoch, by| match write {
            Write::Renew => table.renew(job, epoch, now, by),
            Write::Complete => table.finish(job, epoch, Ending::Complete, by),
            Write::PutOff => table.put_off(job, epoch, true, now, by),
        });
        for (key, wrote) in keys.into_iter().zip(wrote) {
            match write {
                Write::Renew if !wrote => next.drop_key(key.host, key.job, key.epoch),
                Write::Renew => {}
                Write::Complete => next.ghosts[key.job].completions += u8::from(wrote),
                Write::PutOff => next.ghosts[key.job].given_back += u8::from(wrote),
            }
        }
        wrote
    }

    fn cancel(&self, next: &mut State, job: usize) -> bool {
        let wrote = self.table(&mut next.rows).cancel(job);
        next.ghosts[job].cancellations += u8::from(wrote);
        wrote
    }

    fn release(&self, next: &mut State, job: usize) -> bool {
        let now = next.now;
        let wrote = self.table(&mut next.rows).release(job, now);
        next.ghosts[job].releases += u8::from(wrote);
        wrote
    }

    /// A lost lease ends the handler.
    fn renew(&self, next: &mut State, key: Key) -> bool {
        let now = next.now;
        let wrote = self
            .table(&mut next.rows)
            .renew(key.job, key.epoch, now, By::Itself);
        if !wrote {
            next.drop_key(key.host, key.job, key.epoch);
        }
        wrote
    }

    /// A lost claim ends the handler.
    fn look(&self, next: &mut State, key: Key) -> bool {
        let holds = self.table(&mut next.rows).holds(key.job, key.epoch);
        if !holds {
            next.drop_key(key.host, key.job, key.epoch);
        }
        holds
    }

    fn finish(&self, next: &mut State, key: Key, ending: Ending) -> bool {
        let wrote = self
            .table(&mut next.rows)
            .finish(key.job, key.epoch, ending, By::Itself);
        if ending == Ending::Complete {
            next.ghosts[key.job].completions += u8::from(wrote);
        }
        wrote
    }

    fn put_off(&self, next: &mut State, key: Key, gives_back: bool) -> bool {
        let now = next.now;
        let mut table = self.table(&mut next.rows);
        let wrote = table.put_off(key.job, key.epoch, gives_back, now, By::Itself);
        next.ghosts[key.job].given_back += u8::from(wrote && gives_back);
        wrote
    }
}

/// A handler begins under each claim.
fn handed_out(next: &mut State, host: Identity, jobs: Vec<usize>) -> Vec<Claimed> {
    let mut claims = Vec::with_capacity(jobs.len());
    for job in jobs {
        let row = next.rows[job];
        next.ghosts[job].claims += 1;
        next.host_mut(host).keys[job] |= 1 << row.epoch;
        claims.push((job, row.epoch, row.attempt, row.crashes));
    }
    claims
}

/// `running_jobs`, and the evidence that is kept of one of them.
fn see(next: &mut State, host: Identity, job: usize) -> bool {
    let row = next.rows[job];
    let runs = row.state == RowState::Running;
    next.seen = runs.then_some(Seen {
        host,
        job,
        epoch: row.epoch,
        owner: row.owner,
        lease_until: row.lease_until,
    });
    runs
}
