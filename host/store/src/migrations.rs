//! The steps from an empty database to today's schema, built into the program.
//!
//! Listed by hand: the macro that would read the folder brings its own SQLite into every build. A test compares
//! this list with `migrations/sqlite`.

use futures_util::future::BoxFuture;
use sqlx::SqlStr;
use sqlx::error::BoxDynError;
use sqlx::migrate::{MigrateError, Migration, MigrationSource, MigrationType, Migrator};

/// Version, description and statements, by the file's name.
macro_rules! files {
    ($(($version:literal, $description:literal, $file:literal),)*) => {
        [$((
            $version,
            $description,
            include_str!(concat!("../../../migrations/sqlite/", $file)),
        )),*]
    };
}

const FILES: [(i64, &str, &str); 41] = files![
    (1, "core", "0001_core.sql"),
    (
        2,
        "local forge and tracker",
        "0002_local_forge_and_tracker.sql"
    ),
    (3, "gates", "0003_gates.sql"),
    (4, "memory reads", "0004_memory_reads.sql"),
    (5, "pauses", "0005_pauses.sql"),
    (6, "dependencies", "0006_dependencies.sql"),
    (7, "ageing and totals", "0007_ageing_and_totals.sql"),
    (8, "issue moves", "0008_issue_moves.sql"),
    (9, "usage", "0009_usage.sql"),
    (10, "priorities", "0010_priorities.sql"),
    (11, "history", "0011_history.sql"),
    (12, "put off kinds", "0012_put_off_kinds.sql"),
    (13, "item sequences", "0013_item_sequences.sql"),
    (14, "rewritten history", "0014_rewritten_history.sql"),
    (16, "messages", "0016_messages.sql"),
    (17, "moves once", "0017_moves_once.sql"),
    (18, "own records", "0018_own_records.sql"),
    (19, "overtaken", "0019_overtaken.sql"),
    (20, "batches", "0020_batches.sql"),
    (21, "base holds", "0021_base_holds.sql"),
    (22, "alerts", "0022_alerts.sql"),
    (23, "statuses and lanes", "0023_statuses_and_lanes.sql"),
    (24, "base tests", "0024_base_tests.sql"),
    (25, "tests unable", "0025_tests_unable.sql"),
    (26, "webhook deliveries", "0026_webhook_deliveries.sql"),
    (28, "people", "0028_people.sql"),
    (29, "connections", "0029_connections.sql"),
    (30, "windows and trackers", "0030_windows_and_trackers.sql"),
    (33, "round findings", "0033_round_findings.sql"),
    (
        35,
        "connections of anybody",
        "0035_connections_of_anybody.sql"
    ),
    (
        37,
        "base tests by configuration",
        "0037_base_tests_by_configuration.sql"
    ),
    (39, "request keys", "0039_request_keys.sql"),
    (41, "sessions", "0041_sessions.sql"),
    (43, "risk", "0043_risk.sql"),
    (45, "entered", "0045_entered.sql"),
    (48, "drills", "0048_drills.sql"),
    (49, "flaky tests", "0049_flaky_tests.sql"),
    (50, "batch branches", "0050_batch_branches.sql"),
    (52, "releases", "0052_releases.sql"),
    (53, "escalations", "0053_escalations.sql"),
    (55, "remarks", "0055_remarks.sql"),
];

/// Everything that a database may still lack, in order.
pub(crate) async fn migrator() -> Result<Migrator, MigrateError> {
    Migrator::new(Embedded).await
}

#[derive(Debug)]
struct Embedded;

impl MigrationSource<'static> for Embedded {
    fn resolve(self) -> BoxFuture<'static, Result<Vec<Migration>, BoxDynError>> {
        let list = FILES.iter().map(|(version, description, sql)| {
            let sql = SqlStr::from_static(sql);
            Migration::new(
                *version,
                (*description).into(),
                MigrationType::Simple,
                sql,
                false,
            )
        });
        Box::pin(std::future::ready(Ok(list.collect())))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Migrator, migrator};

    #[tokio::test]
    async fn every_file_of_the_folder_is_built_in_with_its_name_and_text() {
        // Asked for when it runs: it may run from a copy of where it was built.
        let own = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the crate is");
        let folder = Path::new(&own).join("../../migrations/sqlite");
        let rows = |all: &Migrator| {
            let mut rows: Vec<_> = all
                .iter()
                .map(|m| (m.version, m.description.clone(), m.checksum.clone()))
                .collect();
            rows.sort();
            rows
        };
        let of_folder = Migrator::new(folder).await.expect("the folder is there");
        let built_in = migrator().await.expect("the list is good");
        assert_eq!(rows(&built_in), rows(&of_folder));
    }
}
