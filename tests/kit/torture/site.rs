//! A world that notices what must never happen: two agents in one workspace, a hook that runs twice.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{check, pause};
use crate::sql;
use crate::world::{AGENT, World};

/// A world to be tortured.
#[derive(Debug)]
pub struct Site {
    /// Its repository, configuration and log.
    pub world: World,
}

/// A host that may be killed, and is at the end.
#[derive(Debug)]
pub struct Host(Child);

impl Host {
    /// Whether it has died.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// Asks it to end, as a service manager does.
    pub fn terminate(&self) {
        Command::new("kill")
            .arg(self.0.id().to_string())
            .status()
            .ok();
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

impl Site {
    /// A world whose agent and hooks write down what they must not see.
    pub fn new() -> Self {
        Self::watched(World::new())
    }

    /// As [`Site::new`], in a world of the caller's.
    pub fn watched(mut world: World) -> Self {
        let folder = world.path("torture");
        fs::create_dir(&folder).expect("a folder");
        // On a host that runs as root agents are somebody else.
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(&folder, open).expect("modes can be set");
        let folder = folder.display();
        // The lock is held by whatever is left of the agent: a second one says so.
        let guard = format!(
            "set -eu\nexec 9>{folder}/agent.lock\nflock -n 9 || echo 'two agents at once' >> {folder}/violations\n"
        );
        let agent = AGENT.replacen("set -eu\n", &guard, 1);
        assert_ne!(agent, AGENT);
        world.write("agent.sh", &agent, 0o755);
        let shop = &mut world.config["repositories"]["shop"];
        shop["deploy"]["hook"] = json!(format!("echo $EXPECTED_REVISION >> {folder}/deploys"));
        shop["staging"]["hook"] = json!(format!(
            "exec 8>{folder}/staging.lock; flock -n 8 || echo 'two staging hooks at once' >> {folder}/violations"
        ));
        world.config["rules"]["infra_failures_max"] = json!(10);
        world.write_config();
        Self { world }
    }

    /// A world of the caller's.
    pub fn of(world: World) -> Self {
        Self { world }
    }

    /// Starts a host with further variables and waits until it answers or has died.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn host(&self, env: &[(&str, String)]) -> Host {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.world.path("host.log"))
            .expect("a log");
        let child = self
            .world
            .command(&["serve"])
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("orch starts");
        let mut host = Host(child);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) && !host.has_ended() {
            let socket = self.world.path("data/orch.sock");
            if std::os::unix::net::UnixStream::connect(socket).is_ok() {
                break;
            }
            pause();
        }
        host
    }

    /// Begins the task; none if the host died under the request.
    pub fn begin(&self) -> Option<String> {
        let args = ["task", "new", "--repo", "shop", "--title", "Discount"];
        let done = self.ask(&args)?;
        done["work_item"].as_str().map(str::to_owned)
    }

    /// After a crash under the request: the task that was accepted all the same, or a new one.
    pub fn begin_again(&self) -> Option<String> {
        let known = self.ask(&["task", "list", "--all"])?;
        let first = known["items"]
            .as_array()?
            .first()
            .and_then(|task| task["work_item"].as_str().map(str::to_owned));
        first.or_else(|| self.begin())
    }

    /// The task as it is now; none while no host answers.
    pub fn look(&self, item: &str) -> Option<Value> {
        self.world.seen(item)
    }

    fn ask(&self, args: &[&str]) -> Option<Value> {
        let done = self.world.orch(&[args, &["--json"]].concat());
        if !done.status.success() {
            return None;
        }
        serde_json::from_slice(&done.stdout).ok()
    }

    /// Approves whatever waits for a person.
    pub fn approve(&self, item: &str, view: &Value) {
        let waits = view["status"] == "awaiting-approval"
            || (view["status"] == "waiting" && view["step"] == "analysis-approved");
        if waits {
            // Refused if an approval before is still on its way.
            self.world.orch(&["task", "approve", item]);
        }
    }

    /// Whether only a person could move the task on, which nothing here should need.
    pub fn stands_still(&self, view: &Value) -> bool {
        matches!(view["status"].as_str(), Some("blocked" | "needs-input"))
    }

    /// Whether a person has to look at production: the one thing that no host can know.
    pub fn is_undecided(&self, view: &Value) -> bool {
        let mut runs = view["runs"].as_array().into_iter().flatten();
        let lost = runs.any(|run| run["role"] == "deploy-hook" && run["outcome"] == "unknown");
        view["status"] == "blocked" && view["stage"] == "deploy" && lost
    }

