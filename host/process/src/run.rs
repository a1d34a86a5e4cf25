//! Runs one child to its end, and nothing of it afterwards.

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::sandbox::Confinement;

/// How long a group gets between SIGTERM and SIGKILL.
const TERM_GRACE: Duration = Duration::from_secs(2);
/// How long the pipes are read after the child ended: a daemon it left behind may hold them open.
const DRAIN: Duration = Duration::from_secs(2);

/// What to run.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Absolute path of the program; see [`resolve_program`].
    pub program: PathBuf,
    /// Arguments.
    pub args: Vec<String>,
    /// The whole environment: nothing is inherited.
    pub env: Vec<(String, String)>,
    /// Working directory.
    pub cwd: PathBuf,
    /// Standard input, then end of file.
    pub stdin: Vec<u8>,
    /// Wall-clock limit.
    pub timeout: Duration,
    /// Bytes kept of each stream; head and tail are kept, the middle is dropped.
    pub output_bytes_max: usize,
}

impl Spec {
    /// A child without arguments, environment or input: 60 s, 1 MiB per stream.
    pub fn new(program: impl Into<PathBuf>, cwd: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            cwd: cwd.into(),
            stdin: Vec::new(),
            timeout: Duration::from_secs(60),
            output_bytes_max: 1024 * 1024,
        }
    }

    /// A shell command with the plain environment that tests and hooks get.
    pub fn shell(command: &str, cwd: impl Into<PathBuf>, timeout: Duration) -> Self {
        let mut spec = Self::new("/bin/sh", cwd);
        spec.args = vec!["-c".to_owned(), command.to_owned()];
        spec.timeout = timeout;
        spec
    }

    /// The same command, confined; `orch` is the program that confines.
    #[must_use]
    pub fn confined(mut self, orch: &Path, confinement: &Confinement) -> Self {
        let wrapped = confinement.wrap(orch, &self.program, &self.args);
        self.program = wrapped.program;
        self.args = wrapped.args;
        self.env.push(wrapped.variable);
        self
    }

    /// Adds a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl Exit {
    /// The code a shell would show.
    pub fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// What was kept of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether something was dropped.
    pub truncated: bool,
}

impl Captured {
    /// The bytes as text, with replacement characters where they are none.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// A child that ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How.
    pub exit: Exit,
    /// Standard output.
    pub stdout: Captured,
    /// Standard error.
    pub stderr: Captured,
    /// How long it took.
    pub duration: Duration,
    /// Whether the deadline ended it.
    pub timed_out: bool,
}

impl Finished {
    /// Whether it ended by itself with code 0.
    pub fn success(&self) -> bool {
        !self.timed_out && self.exit == Exit::Code(0)
    }

    /// The end of what it said on both streams, at most `bytes` each, for people.
    pub fn tail(&self, bytes: usize) -> String {
        let cut = |captured: &Captured| {
            let text = captured.text();
            let text = text.trim_end();
            let mut start = text.len().saturating_sub(bytes);
            while !text.is_char_boundary(start) {
                start += 1;
            }
            text[start..].to_owned()
        };
        let (out, err) = (cut(&self.stdout), cut(&self.stderr));
        match (out.is_empty(), err.is_empty()) {
            (_, true) => out,
            (true, false) => err,
            (false, false) => format!("{out}\n{err}"),
        }
    }
}

/// Why a child could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The program is not there.
    #[error(
        "program `{name}` is not installed; install it or name its full path (searched: {searched})"
    )]
    NotFound {
        /// The name.
        name: String,
        /// Folders that were searched.
        searched: String,
    },
    /// It could not be started.
    #[error("`{program}` could not be started")]
    Spawn {
        /// The program.
        program: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its end could not be waited for.
    #[error("`{program}` could not be waited for")]
    Wait {
        /// The program.
        program: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Finds a program: a path is taken as it is, a name is looked for in `path` (as in `PATH`).
///
/// # Errors
/// [`RunError::NotFound`] with the folders searched.
pub fn resolve_program(name: &Path, path: &str) -> Result<PathBuf, RunError> {
    let missing = |searched: &str| RunError::NotFound {
        name: name.display().to_string(),
        searched: searched.to_owned(),
    };
    if name.components().count() > 1 {
        return if is_executable(name) {
            Ok(name.to_owned())
        } else {
            Err(missing("the path itself"))
        };
    }
    std::env::split_paths(path)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_absolute() && is_executable(candidate))
        .ok_or_else(|| missing(path))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// Kills a process group when dropped, so that a cancelled call leaves nothing behind.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.0 {
            // An empty group is the goal, so "no such process" is success.
            kill_process_group(pid, signal).ok();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Runs `spec` to its end or its deadline. Whatever remains of its process group is killed, also when the
/// returned future is dropped.
///
/// # Errors
/// [`RunError`] if it could not be started or waited for; a child that fails is no error.
pub async fn run(spec: &Spec) -> Result<Finished, RunError> {
    let started = Instant::now();
    let mut command = tokio::process::Command::new(&spec.program);
    command
        .args(&spec.args)
        .env_clear()
        .envs(spec.env.iter().map(|(k, v)| (k, v)))
        .current_dir(&spec.cwd)
        .stdin(if spec.stdin.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    orch_durable::point("spawn: before");
    let mut child = command.spawn().map_err(|source| RunError::Spawn {
        program: spec.program.clone(),
        source,
    })?;
    orch_durable::point("spawn: after");
    let group = Group(
        child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).unwrap_or(0))),
    );
    let feed = feed(child.stdin.take(), spec.stdin.clone());
    let out = tokio::spawn(capture(child.stdout.take(), spec.output_bytes_max));
    let err = tokio::spawn(capture(child.stderr.take(), spec.output_bytes_max));
    let feed = tokio::spawn(feed);

    let waited = tokio::time::timeout(spec.timeout, child.wait()).await;
    let timed_out = waited.is_err();
    let status = match waited {
        Ok(status) => status,
        Err(_elapsed) => {
            group.signal(Signal::TERM);
            match tokio::time::timeout(TERM_GRACE, child.wait()).await {
                Ok(status) => status,
                Err(_elapsed) => {
                    group.signal(Signal::KILL);
                    child.wait().await
                }
            }
        }
    };
    let status = status.map_err(|source| RunError::Wait {
        program: spec.program.clone(),
        source,
    })?;
    drop(group);
    feed.abort();
    let exit = match status.code() {
        Some(code) => Exit::Code(code),
        None => Exit::Signal(status.signal().unwrap_or(0)),
    };
    Ok(Finished {
        exit,
        stdout: drained(out).await,
        stderr: drained(err).await,
        duration: started.elapsed(),
        timed_out,
    })
}

