//! How jobs, leases and tasks are called: one format for each, and how it is read back.
//!
//! No name of a repository, work item or commit has a colon, so a name that is put together of them reads back as
//! what it was.

use std::fmt;
use std::str::FromStr;

use crate::id::{InvalidId, ObjectId, ReleaseId, RepoName, TaskId, WorkItem};

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
    /// Putting production back: once for what was put into it.
    Rollback(ReleaseId),
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(task) => write!(f, "task:{task}"),
            Self::Ci { repo, commit } => write!(f, "ci:{repo}:{commit}"),
            Self::Monitor { task, commit } => write!(f, "monitor:{task}:{commit}"),
            Self::Rollback(release) => write!(f, "rollback:{release}"),
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

/// How a person names a task: by its work item, with the repository where several have one of that name. It fits
/// into one segment of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ItemRef {
    /// The repository, if it was said.
    pub repo: Option<RepoName>,
    /// The work item.
    pub item: WorkItem,
}

impl fmt::Display for ItemRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.repo {
            Some(repo) => write!(f, "{repo}:{}", self.item),
            None => write!(f, "{}", self.item),
        }
    }
}

impl FromStr for ItemRef {
    type Err = InvalidId;

    fn from_str(name: &str) -> Result<Self, InvalidId> {
        let (repo, item) = match name.split_once(':') {
            Some((repo, item)) => (Some(RepoName::new(repo)?), item),
            None => (None, name),
        };
        let item = WorkItem::new(item)?;
        Ok(Self { repo, item })
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
        assert_eq!(JobName::Rollback(ReleaseId(3)).to_string(), "rollback:3");
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

    #[test]
    fn task_is_named_by_its_item_and_its_repository_if_need_be() {
        let item = WorkItem::new("SHOP-7").unwrap();
        for (name, repo) in [("SHOP-7", None), ("shop:SHOP-7", Some(shop()))] {
            let named: ItemRef = name.parse().unwrap();
            assert_eq!((&named.repo, &named.item), (&repo, &item));
            assert_eq!(named.to_string(), name);
        }
        for wrong in ["", ":SHOP-7", "shop:", "a:b:SHOP-7", "shop/SHOP-7", "../x"] {
            assert!(wrong.parse::<ItemRef>().is_err(), "{wrong}");
        }
    }
}
