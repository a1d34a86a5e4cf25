//! A folder with a small repository, an agent that waits, a configuration, and a host that may be killed.
//!
//! Whatever was started here is ended with it, by process id and start time: the host, its supervisors and
//! everything that carries this folder's name in its environment.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use orch_process::identity::{ProcessIdentity, all_pids, boot_id, has_variable, start_ticks};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::host::{Host, answers};

/// Variable by which every process of an agent of this site is found.
const MARK: &str = "BENCH_SITE";
/// Longest wait for one answer of the host.
const ANSWER: Duration = Duration::from_secs(10);
/// Longest wait for a host to start; its first start compiles gates.
const START: Duration = Duration::from_secs(120);
/// Pause between looks.
const LOOK: Duration = Duration::from_millis(5);
/// How long the end of what is left is insisted on.
const SWEEP: Duration = Duration::from_secs(10);

/// The folder, and the host while one runs.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    orch: PathBuf,
    host: Option<Host>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.kill_host();
        let (begun, mut empty) = (Instant::now(), 0);
        while begun.elapsed() < SWEEP {
            // Supervisors first: one that lives would write of its agent's end into a folder that goes.
            let mut left = self.supervisors("");
            left.extend(self.marked(""));
            // Twice, because one that is just being started shows itself only as what it will be.
            empty = if left.is_empty() { empty + 1 } else { 0 };
            if empty == 2 {
                return;
            }
            left.iter().for_each(ProcessIdentity::kill);
            std::thread::sleep(LOOK);
        }
        eprintln!(
            "processes of `{}` could not be ended",
            self.folder.path().display()
        );
    }
}

