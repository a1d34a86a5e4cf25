//! The repository that a bare one is a clone of: where its base comes from, and where what lands goes first.
//!
//! Spoken to by the host's own user with that person's git settings: credential helpers, ssh agents and known hosts are
//! theirs. Nobody sits before it, so whatever asks is refused.

use std::path::Path;
use std::time::{Duration, Instant};

use orch_domain::id::ObjectId;
use orch_process::git::own_environment;
use orch_process::{Finished, RunError, Spec, resolve_program, run};
use tokio::sync::Mutex;

/// Longest exchange.
const EXCHANGE_MAX: Duration = Duration::from_secs(300);
/// How long a base that was fetched is believed: it is asked for many times a minute.
const FRESH: Duration = Duration::from_secs(3);

/// Where a base comes from and goes to.
#[derive(Debug)]
pub(crate) struct Upstream {
    address: String,
    base: String,
    fetched: Mutex<Option<Instant>>,
}

/// What pushing the base came to.
#[derive(Debug)]
pub(crate) enum Pushed {
    Done,
    /// It did not take the commit; what it said.
    Refused(String),
}

impl Upstream {
    pub(crate) fn new(address: String, base: String) -> Self {
        Self {
            address,
            base,
            fetched: Mutex::default(),
        }
    }

    /// Brings the base into the bare repository, unless that was done just now.
    pub(crate) async fn fetch(&self, bare: &Path) -> Result<(), String> {
        let mut fetched = self.fetched.lock().await;
        if fetched.is_some_and(|at| at.elapsed() < FRESH) {
            return Ok(());
        }
        self.bring(bare).await?;
        *fetched = Some(Instant::now());
        Ok(())
    }

    /// The same, whenever it was done before.
    pub(crate) async fn fetch_now(&self, bare: &Path) -> Result<(), String> {
        let mut fetched = self.fetched.lock().await;
        self.bring(bare).await?;
        *fetched = Some(Instant::now());
        Ok(())
    }

    async fn bring(&self, bare: &Path) -> Result<(), String> {
        let refspec = format!("+refs/heads/{0}:refs/heads/{0}", self.base);
        let args = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--",
            &self.address,
            &refspec,
        ];
        match self.git(bare, &args).await {
            Ok(done) if done.success() => Ok(()),
            Ok(done) => Err(self.said(&done)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Moves the base forward, or not at all.
    pub(crate) async fn push(&self, bare: &Path, commit: &ObjectId) -> Result<Pushed, String> {
        let refspec = format!("{commit}:refs/heads/{}", self.base);
        let args = [
            "push",
            "--quiet",
            "--porcelain",
            "--",
            &self.address,
            &refspec,
        ];
        orch_durable::point("upstream: before");
        let done = self.git(bare, &args).await;
        orch_durable::point("upstream: after");
        match done {
            Ok(done) if done.success() => Ok(Pushed::Done),
            Ok(done) => Ok(Pushed::Refused(self.said(&done))),
            Err(error) => Err(error.to_string()),
        }
    }

    fn said(&self, done: &Finished) -> String {
        let why = match done.timed_out {
            true => "it took too long".to_owned(),
            false => done.tail(1000).trim().to_owned(),
        };
        format!("`{}`: {why}", self.address)
    }

    async fn git(&self, bare: &Path, args: &[&str]) -> Result<Finished, RunError> {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut spec = Spec::new(resolve_program(Path::new("git"), &path)?, bare);
        let options = [
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "protocol.ext.allow=never",
        ];
        spec.args = options
            .iter()
            .chain(args)
            .map(|a| (*a).to_owned())
            .collect();
        spec.env = own_environment();
        spec.env
            .push(("GIT_DIR".to_owned(), bare.display().to_string()));
        spec.timeout = EXCHANGE_MAX;
        run(&spec).await
    }
}
