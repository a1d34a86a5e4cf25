//! The mutants: which guard each of them takes out of the real code, and by which change of its text.

/// One guard taken out.
#[derive(Debug)]
pub(super) struct Mutant {
    /// Short name, for `--only`.
    pub(super) name: &'static str,
    /// What is missing then.
    pub(super) takes_out: &'static str,
    /// File below the workspace.
    pub(super) file: &'static str,
    /// Text that stands there exactly once.
    pub(super) text: &'static str,
    /// What stands there instead.
    pub(super) instead: &'static str,
}

const JOBS: &str = "host/store/src/table/jobs.rs";
const HELD: &str = "host/store/src/table/jobs/held.rs";
const TOGETHER: &str = "host/store/src/table/jobs/together.rs";
const TRANSACTION: &str = "host/store/src/writer/transaction.rs";
const LEASES: &str = "host/store/src/table/leases.rs";
const REAP: &str = "host/store/src/table/reap.rs";
const RUNS: &str = "host/store/src/table/runs.rs";
const TASKS: &str = "host/store/src/table/tasks.rs";
const ISSUES: &str = "host/store/src/table/issues.rs";
const TRANSITION: &str = "host/domain/src/transition.rs";
const RECONCILE: &str = "host/domain/src/reconcile.rs";
const SCHEMA: &str = "migrations/sqlite/0001_core.sql";

