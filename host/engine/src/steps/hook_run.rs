//! Runs an operator's production hook under a supervisor, on a checkout of a commit. A host that ends meanwhile finds the
//! run again; what is recorded about it, and what follows from its end, is the business of whoever asks for it.

use std::path::PathBuf;

use orch_agents::folder::{
    HELD_BY, Launch, Limits, PASSED, PROTOCOL, REFUSED, RunFolder, RunResult, RunState, STDERR,
    STDOUT,
};
use orch_agents::launcher;
use orch_config::NetworkMode;
use orch_domain::id::{ObjectId, RunId};
use orch_domain::outcome::RunEnding;
use orch_process::mark::sweep_marked;
use orch_store::{Asker, ClaimedJob, RunEnd, RunRow, TaskRecord};

use super::checkout::Checkouts;
use super::judged::runs_files_of;
use super::network::{Way, served, sockets_of};
use crate::launch::Launchpad;
use crate::launch::cage::{Cage, Judged};
use crate::launch::room::limits_of_host;
use crate::launch::trusted::Trusted;
use crate::ledger::Ledger;
use crate::ledger::ending::Write;
use crate::ledger::repos::Repo;

/// Bytes of the hook's output in the log.
const TAIL_BYTES: usize = 8 * 1024;

/// What is to run.
#[derive(Debug)]
pub(super) struct Hook<'a> {
    /// What it is, in the name of its folder.
    pub(super) name: &'static str,
    /// Run before it, if anything: if it fails, the hook is not run and the exit code is [`UNCHANGED`].
    pub(super) before: Option<&'a str>,
    pub(super) command: &'a str,
    pub(super) timeout_s: u32,
    /// The commit in whose checkout it runs.
    pub(super) commit: &'a ObjectId,
    /// Variables beside the usual ones.
    pub(super) env: Vec<(String, String)>,
}

/// Exit code by which a hook says that it changed nothing, and may be run again.
pub(super) const UNCHANGED: i32 = 3;

/// How it ended.
#[derive(Debug)]
pub(super) enum HookEnd {
    /// With a result, and what it printed last, masked.
    Ended(RunResult, String),
    /// Nobody knows how far it came.
    Lost(String),
}

/// Runs hooks. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct HookRuns {
    pub(super) ledger: Ledger,
    pub(super) launchpad: Launchpad,
    pub(super) checkouts: Checkouts,
}

impl HookRuns {
    /// Makes everything that the run needs; nothing is started.
    pub(super) async fn lay_out(
        &self,
        job: &ClaimedJob,
        record: &TaskRecord,
        repo: &Repo,
        hook: Hook<'_>,
    ) -> anyhow::Result<RunFolder> {
        let name = format!(
            "{}-{}-{}-{}",
            job.key.id, record.task.work_item, hook.name, job.key.epoch
        );
        let folder = RunFolder::at(self.launchpad.paths.runs().join(&repo.name).join(name));
        let tree = folder.path().join("tree");
        repo.mirror.export(hook.commit, &tree).await?;
        let laid = repo.lay_out_submodules(hook.commit, &tree).await?;
        for (path, why) in &laid.left_out {
            anyhow::ensure!(
                !why.is_lack(),
                "the submodule `{path}` cannot be had: {why}"
            );
        }
        let home = folder.path().join("home");
        let tmp = folder.path().join("tmp");
        for made in [&home, &tmp] {
            std::fs::create_dir_all(made)?;
        }
        let variable = |name: &str, value: String| (name.to_owned(), value);
        let mut env = vec![
            variable("PATH", std::env::var("PATH").unwrap_or_default()),
            variable("HOME", home.display().to_string()),
            variable("LANG", "C.UTF-8".to_owned()),
            variable("ORCH_WORK_ITEM", record.task.work_item.to_string()),
        ];
        env.extend(hook.env);
        let shell = PathBuf::from("/bin/sh");
        let args = arguments(hook.before, hook.command);
        let way = Way::of(&repo.config.network, false, Some(folder.path()));
        let judged = Judged {
            grants: &repo.config.sandbox,
            program: None,
            workspace: folder.path(),
            write: vec![tree.clone(), home],
            temporary: Some(tmp.clone()),
            read: Vec::new(),
            refusal: Some(folder.path().join(REFUSED)),
            passed: Some(folder.path().join(PASSED)),
            held_by: Some(folder.path().join(HELD_BY)),
            network: way.network,
            proxy: way.proxy.clone(),
            gateway: false,
            limits: orch_process::sandbox::Limits::of_agent(),
        };
        // What runs files of the branch, landed or not, is judged as the branch is.
        let is_judged = runs_files_of(&tree, hook.command)
            || hook.before.is_some_and(|line| runs_files_of(&tree, line));
        let (config, orch) = (self.launchpad.config.now(), &self.launchpad.orch);
        let (program, args, env) = if is_judged {
            match Cage::of(&config, orch, judged) {
                Some(cage) => {
                    way.prepare()?;
                    cage.around(&shell, &args, env)
                }
                None => (shell, args, env),
            }
        } else {
            match Trusted::of(&config, orch, [judged.write, vec![tmp]].concat()) {
                Some(trusted) => trusted.around(&shell, &args, env),
                None => (shell, args, env),
            }
        };
        let launch = Launch {
            protocol: PROTOCOL,
            program,
            args,
            env,
            cwd: tree,
            prompt_on_stdin: false,
            terminal_line: None,
            events: None,
            token: self.launchpad.run_token(&folder),
            limits: Limits {
                wall_ms: u64::from(hook.timeout_s) * 1000,
                ..limits_of_host(&self.launchpad.config.now().disk)
            },
            writes: vec![folder.path().to_owned()],
        };
        folder.create(&launch, "")?;
        Ok(folder)
    }

