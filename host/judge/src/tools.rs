//! Runs allow-listed programs for gates: confined, over a checkout of their own, and swept up afterwards.
//!
//! A gate names a profile and never composes a shell line. What a profile may do is the operator's; which
//! gate may use it is a grant.

mod profile;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use globset::Glob;
use orch_agents::supervise::{TOKEN_VARIABLE, sweep_marked};
use orch_domain::id::ObjectId;
use orch_domain::imports::{Change, ToolError, ToolOutcome, ToolRequest};
use orch_domain::path::RepoPath;
use orch_process::git::{Blob, Git};
use orch_process::sandbox::{Confinement, Limits, Network};
use orch_process::{Exit, Spec, resolve_program, run};

use orch_config::{CheckoutKind, HostConfig, SandboxMode};
use profile::Profile;

/// Bytes of all files that a gate may hand to a run, and that it gets back.
const FILES_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Largest changed file that is laid out for a scanner, bytes.
const CHANGED_FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Bytes of all changed files together.
const CHANGED_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Exit code of the confinement itself.
const NOT_CONFINED: i32 = 125;

/// What the runs of one evaluation share.
#[derive(Debug, Clone)]
pub(crate) struct ToolBox {
    pub(crate) config: std::sync::Arc<HostConfig>,
    /// This program, which confines others.
    pub(crate) orch: PathBuf,
    /// Where scratch folders are made.
    pub(crate) folder: PathBuf,
    /// The host's socket, which no tool may see.
    pub(crate) socket: PathBuf,
    pub(crate) git: Git,
    pub(crate) head: ObjectId,
    pub(crate) base: ObjectId,
    /// Profiles that the gate was granted.
    pub(crate) granted: Vec<String>,
}

fn failed(error: impl std::fmt::Display) -> ToolError {
    ToolError::Failed(error.to_string())
}

impl ToolBox {
    /// Runs one program to its end.
    pub(crate) async fn run(&self, request: ToolRequest) -> Result<ToolOutcome, ToolError> {
        let name = &request.tool;
        if !self.granted.contains(name) {
            return Err(ToolError::NotGranted(format!(
                "profile `{name}` is not granted; add `tools/{name}` to the gate's `grants` in orch.yaml"
            )));
        }
        let Some(profile) = Profile::of(&self.config, name) else {
            return Err(ToolError::NotInstalled(format!(
                "there is no profile `{name}`; add it under `tools` in orch.yaml"
            )));
        };
        for arg in &request.args {
            let fits = |pattern: &String| {
                Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(arg))
            };
            if !profile.allow_args.iter().any(fits) {
                return Err(ToolError::NotGranted(format!(
                    "profile `{name}` does not allow the argument `{arg}`"
                )));
            }
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let program = resolve_program(&profile.program, &path)
            .map_err(|error| ToolError::NotInstalled(error.to_string()))?;
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        let folder = tempfile::Builder::new()
            .prefix("tool-")
            .tempdir_in(&self.folder)
            .map_err(failed)?;
        let place = Place::make(folder.path()).map_err(failed)?;
        self.lay_out(&profile, &request, &place).await?;
        let outcome = self.start(&profile, &program, &request, &place).await;
        // Removing a large checkout takes a while; a folder that stays is only untidy.
        tokio::task::spawn_blocking(move || drop(folder)).await.ok();
        outcome
    }

    /// Lays inputs, rules of the base and the checkout into place.
    async fn lay_out(
        &self,
        profile: &Profile,
        request: &ToolRequest,
        place: &Place,
    ) -> Result<(), ToolError> {
        let size: usize = request
            .inputs
            .iter()
            .map(|(_, content)| content.len())
            .sum();
        if size as u64 > FILES_BYTES_MAX {
            return Err(failed(format!(
                "its inputs have {size} bytes, more than {FILES_BYTES_MAX}"
            )));
        }
        for (name, content) in &request.inputs {
            write(&inside(&place.scratch, name)?, content.as_bytes()).map_err(failed)?;
        }
        for trusted in profile.trusted {
            let text = match self
                .git
                .read(&self.base, trusted.path, FILES_BYTES_MAX)
                .await
            {
                Ok(Blob::Text(text)) => text,
                Ok(Blob::Missing) => trusted.otherwise.to_owned(),
                Ok(Blob::TooLarge(_) | Blob::NotText) => {
                    return Err(failed(format!("`{}` of the base is no text", trusted.path)));
                }
                Err(error) => return Err(failed(error)),
            };
            write(&place.scratch.join(trusted.name), text.as_bytes()).map_err(failed)?;
        }
        match profile.checkout {
            CheckoutKind::None => Ok(()),
            CheckoutKind::ReadOnly | CheckoutKind::DisposableCopy => self
                .git
                .export(&self.head, &place.tree)
                .await
                .map_err(failed),
            CheckoutKind::ChangedFiles => self.lay_out_changed(place).await,
        }
    }

