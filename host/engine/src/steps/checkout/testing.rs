//! Sets a commit up and tests it, in the cage, and says how both ended.

use std::path::Path;
use std::time::{Duration, SystemTime};

use orch_config::{CiConfig, NetworkConfig, NetworkMode};
use orch_domain::commit_test::{Inability, Phase};
use orch_domain::id::{ObjectId, TaskId};
use orch_process::files::Stamps;
use orch_process::mark::sweep_marked;
use orch_process::sandbox::NOT_CONFINED;
use orch_process::{Finished, Spec};
use orch_reports::{FailedTests, printed};
use tempfile::TempDir;

use super::reports::{coverage, reported};
use super::setups::Key;
use super::{Checkouts, fetching, free_bytes, plain_environment, setups_bytes, token_of};
use crate::ledger::evidence::StoredRun;
use crate::ledger::repos::Repo;

/// Bytes of output that are kept as evidence and reach the developer.
const TAIL_BYTES: usize = 16 * 1024;

/// Stands where an exit code does, if nothing was run.
const NOTHING_RAN: i32 = -1;

/// What came of testing a commit.
pub(crate) struct Tested {
    pub(crate) run: StoredRun,
    /// The coverage report, if the repository has one and the tests ran.
    pub(crate) coverage: Option<String>,
}

/// Whose commit is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The base's own. What it is set up to is kept for others.
    Base,
    /// A task's.
    Branch(TaskId),
}

impl Whose {
    fn task(self) -> Option<TaskId> {
        match self {
            Self::Base => None,
            Self::Branch(task) => Some(task),
        }
    }
}

/// One test of a commit.
#[derive(Clone, Copy)]
struct Subject<'a> {
    repo: &'a Repo,
    sha: &'a ObjectId,
    ci: &'a CiConfig,
    /// The task that it is tested for; none for the base.
    task: Option<TaskId>,
}

impl Subject<'_> {
    fn timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.ci.timeout_s))
    }
}

/// What the commands said so far, and how long they took.
#[derive(Default)]
struct Log {
    output: String,
    duration_ms: u64,
}

impl Checkouts {
    /// Runs set-up and tests of a commit in a clean checkout, or in one that begins with what the same set-up came to.
    pub(crate) async fn test(
        &self,
        repo: &Repo,
        sha: &ObjectId,
        ci: &CiConfig,
        whose: Whose,
    ) -> anyhow::Result<Tested> {
        let task = whose.task();
        let of = Subject {
            repo,
            sha,
            ci,
            task,
        };
        let (checkout, left_out) = self.make_with(repo, sha).await?;
        let lacks: Vec<String> = left_out.lacks().collect();
        if !lacks.is_empty() {
            return Ok(lacking(&lacks));
        }
        let mut log = Log::default();
        for empty in left_out.empty() {
            log.output.push_str(&format!("({empty})\n"));
        }
        let Some(setup) = ci.setup.as_deref() else {
            return self.test_in(of, &checkout, log).await;
        };
        let key = self.key(of, setup, &checkout).await?;
        if let Some(key) = &key
            && let Some(tested) = self.test_on_kept(of, key).await?
            // Nothing is said of a base that is not so without what was kept.
            && (tested.run.passed || whose != Whose::Base)
        {
            return Ok(tested);
        }
        let before = match (&key, whose) {
            (Some(_), Whose::Base) => Stamps::of(&checkout.path().join("tree")).ok(),
            (Some(_) | None, Whose::Base | Whose::Branch(_)) => None,
        };
        if let Some(run) = self.set_up(of, &checkout, &mut log).await? {
            return Ok(Tested {
                run,
                coverage: report_of(ci, &checkout, false),
            });
        }
        let (Some(key), Some(before)) = (key, before) else {
            return self.test_in(of, &checkout, log).await;
        };
        let (trial, bytes) = (key.on_trial(), setups_bytes(&self.config.now()));
        if self
            .setups
            .keep(&trial, sha, &checkout, before, bytes)
            .await
        {
            // What branches will begin with is what the base is tested on.
            if let Some(tested) = self.test_on_kept(of, &trial).await?
                && tested.run.passed
            {
                self.setups.accept(&key).await;
                return Ok(tested);
            }
            self.setups.forget(&trial).await;
        }
        self.test_in(of, &checkout, log).await
    }

