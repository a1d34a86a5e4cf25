//! A folder with a small real repository, an agent, a configuration, and the host as a process.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const PROGRAM: &str = include_str!("../../host/orch/src/demo/files/cart.sh");
const TESTS: &str = include_str!("../../host/orch/src/demo/files/run.sh");
/// User that judged processes are outside if the tests run as root: one for all, so that they share their marks.
const USER: u32 = 1_900_000_000;
/// The scripted agent of the demo.
pub const AGENT: &str = include_str!("../../host/orch/src/demo/files/agent.sh");

/// Top of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the workspace")
        .to_owned()
}

/// The `orch` program that `cargo xtask test` built.
pub fn orch_program() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    // Tests lie in target/PROFILE/deps, programs beside it.
    let mut places = test.ancestors().skip(1).take(2).map(|f| f.join("orch"));
    places
        .find(|path| path.is_file())
        .expect("`orch` is built; run `cargo xtask test`")
}

/// The gates that `cargo xtask gates` built.
pub fn gates() -> PathBuf {
    let path = root().join("gates");
    assert!(
        path.join("review.wasm").exists(),
        "the gates are not built; run `cargo xtask test`"
    );
    path
}

/// Waits for a condition, within a bound; the condition may ask the world anything.
///
/// # Panics
/// When the condition does not come true within two minutes.
pub fn until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    until_told(condition, || what.to_owned())
}

/// As [`until`]; `tell` says what was there when the time was over.
fn until_told<T>(mut condition: impl FnMut() -> Option<T>, tell: impl Fn() -> String) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "waited too long: {}",
            tell()
        );
        // A pause between looks, not a wait for luck: the loop ends on the condition.
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// A folder with everything a host needs.
#[derive(Debug)]
pub struct World {
    folder: tempfile::TempDir,
    /// The configuration, to be changed before [`World::write_config`].
    pub config: Value,
    /// Parts of errors that the host may log here; any other fails the test.
    pub expected_errors: Vec<&'static str>,
}

/// A running host. Killed when dropped.
#[derive(Debug)]
pub struct Orch(Child);

impl Orch {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Orch {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let log = self.log();
        let errors: Vec<&str> = log
            .lines()
            .filter(|line| is_error(line))
            .filter(|line| !self.expected_errors.iter().any(|text| line.contains(text)))
            .collect();
        assert!(
            errors.is_empty(),
            "the host logged errors that this test does not expect:\n{}",
            errors.join("\n")
        );
    }
}

