//! Git, typed: every call with hooks, filters and foreign configuration switched off.
//!
//! The host works on mirrors of its own. An agent's clone is a plain folder to it: whatever the agent did
//! to its `.git` is never run or read.

mod access;
mod answers;
mod attributes;
mod catch_up;
mod incomplete;
mod installed;
mod introduced;
mod locks;
mod modules;
mod names;
mod own;
mod patch;
mod refs;
mod remote;
mod snapshot;
mod submodules;
mod tree;
mod work;

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use orch_domain::id::ObjectId;

use crate::run::{Finished, RunError, Spec, resolve_program, run};

pub use access::Access;
use answers::Answers;
pub use attributes::FilterRule;
pub use catch_up::CatchUpOutcome;
pub use incomplete::Lacking;
pub use installed::{InstalledGit, MENDED};
pub use introduced::{BLOBS_BYTES_MAX, Introduced};
pub use modules::{LaidOut, Modules, Placed, Wanted};
pub use own::own_environment;
pub use patch::{FilePatch, LineKind, PatchHunk};
pub use refs::RefEntry;
pub use remote::{HttpRemote, Reached, Remote, SshRemote, can_be_named};
pub use snapshot::Snapshot;
pub use submodules::Submodule;
pub use tree::{Blob, Changed, Delta, TreeEntry};
pub use work::{Identity, RefOutcome};