    /// Whether a commit can be set up now, from nothing: what a failed set-up of another commit is held against.
    pub(crate) async fn can_set_up(
        &self,
        repo: &Repo,
        sha: &ObjectId,
        ci: &CiConfig,
    ) -> anyhow::Result<bool> {
        let of = Subject {
            repo,
            sha,
            ci,
            task: None,
        };
        let checkout = self.make(repo, sha).await?;
        let failed = self.set_up(of, &checkout, &mut Log::default()).await?;
        Ok(failed.is_none())
    }

    /// Whether the same set-up comes to the same on two commits, as far as anybody can tell.
    pub(crate) async fn sets_up_alike(
        &self,
        repo: &Repo,
        [one, other]: [&ObjectId; 2],
        ci: &CiConfig,
    ) -> anyhow::Result<bool> {
        let setup = ci.setup.as_deref().unwrap_or_default();
        let mut keys = Vec::new();
        for sha in [one, other] {
            let checkout = self.make(repo, sha).await?;
            let tree = checkout.path().join("tree");
            keys.push(Key::of(repo, sha, setup, &tree, &[]).await?);
        }
        Ok(keys[0] == keys[1])
    }

    /// Forgets what a repository's set-ups came to.
    pub(crate) async fn forget_setups(&self, repo: &Repo) {
        self.setups.forget_all(&repo.name).await;
    }

    /// Under which key the set-up is kept; none if none is.
    async fn key(
        &self,
        of: Subject<'_>,
        setup: &str,
        checkout: &TempDir,
    ) -> anyhow::Result<Option<Key>> {
        if setups_bytes(&self.config.now()) == 0 {
            return Ok(None);
        }
        let variables = fetching(|name| std::env::var(name).ok());
        let tree = checkout.path().join("tree");
        let key = Key::of(of.repo, of.sha, setup, &tree, &variables).await?;
        Ok(Some(key))
    }

    /// Tests on what is kept; none if that cannot be done, or if it came to nothing that says something of the commit.
    async fn test_on_kept(&self, of: Subject<'_>, key: &Key) -> anyhow::Result<Option<Tested>> {
        if !self.setups.has(key) {
            return Ok(None);
        }
        let checkout = self.make(of.repo, of.sha).await?;
        let Some(taken) = self.setups.take(key, &checkout).await else {
            return Ok(None);
        };
        let setup = of.ci.setup.as_deref().unwrap_or_default();
        let log = Log {
            output: format!(
                "$ {setup}\n(begins with what it came to on {})\n",
                taken.sha
            ),
            duration_ms: 0,
        };
        let tested = self.test_in(of, &checkout, log).await?;
        Ok((tested.run.inability().is_none()).then_some(tested))
    }

    /// Sets a checkout up; answers the run if that failed.
    async fn set_up(
        &self,
        of: Subject<'_>,
        checkout: &TempDir,
        log: &mut Log,
    ) -> anyhow::Result<Option<StoredRun>> {
        let Some(setup) = &of.ci.setup else {
            return Ok(None);
        };
        // Setting up may fetch what the tests need; the tests themselves talk to nobody but themselves.
        let done = self.command(of, checkout, Phase::Setup, setup, log).await?;
        Ok((!done.success()).then(|| ended(Phase::Setup, &done, checkout.path(), log)))
    }

    /// Tests a checkout that is set up.
    async fn test_in(
        &self,
        of: Subject<'_>,
        checkout: &TempDir,
        mut log: Log,
    ) -> anyhow::Result<Tested> {
        // File systems tell times less finely than clocks do.
        let since = SystemTime::now() - Duration::from_secs(2);
        let phase = Phase::Test;
        let done = self
            .command(of, checkout, phase, &of.ci.test, &mut log)
            .await?;
        let mut run = ended(phase, &done, checkout.path(), &log);
        let tree = checkout.path().join("tree");
        let pattern = of.ci.report.clone();
        let read = tokio::task::spawn_blocking(move || failures(&tree, pattern, since, &done));
        run.failed = read.await?;
        let coverage = report_of(of.ci, checkout, run.passed);
        Ok(Tested { run, coverage })
    }

