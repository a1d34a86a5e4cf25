//! Proves on this very machine that the confinement holds: tries what must not work, and what must.

use std::path::Path;
use std::time::Duration;

use super::{Confinement, Limits, Network};
use crate::run::{Spec, run};

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Check {
    /// What was tried.
    pub name: String,
    /// Whether it ended as it must.
    pub held: bool,
    /// What was seen.
    pub detail: String,
}

/// Tries everything, with files below `scratch` and with `orch` as the program that confines.
///
/// # Errors
/// When the files of the trial cannot be made.
pub async fn canary(orch: &Path, scratch: &Path) -> std::io::Result<Vec<Check>> {
    let (own, outside) = (scratch.join("own"), scratch.join("outside"));
    for folder in [&own, &outside] {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(outside.join("secret"), "the canary's secret")?;
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let unix = std::os::unix::net::UnixListener::bind(outside.join("socket"))?;
    let (own_text, outside_text) = (own.display(), outside.display());
    let trials = [
        (
            "writes to its own folder",
            true,
            format!("echo ok > {own_text}/file && cat {own_text}/file"),
        ),
        (
            "cannot write outside of it",
            false,
            format!("echo ok > {outside_text}/file"),
        ),
        (
            "cannot read a secret outside of it",
            false,
            format!("cat {outside_text}/secret"),
        ),
        (
            "cannot list a folder outside of it",
            false,
            format!("ls {outside_text}"),
        ),
        (
            "cannot reach the host's loopback",
            false,
            format!("exec 3<>/dev/tcp/127.0.0.1/{port}"),
        ),
        (
            "cannot reach the host's socket",
            false,
            format!("test -S {outside_text}/socket"),
        ),
        (
            "finds no service's socket",
            true,
            "test -z \"$(find /run -type s 2>/dev/null)\"".to_owned(),
        ),
        (
            "has no network but its own loopback",
            true,
            "test \"$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ')\" = lo".to_owned(),
        ),
        (
            "gains no rights by a program",
            true,
            "grep -q '^NoNewPrivs:.1$' /proc/self/status".to_owned(),
        ),
        (
            "cannot signal the host",
            false,
            format!("kill -0 {}", std::process::id()),
        ),
        (
            "writes no large file",
            false,
            format!("head -c 3000000 /dev/zero > {own_text}/large"),
        ),
    ];
    let confinement = Confinement {
        read: Vec::new(),
        write: vec![own.clone()],
        hide: vec![outside.join("socket")],
        network: Network::None,
        limits: Limits {
            file_bytes: 1024 * 1024,
            ..Limits::default()
        },
    };
    let mut checks = Vec::new();
    for (name, works, command) in trials {
        let (code, said) = attempt(orch, &confinement, &own, &command).await;
        // 125 is the confinement's own failure: then nothing was proved.
        let held = code != super::NOT_CONFINED && (code == 0) == works;
        checks.push(Check {
            name: name.to_owned(),
            held,
            detail: format!("exit code {code}: {said}"),
        });
    }
    let mark = own.join("daemon");
    let daemon = format!(
        "(setsid sh -c 'echo > {0}; exec sleep 600' &) ; while [ ! -e {0} ]; do sleep 0.01; done",
        mark.display()
    );
    let (code, said) = attempt(orch, &confinement, &own, &daemon).await;
    let left = processes_of("sleep 600", &own);
    checks.push(Check {
        name: "leaves no daemon behind".to_owned(),
        held: code == 0 && mark.exists() && left.is_empty(),
        detail: format!("exit code {code}: {said} left: {left:?}"),
    });
    drop((listener, unix));
    Ok(checks)
}

async fn attempt(
    orch: &Path,
    confinement: &Confinement,
    cwd: &Path,
    command: &str,
) -> (i32, String) {
    let shell = ["/bin/bash", "/bin/sh"].map(Path::new);
    let shell = shell
        .into_iter()
        .find(|s| s.exists())
        .unwrap_or(Path::new("/bin/sh"));
    let args = ["-c".to_owned(), command.to_owned()];
    let (program, args) = confinement.wrap(orch, shell, &args);
    let mut spec = Spec::new(program, cwd).env("PATH", "/usr/bin:/bin");
    spec.args = args;
    spec.timeout = Duration::from_secs(20);
    match run(&spec).await {
        Ok(done) => {
            let code = if done.timed_out { -1 } else { done.exit.code() };
            (code, done.tail(300).replace('\n', " "))
        }
        Err(error) => (super::NOT_CONFINED, error.to_string()),
    }
}

/// Processes with this command line whose working folder is `cwd`.
fn processes_of(line: &str, cwd: &Path) -> Vec<String> {
    let entries = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    entries
        .filter(|entry| {
            let path = entry.path();
            let command = std::fs::read(path.join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            command.trim() == line && std::fs::read_link(path.join("cwd")).is_ok_and(|at| at == cwd)
        })
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}
