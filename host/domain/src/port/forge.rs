//! What the host asks of a forge: branches, landing, statuses and pull requests of one repository.
//!
//! An instance is one repository on its forge. It owns the way from the host's mirror of that repository to the
//! remote one: commits are named by id and are in the mirror before they are pushed.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::webhook::Registered;
use super::{PortAnswer, Receipt};
use crate::id::{ObjectId, TaskId, UnixMs};
use crate::imports::{CheckState, ReviewState};

/// Tips of branches by name.
pub type Tips = BTreeMap<String, ObjectId>;

/// What the names of the host's own branches begin with: only these are listed, because a repository may have very
/// many others.
pub const OWN_BRANCHES: &str = "orch/";

/// Whether a text can name a branch on any forge: nothing that git could take for an option, a range or another ref.
pub fn is_branch_name(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with('.')
            && !part.ends_with(".lock")
    };
    let is_bad =
        |c: char| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    text.len() <= 200
        && !text.starts_with('-')
        && !text.contains("..")
        && !text.contains("@{")
        && !text.contains(is_bad)
        && text.split('/').all(is_part)
}

/// What moving a branch under an expectation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum PushOutcome {
    /// It is where it should be, by this call or an earlier one.
    Done,
    /// It was not where it was expected; nothing moved.
    Moved {
        /// Where it is; none if it does not exist.
        actual: Option<ObjectId>,
    },
    /// The forge does not let the host move it, wherever it is.
    Refused {
        /// Why, with what would allow it.
        why: String,
    },
}

/// What moving the base to a tested commit came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum LandOutcome {
    /// The base has the commit, by this call or an earlier one.
    Landed,
    /// The base is not where it was expected and does not have the commit; nothing moved.
    BaseMoved {
        /// Where it is; none if it does not exist.
        actual: Option<ObjectId>,
    },
    /// The commit may not land, wherever the base is.
    Refused {
        /// Why, with what would allow it.
        why: String,
    },
}

/// Where a branch is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchMove {
    /// Its name.
    pub branch: String,
    /// The commit that it is to be at.
    pub commit: ObjectId,
    /// Where it is now; none if it does not exist.
    pub expected: Option<ObjectId>,
}

/// What moving many branches came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum PushedAll {
    /// All are where they are to be.
    Done,
    /// One of them is not.
    Not {
        /// Which.
        branch: String,
        /// What was said of it.
        outcome: PushOutcome,
    },
}

/// What asking for a hold of the base came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum HoldOutcome {
    /// Others cannot push to it until then.
    Held,
    /// The forge has no such thing, or not here.
    NotOffered {
        /// Why, with what would allow it.
        why: String,
    },
}

/// What is said of a commit under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The name, such as `orch/ci`.
    pub context: String,
    /// How it is.
    pub state: CheckState,
    /// One line for people.
    pub description: String,
    /// Where to read more.
    pub url: Option<String>,
    /// Whether it says that there was nothing to do, which its state has no word for.
    pub is_skipped: bool,
    /// Whoever posted it, as far as the forge says: the forge's own id of the account, which a change of its name leaves
    /// as it is; the local forge has names of persons.
    pub reporter: Option<String>,
    /// When it was posted, by the forge's clock, as far as it says.
    pub at_ms: Option<UnixMs>,
}

/// Where a pull request is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullRequestState {
    /// It can be reviewed and merged.
    Open,
    /// Its change is in the base.
    Merged {
        /// The commit that landed.
        commit: ObjectId,
    },
    /// It ended without a merge, as far as the forge knows. The base decides what landed.
    Closed,
}

/// A pull request as the forge has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number for people.
    pub number: u64,
    /// Where it is in its life.
    pub state: PullRequestState,
    /// Tip of its branch; none if the branch is gone.
    pub head: Option<ObjectId>,
    /// The branch that it is aimed at: anybody may have changed that. None if it stays where it was opened.
    pub base: Option<String>,
}

/// What somebody said of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Login of the reviewer.
    pub author: String,
    /// What was said.
    pub state: ReviewState,
    /// The commit it is about; a review of another one says nothing.
    pub commit: Option<ObjectId>,
    /// Whether the forge counts the reviewer's word.
    pub is_official: bool,
}

/// A pull request to be opened.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NewPullRequest {
    /// Whose change it is.
    pub task: TaskId,
    /// Its branch.
    pub branch: String,
    /// The branch it is to land on.
    pub base: String,
    /// One line.
    pub title: String,
}