/// Limit of one git call.
const TIMEOUT: Duration = Duration::from_secs(300);
/// Largest output of one git call that is read.
const OUTPUT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why git did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// Git itself could not be run.
    #[error("git could not be run")]
    Run(#[from] RunError),
    /// Git said no.
    #[error("`git {command}` failed in `{folder}`: {stderr}")]
    Failed {
        /// Sub-command and arguments, shortened.
        command: String,
        /// The repository.
        folder: PathBuf,
        /// What it said.
        stderr: String,
    },
    /// The other repository does not take a push, though its branch stands where it was expected: a rule or hook of
    /// its own.
    #[error("`{remote}` refused the push of `{branch}`: {stderr}")]
    Denied {
        /// The other repository.
        remote: String,
        /// The branch.
        branch: String,
        /// What it said.
        stderr: String,
    },
    /// Git's output is not what it should be.
    #[error("`git {command}` answered something unexpected: {answer}")]
    Unexpected {
        /// Sub-command.
        command: String,
        /// The answer, shortened.
        answer: String,
    },
    /// A name that git could take for an option or that leaves the repository.
    #[error("`{0}` is not a safe name for a ref or path")]
    UnsafeName(String),
    /// The folder is no bare repository.
    #[error("`{0}` is not a bare git repository; make one with `git clone --bare`")]
    NotBare(PathBuf),
    /// A file could not be used.
    #[error("`{path}` cannot be used")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A bare repository that the host works on.
#[derive(Debug, Clone)]
pub struct Git {
    program: PathBuf,
    git_dir: PathBuf,
    answers: Answers,
}

impl Git {
    /// The repository at `git_dir`.
    ///
    /// # Errors
    /// [`GitError::Run`] if git is not installed.
    pub fn at(git_dir: impl Into<PathBuf>) -> Result<Self, GitError> {
        Ok(Self {
            program: resolve_program(Path::new("git"), &own_path())?,
            git_dir: git_dir.into(),
            answers: Answers::default(),
        })
    }

    /// Another repository, by the same program.
    fn elsewhere(&self, git_dir: impl Into<PathBuf>) -> Self {
        Self {
            program: self.program.clone(),
            git_dir: git_dir.into(),
            answers: Answers::default(),
        }
    }

    /// Where it lies.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// Makes an empty bare repository if there is none.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn init(&self) -> Result<(), GitError> {
        if self.git_dir.join("HEAD").exists() {
            return Ok(());
        }
        std::fs::create_dir_all(&self.git_dir).map_err(|source| GitError::Io {
            path: self.git_dir.clone(),
            source,
        })?;
        self.call(["init", "--quiet", "--bare", "--initial-branch=main", "."])
            .await?;
        // Objects of a task may be unreachable for a while; nothing may collect them meanwhile.
        self.call(["config", "gc.auto", "0"]).await.map(|_| ())
    }

    /// Checks that it is a bare repository.
    ///
    /// # Errors
    /// [`GitError::NotBare`] with the remedy.
    pub async fn require_bare(&self) -> Result<(), GitError> {
        let not_bare = || GitError::NotBare(self.git_dir.clone());
        if !self.git_dir.join("HEAD").exists() {
            return Err(not_bare());
        }
        // Asked before each step of a task: git is, when the file that says so is another one than before.
        let file = std::fs::metadata(self.git_dir.join("config")).map_err(|_| not_bare())?;
        let file = (file.ino(), file.size(), file.mtime(), file.mtime_nsec());
        let question = ["rev-parse", "--is-bare-repository", &format!("{file:?}")];
        if self.answers.known(&question).is_some() {
            return Ok(());
        }
        let done = self.raw(&question[..2], &[], None, &[]).await?;
        match done.success() && done.stdout.text().trim() == "true" {
            true => {
                self.answers.keep(&question, &done);
                Ok(())
            }
            false => Err(not_bare()),
        }
    }

    /// Brings the branches of `remote` into `refs/remotes/origin/`.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn fetch(&self, remote: impl Into<Remote<'_>>) -> Result<(), GitError> {
        let remote = remote.into();
        let args = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--prune",
            "--no-write-fetch-head",
            "--end-of-options",
            &remote.address()?,
            "+refs/heads/*:refs/remotes/origin/*",
        ];
        let done = self.to(remote, &args).await?;
        match done.success() {
            true => Ok(()),
            false => Err(self.failed(&args, &done)),
        }
    }

    /// The commit that `name` stands for; none if there is no such ref.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn resolve(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        safe(name)?;
        let spec = format!("{name}^{{commit}}");
        let done = self
            .raw(
                &[
                    "rev-parse",
                    "--verify",
                    "--quiet",
                    "--end-of-options",
                    &spec,
                ],
                &[],
                None,
                &[],
            )
            .await?;
        match done.exit.code() {
            0 => object_id("rev-parse", done.stdout.text().trim()).map(Some),
            1 => Ok(None),
            // Whoever could not look does not know that there is nothing.
            _ => Err(self.failed(&["rev-parse", &spec], &done)),
        }
    }

    /// Whether `older` is an ancestor of `newer` (or the same).
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn is_ancestor(&self, older: &ObjectId, newer: &ObjectId) -> Result<bool, GitError> {
        let args = [
            "merge-base",
            "--is-ancestor",
            older.as_str(),
            newer.as_str(),
        ];
        let done = self.of_objects(&args, &[]).await?;
        match done.exit.code() {
            0 => Ok(true),
            1 => Ok(false),
            _ => Err(self.failed(&args, &done)),
        }
    }

    /// The best common ancestor; none if the histories have nothing in common.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn common(&self, a: &ObjectId, b: &ObjectId) -> Result<Option<ObjectId>, GitError> {
        let args = ["merge-base", a.as_str(), b.as_str()];
        let done = self.of_objects(&args, &[]).await?;
        match done.exit.code() {
            0 => object_id("merge-base", done.stdout.text().trim()).map(Some),
            1 => Ok(None),
            _ => Err(self.failed(&args, &done)),
        }
    }

    /// Every best common ancestor: more than one where histories were merged crosswise, none if they share nothing.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn all_common(&self, a: &ObjectId, b: &ObjectId) -> Result<Vec<ObjectId>, GitError> {
        let args = ["merge-base", "--all", a.as_str(), b.as_str()];
        let done = self.of_objects(&args, &[]).await?;
        match done.exit.code() {
            0 => (done.stdout.text().lines())
                .map(|line| object_id("merge-base", line.trim()))
                .collect(),
            1 => Ok(Vec::new()),
            _ => Err(self.failed(&args, &done)),
        }
    }

    /// The best common ancestor.
    ///
    /// # Errors
    /// [`GitError`]; histories without a common ancestor fail.
    pub async fn merge_base(&self, a: &ObjectId, b: &ObjectId) -> Result<ObjectId, GitError> {
        let args = ["merge-base", a.as_str(), b.as_str()];
        let done = self.of_objects(&args, &[]).await?;
        let done = self.demanded(&args, done)?;
        object_id("merge-base", done.stdout.text().trim())
    }

    /// Asks about objects by their ids alone; each question is put to git once.
    async fn of_objects(
        &self,
        args: &[&str],
        env: &[(&str, &OsStr)],
    ) -> Result<Finished, GitError> {
        if let Some(known) = self.answers.known(args) {
            return Ok(known);
        }
        let done = self.raw(args, env, None, &[]).await?;
        self.answers.keep(args, &done);
        Ok(done)
    }

    async fn call<const N: usize>(&self, args: [&str; N]) -> Result<Finished, GitError> {
        self.with(&args, &[], None, &[]).await
    }

    async fn text<const N: usize>(&self, args: [&str; N]) -> Result<String, GitError> {
        Ok(self.call(args).await?.stdout.text().trim_end().to_owned())
    }

    /// Runs git and demands success.
    async fn with(
        &self,
        args: &[&str],
        env: &[(&str, &OsStr)],
        cwd: Option<&Path>,
        stdin: &[u8],
    ) -> Result<Finished, GitError> {
        let done = self.raw(args, env, cwd, stdin).await?;
        self.demanded(args, done)
    }

    fn demanded(&self, args: &[&str], done: Finished) -> Result<Finished, GitError> {
        match done.success() && !done.stdout.truncated {
            true => Ok(done),
            false => Err(self.failed(args, &done)),
        }
    }

    async fn raw(
        &self,
        args: &[&str],
        env: &[(&str, &OsStr)],
        cwd: Option<&Path>,
        stdin: &[u8],
    ) -> Result<Finished, GitError> {
        let mut spec = Spec::new(&self.program, cwd.unwrap_or(&self.git_dir));
        spec.args = neutral_options();
        spec.args.extend(args.iter().map(|a| (*a).to_owned()));
        spec.env = neutral_env();
        spec.env
            .push(("GIT_DIR".to_owned(), text_of(&self.git_dir)?));
        for (name, value) in env {
            spec.env
                .push(((*name).to_owned(), text_of(Path::new(value))?));
        }
        spec.stdin = stdin.to_vec();
        spec.timeout = TIMEOUT;
        spec.output_bytes_max = OUTPUT_BYTES_MAX;
        Ok(run(&spec).await?)
    }

    fn failed(&self, args: &[&str], done: &Finished) -> GitError {
        let mut command = args.join(" ");
        command.truncate(
            command
                .char_indices()
                .nth(200)
                .map_or(command.len(), |(at, _)| at),
        );
        let stderr = if done.timed_out {
            "it took too long".to_owned()
        } else {
            done.tail(2000)
        };
        GitError::Failed {
            command,
            folder: self.git_dir.clone(),
            stderr,
        }
    }
}