    /// The changed files as git stores them: attributes of the branch have no say.
    async fn lay_out_changed(&self, place: &Place) -> Result<(), ToolError> {
        let from = self
            .git
            .merge_base(&self.base, &self.head)
            .await
            .map_err(failed)?;
        let changed = self.git.changed(&from, &self.head).await.map_err(failed)?;
        let listed = self.git.list(&self.head, "").await.map_err(failed)?;
        let entries: BTreeMap<&RepoPath, _> = listed.iter().map(|e| (&e.path, e)).collect();
        let mut sum = 0;
        for file in changed.iter().filter(|f| f.change != Change::Deleted) {
            let Some(entry) = entries.get(&file.path) else {
                continue;
            };
            let bytes = self
                .git
                .raw_blob(entry, CHANGED_FILE_BYTES_MAX)
                .await
                .map_err(failed)?;
            let Some(bytes) = bytes.filter(|_| !entry.is_repository()) else {
                if entry.is_repository() {
                    continue;
                }
                return Err(failed(format!(
                    "`{}` has {} bytes, too many to be scanned; keep such files out of the repository",
                    file.path, entry.size
                )));
            };
            sum += bytes.len() as u64;
            if sum > CHANGED_BYTES_MAX {
                return Err(failed(format!(
                    "the changed files have more than {CHANGED_BYTES_MAX} bytes"
                )));
            }
            // A link is laid out as a file with its target as text: nothing is followed.
            write(&inside(&place.tree, file.path.as_bytes())?, &bytes).map_err(failed)?;
        }
        Ok(())
    }

