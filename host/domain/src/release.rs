//! What was put into production, how it is there, and when a change that was taken out of it may come back.

use std::collections::BTreeSet;

use crate::path::RepoPath;
use crate::words::words;

/// Folder of the artefacts: what lies there never runs.
const WORK_ITEMS: &str = "docs/work-items/";

words! {
    "state of a release":
    /// How something that was put into production is.
    pub enum ReleaseState {
        /// It is to be put there; nothing has begun.
        Asked = "asked",
        /// Its hook has begun; production may run it or not.
        Begun = "begun",
        /// It is live, and nobody has said yet how it does.
        Live = "live",
        /// It was live and well until its watch ended.
        Healthy = "healthy",
        /// It was seen to do badly.
        Degraded = "degraded",
        /// It did badly, and production was put back.
        RolledBack = "rolled-back",
        /// Its hook failed.
        Failed = "failed",
        /// Nobody knows how far its hook came.
        Unknown = "unknown",
    }
}

impl ReleaseState {
    /// Whether production runs it, unless something else was put there since.
    pub fn is_live(self) -> bool {
        match self {
            Self::Live | Self::Healthy | Self::Degraded => true,
            Self::Asked | Self::Begun | Self::RolledBack | Self::Failed | Self::Unknown => false,
        }
    }

    /// Whether a hook works on it, or may.
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Asked | Self::Begun)
    }
}

words! {
    "end of a rollback":
    /// What putting production back came to.
    pub enum RollbackEnd {
        /// It runs what was healthy last, and answers its probe.
        Serves = "serves",
        /// It runs what was healthy last, and does not answer its probe all the same.
        StillDegraded = "still-degraded",
        /// The hook failed, or production does not run what it should.
        Failed = "failed",
        /// Nobody knows how far the hook came.
        Unknown = "unknown",
        /// Nothing was healthy before: there is nothing to go back to.
        NothingHealthy = "nothing-healthy",
        /// The hook was taken out of the configuration before it was started.
        NoHook = "no-hook",
    }
}

/// Whether a change is no more in a commit, told from paths alone: `by_change` are those in which the change differs from
/// what was healthy, `by_commit` those in which the commit does. Whoever reverted it left none of them as it was.
pub fn is_taken_out(by_change: &[RepoPath], by_commit: &[RepoPath]) -> bool {
    let runs = |path: &&RepoPath| !path.as_bytes().starts_with(WORK_ITEMS.as_bytes());
    let changed: BTreeSet<&RepoPath> = by_change.iter().filter(runs).collect();
    !changed.is_empty() && !by_commit.iter().any(|path| changed.contains(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> Vec<RepoPath> {
        names.iter().map(|name| RepoPath::from(*name)).collect()
    }

    #[test]
    fn change_is_taken_out_when_nothing_of_it_differs_from_what_was_healthy() {
        let bad = paths(&["src/pay.rs", "docs/work-items/SHOP-1/01-brd.md"]);
        let cases: [(&[&str], bool); 4] = [
            (&[], true),
            (&["src/other.rs", "docs/work-items/SHOP-1/01-brd.md"], true),
            (&["src/pay.rs"], false),
            (&["src/other.rs", "src/pay.rs"], false),
        ];
        for (now, expected) in cases {
            assert_eq!(is_taken_out(&bad, &paths(now)), expected, "{now:?}");
        }
    }

    #[test]
    fn change_that_touched_nothing_that_runs_is_never_told_to_be_taken_out() {
        let bad = paths(&["docs/work-items/SHOP-1/01-brd.md"]);
        assert!(!is_taken_out(&bad, &[]));
    }

    #[test]
    fn production_runs_what_is_live_and_nothing_that_failed() {
        let live = ReleaseState::ALL
            .into_iter()
            .filter(|state| state.is_live());
        let live: Vec<_> = live.map(ReleaseState::as_str).collect();
        assert_eq!(live, ["live", "healthy", "degraded"]);
    }
}
