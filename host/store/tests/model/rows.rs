//! What each guarded statement of `jobs.rs` does to the rows, clause by clause, and what each mutant leaves out.

/// Ticks a claim holds without renewal.
const LEASE: u8 = 1;

/// Jobs the model has room for.
pub(crate) const JOBS: usize = 2;

/// A host's identity; a process that comes back has another one. `NOBODY` is the NULL of the column.
pub(crate) type Identity = u8;
pub(crate) const NOBODY: Identity = 0;

/// The column `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum RowState {
    Scheduled,
    Ready,
    Running,
    Done,
    Dead,
    Cancelled,
}

impl RowState {
    pub(crate) fn is_terminal(self) -> bool {
        matches!(self, Self::Done | Self::Dead | Self::Cancelled)
    }
}

/// The columns that the protocol reads or writes. Priority and lane are the same for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) state: RowState,
    pub(crate) epoch: u8,
    pub(crate) owner: Identity,
    /// Meaningful while there is an owner.
    pub(crate) lease_until: u8,
    pub(crate) attempt: i8,
    pub(crate) crashes: u8,
    pub(crate) run_at: u8,
}

impl Row {
    pub(crate) const QUEUED: Self = Self {
        state: RowState::Ready,
        epoch: 0,
        owner: NOBODY,
        lease_until: 0,
        attempt: 0,
        crashes: 0,
        run_at: 0,
    };

    fn disown(&mut self) {
        self.owner = NOBODY;
        self.lease_until = 0;
    }
}

/// One guard left out or one assignment forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    None,
    /// `finish` without `epoch = ?`.
    CompleteWithoutEpoch,
    /// `finish` without `state = 'running'`.
    CompleteInAnyState,
    /// `put_off` without `epoch = ?`.
    PutOffWithoutEpoch,
    /// `renew` without `lease_until_ms >= ?`.
    RenewAfterExpiry,
    /// `renew` without `epoch = ?`.
    RenewWithoutEpoch,
    /// `claim` without `state = 'ready'`: what runs is claimed as well.
    ClaimWhatRuns,
    /// `claim` without `epoch = epoch + 1`.
    ClaimKeepsEpoch,
    /// `recover` without `owner <> ?`.
    ReapByIdWithoutEvidence,
    /// `recover` without `epoch = epoch + 1`.
    RecoverKeepsEpoch,
    /// `recover` without `attempt = attempt - 1`.
    RecoverKeepsAttempt,
    /// `cancel_jobs` without `state IN (…)`.
    CancelWhatEnded,
    /// `cancel_jobs` without `epoch = epoch + 1`.
    CancelKeepsEpoch,
    /// `reap` by id alone: whatever runs by now is taken.
    ReapByIdOnly,
    /// `reap` without `epoch = ?`: owner and end of the lease are all that is compared.
    ReapWithoutEpoch,
    /// `Store::open` without its lock: a host starts beside another.
    StartWithoutLock,
    /// `Engine::start` without `recover`.
    NeverRecovers,
    /// Statements over an array without the comparison of epochs.
    JoinedWithoutEpoch,
    /// The statement over an array that renews, without `lease_until_ms >= ?`.
    JoinedRenewsAfterExpiry,
    /// A group whose statement wrote too few rows is taken for done.
    GroupTrustsItsStatement,
    /// A group is done one by one over what its statement wrote, which is not taken back.
    GroupKeepsWhatItUndoes,
    /// Each of the claims that became one gets all of its jobs.
    ClaimsHandOutTwice,
}

/// How a keyed write reaches the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// A statement of its own.
    Itself,
    /// A statement over an array, with others.
    Array,
}

/// How a job ends under its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Ending {
    Complete,
    Bury,
}

/// A running row as the reaper saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    /// Whose reaper saw it.
    pub(crate) host: Identity,
    pub(crate) job: usize,
    pub(crate) epoch: u8,
    pub(crate) owner: Identity,
    pub(crate) lease_until: u8,
}

/// The table `jobs` and the statements on it.
#[derive(Debug)]
pub(crate) struct Table<'t> {
    pub(crate) rows: &'t mut [Row],
    pub(crate) mutant: Mutant,
}