    async fn start(
        &self,
        profile: &Profile,
        program: &Path,
        request: &ToolRequest,
        place: &Place,
    ) -> Result<ToolOutcome, ToolError> {
        let osv = self.config.advisories.url.trim_end_matches('/');
        let fill = |text: &String| {
            text.replace("{scratch}", &place.scratch.display().to_string())
                .replace("{checkout}", &place.tree.display().to_string())
                .replace("{repository}", &self.git.git_dir().display().to_string())
                .replace("{base}", self.base.as_str())
                .replace("{head}", self.head.as_str())
                .replace("{osv}", osv)
        };
        let mut args: Vec<String> = profile.args.iter().map(fill).collect();
        args.extend(request.args.iter().cloned());
        let cwd = if profile.checkout == CheckoutKind::None {
            &place.scratch
        } else {
            &place.tree
        };
        let (command, args) = match self.config.sandbox.mode {
            SandboxMode::Off => (program.to_owned(), args),
            SandboxMode::Enforce => self
                .confinement(profile, program, place)
                .wrap(&self.orch, program, &args),
        };
        let token = format!("tool-{}", place.scratch.display());
        let folder = program
            .parent()
            .map(|p| p.display().to_string())
            .unwrap_or_default();
        let mut spec = Spec::new(command, cwd)
            .env("PATH", format!("{folder}:/usr/local/bin:/usr/bin:/bin"))
            .env("HOME", place.home.display().to_string())
            .env("TMPDIR", place.tmp.display().to_string())
            .env("LANG", "C.UTF-8")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env(TOKEN_VARIABLE, token.clone());
        for (name, value) in &profile.env {
            spec = spec.env(name, fill(value));
        }
        spec.args = args;
        spec.timeout = profile.timeout;
        spec.output_bytes_max = profile.output_bytes_max;
        let done = run(&spec).await;
        // Whatever it started and left behind goes with it.
        let left = tokio::task::spawn_blocking(move || sweep_marked(&token))
            .await
            .unwrap_or(0);
        if left > 0 {
            tracing::warn!(
                tool = request.tool,
                left,
                "a tool left processes behind; they were killed"
            );
        }
        let done = done.map_err(failed)?;
        if done.timed_out {
            let ms = u64::try_from(profile.timeout.as_millis()).unwrap_or(u64::MAX);
            return Err(ToolError::TimedOut(ms));
        }
        let exit_code = match done.exit {
            Exit::Code(code) => code,
            Exit::Signal(signal) => return Err(ToolError::Killed(format!("by signal {signal}"))),
        };
        let stderr = done.stderr.text();
        if exit_code == NOT_CONFINED && stderr.contains("sandbox: ") {
            return Err(ToolError::Failed(stderr.trim().to_owned()));
        }
        let outputs = request
            .outputs
            .iter()
            .filter_map(|name| read_output(&place.scratch, name).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        Ok(ToolOutcome {
            exit_code,
            stdout: done.stdout.text(),
            stderr,
            truncated: done.stdout.truncated || done.stderr.truncated,
            outputs,
            duration_ms: u64::try_from(done.duration.as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn confinement(&self, profile: &Profile, program: &Path, place: &Place) -> Confinement {
        let mut read = profile.read.clone();
        read.extend(homes_of(program));
        read.push(self.git.git_dir().to_owned());
        let mut write = vec![place.scratch.clone(), place.home.clone(), place.tmp.clone()];
        match profile.checkout {
            CheckoutKind::DisposableCopy => write.push(place.tree.clone()),
            CheckoutKind::None | CheckoutKind::ReadOnly | CheckoutKind::ChangedFiles => {
                read.push(place.tree.clone());
            }
        }
        let network = if profile.network {
            Network::Host
        } else {
            Network::None
        };
        let limits = Limits {
            cpu_s: profile.timeout.as_secs().max(1),
            ..Limits::default()
        };
        Confinement {
            read,
            write,
            hide: vec![self.socket.clone()],
            network,
            limits,
        }
    }
}

/// Folders that a program outside of the system's needs to start: its own installation and that of its
/// interpreter.
pub(crate) fn homes_of(program: &Path) -> Vec<PathBuf> {
    let mut homes = Vec::new();
    let mut add = |path: &Path| {
        for path in [Some(path.to_owned()), std::fs::canonicalize(path).ok()]
            .into_iter()
            .flatten()
        {
            // `…/bin/NAME` belongs to `…`. Of a person's own home folder it is the program alone.
            let home = path.parent().and_then(|bin| {
                if bin.ends_with("bin") {
                    bin.parent()
                } else {
                    Some(bin)
                }
            });
            match home {
                Some(home) if is_personal(home) => homes.push(path.clone()),
                Some(home) if home.components().count() > 2 => homes.push(home.to_owned()),
                Some(_) | None => {}
            }
        }
    };
    add(program);
    let head = std::fs::File::open(program).and_then(|file| {
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(file, 512), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    });
    let line = head
        .ok()
        .and_then(|text| Some(text.strip_prefix("#!")?.lines().next()?.trim().to_owned()));
    if let Some(interpreter) = line.as_deref().and_then(|l| l.split(' ').next()) {
        add(Path::new(interpreter));
    }
    homes.retain(|home| !home.starts_with("/usr"));
    homes.dedup();
    homes
}

/// Whether a folder is somebody's whole home.
fn is_personal(folder: &Path) -> bool {
    let own = std::env::var_os("HOME").is_some_and(|own| folder == Path::new(&own));
    own || folder == Path::new("/root") || folder.parent() == Some(Path::new("/home"))
}

/// The folders of one run.
struct Place {
    scratch: PathBuf,
    home: PathBuf,
    tmp: PathBuf,
    tree: PathBuf,
}

impl Place {
    fn make(root: &Path) -> std::io::Result<Self> {
        let place = Self {
            scratch: root.join("scratch"),
            home: root.join("home"),
            tmp: root.join("tmp"),
            tree: root.join("tree"),
        };
        for folder in [&place.scratch, &place.home, &place.tmp, &place.tree] {
            std::fs::create_dir(folder)?;
        }
        Ok(place)
    }
}

/// A path below `root`; one that leads out is refused.
fn inside(root: &Path, name: impl AsRef<[u8]>) -> Result<PathBuf, ToolError> {
    let path = Path::new(OsStr::from_bytes(name.as_ref()));
    let plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if path.as_os_str().is_empty() || !plain {
        return Err(failed(format!(
            "`{}` is no path below the scratch folder",
            path.display()
        )));
    }
    Ok(root.join(path))
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, bytes)
}

/// A file that the run left; none if it did not. Links are not followed: the run made them.
fn read_output(scratch: &Path, name: &str) -> Result<Option<(String, String)>, ToolError> {
    let path = inside(scratch, name)?;
    let no_follow = i32::try_from(
        rustix::fs::OFlags::NOFOLLOW
            .union(rustix::fs::OFlags::NONBLOCK)
            .bits(),
    );
    let mut options = std::fs::OpenOptions::new();
    options.read(true).custom_flags(no_follow.unwrap_or(0));
    let file = match options.open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(format!("output `{name}`: {error}"))),
    };
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() || meta.len() > FILES_BYTES_MAX {
        return Err(failed(format!(
            "output `{name}` is no file of at most {FILES_BYTES_MAX} bytes"
        )));
    }
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(file, FILES_BYTES_MAX), &mut bytes)
        .map_err(failed)?;
    Ok(Some((
        name.to_owned(),
        String::from_utf8_lossy(&bytes).into_owned(),
    )))
}
