//! What did a run leave that is not taken as it is? Changes outside of its role's scope, and what no commit can
//! or may hold.

use std::fmt;

use crate::path::RepoPath;

/// How a path differs from what the run began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// It is another file now.
    Changed,
    /// It is gone.
    Deleted,
    /// It is or was a link to a commit of another repository: a submodule.
    Gitlink,
}

impl ChangeKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Added, Self::Changed, Self::Deleted, Self::Gitlink];

    /// Stable name for storage and display.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
            Self::Gitlink => "gitlink",
        }
    }

    /// The kind with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A change that the run's role may not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strayed {
    /// Which path.
    pub path: RepoPath,
    /// What was done to it.
    pub kind: ChangeKind,
}

impl fmt::Display for Strayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ChangeKind::Added => "added, out of scope",
            ChangeKind::Changed => "changed, out of scope",
            ChangeKind::Deleted => "deleted, out of scope",
            ChangeKind::Gitlink => "gitlink: the commit of a submodule is not an agent's to change",
        };
        write!(f, "`{}` ({kind})", self.path)
    }
}

/// Why something in a work tree is not taken into a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalKind {
    /// A repository of its own, whose history no commit of this one holds.
    NestedRepository,
    /// A file of a submodule, which no commit of this repository holds.
    Submodule,
    /// A name that git refuses or that is not what it looks like: `.git` in any spelling, control characters.
    ForbiddenName,
    /// A pipe, socket or device.
    SpecialFile,
    /// It could not be read, though its mode was mended.
    Unreadable,
    /// It lies deeper, or its path is longer, than anything that git and the system open.
    TooDeep,
    /// The work tree itself is not there any more.
    TreeGone,
    /// There are more new files than one change may hold.
    TooManyFiles,
    /// A file, or all of them together, are bigger than a change may be.
    TooBig,
}

impl RefusalKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::NestedRepository,
        Self::Submodule,
        Self::ForbiddenName,
        Self::SpecialFile,
        Self::Unreadable,
        Self::TooDeep,
        Self::TreeGone,
        Self::TooManyFiles,
        Self::TooBig,
    ];

    /// Stable name for storage and display.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NestedRepository => "nested-repository",
            Self::Submodule => "submodule",
            Self::ForbiddenName => "forbidden-name",
            Self::SpecialFile => "special-file",
            Self::Unreadable => "unreadable",
            Self::TooDeep => "too-deep",
            Self::TreeGone => "tree-gone",
            Self::TooManyFiles => "too-many-files",
            Self::TooBig => "too-big",
        }
    }

    /// The kind with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether work may be lost when the work tree goes: whatever is refused for this reason is on no ref.
    pub fn holds_work(self) -> bool {
        match self {
            Self::NestedRepository
            | Self::Submodule
            | Self::ForbiddenName
            | Self::Unreadable
            | Self::TooDeep
            | Self::TooManyFiles
            | Self::TooBig => true,
            Self::SpecialFile | Self::TreeGone => false,
        }
    }

    /// What whoever left it is to do instead.
    fn remedy(self) -> &'static str {
        match self {
            Self::NestedRepository => {
                "a repository of its own; remove its `.git` or keep it out of the work tree"
            }
            Self::Submodule => {
                "a file of a submodule, which no commit here holds; leave it as it is, changes to it belong into its own repository"
            }
            Self::ForbiddenName => "a name that git refuses or that cannot be shown; rename it",
            Self::SpecialFile => "a pipe, socket or device; remove it",
            Self::Unreadable => "cannot be read; make it a plain readable file or remove it",
            Self::TooDeep => "too deep or too long a path; keep paths short",
            Self::TreeGone => "the work tree is gone; leave it in its place",
            Self::TooManyFiles => {
                "more new files than one change may hold; ignore or remove what was generated"
            }
            Self::TooBig => "bigger than a change may be; keep it out of the repository",
        }
    }
}

/// Something in a work tree that is not taken into a commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// Which path; empty for the whole tree.
    pub path: RepoPath,
    /// What about it no commit can hold.
    pub kind: RefusalKind,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remedy = self.kind.remedy();
        if self.path.is_empty() {
            write!(f, "{} ({remedy})", self.kind.as_str())
        } else {
            write!(f, "`{}`: {} ({remedy})", self.path, self.kind.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_back_by_their_names() {
        for kind in ChangeKind::ALL {
            assert_eq!(ChangeKind::parse(kind.as_str()), Some(kind));
        }
        for kind in RefusalKind::ALL {
            assert_eq!(RefusalKind::parse(kind.as_str()), Some(kind));
        }
    }

    #[test]
    fn what_strayed_is_told_with_its_kind_and_an_escaped_name() {
        let told = Strayed {
            path: RepoPath::new(&b"sub\x1b"[..]),
            kind: ChangeKind::Deleted,
        };
        assert_eq!(told.to_string(), "`sub\\x1b` (deleted, out of scope)");
    }
}
