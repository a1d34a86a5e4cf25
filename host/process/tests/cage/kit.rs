//! A small world of the host's with a workspace in it, and programs that are run caged.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use orch_process::sandbox::{Confinement, Limits, Network, Wrapped};

/// Nobody, as a host that is no root.
const NOBODY: u32 = 65534;

/// A host that runs caged programs.
pub(crate) struct Host {
    folder: tempfile::TempDir,
    /// Whether it runs as nobody though the test is root.
    is_nobody: bool,
    pub(crate) confinement: Confinement,
    env: Vec<(String, String)>,
}

/// Hosts of every kind that this user can be.
pub(crate) fn hosts() -> Vec<Host> {
    hosts_in("/var/tmp".as_ref())
}

/// As [`hosts`], with their worlds below `folder`.
pub(crate) fn hosts_in(folder: &Path) -> Vec<Host> {
    let is_root = rustix::process::geteuid().is_root();
    let mut hosts = vec![Host::new(folder, false)];
    if is_root {
        hosts.push(Host::new(folder, true));
    }
    hosts
}

/// An example of this crate.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let path = profile.join("examples").join(name);
    assert!(
        path.exists(),
        "`{}` is built with the tests",
        path.display()
    );
    path
}

impl Host {
    fn new(below: &Path, is_nobody: bool) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("cage-")
            .tempdir_in(below)
            .unwrap();
        let host = Self {
            folder,
            is_nobody,
            confinement: Confinement::nothing(Limits::default()),
            env: Vec::new(),
        };
        for name in [
            "data/ws/tree",
            "data/ws/home",
            "data/ws/tmp",
            "data/other/tree",
            "home",
        ] {
            std::fs::create_dir_all(host.at(name)).unwrap();
        }
        for (name, text) in [
            ("data/token", "the token"),
            ("data/orch.db", "the database"),
            ("data/other/tree/file", "the neighbour's"),
            ("orch.yaml", "the configuration"),
            ("home/key", "the key"),
        ] {
            std::fs::write(host.at(name), text).unwrap();
        }
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(host.folder.path(), mode).unwrap();
        host.own_everything();
        let program = example("hostile");
        host.with(|confinement, host| {
            confinement.write = vec![host.at("data/ws/tree"), host.at("data/ws/home")];
            confinement.temporary = Some(host.at("data/ws/tmp"));
            confinement.hide = vec![host.at("data"), host.at("orch.yaml")];
            confinement.read = vec![program];
        })
    }

    /// Changes what programs may do.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Confinement, &Self)) -> Self {
        let mut confinement = self.confinement.clone();
        change(&mut confinement, &self);
        self.confinement = confinement;
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A path of the host's world.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        std::fs::canonicalize(self.folder.path())
            .unwrap()
            .join(name)
    }

    /// Hands everything to the host's user, as if it had made it.
    pub(crate) fn own_everything(&self) {
        if self.is_nobody {
            own(self.folder.path());
        }
    }

    /// Runs a shell command caged, in the workspace.
    pub(crate) fn shell(&self, command: &str) -> Output {
        self.command("/bin/bash", &["-c", command])
            .output()
            .unwrap()
    }

    /// Runs an attempt of the hostile program.
    pub(crate) fn hostile(&self, attempt: &[&str]) -> Output {
        let program = example("hostile").display().to_string();
        self.command(&program, attempt).output().unwrap()
    }

    /// The command that runs a program caged.
    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let orch = example("caged");
        self.outside(self.confinement.wrap(&orch, Path::new(program), &args))
    }

    /// What was wrapped, as the host starts it.
    pub(crate) fn outside(&self, wrapped: Wrapped) -> Command {
        let mut command = if self.is_nobody {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
                .arg(&wrapped.program);
            command
        } else {
            Command::new(&wrapped.program)
        };
        let (name, value) = wrapped.variable;
        command
            .args(wrapped.args)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.at("data/ws/home"))
            .envs(self.env.iter().map(|(k, v)| (k, v)))
            .env(name, value)
            .current_dir(self.at("data/ws/tree"))
            .stdin(Stdio::null());
        command
    }

    /// Runs a command that must succeed; answers what it printed.
    pub(crate) fn works(&self, command: &str) -> String {
        let done = self.shell(command);
        assert!(
            done.status.success(),
            "{} `{command}`: {}",
            self.who(),
            said(&done)
        );
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Runs a command that must fail, after it was confined.
    pub(crate) fn refuses(&self, command: &str) -> String {
        let done = self.shell(command);
        let text = said(&done);
        assert_ne!(
            done.status.code(),
            Some(125),
            "{} was not confined: {text}",
            self.who()
        );
        assert!(
            !done.status.success(),
            "{} `{command}` succeeded: {text}",
            self.who()
        );
        text
    }

    /// An attempt that must fail, after it was confined; answers how it was refused.
    pub(crate) fn holds(&self, attempt: &[&str]) -> String {
        let done = self.hostile(attempt);
        let text = said(&done);
        assert_eq!(
            done.status.code(),
            Some(1),
            "{} {attempt:?}: {text}",
            self.who()
        );
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    pub(crate) fn is_of_nobody(&self) -> bool {
        self.is_nobody
    }

    pub(crate) fn who(&self) -> &'static str {
        if self.is_nobody {
            "a host that is nobody:"
        } else {
            "the host:"
        }
    }

    pub(crate) fn network(self, network: Network) -> Self {
        self.with(|confinement, _| confinement.network = network)
    }
}

fn own(path: &Path) {
    std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        for entry in std::fs::read_dir(path).unwrap() {
            own(&entry.unwrap().path());
        }
    }
    if !path.is_symlink() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

pub(crate) fn said(done: &Output) -> String {
    format!(
        "{} {}{}",
        done.status,
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    )
}