/// Options that keep a repository from running anything of its own.
fn neutral_options() -> Vec<String> {
    [
        "core.hooksPath=/dev/null",
        "core.fsmonitor=false",
        "core.autocrlf=false",
        "core.excludesFile=/dev/null",
        "core.attributesFile=/dev/null",
        "core.commitGraph=false",
        "core.multiPackIndex=false",
        "color.ui=never",
        "log.showSignature=false",
        "protocol.ext.allow=never",
    ]
    .into_iter()
    .flat_map(|option| ["-c".to_owned(), option.to_owned()])
    .collect()
}

fn neutral_env() -> Vec<(String, String)> {
    [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("LC_ALL", "C"),
        ("HOME", "/nonexistent"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_ATTR_NOSYSTEM", "1"),
        // What a commit is replaced or grafted by is a local opinion, and no object of the branch.
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("GIT_GRAFT_FILE", "/nonexistent/grafts"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_OPTIONAL_LOCKS", "0"),
    ]
    .into_iter()
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .collect()
}

/// A folder for an index or a clone of one call.
/// Where programs of this process are looked for.
fn own_path() -> String {
    std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned())
}

fn scratch() -> Result<tempfile::TempDir, GitError> {
    tempfile::tempdir().map_err(|source| GitError::Io {
        path: std::env::temp_dir(),
        source,
    })
}

fn text_of(path: &Path) -> Result<String, GitError> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| GitError::UnsafeName(path.display().to_string()))
}

/// Refuses names that git could take for an option, a range or a second argument.
fn safe(name: &str) -> Result<(), GitError> {
    let bad = name.is_empty()
        || name.starts_with('-')
        || name.contains("..")
        || name.contains("@{")
        || name
            .chars()
            .any(|c| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\'));
    if bad {
        Err(GitError::UnsafeName(name.to_owned()))
    } else {
        Ok(())
    }
}

fn object_id(command: &str, answer: &str) -> Result<ObjectId, GitError> {
    ObjectId::new(answer).map_err(|_| GitError::Unexpected {
        command: command.to_owned(),
        answer: answer.chars().take(200).collect(),
    })
}

#[cfg(test)]
mod tests;