// A statement keeps all its parameters, or it would fail for their number and any test would notice. What is taken
// out is therefore made idle: `1 OR` in front of a guard, or `OR 0 AND` in front of all that follow.
pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "complete-without-epoch",
        takes_out: "an ending names its claim",
        file: HELD,
        text: "last_error = coalesce(?, last_error) WHERE id = ? AND state = 'running' AND epoch = ?",
        instead: "last_error = coalesce(?, last_error) WHERE id = ? AND state = 'running' AND (1 OR epoch = ?)",
    },
    Mutant {
        name: "put-off-without-epoch",
        takes_out: "putting off names its claim",
        file: HELD,
        text: "attempt = attempt - ? WHERE id = ? AND state = 'running' AND epoch = ?",
        instead: "attempt = attempt - ? WHERE id = ? AND state = 'running' AND (1 OR epoch = ?)",
    },
    Mutant {
        name: "holds-without-epoch",
        takes_out: "a look at a claim names it",
        file: HELD,
        text: "SELECT count(*) FROM jobs WHERE id = ? AND state = 'running' AND epoch = ?",
        instead: "SELECT count(*) FROM jobs WHERE id = ? AND state = 'running' AND (1 OR epoch = ?)",
    },
    Mutant {
        name: "renew-without-epoch",
        takes_out: "a renewal names its claim",
        file: HELD,
        text: "SET lease_until_ms = ? WHERE id = ? AND state = 'running' AND epoch = ?",
        instead: "SET lease_until_ms = ? WHERE id = ? AND state = 'running' AND (1 OR epoch = ?)",
    },
    Mutant {
        name: "renew-after-expiry",
        takes_out: "a claim whose time is over is lost",
        file: HELD,
        text: "AND lease_until_ms >= ?",
        instead: "AND (1 OR lease_until_ms >= ?)",
    },
    Mutant {
        name: "claim-keeps-epoch",
        takes_out: "a claim has a new epoch",
        file: JOBS,
        text: "attempt = attempt + 1, epoch = epoch + 1,",
        instead: "attempt = attempt + 1,",
    },
    Mutant {
        name: "claim-any-lane",
        takes_out: "a claim takes of its lane only",
        file: JOBS,
        text: "(SELECT id FROM jobs WHERE state = 'ready' AND lane = ?",
        instead: "(SELECT id FROM jobs WHERE state = 'ready' AND (1 OR lane = ?)",
    },
    Mutant {
        name: "claim-beyond-limit",
        takes_out: "a claim takes as many as were asked for",
        file: JOBS,
        text: "ORDER BY priority, run_at_ms, id LIMIT +?",
        instead: "ORDER BY priority, run_at_ms, id LIMIT 1000 + ?",
    },
    Mutant {
        name: "claim-what-is-paused",
        takes_out: "what a person holds back is not claimed",
        file: JOBS,
        text: "AND (p.until_ms IS NULL OR p.until_ms > ?)",
        instead: "AND 0 AND (p.until_ms IS NULL OR p.until_ms > ?)",
    },
    Mutant {
        name: "enqueue-without-key",
        takes_out: "a live job with the same key is found",
        file: JOBS,
        text: "?, ?, ?) ON CONFLICT DO NOTHING",
        instead: "?, ?, ?)",
    },
    Mutant {
        name: "joined-enqueue-trusts-its-statement",
        takes_out: "a job that was not queued with others is looked for",
        file: TOGETHER,
        text: "if came.written != each(writes) {\n            // A live job has one of the names.",
        instead: "if false {\n            // A live job has one of the names.",
    },
    Mutant {
        name: "joined-renew-without-epoch",
        takes_out: "a renewal with others names its claim",
        file: TOGETHER,
        text: "AND jobs.epoch = a.value ->> 1 \\\n     AND jobs.lease_until_ms",
        instead: "AND (1 OR jobs.epoch = a.value ->> 1) \\\n     AND jobs.lease_until_ms",
    },
    Mutant {
        name: "joined-renew-after-expiry",
        takes_out: "a claim whose time is over is lost, with others too",
        file: TOGETHER,
        text: "AND jobs.lease_until_ms >= a.value ->> 2",
        instead: "AND (1 OR jobs.lease_until_ms >= a.value ->> 2)",
    },
    Mutant {
        name: "joined-complete-without-epoch",
        takes_out: "an ending with others names its claim",
        file: TOGETHER,
        text: "last_error) FROM json_each(?) AS a \\\n     WHERE jobs.id = a.value ->> 0 AND jobs.state = 'running' AND jobs.epoch = a.value ->> 1",
        instead: "last_error) FROM json_each(?) AS a \\\n     WHERE jobs.id = a.value ->> 0 AND jobs.state = 'running' AND (1 OR jobs.epoch = a.value ->> 1)",
    },
    Mutant {
        name: "joined-put-off-without-epoch",
        takes_out: "putting off with others names its claim",
        file: TOGETHER,
        text: "(a.value ->> 5) FROM json_each(?) AS a \\\n     WHERE jobs.id = a.value ->> 0 AND jobs.state = 'running' AND jobs.epoch = a.value ->> 1",
        instead: "(a.value ->> 5) FROM json_each(?) AS a \\\n     WHERE jobs.id = a.value ->> 0 AND jobs.state = 'running' AND (1 OR jobs.epoch = a.value ->> 1)",
    },
    Mutant {
        name: "group-is-not-taken-back",
        takes_out: "what a joined statement wrote is taken back before each is done by itself",
        file: TRANSACTION,
        text: "if let Err(error) = self.undo().await {",
        instead: "if let Some(error) = None::<StoreError> {",
    },
    Mutant {
        name: "recover-keeps-epoch",
        takes_out: "what is recovered has a new epoch",
        file: JOBS,
        text: "run_at_ms = ?, epoch = epoch + 1, attempt = attempt - 1,",
        instead: "run_at_ms = ?, attempt = attempt - 1,",
    },
    Mutant {
        name: "recover-from-the-living",
        takes_out: "recovery spares its own owner's claims",
        file: JOBS,
        text: "WHERE state = 'running' AND owner <> ?",
        instead: "WHERE state = 'running' AND (1 OR owner <> ?)",
    },
    Mutant {
        name: "cancel-keeps-epoch",
        takes_out: "what is cancelled has a new epoch",
        file: JOBS,
        text: "epoch = epoch + 1 WHERE task_id = ?",
        instead: "epoch = epoch WHERE task_id = ?",
    },
    Mutant {
        name: "reap-by-id",
        takes_out: "reaping repeats what was seen",
        file: REAP,
        text: "WHERE id = ? AND state = 'running' AND epoch = ?",
        instead: "WHERE id = ? OR 0 AND state = 'running' AND epoch = ?",
    },
    Mutant {
        name: "reap-without-epoch",
        takes_out: "reaping names the claim it saw",
        file: REAP,
        text: "WHERE id = ? AND state = 'running' AND epoch = ?",
        instead: "WHERE id = ? AND state = 'running' AND (1 OR epoch = ?)",
    },
    Mutant {
        name: "lease-from-a-holder",
        takes_out: "a lease that is held is not taken",
        file: LEASES,
        text: "WHERE holder IS NULL OR holder = ?2 OR expires_ms < ?5",
        instead: "WHERE 1 OR holder IS NULL OR holder = ?2 OR expires_ms < ?5",
    },
    Mutant {
        name: "lease-freed-later",
        takes_out: "freeing names the acquisition it saw",
        file: LEASES,
        text: "WHERE resource = ? AND holder = ? AND epoch = ?",
        instead: "WHERE resource = ? AND holder = ? AND (1 OR epoch = ?)",
    },
    Mutant {
        name: "lease-renewed-after-expiry",
        takes_out: "a lease whose time is over is lost",
        file: LEASES,
        text: "WHERE resource = ? AND expires_ms >= ? AND EXISTS",
        instead: "WHERE resource = ? AND (1 OR expires_ms >= ?) AND EXISTS",
    },
    Mutant {
        name: "lease-renewed-without-epoch",
        takes_out: "the renewal of a lease names its claim",
        file: LEASES,
        text: "AND j.epoch = ? AND j.state = 'running'",
        instead: "AND (1 OR j.epoch = ?) AND j.state = 'running'",
    },
    Mutant {
        name: "lease-renewed-when-not-running",
        takes_out: "only a running claim renews a lease",
        file: LEASES,
        text: "AND j.epoch = ? AND j.state = 'running'",
        instead: "AND j.epoch = ?",
    },
    Mutant {
        name: "lease-renewed-by-another-task",
        takes_out: "only a claim of the holder renews a lease",
        file: LEASES,
        text: "AND j.task_id = leases.holder",
        instead: "",
    },
    Mutant {
        name: "finalise-twice",
        takes_out: "a run's result is taken in once",
        file: RUNS,
        text: "finished_ms = ? WHERE id = ? AND state = 'started'",
        instead: "finished_ms = ? WHERE id = ?",
    },
    Mutant {
        name: "two-open-runs",
        takes_out: "a job has one run that is not taken in",
        file: SCHEMA,
        text: "CREATE UNIQUE INDEX runs_open",
        instead: "CREATE INDEX runs_open",
    },
    Mutant {
        name: "task-without-version",
        takes_out: "a task moves from the version that was read",
        file: TASKS,
        text: "updated_ms = ? WHERE id = ? AND version = ?",
        instead: "updated_ms = ? WHERE id = ? AND (1 OR version = ?)",
    },
    Mutant {
        name: "source-goes-back",
        takes_out: "the position of a source only rises",
        file: ISSUES,
        text: "DO UPDATE SET position = excluded.position WHERE excluded.position > source_positions.position",
        instead: "DO UPDATE SET position = excluded.position",
    },
    Mutant {
        name: "ended-task-moves",
        takes_out: "nothing moves a task that has ended",
        file: TRANSITION,
        text: "if task.stage.is_terminal() {",
        instead: "if false {",
    },
    Mutant {
        name: "stopped-unasked",
        takes_out: "only a task that is being stopped is stopped",
        file: TRANSITION,
        text: "if self.task.status != Status::Stopping {",
        instead: "if false {",
    },
    Mutant {
        name: "another-gates-verdict",
        takes_out: "a verdict counts for its own step only",
        file: TRANSITION,
        text: "if step != Step::Gate(entry.clone()) {",
        instead: "if false {",
    },
    Mutant {
        name: "drift-while-busy",
        takes_out: "a task whose job is at work is left to it",
        file: RECONCILE,
        text: "(_, StepJob::Busy) => return None,",
        instead: "(_, StepJob::Busy) => {}",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::MUTANTS;
    use crate::mutants::mutated;
    use crate::shell::root;

    #[test]
    fn every_guard_of_the_table_stands_in_the_code_once() {
        for mutant in MUTANTS {
            let text = fs::read_to_string(root().join(mutant.file)).unwrap();
            mutated(mutant, &text).unwrap();
        }
    }

    #[test]
    fn every_mutant_has_a_name_of_its_own() {
        let names: BTreeSet<_> = MUTANTS.iter().map(|mutant| mutant.name).collect();
        assert_eq!(names.len(), MUTANTS.len());
    }
}
