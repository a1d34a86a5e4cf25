//! A cage that is the operator's own: a program that runs what is appended to it confined, such as one that starts a
//! container or a small machine.
//!
//! It is not taken at its word. Before each start it runs a trial of the host's, with the same folders: whoever gets at
//! anything of the host's in there is not followed by the program that is judged.

use std::ffi::OsString;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use rustix::process::{WaitOptions, waitpid};

use super::first::{Ended, PASSED_ON};
use super::places::Place;
use super::plan::Plan;
use super::told::{self, TOLD};
use super::watch::Watch;
use super::{CONFINEMENT_VARIABLE, Confinement, Network, TOLD_VARIABLE, narrow, raw};

/// Variable that tells the operator's program what the one that it runs may read, write and reach, as JSON.
pub(super) const CAGE_VARIABLE: &str = "ORCH_CAGE";
/// Name of the file by which the trial shows that it may write where it has to.
const MARK: &str = ".orch-trial";
/// What a trial says when it has tried everything.
const TRIED: &str = "tried everything";
/// Bytes of a trial's words that are kept.
const WORDS_MAX: usize = 2000;
/// Longest pause between two looks at what runs.
const LOOK: Duration = Duration::from_millis(50);

/// What the operator's program confines.
pub(super) struct Own<'a> {
    pub(super) confinement: &'a Confinement,
    pub(super) program: &'a Path,
    pub(super) args: &'a [OsString],
    pub(super) cwd: PathBuf,
}

/// What it cannot do in any case, with what to do.
pub(super) fn obstacle(confinement: &Confinement) -> Option<&'static str> {
    if confinement.external.is_empty() {
        Some("it is named nowhere; name it in orch.yaml: `sandbox.external`")
    } else if confinement.network == Network::Proxied {
        Some(
            "a network that is `proxied`, or a `gateway`, needs a network of the host's own making; use `network: {mode: none}`, \
             or `host`",
        )
    } else {
        None
    }
}

/// Files and folders of the host that are tried: a trial that takes long is made at every start.
const TRIES_MAX: usize = 200;

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

