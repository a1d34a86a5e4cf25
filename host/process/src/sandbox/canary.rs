//! Proves on this very machine that the confinement holds: tries what must not work, and what must.

use std::path::Path;
use std::time::Duration;

use super::{Confinement, Limits};
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
    let (tools, sockets) = (scratch.join("tools"), scratch.join("sockets"));
    for folder in [&own, &outside, &tools, &sockets] {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(tools.join("credentials.toml"), "the canary's credential")?;
    std::fs::write(outside.join("secret"), "the canary's secret")?;
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let unix = std::os::unix::net::UnixListener::bind(outside.join("socket"))?;
    let (own_text, outside_text) = (own.display(), outside.display());
    let tools_text = tools.display();
    let trials = [
        (
            "cannot follow a link out of its folder",
            false,
            format!("ln -sfn {outside_text} {own_text}/link; cat {own_text}/link/secret"),
        ),
        (
            "cannot make a hard link to what is outside",
            false,
            format!("ln {outside_text}/secret {own_text}/hard"),
        ),
        (
            "finds nothing above its working folder that is the host's",
            false,
            "ls /proc/self/cwd/../outside /proc/self/root/../outside".to_owned(),
        ),
        (
            "inherits no open file",
            true,
            "for fd in /proc/$$/fd/*; do case ${fd##*/} in 0|1|2|255) ;; *) test ! -e $fd || exit 1 ;; esac; done"
                .to_owned(),
        ),
        (
            "finds credentials below a granted folder empty",
            true,
            format!("test -e {tools_text} && test ! -s {tools_text}/credentials.toml"),
        ),
        (
            "cannot write to what it may read",
            false,
            format!("echo x > {tools_text}/new"),
        ),
        (
            "cannot open the program of its first process for writing",
            false,
            "exec 3<> /proc/1/exe".to_owned(),
        ),
        (
            "cannot end its first process",
            true,
            "kill -9 1 2>/dev/null; kill -0 $$".to_owned(),
        ),
        (
            "dumps no memory by the machine's handler",
            true,
            "grep -Eq '^Max core file size +1 +1 ' /proc/self/limits".to_owned(),
        ),
        (
            "cannot raise a limit of its own",
            false,
            "ulimit -n 1048577".to_owned(),
        ),
        (
            "cannot mount",
            false,
            format!("mount --bind {own_text} /tmp"),
        ),
        (
            "makes no device",
            false,
            format!("mknod {own_text}/device c 1 3"),
        ),
        (
            "cannot reach the cloud's own address",
            false,
            "exec 3<>/dev/tcp/169.254.169.254/80".to_owned(),
        ),
        (
            "has no terminal of the host's",
            false,
            "exec 3<> /dev/tty".to_owned(),
        ),
        (
            "cannot press the kernel's keys",
            false,
            "exec 3> /proc/sysrq-trigger".to_owned(),
        ),
        (
            "sees no memory of the machine",
            false,
            "cat /proc/kcore /dev/mem /dev/kmsg".to_owned(),
        ),
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
            "sees no process but its own",
            true,
            "for comm in /proc/[0-9]*/comm; do read -r name < \"$comm\" && case $name in orch|bash|sh) ;; *) exit 1 ;; esac; done".to_owned(),
        ),
        (
            "is not root outside, and has no right of one inside",
            true,
            format!(
                "test \"$(id -u)\" != 0 -o {} != 0 && grep -q '^CapEff:.0000000000000000$' /proc/self/status",
                rustix::process::geteuid().as_raw()
            ),
        ),
        (
            "cannot make a namespace",
            false,
            "unshare --user true".to_owned(),
        ),
        (
            "changes nothing of the kernel's",
            false,
            "exec 3> /proc/sys/kernel/core_pattern".to_owned(),
        ),
        (
            "reads nothing of its first process",
            false,
            "cat /proc/1/environ /proc/1/maps".to_owned(),
        ),
        (
            "finds the system's secrets empty",
            true,
            "test ! -s /etc/shadow && test ! -s /etc/gshadow && test -r /etc/passwd".to_owned(),
        ),
        (
            "finds nothing of a home and of what starts the machine",
            true,
            "test ! -e /boot && test ! -e /root/.ssh && test -z \"$(ls -A /home 2>/dev/null)\"".to_owned(),
        ),
        (
            "is told what it may do",
            true,
            "grep -q '\"network\": \"none\"' \"$ORCH_SANDBOX\"".to_owned(),
        ),
        (
            "writes no large file",
            false,
            format!("head -c 3000000 /dev/zero > {own_text}/large"),
        ),
    ];
    let confinement = Confinement {
        read: vec![tools],
        write: vec![own.clone()],
        hide: vec![outside.join("socket")],
        ..Confinement::nothing(Limits {
            file_bytes: 1024 * 1024,
            ..Limits::default()
        })
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
    let proxied = Confinement {
        network: super::Network::Proxied,
        proxy: Some(sockets),
        ..confinement.clone()
    };
    let of_network = [
        (
            "with a proxy: cannot reach the host's loopback",
            false,
            format!("exec 3<>/dev/tcp/127.0.0.1/{port}"),
        ),
        (
            "with a proxy: has a loopback and nothing else",
            true,
            "test \"$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ')\" = lo".to_owned(),
        ),
        (
            "with a proxy: asks the host alone for names",
            true,
            "test ! -e /etc/resolv.conf || test \"$(grep -c ^nameserver /etc/resolv.conf)\" = 1 && \
             exec 3<>/dev/tcp/127.0.0.1/53"
                .to_owned(),
        ),
        (
            "with a proxy: cannot reach an address",
            false,
            "exec 3<>/dev/tcp/192.0.2.1/443".to_owned(),
        ),
    ];
    for (name, works, command) in of_network {
        let (code, said) = attempt(orch, &proxied, &own, &command).await;
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
    let mut spec = Spec::new(shell, cwd).env("PATH", "/usr/bin:/bin");
    spec.args = args.to_vec();
    let mut spec = spec.confined(orch, confinement);
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