    /// Starts the supervisor of a run that is laid out and recorded.
    pub(super) fn start(&self, repo: &Repo, folder: &RunFolder) -> anyhow::Result<()> {
        let through = repo.config.deploy.as_ref().map(|deploy| &deploy.through);
        self.launchpad
            .start_through(through.map_or(&[][..], Vec::as_slice), folder)
    }

    /// Goes on with a run that an earlier claim recorded.
    pub(super) async fn attach(&self, repo: &Repo, run: &RunRow) -> anyhow::Result<RunFolder> {
        let id = run.id;
        self.ledger
            .write(move |tx| Box::pin(tx.run_attached(id)))
            .await?;
        let folder = RunFolder::at(&run.folder);
        if folder.state()? == RunState::NotStarted {
            // No supervisor has taken the folder, so the hook has not run; the folder's lock lets only one in.
            self.start(repo, &folder)?;
        }
        Ok(folder)
    }

    /// Waits for the hook, and serves its network meanwhile if it has a proxy.
    pub(super) async fn wait(
        &self,
        repo: &Repo,
        run: RunId,
        folder: &RunFolder,
    ) -> anyhow::Result<HookEnd> {
        let ended = launcher::wait(folder);
        let sockets = sockets_of(folder.path());
        let network = &repo.config.network;
        let state = if network.mode != NetworkMode::Proxied || !sockets.exists() {
            ended.await?
        } else {
            let asker = Asker::Run(run);
            let (state, _) = served(&self.ledger, &asker, network, &sockets, ended).await?;
            state?
        };
        match state {
            RunState::Finished(result) => {
                let output = [STDOUT, STDERR].map(|name| {
                    String::from_utf8_lossy(&folder.tail(name, TAIL_BYTES)).into_owned()
                });
                let output = self.checkouts.masks().text(&output.join("\n"));
                Ok(HookEnd::Ended(result, output))
            }
            RunState::Lost | RunState::Running | RunState::NotStarted => {
                let token = folder.launch()?.token;
                // What is left of it must not work beside the hook that a person begins anew.
                let ended = tokio::task::spawn_blocking(move || sweep_marked(&token)).await?;
                Ok(HookEnd::Lost(format!(
                    "was interrupted, and how far it came is unknown; {ended} of its processes were ended"
                )))
            }
        }
    }
}

/// Arguments of the shell: the hook alone, or what comes before it and then the hook in the same place.
fn arguments(before: Option<&str>, command: &str) -> Vec<String> {
    let Some(before) = before else {
        return vec!["-c".to_owned(), command.to_owned()];
    };
    let both = format!(
        "/bin/sh -c \"$1\" || {{ echo \"the snapshot failed with exit code $?; the hook was not run\" >&2; exit {UNCHANGED}; }}; \
         exec /bin/sh -c \"$2\""
    );
    ["-c", &both, "sh", before, command]
        .map(str::to_owned)
        .to_vec()
}

/// The end of a hook's run, as it is written.
pub(super) fn ended_run(
    run: RunId,
    outcome: RunEnding,
    detail: &str,
    exit_code: Option<i32>,
) -> Write {
    let end = RunEnd {
        exit_code,
        ..RunEnd::of(outcome, detail)
    };
    Write::RunEnded { run, end }
}

/// Whether the hook itself says that it did its work.
pub(super) fn succeeded(result: &RunResult) -> bool {
    result.exit_code == Some(0) && ended_by_itself(result)
}

/// Whether it says that it changed nothing.
pub(super) fn changed_nothing(result: &RunResult) -> bool {
    result.exit_code == Some(UNCHANGED) && ended_by_itself(result)
}

fn ended_by_itself(result: &RunResult) -> bool {
    result.killed.is_none() && result.stopped.is_none() && result.launch_error.is_none()
}

/// Its exit code as shells show it, and why it ended if it did not do so by itself.
pub(super) fn how_it_ended(result: &RunResult) -> (i32, String) {
    let code = result
        .exit_code
        .unwrap_or_else(|| 128 + result.signal.unwrap_or(0));
    let why = result
        .launch_error
        .clone()
        .or_else(|| {
            result
                .killed
                .as_ref()
                .map(|k| format!("ended by the {k} limit"))
        })
        .unwrap_or_default();
    (code, why)
}