    async fn command(
        &self,
        of: Subject<'_>,
        checkout: &TempDir,
        phase: Phase,
        command: &str,
        log: &mut Log,
    ) -> anyhow::Result<Finished> {
        let (timeout, tree) = (of.timeout(), checkout.path().join("tree"));
        let mut spec = plain_environment(Spec::shell(command, tree, timeout), checkout);
        let alone = NetworkConfig {
            mode: NetworkMode::None,
            ..NetworkConfig::default()
        };
        let network = match phase {
            Phase::Setup => &of.repo.config.network,
            Phase::Test => &alone,
        };
        if phase == Phase::Setup {
            // A proxy of the host's own is not to be reached from a network that has one already.
            let is_way = |name: &str| name.to_ascii_lowercase().ends_with("_proxy");
            let is_host = network.mode == NetworkMode::Host;
            let variables = fetching(|name| std::env::var(name).ok()).into_iter();
            spec.env
                .extend(variables.filter(|(name, _)| is_host || !is_way(name)));
        }
        let token = token_of(checkout.path());
        let (done, refusals) = self
            .run_confined(of.repo, of.task, spec, checkout, network)
            .await?;
        tokio::task::spawn_blocking(move || sweep_marked(&token)).await?;
        let stderr = done.stderr.text();
        if done.exit.code() == NOT_CONFINED && stderr.contains("sandbox: ") {
            // The machine's fault and not the commit's.
            anyhow::bail!("the tests could not be confined: {}", stderr.trim());
        }
        log.duration_ms += u64::try_from(done.duration.as_millis()).unwrap_or(u64::MAX);
        let said = format!("$ {command}\n{}\n", done.tail(TAIL_BYTES));
        log.output.push_str(&said);
        log.output.push_str(&refusals.in_words());
        if done.timed_out {
            log.output
                .push_str(&format!("(ended after {} s)\n", of.ci.timeout_s));
        }
        Ok(done)
    }
}

/// A test for which there is not all that belongs to the commit: nothing is run.
fn lacking(lacks: &[String]) -> Tested {
    let inability = Inability::Submodule;
    let run = StoredRun {
        passed: false,
        exit_code: NOTHING_RAN,
        output_tail: format!("{}\n", lacks.join("\n")),
        duration_ms: 0,
        inability: Some(inability.as_str().to_owned()),
        failed: FailedTests::default(),
        base_ran: None,
        flaky: Vec::new(),
    };
    Tested {
        run,
        coverage: None,
    }
}

/// How a command that ended leaves the commit.
fn ended(phase: Phase, done: &Finished, checkout: &Path, log: &Log) -> StoredRun {
    let passed = done.success();
    let exit_code = match (passed, done.timed_out) {
        (true, _) => 0,
        (false, true) => 124,
        (false, false) => done.exit.code(),
    };
    let inability = match passed {
        true => None,
        false => Inability::of(phase, exit_code, free_bytes(checkout)),
    };
    StoredRun {
        passed,
        exit_code,
        output_tail: log.output.clone(),
        duration_ms: log.duration_ms,
        inability: inability.map(|inability| inability.as_str().to_owned()),
        failed: FailedTests::default(),
        base_ran: None,
        flaky: Vec::new(),
    }
}

/// Which tests failed: by the reports that the repository names, or else by what was printed.
fn failures(
    tree: &Path,
    pattern: Option<String>,
    since: SystemTime,
    done: &Finished,
) -> FailedTests {
    let reported = pattern.and_then(|pattern| reported(tree, &pattern, since));
    reported.unwrap_or_else(|| {
        let (out, err) = (&done.stdout, &done.stderr);
        let text = format!("{}\n{}", out.text(), err.text());
        printed(&text, !out.truncated && !err.truncated && !done.timed_out)
    })
}

fn report_of(ci: &CiConfig, checkout: &TempDir, passed: bool) -> Option<String> {
    let name = ci.coverage.as_deref()?;
    Some(coverage(&checkout.path().join("tree"), name, passed))
}
