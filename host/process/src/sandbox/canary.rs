//! Proves on this very machine that the confinement holds: tries what must not work, and what must.

use std::path::Path;
use std::time::Duration;

use super::{Confinement, Limits, Profile};
use crate::run::{Spec, run};

/// What a trial showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// It ended as it must.
    Holds,
    /// It did not.
    DoesNotHold,
    /// This profile does not enforce it on this machine, and why that is no harm, or what would have it enforced.
    NotEnforcedHere(String),
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was tried.
    pub name: String,
    /// What it showed.
    pub trial: Trial,
    /// What was seen.
    pub detail: String,
}

/// What a program without namespaces sees and those with namespaces do not, and why it is no way out.
const SEEN_WITHOUT_NAMESPACES: [(&str, &str); 7] = [
    (
        "finds credentials below a granted folder empty",
        "that they are there can be seen, and not what is in them",
    ),
    (
        "cannot reach the host's socket",
        "that it is there can be seen; no socket with a path can be had",
    ),
    (
        "has no network but its own loopback",
        "the machine's is seen; no socket of it can be had",
    ),
    (
        "sees no process but its own",
        "those of the machine are seen, and belong to another user",
    ),
    (
        "finds the system's secrets empty",
        "that they are there can be seen, and not what is in them",
    ),
    (
        "finds nothing of a home and of what starts the machine",
        "that they are there can be seen, and not what is in them",
    ),
    (
        "finds nothing above its working folder that is the host's",
        "names can be seen, and not what is in them",
    ),
];

/// Tries everything by one profile, with files below `scratch` and with `orch` as the program that confines. Where the
/// profile confines nothing here, that is the only answer.
///
/// # Errors
/// When the files of the trial cannot be made.
pub async fn canary(
    orch: &Path,
    scratch: &Path,
    profile: Profile,
    external: &[String],
) -> std::io::Result<Vec<Check>> {
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
            "cannot change rights of what is outside",
            false,
            format!("chmod 777 {outside_text}/secret || chmod 777 {tools_text}/credentials.toml"),
        ),
        (
            "cannot change times of what is outside",
            false,
            format!("touch -c -d 2001-01-01 {outside_text}/secret && test -e {outside_text}/secret"),
        ),
        (
            "changes rights and times of its own",
            true,
            format!(
                "cd {own_text} && echo x > mine && chmod 750 mine && touch -d 2001-01-01 mine && test \"$(stat -c %a mine)\" = 750"
            ),
        ),
        (
            "neither limits nor slows the host",
            false,
            format!(
                "prlimit --pid {0} --nofile=7 || renice -n 19 -p {0} || echo 900 > /proc/{0}/oom_score_adj",
                std::process::id()
            ),
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
            // The first process is this program, whatever it is called.
            "read -r first < /proc/1/comm && for comm in /proc/[0-9]*/comm; do read -r name < \"$comm\" && case $name in \"$first\"|bash|sh) ;; *) exit 1 ;; esac; done".to_owned(),
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
        // What lies beside is the host's own, so that it may be passed through.
        hide: vec![outside.join("socket"), scratch.to_owned()],
        profile,
        external: external.to_vec(),
        ..Confinement::nothing(Limits {
            file_bytes: 1024 * 1024,
            ..Limits::default()
        })
    };
    let (code, said) = attempt(orch, &confinement, &own, "true").await;
    if code == super::NOT_CONFINED {
        return Ok(vec![Check {
            name: "is confined at all".to_owned(),
            trial: Trial::NotEnforcedHere(said.clone()),
            detail: said,
        }]);
    }
    let mut checks = Vec::new();
    for (name, works, command) in trials {
        checks.push(try_one(orch, &confinement, &own, name, works, &command).await);
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
        checks.push(try_one(orch, &proxied, &own, name, works, &command).await);
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
        trial: as_wanted(code == 0 && mark.exists() && left.is_empty()),
        detail: format!("exit code {code}: {said} left: {left:?}"),
    });
    let few = Confinement {
        limits: Limits {
            processes: 64,
            ..Limits::default()
        },
        ..confinement
    };
    let bomb = "i=0; while [ $i -lt 500 ]; do sleep 600 & i=$((i+1)); done; wait";
    let (code, said) = attempt(orch, &few, &own, bomb).await;
    checks.push(Check {
        name: "is ended when it has more processes than it may".to_owned(),
        trial: as_wanted(code == 128 + 9),
        detail: format!("exit code {code}: {said}"),
    });
    drop((listener, unix));
    Ok(checks)
}

/// Tries what must not work (`works` is false), or what must.
async fn try_one(
    orch: &Path,
    confinement: &Confinement,
    cwd: &Path,
    name: &str,
    works: bool,
    command: &str,
) -> Check {
    let (code, said) = attempt(orch, confinement, cwd, command).await;
    let is_narrow = match confinement.profile {
        Profile::Landlock | Profile::LandlockSameUser | Profile::External => true,
        Profile::Auto | Profile::Namespaces => false,
    };
    let seen = SEEN_WITHOUT_NAMESPACES
        .iter()
        .find(|(of, _)| *of == name && is_narrow);
    let trial = if code == super::NOT_CONFINED {
        // Nothing was started, so nothing got out and nothing was proved.
        match is_narrow {
            true => Trial::NotEnforcedHere(said.clone()),
            false => Trial::DoesNotHold,
        }
    } else if (code == 0) == works {
        Trial::Holds
    } else {
        seen.map_or(Trial::DoesNotHold, |(_, why)| {
            Trial::NotEnforcedHere((*why).to_owned())
        })
    };
    Check {
        name: name.to_owned(),
        trial,
        detail: format!("exit code {code}: {said}"),
    }
}

fn as_wanted(is: bool) -> Trial {
    if is { Trial::Holds } else { Trial::DoesNotHold }
}

/// Tries to read what is the host's own as a program of these grants would.
pub async fn own_places(
    orch: &Path,
    confinement: &Confinement,
    cwd: &Path,
    places: &[std::path::PathBuf],
) -> Vec<Check> {
    let mut checks = Vec::new();
    for place in places.iter().filter(|place| place.exists()) {
        let path = place.display().to_string().replace('\'', "'\\''");
        let command =
            format!("test -n \"$(ls -A '{path}/' 2>/dev/null; head -c 1 '{path}' 2>/dev/null)\"");
        let name = format!("reads nothing of `{}`", place.display());
        checks.push(try_one(orch, confinement, cwd, &name, false, &command).await);
    }
    checks
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