    /// How often production was deployed.
    pub fn deploys(&self) -> usize {
        let list = fs::read_to_string(self.world.path("torture/deploys")).unwrap_or_default();
        list.lines().count()
    }

    /// How often production was deployed to one commit.
    pub fn deploys_of(&self, commit: &str) -> usize {
        let list = fs::read_to_string(self.world.path("torture/deploys")).unwrap_or_default();
        list.lines().filter(|line| *line == commit).count()
    }

    /// Follows the task to its end.
    ///
    /// # Errors
    /// With what kept it from there.
    pub fn finish(&self, item: &str, host: &mut Host, most: Duration) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            if host.has_ended() {
                return Err(format!("the host ended\n{}", self.world.log()));
            }
            match self.look(item) {
                Some(view) if view["status"] == "ended" && self.is_settled() => return Ok(()),
                Some(view) if self.stands_still(&view) => return Err(format!("{view:#}")),
                Some(view) => self.approve(item, &view),
                None => {}
            }
            if begun.elapsed() > most {
                return Err(format!("it takes too long\n{}", self.world.log()));
            }
            pause();
        }
    }

    /// Whether everything that was to leave the host has left it: what the forge and the tracker show comes after the
    /// move of the task that it belongs to.
    pub fn is_settled(&self) -> bool {
        let waiting = "SELECT key FROM outbox WHERE done_ms IS NULL AND dead_ms IS NULL LIMIT 1";
        sql::column(&self.world.path("data/orch.db"), waiting).is_empty()
    }

    /// Kills every supervisor of this world.
    pub fn kill_supervisors(&self) {
        let runs = self.world.path("data/runs");
        self.kill_those(|line| line.contains("supervise\0") && line.contains(&text(&runs)));
    }

    /// Sends a signal to every supervisor of this world; says whether there was one.
    pub fn signal_supervisors(&self, signal: &str) -> bool {
        let runs = self.world.path("data/runs");
        self.signal_those(signal, |line| {
            line.contains("supervise\0") && line.contains(&text(&runs))
        })
    }

    /// Kills the supervisors of one work item; says whether there was one.
    pub fn kill_supervisors_of(&self, item: &str) -> bool {
        let (runs, mark) = (self.world.path("data/runs"), format!("-{item}-"));
        self.kill_those(|line| {
            line.contains("supervise\0") && line.contains(&text(&runs)) && line.contains(&mark)
        })
    }

    /// Kills every agent of this world.
    pub fn kill_agents(&self) {
        let agent = text(&self.world.path("agent.sh"));
        self.kill_those(|line| !line.contains("supervise\0") && line.contains(&agent));
    }

    fn kill_those(&self, is_victim: impl Fn(&str) -> bool) -> bool {
        self.signal_those("KILL", is_victim)
    }

    fn signal_those(&self, signal: &str, is_victim: impl Fn(&str) -> bool) -> bool {
        let mut any = false;
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<u32>().ok())
            else {
                continue;
            };
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if pid != std::process::id() && is_victim(&String::from_utf8_lossy(&line)) {
                Command::new("kill")
                    .args(["-s", signal, &pid.to_string()])
                    .stderr(Stdio::null())
                    .status()
                    .ok();
                any = true;
            }
        }
        any
    }

    /// Everything that is not as it has to be after the end of the task.
    pub fn violations(&self, item: &str) -> Vec<String> {
        let read = |name: &str| {
            fs::read_to_string(self.world.path("torture").join(name)).unwrap_or_default()
        };
        let mut list: Vec<String> = read("violations").lines().map(str::to_owned).collect();
        let deploys = self.deploys();
        if deploys != 1 {
            list.push(format!("production was deployed {deploys} times"));
        }
        list.extend(check::invariants(&self.world.path("data/orch.db")));
        let workspaces = self.world.path("data/workspaces");
        if processes_in(&workspaces) {
            list.push(format!("a process is left in the workspace of {item}"));
        }
        list
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Whether a process has its working directory below `folder`.
fn processes_in(folder: &Path) -> bool {
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    folders
        .filter_map(|entry| fs::read_link(entry.path().join("cwd")).ok())
        .any(|cwd: PathBuf| cwd.starts_with(folder))
}