/// Whether a line of the log is an error of the host: something that a person has to act on.
fn is_error(line: &str) -> bool {
    line.split_whitespace().nth(1) == Some("ERROR")
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A world with the cart repository, the scripted agent and hooks for staging and production.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("orch-test-")
            .tempdir()
            .expect("a temporary folder");
        // On a host that runs as root agents are somebody else.
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(folder.path(), open).expect("modes can be set");
        let mut world = Self {
            folder,
            config: Value::Null,
            expected_errors: Vec::new(),
        };
        world.write("seed/cart.sh", PROGRAM, 0o755);
        world.write("seed/tests/run.sh", TESTS, 0o755);
        world.write("seed/README.md", "# Cart\n", 0o644);
        world.write("seed/.orch.yaml", "ci:\n  test: tests/run.sh\n", 0o644);
        world.write("agent.sh", AGENT, 0o755);
        world.git("seed", &["init", "--quiet", "--initial-branch=main"]);
        world.commit_seed("A cart");
        world.git("seed", &["clone", "--quiet", "--bare", ".", "../shop.git"]);
        let config = json!({
            "data": "data",
            "gates_dir": gates(),
            // Agents of the tests leave marks in the world's folder; what is the host's in it stays hidden.
            "agents": {"script": {"driver": "command", "program": "./agent.sh", "sandbox": {"write": ["."]}}},
            "sandbox": {"user": USER},
            "roles": {"default": {"agent": "script", "limits": {"timeout_s": 100}}},
            "rules": {"backoff_base_ms": 50},
            "repositories": {"shop": {
                "path": "shop.git",
                // Tests of bases say so; all others are about what comes after.
                "require_green_base": false,
                "prefix": "SHOP",
                "staging": {"hook": "true", "suite": [{"name": "runs", "run": "./cart.sh 1"}]},
                "deploy": {"hook": "echo deployed $EXPECTED_REVISION"},
            }},
        });
        world.config = config;
        world.write_config();
        world
    }

    /// A world with a gates folder of its own, in which files may be dropped and replaced.
    pub fn with_own_gates() -> Self {
        let mut world = Self::new();
        fs::create_dir(world.path("gates")).expect("a folder");
        for entry in fs::read_dir(gates()).expect("the gates are built") {
            let path = entry.expect("an entry").path();
            if let (Some("wasm"), Some(name)) =
                (path.extension().and_then(|e| e.to_str()), path.file_name())
            {
                fs::copy(&path, world.path("gates").join(name)).expect("files can be copied");
            }
        }
        world.config["gates_dir"] = json!("gates");
        world.write_config();
        world
    }

    /// A path inside the world.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a folder"))
            .expect("folders can be made");
        fs::write(&path, text).expect("files can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("modes can be set");
    }

    /// Writes the configuration as it is now.
    pub fn write_config(&self) {
        self.write("orch.yaml", &self.config.to_string(), 0o644);
    }

    /// Calls the user of this test by the name of a person with a role, for a host that starts from now on.
    pub fn call_me(&mut self, name: &str, role: &str) {
        let uid = fs::metadata("/proc/self").expect("it is there").uid();
        self.config["people"][name] = json!({"role": role, "unix": [uid]});
        self.write_config();
    }

    /// As [`World::call_me`], for a host that runs.
    pub fn call_me_now(&mut self, name: &str, role: &str) {
        self.call_me(name, role);
        until("the host has read who is who", || {
            let me = self.json(&["whoami"]);
            (me["person"] == name && me["role"] == role).then_some(())
        });
    }

    /// Commits everything in the seed.
    pub fn commit_seed(&self, message: &str) {
        self.git("seed", &["add", "--all"]);
        let who = ["-c", "user.name=Ann", "-c", "user.email=ann@orch.invalid"];
        self.git(
            "seed",
            &[&who[..], &["commit", "--quiet", "-m", message]].concat(),
        );
    }

    /// Commits the seed and pushes it to the base branch, as a person would.
    pub fn push_seed(&self, message: &str) {
        self.commit_seed(message);
        self.git("seed", &["push", "--quiet", "../shop.git", "HEAD:main"]);
    }

    /// Runs git in a folder of the world.
    pub fn git(&self, folder: &str, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command
            .args(args)
            .current_dir(self.path(folder))
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        let done = command.output().expect("git is installed");
        assert!(
            done.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// A command line of `orch` with this world's configuration; a host is lent the compiled gates.
    pub fn command(&self, args: &[&str]) -> Command {
        if args.first() == Some(&"serve") {
            crate::images::lend(self);
        }
        self.command_without_images(args)
    }

    /// As [`World::command`], for a host that has to compile its gates itself.
    pub fn command_without_images(&self, args: &[&str]) -> Command {
        let mut command = Command::new(orch_program());
        command
            .args(args)
            .arg("--config")
            .arg(self.path("orch.yaml"))
            .current_dir(self.folder.path());
        command
    }

    /// Runs `orch` to its end.
    pub fn orch(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("orch can be started")
    }

    /// Runs `orch … --json` and demands success.
    pub fn json(&self, args: &[&str]) -> Value {
        let done = self.orch(&[args, &["--json"]].concat());
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(
            done.status.success(),
            "orch {args:?}: {text}{}\n{}",
            String::from_utf8_lossy(&done.stderr),
            self.log()
        );
        serde_json::from_str(&text)
            .unwrap_or_else(|e| panic!("orch {args:?} printed no JSON ({e}): {text}"))
    }

    /// Runs `orch` and demands that it fails; answers what it said.
    pub fn refused(&self, args: &[&str]) -> String {
        let done = self.orch(args);
        assert!(
            !done.status.success(),
            "orch {args:?} should have failed: {}",
            String::from_utf8_lossy(&done.stdout)
        );
        String::from_utf8_lossy(&done.stderr).into_owned()
    }

    /// Starts the host and waits until it answers.
    pub fn serve(&self) -> Orch {
        self.serve_by(self.command(&["serve"]))
    }

    /// Starts the host by a command of the caller's and waits until it answers.
    pub fn serve_by(&self, mut command: Command) -> Orch {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("host.log"))
            .expect("a log");
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("orch starts");
        let mut orch = Orch(child);
        until("the host answers", || {
            if let Ok(Some(status)) = orch.0.try_wait() {
                panic!("the host ended ({status}):\n{}", self.log());
            }
            std::os::unix::net::UnixStream::connect(self.path("data/orch.sock")).ok()
        });
        orch
    }

    /// What the host has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("host.log")).unwrap_or_default()
    }

    /// Process id on this machine of a judged process that says of itself that it is `inside`; none if it has ended.
    pub fn pid_of(&self, inside: &str) -> Option<String> {
        let world = self.folder.path().display().to_string();
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let is_it = |folder: &Path| {
            let text = |name: &str| fs::read(folder.join(name)).unwrap_or_default();
            let status = String::from_utf8_lossy(&text("status")).into_owned();
            let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
            let is_named = ids.and_then(|ids| ids.split_whitespace().last()) == Some(inside);
            is_named && String::from_utf8_lossy(&text("environ")).contains(&world)
        };
        let found = entries
            .map(|entry| entry.path())
            .find(|folder| is_it(folder))?;
        Some(found.file_name()?.to_string_lossy().into_owned())
    }

    /// Begins a task and answers its work item.
    pub fn begin(&self, title: &str) -> String {
        let begun = self.json(&["task", "new", "--repo", "shop", "--title", title]);
        begun["work_item"].as_str().expect("a work item").to_owned()
    }

    /// The task as it is now: from the host that runs, or as the command line shows it.
    pub fn task(&self, item: &str) -> Value {
        let asked = self.seen(item);
        asked.unwrap_or_else(|| self.json(&["task", "show", item]))
    }

    /// The task as the host that runs shows it; none if none answers.
    pub(crate) fn seen(&self, item: &str) -> Option<Value> {
        crate::ask::get(&self.path("data/orch.sock"), &format!("/tasks/{item}"))
    }

    /// Follows a task, approving whatever a person has to, until `stop` says so.
    pub fn follow(&self, item: &str, mut stop: impl FnMut(&Value) -> bool) -> Value {
        let tell = || {
            let view = self.task(item);
            format!("the task does not get there: {view:#}\n{}", self.log())
        };
        let look = || {
            let view = self.task(item);
            if stop(&view) {
                return Some(view);
            }
            let waits = view["status"] == "awaiting-approval"
                || (view["status"] == "waiting" && view["step"] == "analysis-approved");
            if waits {
                // Refused if an approval before is still on its way: the next look decides.
                self.orch(&["task", "approve", item]);
            }
            assert!(
                !matches!(
                    view["status"].as_str(),
                    Some("ended" | "blocked" | "needs-input")
                ),
                "the task stands still: {view:#}\n{}",
                self.log()
            );
            None
        };
        until_told(look, tell)
    }
}