impl Site {
    /// A site of this agent, whose program is `agent.sh` with [`MARK`] in its environment. `config` is laid over what
    /// every site has.
    pub(crate) fn new(orch: &Path, agent: &str, config: &Value) -> anyhow::Result<Self> {
        // An absolute path: processes are found by it. On the disk of the build, as the stores are.
        let top = fs::canonicalize("target")?;
        let site = Self {
            folder: tempfile::tempdir_in(top)?,
            orch: orch.to_owned(),
            host: None,
        };
        for folder in ["seed", "started", "ready", "child", "go", "stubborn"] {
            fs::create_dir(site.path(folder))?;
        }
        fs::write(site.path("agent.sh"), agent)?;
        fs::set_permissions(site.path("agent.sh"), fs::Permissions::from_mode(0o755))?;
        fs::write(site.path("seed/README.md"), "# Shop\n")?;
        fs::write(site.path("seed/.orch.yaml"), "required_contexts: []\n")?;
        let who = ["-c", "user.name=Ann", "-c", "user.email=ann@orch.invalid"];
        site.git(&["init", "--quiet", "--initial-branch=main"])?;
        site.git(&["add", "--all"])?;
        site.git(&[&who[..], &["commit", "--quiet", "-m", "A shop"]].concat())?;
        site.git(&["clone", "--quiet", "--bare", ".", "../shop.git"])?;
        let mark = site.folder.path();
        let mut whole = json!({
            "data": "data",
            "gates_dir": fs::canonicalize("gates")?,
            "agents": {"script": {"driver": "command", "program": "./agent.sh", "env": {MARK: mark}}},
            "roles": {"default": {"agent": "script", "limits": {"timeout_s": 600}}},
            "repositories": {"shop": {"path": "shop.git", "prefix": "BENCH"}},
        });
        lay_over(&mut whole, config);
        fs::write(site.path("orch.yaml"), whole.to_string())?;
        Ok(site)
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn git(&self, args: &[&str]) -> anyhow::Result<()> {
        let done = Command::new("git")
            .args(args)
            .current_dir(self.path("seed"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()?;
        let told = String::from_utf8_lossy(&done.stderr);
        anyhow::ensure!(done.status.success(), "git {args:?}: {told}");
        Ok(())
    }

    /// Starts the host and waits until it answers; says how long that took from the start of the process.
    pub(crate) async fn start_host(&mut self) -> anyhow::Result<Duration> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("host.log"))?;
        let begun = Instant::now();
        let host = Host::start(&self.orch, &self.path("orch.yaml"), log)?;
        let host = self.host.insert(host);
        let socket = self.folder.path().join("data/orch.sock");
        while !answers(&socket).await {
            anyhow::ensure!(!host.has_ended(), "the host ended at its start");
            anyhow::ensure!(begun.elapsed() < START, "the host does not answer");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(begun.elapsed())
    }

    /// Kills the host as a power cut would.
    pub(crate) fn kill_host(&mut self) {
        self.host = None;
    }

    /// The running host's process.
    pub(crate) fn host_pid(&self) -> anyhow::Result<u32> {
        self.host.as_ref().map(Host::pid).context("no host runs")
    }

    /// The end of the host's log, for the text of an error.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(self.path("host.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Begins a task under this name.
    pub(crate) async fn begin(&self, item: &str) -> anyhow::Result<()> {
        let new = json!({"repo": "shop", "title": "Wait", "id": item});
        self.ask("POST", "/tasks", Some(new)).await.map(|_| ())
    }

    /// Stops a task without waiting for its end.
    pub(crate) async fn stop(&self, item: &str) -> anyhow::Result<()> {
        let path = format!("/tasks/{item}/stop");
        self.ask("POST", &path, Some(json!({}))).await.map(|_| ())
    }

    /// The command line that stops a task, started. Killed when dropped.
    pub(crate) fn start_stop(&self, item: &str) -> anyhow::Result<tokio::process::Child> {
        let mut command = tokio::process::Command::new(&self.orch);
        command
            .args(["task", "stop", item, "--config"])
            .arg(self.path("orch.yaml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        Ok(command.spawn()?)
    }

    /// The task as it is now.
    pub(crate) async fn task(&self, item: &str) -> anyhow::Result<Value> {
        self.ask("GET", &format!("/tasks/{item}"), None).await
    }

    /// Asks the host over its socket, with one connection for each question.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: orch\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let exchange = async {
            let mut stream = tokio::net::UnixStream::connect(self.path("data/orch.sock")).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            std::io::Result::Ok(answer)
        };
        let answer = tokio::time::timeout(ANSWER, exchange).await;
        let answer = answer.with_context(|| format!("{method} {path} has no answer"))??;
        let (head, content) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let well = head.starts_with("HTTP/1.1 2");
        anyhow::ensure!(well, "{method} {path}: {answer}");
        Ok(serde_json::from_str(content)?)
    }

    /// Supervisors whose run folder has `part` in its name.
    fn supervisors(&self, part: &str) -> Vec<ProcessIdentity> {
        let runs = self.path("data/runs").display().to_string();
        those(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            line.contains("supervise\0") && line.contains(&runs) && line.contains(part)
        })
    }

    /// Processes of agents of this site, of one task or of any.
    fn marked(&self, item: &str) -> Vec<ProcessIdentity> {
        let mark = format!("{MARK}={}", self.folder.path().display());
        let task = format!("ORCH_WORK_ITEM={item}");
        those(|pid| has_variable(pid, &mark) && (item.is_empty() || has_variable(pid, &task)))
    }

    /// The whole tree of a task's run: its supervisor and whatever its agent started, wherever it went.
    pub(crate) fn tree(&self, item: &str) -> Vec<ProcessIdentity> {
        let mut tree = self.supervisors(&format!("-{item}-"));
        tree.extend(self.marked(item));
        tree
    }

    /// How many lines a file of the task's agent has.
    pub(crate) fn lines(&self, folder: &str, item: &str) -> usize {
        let text = fs::read_to_string(self.path(folder).join(item)).unwrap_or_default();
        text.lines().count()
    }

    /// Waits until the task's agent is ready.
    pub(crate) async fn ready(&self, item: &str) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.lines("ready", item) == 0 {
            anyhow::ensure!(
                begun.elapsed() < START,
                "the agent of {item} does not start:\n{}",
                self.log()
            );
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Waits until the task is seen as `is_so` wants it; answers that view.
    pub(crate) async fn follow(
        &self,
        item: &str,
        most: Duration,
        is_so: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let begun = Instant::now();
        loop {
            let view = self.task(item).await?;
            if is_so(&view) {
                return Ok(view);
            }
            anyhow::ensure!(
                begun.elapsed() < most,
                "{item} does not get there: {view:#}\n{}",
                self.log()
            );
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Puts the values of `upper` in the place of those of `lower`, maps key by key.
fn lay_over(lower: &mut Value, upper: &Value) {
    match (lower, upper) {
        (Value::Object(lower), Value::Object(upper)) => {
            for (key, value) in upper {
                lay_over(lower.entry(key).or_insert(Value::Null), value);
            }
        }
        (lower, upper) => *lower = upper.clone(),
    }
}

/// Processes that live now and are as `is_one` says. A zombie has neither arguments nor environment, so it is
/// never one.
fn those(is_one: impl Fn(u32) -> bool) -> Vec<ProcessIdentity> {
    let boot_id = boot_id();
    let pids = all_pids().into_iter().filter(|pid| is_one(*pid));
    // One that has no start time has ended meanwhile.
    pids.filter_map(|pid| {
        Some(ProcessIdentity {
            boot_id: boot_id.clone(),
            pid,
            start_ticks: start_ticks(pid)?,
        })
    })
    .collect()
}
