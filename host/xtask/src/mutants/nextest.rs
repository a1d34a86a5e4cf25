//! One run of the tests in the copy: builds, runs until the first failure, and says what came of it. Every wait has
//! a bound.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::shell::cargo;
use crate::tools;

/// A first build compiles every dependency, on a busy machine with few cores.
const BUILD_MAX: Duration = Duration::from_secs(40 * 60);
/// Tests that take longer hang.
pub(super) const TESTS_MAX: Duration = Duration::from_secs(4 * 60);
/// How long the test runner may take to end its tests after it was told to.
const END_MAX: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(50);
/// Tests of query plans are left out: they notice any change of a statement, also one that changes nothing it does.
const WITHOUT_PLANS: &str = "not test(/^table::plans::/)";
/// Exit code of the test runner for tests that failed.
const TESTS_FAILED: i32 = 100;

/// What the tests came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tests {
    Passed,
    /// These failed; there may be more.
    Failed(Vec<String>),
    /// They did not end in time.
    Hung,
}

/// Where tests are run.
#[derive(Debug)]
pub(super) struct Bench {
    /// The copy of the workspace.
    pub(super) copy: PathBuf,
    /// Where cargo puts what it builds: the target directory of the checkout, where a crate of the copy is another one.
    pub(super) target: PathBuf,
    /// What cargo and the tests print, one file per run.
    pub(super) logs: PathBuf,
}

/// Which tests are run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'a> {
    Package(&'a str),
    Everything,
}

impl Bench {
    /// Builds and runs the tests of `scope`. That something does not compile is an error.
    pub(super) fn tests(&self, name: &str, scope: Scope<'_>) -> anyhow::Result<Tests> {
        let log = self.logs.join(format!("{name}.log"));
        let built = wait(self.nextest(scope).arg("--no-run"), &log, BUILD_MAX)?;
        match built {
            Some(status) if status.success() => {}
            Some(_) => bail!("the tests do not compile; see {}", log.display()),
            None => bail!("the build took longer than {} s", BUILD_MAX.as_secs()),
        }
        let mut command = self.nextest(scope);
        command.args(["--fail-fast", "--color", "never"]);
        command.args(["--status-level", "fail", "--final-status-level", "none"]);
        command.args(["--success-output", "never", "--failure-output", "immediate"]);
        let Some(status) = wait(&mut command, &log, TESTS_MAX)? else {
            return Ok(Tests::Hung);
        };
        if status.success() {
            return Ok(Tests::Passed);
        }
        let failed = failed_tests(&fs::read_to_string(&log)?);
        if status.code() != Some(TESTS_FAILED) || failed.is_empty() {
            bail!("the tests cannot be run ({status}); see {}", log.display());
        }
        Ok(Tests::Failed(failed))
    }

    fn nextest(&self, scope: Scope<'_>) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = cargo();
        command
            .current_dir(&self.copy)
            .env("PATH", format!("{}:{path}", tools::bin().display()))
            // A page that is written anew fails no test.
            .env_remove("ORCH_BLESS")
            .args(["nextest", "run", "--offline", "-E", WITHOUT_PLANS])
            .arg("--target-dir")
            .arg(&self.target);
        match scope {
            Scope::Package(package) => command.args(["--package", package]),
            Scope::Everything => command.arg("--workspace"),
        };
        command
    }
}

/// Runs a command until its end; none if it had to be ended.
fn wait(command: &mut Command, log: &Path, most: Duration) -> anyhow::Result<Option<ExitStatus>> {
    let out =
        File::create(log).with_context(|| format!("`{}` cannot be written", log.display()))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .spawn()
        .context("cargo cannot be started")?;
    if let Some(status) = ended(&mut child, most)? {
        return Ok(Some(status));
    }
    // Told so, the test runner ends its tests too; killed at once, it would leave them running.
    let pid = child.id().to_string();
    crate::shell::output(Command::new("kill").args(["-TERM", &pid]));
    if ended(&mut child, END_MAX)?.is_none() {
        child.kill()?;
        child.wait()?;
    }
    Ok(None)
}

fn ended(child: &mut Child, most: Duration) -> anyhow::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() >= most {
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

/// Names in lines such as `FAIL [   0.012s] (1/2) orch-store::model a_test`, in the order of their ends.
fn failed_tests(log: &str) -> Vec<String> {
    const STATES: [&str; 4] = ["FAIL", "TIMEOUT", "SIG", "ABORT"];
    let mut found: Vec<String> = Vec::new();
    for line in log.lines() {
        let line = line.trim_start();
        let Some((_, rest)) = line.split_once("s] ") else {
            continue;
        };
        if !STATES.iter().any(|state| line.starts_with(state)) {
            continue;
        }
        let Some(name) = rest.split_whitespace().next_back() else {
            continue;
        };
        if !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;
    use std::time::Duration;

    use super::{failed_tests, wait};

    #[test]
    fn command_that_does_not_end_in_time_is_ended() {
        let log = Path::new("/dev/null");
        let of = |seconds, most| wait(Command::new("sleep").arg(seconds), log, most).unwrap();
        assert!(of("0", Duration::from_secs(60)).is_some_and(|status| status.success()));
        assert!(of("600", Duration::ZERO).is_none());
    }

    #[test]
    fn failed_tests_are_read_from_what_the_runner_prints() {
        let log = "    Starting 90 tests across 6 binaries\n\
            \x20       FAIL [   0.012s] (12/90) orch-store::store stale_version_does_not_move_a_task\n\
            \x20    SIGABRT [   0.300s] ( 3/90) orch-domain transition::tests::one\n\
            \x20       PASS [   0.012s] (13/90) orch-store::store another\n\
            \x20       FAIL [   0.012s] (12/90) orch-store::store stale_version_does_not_move_a_task\n\
            \x20    Summary [   1.204s] 13/90 tests run: 11 passed, 2 failed\n";
        let names = [
            "stale_version_does_not_move_a_task",
            "transition::tests::one",
        ];
        assert_eq!(failed_tests(log), names);
    }
}
