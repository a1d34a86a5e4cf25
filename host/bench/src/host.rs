//! What a host costs: start to first answer and first claim, and what it uses while it does nothing.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use orch_domain::job::JobKind;
use orch_store::{EnqueueOutcome, NewJob, Owner, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::page::Table;

/// How long an idle host is watched.
const IDLE: Duration = Duration::from_secs(10);
/// Starts that find the images kept.
const KEPT_STARTS: usize = 5;

/// A host's process. Killed when dropped.
pub(crate) struct Host(Child);

impl Host {
    /// Starts a host, which logs to `log`.
    pub(crate) fn start(orch: &Path, config: &Path, log: File) -> anyhow::Result<Self> {
        let child = Command::new(orch)
            .args(["serve", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(Self(child))
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Leaves one ready job in the database, for the host to find. It names no task, so its handler ends at once
/// and the host says so: the line comes after the claim.
async fn leave_a_job(database: &Path) -> anyhow::Result<()> {
    let store = Store::open(database, Owner("bench".into())).await?;
    let job = NewJob {
        kind: JobKind::Ci,
        task: None,
        repo: "none".into(),
        payload: "{}".into(),
        priority: 5,
        run_at_ms: 0,
        name: None,
        put_off: None,
    };
    let queued = store
        .write(move |tx| Box::pin(async move { tx.enqueue(&job, 1).await }))
        .await?;
    anyhow::ensure!(matches!(queued, EnqueueOutcome::Enqueued(_)), "{queued:?}");
    crate::store::close(store).await
}

/// Asks `/health` once; true if the host answered it.
pub(crate) async fn answers(socket: &Path) -> bool {
    let Ok(mut stream) = tokio::net::UnixStream::connect(socket).await else {
        return false;
    };
    let request = b"GET /health HTTP/1.1\r\nHost: orch\r\nConnection: close\r\n\r\n";
    let mut answer = [0; 15];
    stream.write_all(request).await.is_ok()
        && stream.read_exact(&mut answer).await.is_ok()
        && answer.starts_with(b"HTTP/1.1 200")
}

/// The host's program, which is built beside this one.
pub(crate) fn program() -> anyhow::Result<PathBuf> {
    let orch = std::env::current_exe()?.with_file_name("orch");
    anyhow::ensure!(
        orch.exists(),
        "`{}` is not built; run `cargo xtask bench`",
        orch.display()
    );
    Ok(orch)
}

/// Measures a first start, which compiles the gates, and one that finds their images.
pub(crate) async fn run(orch: &Path) -> anyhow::Result<Table> {
    let folder = tempfile::tempdir()?;
    let gates = std::fs::canonicalize("gates")?;
    let config = folder.path().join("orch.yaml");
    std::fs::write(
        &config,
        format!("data: data\ngates_dir: {}\n", gates.display()),
    )?;
    let first = start(orch, folder.path()).await?;
    drop(first.host);
    let mut kept = Vec::new();
    for _ in 1..KEPT_STARTS {
        kept.push(start(orch, folder.path()).await?.took);
    }
    let last = start(orch, folder.path()).await?;
    kept.push(last.took);
    let pid = last.host.pid();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = cpu_ticks(pid)?;
    tokio::time::sleep(IDLE).await;
    let percent = (cpu_ticks(pid)? - before) as f64 / IDLE.as_secs_f64();
    let memory = resident_mib(pid)?;
    let row = |what: &str, value: String, goal: &str| vec![what.into(), value, goal.into()];
    let ms = |ms: f64| format!("{ms:.0} ms");
    Ok(Table {
        title: "Host",
        note: format!(
            "`orch serve` with all first-party gates. A first start compiles them; the median of {KEPT_STARTS} later ones, which find their images kept. The first claim is of a job that lay ready: measured when the host has logged the end of that job's handler, so claim and handler are in it. Idle over {} s, in percent of one core; memory is the resident set.",
            IDLE.as_secs()
        ),
        header: vec!["what", "value", "goal"],
        rows: vec![
            row("first start to first claim", ms(first.took.claim_ms), ""),
            row("first start to first answer", ms(first.took.answer_ms), ""),
            row(
                "images kept, start to first claim",
                ms(median(kept.iter().map(|took| took.claim_ms))),
                "at most 150 ms",
            ),
            row(
                "images kept, start to first answer",
                ms(median(kept.iter().map(|took| took.answer_ms))),
                "",
            ),
            row("idle CPU", format!("{percent:.2} %"), "under 0.3 %"),
            row(
                "resident memory",
                format!("{memory:.0} MiB"),
                "at most 60 MiB",
            ),
        ],
    })
}

/// What a start took.
struct Took {
    claim_ms: f64,
    answer_ms: f64,
}

/// A host that has claimed and answers.
struct Started {
    host: Host,
    took: Took,
}

/// Starts a host in `folder` with one job ready.
async fn start(orch: &Path, folder: &Path) -> anyhow::Result<Started> {
    leave_a_job(&folder.join("data/orch.db")).await?;
    let (log, socket) = (folder.join("host.log"), folder.join("data/orch.sock"));
    let begun = Instant::now();
    let mut host = Host::start(orch, &folder.join("orch.yaml"), File::create(&log)?)?;
    let (mut claim_ms, mut answer_ms) = (None, None);
    loop {
        if let (Some(claim_ms), Some(answer_ms)) = (claim_ms, answer_ms) {
            let took = Took {
                claim_ms,
                answer_ms,
            };
            return Ok(Started { host, took });
        }
        anyhow::ensure!(
            !host.has_ended() && begun.elapsed() < Duration::from_secs(60),
            "the host has ended, or does not claim or answer:\n{}",
            std::fs::read_to_string(&log)?
        );
        let now_ms = || Some(begun.elapsed().as_secs_f64() * 1000.0);
        if claim_ms.is_none() && std::fs::read_to_string(&log)?.contains("a job failed") {
            claim_ms = now_ms();
        }
        if answer_ms.is_none() && answers(&socket).await {
            answer_ms = now_ms();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn median(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}

/// CPU time of a process in ticks of 10 ms, kernel and user.
pub(crate) fn cpu_ticks(pid: u32) -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let rest = stat
        .rsplit_once(") ")
        .map(|(_, rest)| rest)
        .unwrap_or_default();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let field = |index: usize| {
        fields
            .get(index)
            .and_then(|f| f.parse::<u64>().ok())
            .unwrap_or(0)
    };
    Ok(field(11) + field(12))
}

fn resident_mib(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"))?;
    let line = status
        .lines()
        .find(|l| l.starts_with("VmRSS:"))
        .unwrap_or_default();
    let kib: f64 = line
        .split_whitespace()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0.0);
    Ok(kib / 1024.0)
}