/// Something that is said of one line of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRemark {
    /// The file, relative to the repository.
    pub path: String,
    /// The line of the file as it is after the change, counting from 1.
    pub line: u32,
    /// What is said, as Markdown.
    pub text: String,
}

/// A review in the host's name: it comments, and neither approves nor refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReview {
    /// The commit that it is about.
    pub commit: ObjectId,
    /// What is said of the whole, as Markdown.
    pub text: String,
    /// What is said of lines.
    pub lines: Vec<LineRemark>,
}

/// One repository on its forge.
///
/// Every method may answer a [`super::PortError`]; what a method says under *Errors* comes on top of
/// [`super::PortFailure::Unavailable`], which any of them may answer at any time. A name that is no branch's is
/// [`super::PortFailure::Refused`].
pub trait Forge: Send + Sync + Debug {
    /// Whether the repository can be used: it is there and has the form that the host needs. Asked at the start of
    /// the host and before each step of a task.
    ///
    /// # Errors
    /// [`super::PortFailure::Refused`] with the remedy if it cannot.
    fn check(&self) -> PortAnswer<'_, ()>;

    /// Brings every branch of the repository into the host's mirror, as `refs/remotes/origin/…`. Called before the
    /// mirror is asked where the base is, many times a minute and by several steps at once; the implementation lets
    /// one fetch run at a time.
    fn fetch(&self) -> PortAnswer<'_, ()>;

    /// Where the host's branches are ([`OWN_BRANCHES`]). Asked once per look of the reconciler, before any task of
    /// the repository is judged.
    fn tips(&self) -> PortAnswer<'_, Tips>;

    /// Where a branch is; none if it does not exist. Asked by the step that prepares or lands a merge and by a stop,
    /// directly before they act.
    fn tip<'a>(&'a self, branch: &'a str) -> PortAnswer<'a, Option<ObjectId>>;