impl Own<'_> {
    /// Tries the cage, and runs the program in it to its end.
    pub(super) fn run(&self, say_held: impl FnOnce()) -> Result<Ended, String> {
        let mut plan = Plan::of(self.confinement).map_err(|path| {
            format!(
                "`{}` cannot be written to inside: it is not there; make it",
                path.display()
            )
        })?;
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        told::tell(&mut plan, self.confinement, user.as_raw(), group.as_raw());
        let told = match plan.places.get(Path::new(TOLD)) {
            Some(Place::File(text)) => text.clone(),
            Some(_) | None => Vec::new(),
        };
        self.try_it(&told)?;
        let temporary = self.confinement.temporary.clone().unwrap_or_default();
        let file = temporary.join(".orch-sandbox.json");
        // It lies where the program may write: what it makes of it is its own affair.
        crate::files::put_beneath(&temporary, ".orch-sandbox.json".as_ref(), &told)
            .map_err(|e| format!("what it is told could not be written: {e}"))?;
        let mut command = self.command(&told);
        command.arg(self.program).args(self.args);
        say_held();
        command.env(TOLD_VARIABLE, &file).env("TMPDIR", &temporary);
        self.attend(command)
    }

    fn command(&self, told: &[u8]) -> Command {
        let [program, args @ ..] = self.confinement.external.as_slice() else {
            // An obstacle was seen before.
            return Command::new("/bin/false");
        };
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.cwd);
        command.env_remove(CONFINEMENT_VARIABLE);
        command.env(CAGE_VARIABLE, String::from_utf8_lossy(told).into_owned());
        command
    }

    /// Has a trial run in it, with nothing of the branch.
    fn try_it(&self, told: &[u8]) -> Result<(), String> {
        let listener = match self.confinement.network {
            Network::None => TcpListener::bind("127.0.0.1:0").ok(),
            Network::Proxied | Network::Host => None,
        };
        let port = listener
            .as_ref()
            .and_then(|l| l.local_addr().ok())
            .map(|at| at.port());
        let mut command = self.command(told);
        command.env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.env(CAGE_VARIABLE, String::from_utf8_lossy(told).into_owned());
        command.arg("/bin/sh").arg("-c").arg(self.script(port));
        command.stdin(Stdio::null());
        let done = command.output().map_err(|e| {
            format!(
                "`{}` could not be started: {e}; `sandbox.external` names it",
                self.confinement.external[0]
            )
        })?;
        let marks = self.marks();
        let said = String::from_utf8_lossy(&done.stdout);
        let found: Vec<&str> = said.lines().filter(|line| *line != TRIED).collect();
        let has_come = listener.is_some_and(|listener| {
            listener.set_nonblocking(true).is_ok() && listener.accept().is_ok()
        });
        let wrong = if !said.lines().any(|line| line == TRIED) {
            let words = String::from_utf8_lossy(&done.stderr);
            let words: String = words.trim().chars().take(WORDS_MAX).collect();
            Some(format!(
                "a trial did not come to its end ({}): {words}",
                done.status
            ))
        } else if let Some(found) = found.first() {
            Some((*found).to_owned())
        } else if has_come {
            Some("it reaches the host's loopback, and may have no network".to_owned())
        } else {
            marks
        };
        match wrong {
            None => Ok(()),
            Some(wrong) => {
                let wrong: String = wrong.chars().take(WORDS_MAX).collect();
                Err(format!(
                    "the cage of `sandbox.external` does not hold: {wrong}; mend it, or take another `sandbox.profile`"
                ))
            }
        }
    }

    /// Looks at what the trial wrote where it has to write, and takes it away.
    fn marks(&self) -> Option<String> {
        let mut wrong = None;
        for folder in self
            .confinement
            .write
            .iter()
            .chain(&self.confinement.temporary)
        {
            let mark = folder.join(MARK);
            let meta = std::fs::symlink_metadata(&mark);
            std::fs::remove_file(&mark).ok();
            match meta {
                Err(_) => wrong = Some(format!("it cannot write to `{}`", folder.display())),
                Ok(meta) if meta.uid() == 0 => {
                    wrong = Some(format!("it writes to `{}` as root", folder.display()));
                }
                Ok(_) => {}
            }
        }
        wrong
    }

    fn script(&self, port: Option<u16>) -> String {
        let me = std::process::id();
        let ticks = crate::identity::start_ticks(me).unwrap_or(0);
        let mut script = String::new();
        let mut left = TRIES_MAX;
        for path in &self.confinement.hide {
            self.tries(path, &mut left, &mut script);
        }
        script.push_str(&format!(
            "if test \"$(cut -d ' ' -f 22 /proc/{me}/stat 2>/dev/null)\" = {ticks}; then\n\
             kill -0 {me} 2>/dev/null && echo it signals processes of the host\n\
             head -c 1 /proc/{me}/environ 2>/dev/null | grep -q . && echo it reads the environment of the host\nfi\n"
        ));
        if let Some(port) = port {
            script.push_str(&format!(
                "test -x /bin/bash && timeout 5 /bin/bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' 2>/dev/null\n"
            ));
        }
        for folder in self
            .confinement
            .write
            .iter()
            .chain(&self.confinement.temporary)
        {
            script.push_str(&format!(
                "(echo x > {}) 2>/dev/null\n",
                quoted(&folder.join(MARK))
            ));
        }
        script.push_str(&format!("echo {TRIED}\n"));
        script
    }

    /// What is tried at something of the host's: to read it and to write to it. Folders on the way to what is the program's
    /// own may be seen, and are tried one by one.
    fn tries(&self, path: &Path, left: &mut usize, script: &mut String) {
        let Ok(meta) = std::fs::symlink_metadata(path) else {
            return;
        };
        let Some(rest) = left.checked_sub(1) else {
            return;
        };
        *left = rest;
        let Confinement {
            read,
            write,
            lent,
            temporary,
            sockets,
            ..
        } = self.confinement;
        let mut given = read
            .iter()
            .chain(write)
            .chain(lent)
            .chain(temporary)
            .chain(sockets);
        if given.clone().any(|given| path.starts_with(given)) {
            return;
        }
        let at = quoted(path);
        if meta.is_file() {
            script.push_str(&format!(
                "head -c 1 {at} 2>/dev/null | grep -q . && echo it reads {at}\n\
                 (true >> {at}) 2>/dev/null && test -s {at} && echo it writes to {at}\n"
            ));
        } else if meta.is_dir() && given.any(|given| given.starts_with(path)) {
            let entries = std::fs::read_dir(path).into_iter().flatten();
            for entry in entries.filter_map(Result::ok) {
                self.tries(&entry.path(), left, script);
            }
        } else if meta.is_dir() && std::fs::read_dir(path).is_ok_and(|mut all| all.next().is_some())
        {
            script.push_str(&format!(
                "test -n \"$(ls -A {at} 2>/dev/null)\" && echo it sees what is in {at}\n"
            ));
        }
    }

    /// Runs the program, counts what is seen of it, and ends what it leaves.
    fn attend(&self, mut command: Command) -> Result<Ended, String> {
        let defect =
            |e: std::io::Error| format!("the program could not be attended: {e}; this is a defect");
        rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1))
            .map_err(|e| defect(e.into()))?;
        // It gets the signals of the group by itself, and this process ends when it does.
        let passed_on = SigSet::from_iter(PASSED_ON);
        passed_on.thread_block().map_err(|e| defect(e.into()))?;
        let pid = raw::fork(|| {
            let end = Some(rustix::process::Signal::KILL);
            let ready = rustix::process::set_parent_process_death_signal(end).is_ok()
                && passed_on.thread_unblock().is_ok();
            if ready {
                let error = command.exec();
                eprintln!(
                    "sandbox: the program of `sandbox.external` could not be started: {error}"
                );
            }
            super::NOT_CONFINED
        })
        .map_err(|e| defect(e.into()))?;
        let mut watch = Watch::over(std::process::id(), self.confinement, None);
        let child = rustix::process::Pid::from_raw(pid.as_raw());
        let ended = loop {
            match waitpid(child, WaitOptions::NOHANG) {
                Ok(Some((_, status))) => {
                    break match (status.exit_status(), status.terminating_signal()) {
                        (Some(code), _) => Ended::Code(code),
                        (None, signal) => Ended::Signal(signal.unwrap_or(Signal::SIGKILL as i32)),
                    };
                }
                Ok(None) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(defect(error.into())),
            }
            if let Some(passed) = watch.look() {
                break Ended::Passed(passed);
            }
            std::thread::sleep(watch.rest().min(LOOK));
        };
        narrow::end_everything_below();
        Ok(ended)
    }
}
