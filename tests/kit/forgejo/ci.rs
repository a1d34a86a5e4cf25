//! The CI of others beside the fake: it judges what is pushed, by commit, and posts what it found as a user of its own.

use super::{Forgejo, answers, held};

/// Who posts what the CI says.
const CI_BOT: &str = "ci-bot";
/// A commit with a file of this name is red.
const BAD: &str = "BAD";

/// What the CI does, and did.
#[derive(Debug, Default)]
pub(super) struct Ci {
    /// The context that it posts; none while there is no CI.
    context: Option<String>,
    /// What the branches begin with whose commits wait for [`Forgejo::release_ci`].
    holds: Option<String>,
    waiting: Vec<CiRun>,
    runs: Vec<CiRun>,
}

/// A commit that the CI took up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiRun {
    /// The branch that was pushed.
    pub branch: String,
    /// The commit.
    pub commit: String,
}

impl Forgejo {
    /// From now on everything that is pushed over HTTP is judged under this context.
    pub fn start_ci(&self, context: &str) {
        held(&self.0.ci).context = Some(context.to_owned());
    }

    /// Commits of branches that begin so are taken up, and wait.
    pub fn hold_ci(&self, branches: &str) {
        held(&self.0.ci).holds = Some(branches.to_owned());
    }

    /// What waits is judged, and nothing waits from now on.
    pub fn release_ci(&self) {
        let waiting = {
            let mut ci = held(&self.0.ci);
            ci.holds = None;
            std::mem::take(&mut ci.waiting)
        };
        for run in waiting {
            self.judge(&run);
        }
    }

    /// What was taken up of branches that begin so, in order.
    pub fn ci_runs(&self, branches: &str) -> Vec<CiRun> {
        let ci = held(&self.0.ci);
        let of = ci
            .runs
            .iter()
            .filter(|run| run.branch.starts_with(branches));
        of.cloned().collect()
    }

    /// Branches that begin so.
    pub fn branches(&self, begin: &str) -> Vec<String> {
        let text = self.git(&[
            "for-each-ref",
            "--format=%(refname:lstrip=2)",
            "refs/heads/",
        ]);
        let names = text.lines().filter(|name| name.starts_with(begin));
        names.map(str::to_owned).collect()
    }

    /// A branch was pushed.
    pub(super) fn pushed(&self, branch: &str, commit: &str) {
        let run = CiRun {
            branch: branch.to_owned(),
            commit: commit.to_owned(),
        };
        let is_held = {
            let mut ci = held(&self.0.ci);
            // Two requests at once may both see what one of them pushed.
            if ci.context.is_none() || ci.runs.contains(&run) {
                return;
            }
            ci.runs.push(run.clone());
            let is_held = ci
                .holds
                .as_ref()
                .is_some_and(|held| branch.starts_with(held));
            if is_held {
                ci.waiting.push(run.clone());
            }
            is_held
        };
        self.say(&run, "pending");
        if !is_held {
            self.judge(&run);
        }
    }

    fn judge(&self, run: &CiRun) {
        let is_bad = self
            .try_git(&["cat-file", "-e", &format!("{}:{BAD}", run.commit)])
            .is_ok();
        self.say(run, if is_bad { "failure" } else { "success" });
    }

    fn say(&self, run: &CiRun, state: &str) {
        let context = held(&self.0.ci).context.clone().unwrap_or_default();
        answers::add_status(self, &run.commit, &context, state, "", CI_BOT);
    }
}