async fn feed(stdin: Option<tokio::process::ChildStdin>, bytes: Vec<u8>) {
    if let Some(mut stdin) = stdin {
        // A child that does not read its input decides so itself; its exit code tells.
        drop(stdin.write_all(&bytes).await);
    }
}

async fn drained(task: tokio::task::JoinHandle<Captured>) -> Captured {
    let abort = task.abort_handle();
    match tokio::time::timeout(DRAIN, task).await {
        Ok(Ok(captured)) => captured,
        Ok(Err(_)) | Err(_) => {
            abort.abort();
            Captured {
                bytes: Vec::new(),
                truncated: true,
            }
        }
    }
}

async fn capture(stream: Option<impl AsyncRead + Unpin>, max: usize) -> Captured {
    let Some(mut stream) = stream else {
        return Captured::default();
    };
    let mut head: Vec<u8> = Vec::new();
    let mut tail: VecDeque<u8> = VecDeque::new();
    let mut truncated = false;
    let mut buffer = vec![0; 16 * 1024];
    let half = max / 2;
    loop {
        let read = match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        let room = half.saturating_sub(head.len()).min(read);
        head.extend_from_slice(&buffer[..room]);
        tail.extend(&buffer[room..read]);
        while tail.len() > max - half {
            truncated = true;
            tail.drain(..tail.len() - (max - half));
        }
    }
    head.extend(tail);
    Captured {
        bytes: head,
        truncated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(command: &str) -> Spec {
        Spec::shell(command, "/", Duration::from_secs(20)).env("PATH", "/usr/bin:/bin")
    }

    #[tokio::test]
    async fn environment_is_cleared() {
        let done = run(&shell("env")).await.unwrap();
        assert!(done.success());
        let text = done.stdout.text();
        let names: Vec<&str> = text
            .lines()
            .filter_map(|l| l.split_once('='))
            .map(|(k, _)| k)
            .collect();
        assert!(
            names
                .iter()
                .all(|n| ["PATH", "PWD", "_", "OLDPWD", "SHLVL"].contains(n)),
            "{names:?}"
        );
    }

    #[tokio::test]
    async fn deadline_kills_a_child_that_ignores_sigterm_and_all_it_started() {
        let mut spec = shell("trap '' TERM; (trap '' TERM; sleep 600) & echo $!; sleep 600");
        spec.timeout = Duration::from_millis(300);
        let done = run(&spec).await.unwrap();
        assert!(done.timed_out && !done.success());
        let grandchild: u32 = done.stdout.text().trim().parse().unwrap();
        let gone = || match std::fs::read_to_string(format!("/proc/{grandchild}/stat")) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !gone() {
            assert!(Instant::now() < deadline, "the grandchild lives on");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn output_keeps_head_and_tail_within_its_bound() {
        let mut spec = shell("echo first; head -c 100000 /dev/zero | tr '\\0' x; echo; echo last");
        spec.output_bytes_max = 1000;
        let done = run(&spec).await.unwrap();
        assert!(done.stdout.truncated && done.stdout.bytes.len() <= 1000);
        assert!(done.stdout.text().starts_with("first") && done.stdout.text().ends_with("last\n"));
    }

    #[tokio::test]
    async fn background_child_that_keeps_the_pipe_open_does_not_hang_the_call() {
        let done = run(&shell("sleep 600 & echo done")).await.unwrap();
        assert!(done.success());
    }

    #[test]
    fn missing_program_is_named_with_a_remedy() {
        let error = resolve_program(Path::new("no-such-program"), "/usr/bin:/bin")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no-such-program") && error.contains("install it"),
            "{error}"
        );
    }
}