impl Table<'_> {
    fn lacks(&self, mutant: Mutant) -> bool {
        self.mutant == mutant
    }

    /// `… WHERE id = ? AND state = 'running' AND epoch = ?`, without what the mutant leaves out.
    fn holds_without(
        &self,
        job: usize,
        epoch: u8,
        no_state: Option<Mutant>,
        no_epoch: Mutant,
    ) -> bool {
        let row = &self.rows[job];
        (row.state == RowState::Running || no_state.is_some_and(|m| self.lacks(m)))
            && (row.epoch == epoch || self.lacks(no_epoch))
    }

    /// `holds`.
    pub(crate) fn holds(&self, job: usize, epoch: u8) -> bool {
        self.rows[job].state == RowState::Running && self.rows[job].epoch == epoch
    }

    /// `claim`: promotes what is due, then takes the first `count` by priority, `run_at_ms`, id.
    pub(crate) fn claim(&mut self, count: usize, owner: Identity, now: u8) -> Vec<usize> {
        for row in self.rows.iter_mut() {
            if row.state == RowState::Scheduled && row.run_at <= now {
                row.state = RowState::Ready;
            }
        }
        let claimable = |row: &Row| {
            row.state == RowState::Ready
                || self.lacks(Mutant::ClaimWhatRuns) && row.state == RowState::Running
        };
        let mut found: Vec<usize> = (0..self.rows.len())
            .filter(|job| claimable(&self.rows[*job]))
            .collect();
        found.sort_by_key(|job| (self.rows[*job].run_at, *job));
        found.truncate(count);
        // The order of the answer means nothing.
        found.sort_unstable();
        let step = u8::from(!self.lacks(Mutant::ClaimKeepsEpoch));
        for job in &found {
            let row = &mut self.rows[*job];
            row.state = RowState::Running;
            row.attempt += 1;
            row.epoch += step;
            row.owner = owner;
            row.lease_until = now + LEASE;
        }
        found
    }

    /// Whether `has_due` says yes.
    pub(crate) fn has_due(&self, now: u8) -> bool {
        self.rows.iter().any(|row| {
            row.state == RowState::Ready || row.state == RowState::Scheduled && row.run_at <= now
        })
    }

    /// `complete` and `bury`; says whether a row was written.
    pub(crate) fn finish(&mut self, job: usize, epoch: u8, ending: Ending, by: By) -> bool {
        let (no_state, no_epoch) = match by {
            By::Itself => (
                Some(Mutant::CompleteInAnyState),
                Mutant::CompleteWithoutEpoch,
            ),
            By::Array => (None, Mutant::JoinedWithoutEpoch),
        };
        let found = self.holds_without(job, epoch, no_state, no_epoch);
        if found {
            let row = &mut self.rows[job];
            row.state = match ending {
                Ending::Complete => RowState::Done,
                Ending::Bury => RowState::Dead,
            };
            row.disown();
        }
        found
    }

    /// `put_off` by one tick; says whether a row was written. The epoch stays: the next claim raises it.
    pub(crate) fn put_off(
        &mut self,
        job: usize,
        epoch: u8,
        gives_back: bool,
        now: u8,
        by: By,
    ) -> bool {
        let no_epoch = match by {
            By::Itself => Mutant::PutOffWithoutEpoch,
            By::Array => Mutant::JoinedWithoutEpoch,
        };
        let found = self.holds_without(job, epoch, None, no_epoch);
        if found {
            let row = &mut self.rows[job];
            row.state = RowState::Scheduled;
            row.run_at = now + 1;
            row.attempt -= i8::from(gives_back);
            row.disown();
        }
        found
    }

    /// `renew`; says whether a row was written.
    pub(crate) fn renew(&mut self, job: usize, epoch: u8, now: u8, by: By) -> bool {
        let (no_epoch, no_expiry) = match by {
            By::Itself => (Mutant::RenewWithoutEpoch, Mutant::RenewAfterExpiry),
            By::Array => (Mutant::JoinedWithoutEpoch, Mutant::JoinedRenewsAfterExpiry),
        };
        let found = self.holds_without(job, epoch, None, no_epoch)
            && (self.rows[job].lease_until >= now || self.lacks(no_expiry));
        if found {
            self.rows[job].lease_until = now + LEASE;
        }
        found
    }

    /// Two keyed writes that became one statement: it stands if it wrote both rows, else it is taken back and each is
    /// done by itself. Says of each whether it was written.
    pub(crate) fn all_or_each(
        &mut self,
        keys: [(usize, u8); 2],
        write: impl Fn(&mut Self, usize, u8, By) -> bool,
    ) -> [bool; 2] {
        let before = self.rows.to_vec();
        let wrote = keys.map(|(job, epoch)| write(self, job, epoch, By::Array));
        if wrote == [true; 2] || self.lacks(Mutant::GroupTrustsItsStatement) {
            return [true; 2];
        }
        if !self.lacks(Mutant::GroupKeepsWhatItUndoes) {
            self.rows.copy_from_slice(&before);
        }
        keys.map(|(job, epoch)| write(self, job, epoch, By::Itself))
    }

    /// Two claims of one job each that became one: how many jobs each gets, and all that were handed out.
    pub(crate) fn claim_both(&mut self, owner: Identity, now: u8) -> ([usize; 2], Vec<usize>) {
        let mut found = self.claim(2, owner, now);
        if self.lacks(Mutant::ClaimsHandOutTwice) {
            let each = found.len();
            found.extend(found.clone());
            found.sort_unstable();
            return ([each; 2], found);
        }
        let first = found.len().min(1);
        ([first, found.len() - first], found)
    }

    /// `cancel_jobs` of the job's task; says whether a row was written.
    pub(crate) fn cancel(&mut self, job: usize) -> bool {
        let found = !self.rows[job].state.is_terminal() || self.lacks(Mutant::CancelWhatEnded);
        let step = u8::from(!self.lacks(Mutant::CancelKeepsEpoch));
        if found {
            let row = &mut self.rows[job];
            row.state = RowState::Cancelled;
            row.epoch += step;
            row.disown();
        }
        found
    }

    /// `reap`, back into the queue; says whether a row was written. A claim fixes the time at which it was made, so
    /// the epoch speaks for `claimed_ms`.
    pub(crate) fn reap(&mut self, seen: Seen, now: u8) -> bool {
        let by_id = self.lacks(Mutant::ReapByIdOnly);
        let any_epoch = by_id || self.lacks(Mutant::ReapWithoutEpoch);
        let row = self.rows[seen.job];
        let found = row.state == RowState::Running
            && (row.epoch == seen.epoch || any_epoch)
            && ((row.owner, row.lease_until) == (seen.owner, seen.lease_until) || by_id);
        if found {
            self.release(seen.job, now);
            self.rows[seen.job].crashes += 1;
        }
        found
    }

    /// `reap` for a person, in the transaction that read the row: no crash. Says whether a row was written.
    pub(crate) fn release(&mut self, job: usize, now: u8) -> bool {
        let row = &mut self.rows[job];
        let found = row.state == RowState::Running;
        if found {
            row.state = RowState::Ready;
            row.run_at = now;
            row.epoch += 1;
            row.attempt -= 1;
            row.disown();
        }
        found
    }

    /// `recover`: takes up every running row of another owner.
    pub(crate) fn recover(&mut self, owner: Identity, now: u8) -> Vec<usize> {
        let any_owner = self.lacks(Mutant::ReapByIdWithoutEvidence);
        let epoch_step = u8::from(!self.lacks(Mutant::RecoverKeepsEpoch));
        let attempt_step = i8::from(!self.lacks(Mutant::RecoverKeepsAttempt));
        let mut taken = Vec::new();
        for (job, row) in self.rows.iter_mut().enumerate() {
            if row.state == RowState::Running && (row.owner != owner || any_owner) {
                row.state = RowState::Ready;
                row.run_at = now;
                row.epoch += epoch_step;
                row.attempt -= attempt_step;
                row.crashes += 1;
                row.disown();
                taken.push(job);
            }
        }
        taken
    }
}