    /// Moves a branch to a commit if it is where it is expected (none: it does not exist). The commit need not descend
    /// from where the branch was. Called by the job that owns the task, which has written down before which commit it
    /// is about to push. Finding the branch at the commit already is [`PushOutcome::Done`].
    fn push<'a>(
        &'a self,
        branch: &'a str,
        commit: &'a ObjectId,
        expected: Option<&'a ObjectId>,
    ) -> PortAnswer<'a, PushOutcome>;

    /// Moves many branches, each as [`Forge::push`] does: done if all are where they are to be, else what the first of
    /// them said that is not, and the others may have moved or not. Asking again is safe.
    fn push_all<'a>(&'a self, moves: &'a [BranchMove]) -> PortAnswer<'a, PushedAll> {
        Box::pin(async move {
            for BranchMove {
                branch,
                commit,
                expected,
            } in moves
            {
                match self.push(branch, commit, expected.as_ref()).await? {
                    PushOutcome::Done => {}
                    outcome @ (PushOutcome::Moved { .. } | PushOutcome::Refused { .. }) => {
                        return Ok(PushedAll::Not {
                            branch: branch.clone(),
                            outcome,
                        });
                    }
                }
            }
            Ok(PushedAll::Done)
        })
    }

    /// Deletes a branch if it is where it is expected. Called once by the stop of a task. A branch that is gone
    /// already is [`PushOutcome::Done`].
    fn delete_branch<'a>(
        &'a self,
        branch: &'a str,
        expected: &'a ObjectId,
    ) -> PortAnswer<'a, PushOutcome>;

    /// Moves the base from `expected` to exactly `commit`, by fast-forward or not at all. `commit` is the tip of a
    /// branch that was pushed before. Called by the job that holds the merge lease, after it wrote down what it is
    /// about to land.
    ///
    /// The tip of the base decides what is answered, and it is read after every attempt whose answer is not clear: a
    /// base that has `commit` is [`LandOutcome::Landed`], whoever moved it and wherever it went since.
    fn land<'a>(
        &'a self,
        base: &'a str,
        commit: &'a ObjectId,
        expected: &'a ObjectId,
    ) -> PortAnswer<'a, LandOutcome>;

    /// Refuses the pushes of others to a branch until a time, after which the hold is over by itself. Called by the job
    /// that holds the merge lease, before it reads where the base is; why is told to whoever pushes. The landing does
    /// not count on it: a forge that has nothing of the kind says so.
    fn hold<'a>(
        &'a self,
        _branch: &'a str,
        _until_ms: UnixMs,
        _why: &'a str,
    ) -> PortAnswer<'a, HoldOutcome> {
        Box::pin(async {
            let why = "this forge cannot hold a branch".to_owned();
            Ok(HoldOutcome::NotOffered { why })
        })
    }

    /// Ends a hold of a branch. Called by the job that asked for it; one that is over already is no error.
    fn let_go<'a>(&'a self, _branch: &'a str) -> PortAnswer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    /// The latest status of each context of a commit, by context. Asked whenever a gate reads them; a commit that the
    /// forge does not know has none.
    fn statuses<'a>(&'a self, commit: &'a ObjectId) -> PortAnswer<'a, Vec<Status>>;

    /// Posts a status in the host's name. A later one of the same context replaces it. Called from the outbox, in
    /// order for each task.
    fn post_status<'a>(&'a self, commit: &'a ObjectId, status: &'a Status) -> PortAnswer<'a, ()>;

    /// The pull request of a branch that the host opened; none if there is none. Asked whenever a gate reads it.
    fn pull_request<'a>(&'a self, branch: &'a str) -> PortAnswer<'a, Option<PullRequest>>;

    /// Reviews of a pull request, oldest first. Asked directly after [`Forge::pull_request`].
    ///
    /// # Errors
    /// [`super::PortFailure::NotFound`] if there is no such pull request.
    fn reviews(&self, number: u64) -> PortAnswer<'_, Vec<Review>>;

    /// Opens the pull request of a branch and answers its number. Called from the outbox, by one sender at a time. A
    /// branch has one pull request: opening it again finds the first.
    fn open_pull_request<'a>(&'a self, request: &'a NewPullRequest) -> PortAnswer<'a, u64>;

    /// Settles the pull request of a branch whose commit has landed, so that it shows as merged or as closed with the
    /// commit named. Called from the outbox, after the landing is read back. Again with the same commit does nothing.
    ///
    /// # Errors
    /// [`super::PortFailure::NotFound`] if the branch has none; [`super::PortFailure::Refused`] if another commit is
    /// named in it as merged.
    fn mark_merged<'a>(&'a self, branch: &'a str, commit: &'a ObjectId) -> PortAnswer<'a, ()>;

    /// Closes the pull request of a branch that nothing will land from, and says why there. Called once from the outbox,
    /// after the task was stopped. One that is closed or merged already, or not there, is left as it is.
    fn close_pull_request<'a>(&'a self, branch: &'a str, why: &'a str) -> PortAnswer<'a, ()>;

    /// How the webhook to this address of the host's is. Asked now and then by whoever watches over webhooks.
    fn webhook<'a>(&'a self, _url: &'a str) -> PortAnswer<'a, Registered> {
        Box::pin(async {
            let why = "this forge shows no webhooks".to_owned();
            Ok(Registered::Hidden { why })
        })
    }

    /// Whether people read pull requests of this forge: only there they are described and reviewed.
    fn shows_pull_requests(&self) -> bool {
        false
    }

    /// Sets title and text of the open pull request of a branch. Called from the outbox, in order for each task; a later
    /// call replaces what an earlier one said. One that is not open is left as it is.
    fn describe_pull_request<'a>(
        &'a self,
        _branch: &'a str,
        _title: &'a str,
        _text: &'a str,
    ) -> PortAnswer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    /// Reviews the pull request of a branch and answers what the forge calls the review. Called from the outbox, in
    /// order for each task; the same `key` again finds the first, whatever was answered then.
    ///
    /// # Errors
    /// [`super::PortFailure::NotFound`] if the branch has no pull request.
    fn post_review<'a>(
        &'a self,
        _branch: &'a str,
        _review: &'a NewReview,
        _key: &'a str,
    ) -> PortAnswer<'a, Receipt> {
        Box::pin(async { Ok(None) })
    }
}

#[cfg(test)]
mod tests {
    use super::is_branch_name;

    #[test]
    fn branch_name_is_no_option_no_range_and_no_other_ref() {
        for good in [
            "main",
            "orch/SHOP-1-1",
            "orch-docs/SHOP-1-1",
            "a/b.c/d_e@f",
            "ä",
        ] {
            assert!(is_branch_name(good), "{good}");
        }
        for bad in [
            "",
            "-x",
            "--upload-pack=x",
            "a..b",
            "a b",
            "a:b",
            "a^",
            "a~1",
            "@{u}",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.",
            "a.lock",
            "a.lock/b",
            "a\\b",
            "a\nb",
        ] {
            assert!(!is_branch_name(bad), "{bad}");
        }
    }
}
