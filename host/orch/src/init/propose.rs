//! The `.orch.yaml` that is proposed to a project: its text, and the branch that it is put on.

use std::time::SystemTime;

use orch_config::REPO_FILE;
use orch_process::git::{Git, Identity};

use super::git::{line, must};
use super::project::FoundProject;
use super::{Base, Repository};

/// Branch of a proposal that was not committed to the base.
pub(super) const BRANCH: &str = "setup/orch";
const MESSAGE: &str = "Say how commits are tested\n\nRead by Orch at this branch only, never from a branch that is judged.\n";

/// What is proposed.
pub(super) enum Proposal {
    /// The project has its own file.
    Own,
    /// This text.
    Text {
        text: String,
        /// Whether it says how commits are tested.
        tested: bool,
    },
}

/// Where a proposal was put.
pub(super) enum Put {
    Nowhere,
    /// On the base; this commit.
    Base,
    /// On a branch of its own.
    Branch,
}

pub(super) fn proposal(
    found: &FoundProject,
    setup: Option<String>,
    test: Option<String>,
) -> Proposal {
    if found.has_file {
        return Proposal::Own;
    }
    // Who says how the tests are run says what they need.
    let setup = match test {
        Some(_) => setup,
        None => setup.or_else(|| found.survey.setup.clone()),
    };
    match test.or_else(|| found.survey.test.clone()) {
        Some(test) => {
            let mut text = "ci:\n".to_owned();
            if let Some(setup) = setup {
                text.push_str(&format!(
                    "  # Prepares a checkout; may use the network.\n  setup: {}\n",
                    quoted(&setup)
                ));
            }
            text.push_str(&format!(
                "  # Tests it; talks to nobody but itself.\n  test: {}\n",
                quoted(&test)
            ));
            Proposal::Text { text, tested: true }
        }
        None => Proposal::Text {
            text:
                "# Nothing is tested: no way to test this project was found. Once there is one:\n\
                   # ci: { test: make test }\n\
                   required_contexts: []\n"
                    .to_owned(),
            tested: false,
        },
    }
}

/// Puts a proposal on the base, or beside it on a branch.
pub(super) async fn put(
    git: &Git,
    base: &Base,
    proposal: &Proposal,
    on_base: bool,
    repository: &Repository,
) -> anyhow::Result<Put> {
    let Proposal::Text { text, .. } = proposal else {
        return Ok(Put::Nowhere);
    };
    let files = [(REPO_FILE.to_owned(), Some(text.clone().into_bytes()))];
    let tree = git.tree_with(&base.tip, &files).await?;
    let commit = git
        .commit(&tree, &base.tip, MESSAGE, &person(git).await?)
        .await?;
    if !on_base {
        git.set_ref(&format!("refs/heads/{BRANCH}"), &commit)
            .await?;
        return Ok(Put::Branch);
    }
    if let Some(upstream) = &repository.upstream {
        let refspec = format!("{commit}:refs/heads/{}", base.branch);
        let remedy =
            "see that you may push to it, or leave --commit out and bring the branch in yourself";
        orch_durable::point("propose: before");
        must(
            git.git_dir(),
            &["push", "--quiet", upstream, &refspec],
            remedy,
        )
        .await?;
    }
    let name = format!("refs/heads/{}", base.branch);
    match git.move_ref(&name, &commit, &base.tip).await? {
        orch_process::git::RefOutcome::Done => Ok(Put::Base),
        orch_process::git::RefOutcome::Refused { .. } => {
            anyhow::bail!("`{}` moved while it was looked at; try again", base.branch)
        }
    }
}

/// Whoever sets this up, as their git knows them.
async fn person(git: &Git) -> anyhow::Result<Identity> {
    let of = async |key: &str| line(git.git_dir(), &["config", key]).await;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Ok(Identity {
        name: of("user.name").await?.unwrap_or_else(|| "Orch".to_owned()),
        email: of("user.email")
            .await?
            .unwrap_or_else(|| "orch@localhost".to_owned()),
        at_s: now.map_or(0, |t| i64::try_from(t.as_secs()).unwrap_or_default()),
    })
}

/// A text as YAML takes it on one line: JSON is YAML.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
