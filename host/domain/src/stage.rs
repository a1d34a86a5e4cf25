//! Where a task can be, and who works there.

/// A stage of the pipeline, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the operator's own")]
pub enum Stage {
    Created,
    Analysis,
    Architecture,
    Development,
    Review,
    Testing,
    DeployStaging,
    Deploy,
    Done,
    Cancelled,
}

impl Stage {
    /// Every stage, in order; `Cancelled` last.
    pub const ALL: [Self; 10] = [
        Self::Created,
        Self::Analysis,
        Self::Architecture,
        Self::Development,
        Self::Review,
        Self::Testing,
        Self::DeployStaging,
        Self::Deploy,
        Self::Done,
        Self::Cancelled,
    ];

    /// Stable name for storage, configuration and display.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Analysis => "analysis",
            Self::Architecture => "architecture",
            Self::Development => "development",
            Self::Review => "review",
            Self::Testing => "testing",
            Self::DeployStaging => "deploy-staging",
            Self::Deploy => "deploy",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    /// The stage with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }

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

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who an agent works as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the operator's own")]
pub enum Role {
    Analyst,
    Architect,
    Developer,
    Reviewer,
    Tester,
}

impl Role {
    /// Every role, in the order they work.
    pub const ALL: [Self; 5] = [
        Self::Analyst,
        Self::Architect,
        Self::Developer,
        Self::Reviewer,
        Self::Tester,
    ];

    /// Stable name for storage, configuration and display.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Analyst => "analyst",
            Self::Architect => "architect",
            Self::Developer => "developer",
            Self::Reviewer => "reviewer",
            Self::Tester => "tester",
        }
    }

    /// The role with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == name)
    }

    /// Whether the role's work is an edit of the code, so that a run without a change did not do it.
    pub fn edits_code(self) -> bool {
        self == Self::Developer
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
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
        }
    }
}
