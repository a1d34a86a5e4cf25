//! What a host costs: start to first answer and first claim, and what it uses while it does nothing.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Table;

/// How long an idle host is watched.
const IDLE: Duration = Duration::from_secs(10);

struct Host(Child);

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

pub(crate) async fn run() -> anyhow::Result<Table> {
    let orch = std::env::current_exe()?.with_file_name("orch");
    anyhow::ensure!(
        orch.exists(),
        "`{}` is not built; run `cargo xtask bench`",
        orch.display()
    );
    let folder = tempfile::tempdir()?;
    let gates = std::fs::canonicalize("gates")?;
    let config = folder.path().join("orch.yaml");
    std::fs::write(
        &config,
        format!("data: data\ngates_dir: {}\n", gates.display()),
    )?;
    let begun = Instant::now();
    let host = Host(
        Command::new(orch)
            .args(["serve", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?,
    );
    let socket = folder.path().join("data/orch.sock");
    while tokio::net::UnixStream::connect(&socket).await.is_err() {
        anyhow::ensure!(
            begun.elapsed() < Duration::from_secs(60),
            "the host does not answer"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let start_ms = begun.elapsed().as_secs_f64() * 1000.0;
    let pid = host.0.id();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = cpu_ticks(pid)?;
    tokio::time::sleep(IDLE).await;
    let ticks = cpu_ticks(pid)? - before;
    let percent = ticks as f64 / IDLE.as_secs_f64();
    Ok(Table {
        title: "Host",
        note: "`orch serve` with all first-party gates, compiled at its start. The worker claims before the listener answers, so the first answer is an upper bound of the first claim. Idle over ten seconds, in percent of one core; memory is the resident set.".to_owned(),
        header: vec!["what", "value"],
        rows: vec![
            vec!["start to first answer".into(), format!("{start_ms:.0} ms")],
            vec!["idle CPU".into(), format!("{percent:.1} %")],
            vec!["resident memory".into(), format!("{:.0} MiB", resident_mib(pid)?)],
        ],
    })
}

/// CPU time of a process in ticks of 10 ms, kernel and user.
fn cpu_ticks(pid: u32) -> anyhow::Result<u64> {
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
