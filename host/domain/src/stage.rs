//! Where a task can be, and who works there.

use crate::words::{Word, words};

words! {
    "stage":
    /// A stage of the pipeline, in order.
    #[expect(missing_docs, reason = "the names are the operator's own")]
    pub enum Stage {
        Created = "created",
        Analysis = "analysis",
        Architecture = "architecture",
        Development = "development",
        Review = "review",
        Testing = "testing",
        DeployStaging = "deploy-staging",
        Deploy = "deploy",
        Done = "done",
        Cancelled = "cancelled",
    }
}

impl Stage {
    /// The stage after this one; none after the ends.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Created => Some(Self::Analysis),
            Self::Analysis => Some(Self::Architecture),
            Self::Architecture => Some(Self::Development),
            Self::Development => Some(Self::Review),
            Self::Review => Some(Self::Testing),
            Self::Testing => Some(Self::DeployStaging),
            Self::DeployStaging => Some(Self::Deploy),
            Self::Deploy => Some(Self::Done),
            Self::Done | Self::Cancelled => None,
        }
    }

    /// Whether nothing can follow: the one place that names the set.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled)
    }

    /// Whether work happens here, so that a pipeline may give it steps and a person may resume at it.
    pub fn is_working(self) -> bool {
        !self.is_terminal() && self != Self::Created
    }
}

words! {
    "role":
    /// Who an agent works as.
    #[expect(missing_docs, reason = "the names are the operator's own")]
    pub enum Role {
        Analyst = "analyst",
        Architect = "architect",
        Developer = "developer",
        Reviewer = "reviewer",
        Tester = "tester",
    }
}

impl Role {
    /// Whether the role's work is an edit of the code, so that a run without a change did not do it.
    pub fn edits_code(self) -> bool {
        self == Self::Developer
    }
}

/// What a run works as: an agent's role, or the hook that deploys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunRole {
    /// An agent in its role.
    Role(Role),
    /// The production deploy hook: no agent, and no cost.
    DeployHook,
    /// The hook that puts production back: no agent, and no cost.
    RollbackHook,
}

impl RunRole {
    /// Stable name for storage and display.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Role(role) => role.as_str(),
            Self::DeployHook => "deploy-hook",
            Self::RollbackHook => "rollback-hook",
        }
    }
}

impl std::fmt::Display for RunRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Word for RunRole {
    const WHAT: &'static str = "role of a run";

    fn of(name: &str) -> Option<Self> {
        let mut hooks = [Self::DeployHook, Self::RollbackHook].into_iter();
        let hook = hooks.find(|hook| hook.as_str() == name);
        hook.or_else(|| Role::parse(name).map(Self::Role))
    }

    fn word(&self) -> &'static str {
        self.as_str()
    }

    fn names() -> Vec<&'static str> {
        let roles = Role::ALL.map(Role::as_str);
        roles
            .into_iter()
            .chain([Self::DeployHook, Self::RollbackHook].map(Self::as_str))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_as_the_same_stage() {
        for stage in Stage::ALL {
            assert_eq!(Stage::parse(stage.as_str()), Some(stage));
        }
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            let of_run = RunRole::Role(role);
            assert_eq!(RunRole::of(of_run.as_str()), Some(of_run));
        }
        assert_eq!(RunRole::of("deploy-hook"), Some(RunRole::DeployHook));
        assert_eq!(RunRole::of("operator"), None);
    }
}
