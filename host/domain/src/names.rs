//! How jobs and leases are called: one format for each, and how it is read back.
//!
//! No name of a repository or commit has a colon, so a name that is put together of them reads back as
//! what it was.

use std::fmt;

use crate::id::{ObjectId, RepoName, TaskId};

/// What a job is about: no two live jobs have the same name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JobName {
    /// The current step of a task, or its stop.
    Step(TaskId),
    /// The test of a commit.
    Ci {
        /// Its repository.
        repo: RepoName,
        /// The commit.
        commit: ObjectId,
    },
    /// The watch over what a task has deployed.
    Monitor {
        /// The task.
        task: TaskId,
        /// The commit that landed.
        commit: ObjectId,
    },
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(task) => write!(f, "task:{task}"),
            Self::Ci { repo, commit } => write!(f, "ci:{repo}:{commit}"),
            Self::Monitor { task, commit } => write!(f, "monitor:{task}:{commit}"),
        }
    }
}

/// What a lease is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LeaseName {
    /// Preparing and landing merges of a repository.
    Merge(RepoName),
    /// Working on a repository whose tasks go one after another.
    Serial(RepoName),
}

impl LeaseName {
    /// The lease with this name.
    pub fn parse(name: &str) -> Option<Self> {
        let (kind, repo) = name.split_once(':')?;
        let repo = RepoName::new(repo).ok()?;
        match kind {
            "merge" => Some(Self::Merge(repo)),
            "serial" => Some(Self::Serial(repo)),
            _ => None,
        }
    }
}

impl fmt::Display for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Merge(repo) => write!(f, "merge:{repo}"),
            Self::Serial(repo) => write!(f, "serial:{repo}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> RepoName {
        RepoName::new("shop").unwrap()
    }

    #[test]
    fn job_is_called_after_what_it_is_about() {
        let commit = ObjectId::new("a".repeat(40)).unwrap();
        let ci = JobName::Ci {
            repo: shop(),
            commit: commit.clone(),
        };
        let task = TaskId(7);
        assert_eq!(JobName::Step(task).to_string(), "task:7");
        assert_eq!(ci.to_string(), format!("ci:shop:{commit}"));
        let monitor = JobName::Monitor { task, commit };
        assert_eq!(monitor.to_string(), format!("monitor:7:{}", "a".repeat(40)));
    }

    #[test]
    fn lease_reads_back_as_itself_and_nothing_else_does() {
        for lease in [LeaseName::Merge(shop()), LeaseName::Serial(shop())] {
            assert_eq!(LeaseName::parse(&lease.to_string()), Some(lease));
        }
        for other in ["merge", "merge:", "merge:a/b", "merge:a:b", "task:SHOP-1"] {
            assert_eq!(LeaseName::parse(other), None, "{other}");
        }
    }
}
