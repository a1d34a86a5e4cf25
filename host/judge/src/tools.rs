//! How is an allow-listed program run for a gate? Confined, over a checkout of its own, and swept up afterwards.
//!
//! A gate names a profile and never composes a shell line. What a profile may do is the operator's; which
//! gate may use it is a grant.

mod configurations;
mod layout;
mod place;
mod profile;
mod seal;
mod shelf;
mod versions;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use globset::Glob;
use orch_config::{CheckoutKind, HostConfig, SandboxConfig, SandboxMode};
use orch_domain::imports::{ToolError, ToolOutcome, ToolRequest};
use orch_process::mark::{TOKEN_VARIABLE, sweep_marked};
use orch_process::sandbox::{
    Confinement, Limits, NOT_CONFINED, Network, Surroundings, Toolchains, user_of,
};
use orch_process::{Exit, Spec, resolve_program, run};

use crate::facts::Facts;
use crate::limits;
use layout::lay_out;
use place::{Place, failed, open_output, read_output};
use profile::{BASE_SCAN, FILES_SCAN, Profile, View};
use seal::SealKey;
use shelf::Shelf;
use versions::Commits;

/// Where tools run on this host.
#[derive(Debug, Clone)]
pub(crate) struct Workshop {
    /// This program, which confines others.
    pub(crate) orch: PathBuf,
    /// Where scratch folders are made.
    pub(crate) folder: PathBuf,
}

/// The tools of one evaluation.
#[derive(Debug)]
pub(crate) struct ToolBox {
    workshop: Workshop,
    sandbox: SandboxConfig,
    /// What is the host's own, and hidden from whatever runs.
    own: Vec<PathBuf>,
    /// Address of the advisories.
    osv: String,
    /// Profiles that the gate was granted; none under a name that stands for nothing.
    granted: BTreeMap<String, Option<Profile>>,
    commits: Commits,
    /// Key of the seals of this evaluation.
    seal: Option<SealKey>,
}

impl ToolBox {
    /// The granted tools, as the operator has configured them.
    pub(crate) fn of(
        workshop: &Workshop,
        config: &HostConfig,
        granted: &[String],
        facts: &Facts,
    ) -> Self {
        let profile = |name: &String| {
            let profile = Profile::of(&config.tools, &config.sandbox, name);
            (name.clone(), profile)
        };
        let mut granted: BTreeMap<_, _> = granted.iter().map(profile).collect();
        if granted.contains_key(FILES_SCAN) && !granted.contains_key(BASE_SCAN) {
            granted.extend([profile(&BASE_SCAN.to_owned())]);
        }
        Self {
            workshop: workshop.clone(),
            sandbox: config.sandbox.clone(),
            own: config.own_places(),
            osv: config.advisories.url.trim_end_matches('/').to_owned(),
            granted,
            commits: Commits {
                git: facts.git.clone(),
                submodules: facts.submodules.clone(),
                head: facts.head.clone(),
                base: facts.base.clone(),
            },
            seal: SealKey::random(),
        }
    }

    /// Runs one program to its end.
    pub(crate) async fn run(&self, request: ToolRequest) -> Result<ToolOutcome, ToolError> {
        let name = &request.tool;
        let Some(profile) = self.granted.get(name) else {
            return Err(ToolError::NotGranted(format!(
                "profile `{name}` is not granted; add `tools/{name}` to the gate's `grants` in orch.yaml"
            )));
        };
        let Some(profile) = profile else {
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
        std::fs::create_dir_all(&self.workshop.folder).map_err(failed)?;
        let folder = tempfile::Builder::new()
            .prefix("tool-")
            .tempdir_in(&self.workshop.folder)
            .map_err(failed)?;
        let place = Place::make(folder.path()).map_err(failed)?;
        let shelf = lay_out(&self.commits, profile, &request, &place).await?;
        let outcome = self
            .start(profile, &program, &request, &place, &shelf)
            .await;
        // Removing a large checkout takes a while; a folder that stays is only untidy.
        tokio::task::spawn_blocking(move || drop(folder)).await.ok();
        outcome
    }

    async fn start(
        &self,
        profile: &Profile,
        program: &Path,
        request: &ToolRequest,
        place: &Place,
        shelf: &Shelf,
    ) -> Result<ToolOutcome, ToolError> {
        let Commits {
            git, head, base, ..
        } = &self.commits;
        let fill = |text: &String| {
            text.replace("{scratch}", &place.scratch.display().to_string())
                .replace("{checkout}", &place.tree.display().to_string())
                .replace("{repository}", &git.git_dir().display().to_string())
                .replace("{base}", base.as_str())
                .replace("{head}", head.as_str())
                .replace("{osv}", &self.osv)
        };
        let mut args: Vec<String> = profile.args.iter().map(fill).collect();
        args.extend(request.args.iter().cloned());
        let cwd = if profile.view.has_files() {
            &place.tree
        } else {
            &place.scratch
        };
        let token = format!("tool-{}", place.scratch.display());
        let folder = program
            .parent()
            .map(|p| p.display().to_string())
            .unwrap_or_default();
        let mut spec = Spec::new(program, cwd)
            .env("PATH", format!("{folder}:/usr/local/bin:/usr/bin:/bin"))
            .env("HOME", place.home.display().to_string())
            .env("TMPDIR", place.tmp.display().to_string())
            .env("LANG", "C.UTF-8")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_GRAFT_FILE", "/nonexistent/grafts")
            .env("GIT_NO_LAZY_FETCH", "1")
            // On a host that runs as root the tool is another user than the repository's.
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "safe.directory")
            .env("GIT_CONFIG_VALUE_0", "*")
            .env(TOKEN_VARIABLE, token.clone());
        for (name, value) in &profile.env {
            spec = spec.env(name, fill(value));
        }
        spec.args = args;
        spec.timeout = profile.timeout;
        spec.output_bytes_max = profile.output_bytes_max;
        if self.sandbox.mode == SandboxMode::Enforce {
            let (confinement, variables) = self.confinement(profile, program, place);
            // What the profile sets stands: of a name that is there twice the last one counts.
            spec.env.splice(0..0, variables);
            spec = spec.confined(&self.workshop.orch, &confinement);
        }
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
            .filter_map(|name| match profile.is_sealed {
                true => self.sealed(place, name, shelf).transpose(),
                false => read_output(&place.scratch, name).transpose(),
            })
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

    /// A report that names secrets, without them.
    fn sealed(
        &self,
        place: &Place,
        name: &str,
        shelf: &Shelf,
    ) -> Result<Option<(String, String)>, ToolError> {
        let Some(file) = open_output(&place.scratch, name)? else {
            return Ok(None);
        };
        let report = seal::read_report(file).map_err(failed)?;
        let sealed = seal::sealed(&report, self.seal.as_ref(), shelf, &place.tree);
        Ok(Some((name.to_owned(), sealed)))
    }

    /// What the program may do, and where it finds its toolchains.
    fn confinement(
        &self,
        profile: &Profile,
        program: &Path,
        place: &Place,
    ) -> (Confinement, Vec<(String, String)>) {
        let around = Surroundings::own();
        let mut found = match &self.sandbox.toolchains {
            Some(listed) => Toolchains::listed(listed, &around),
            None => Toolchains::find(&around),
        };
        found.add_program(program, &around);
        let mut read: Vec<PathBuf> = found.read.into_keys().collect();
        read.extend(profile.read.iter().cloned());
        read.extend(self.commits.git.folders());
        let mut write = vec![place.scratch.clone(), place.home.clone()];
        match profile.view {
            View::Checkout(CheckoutKind::DisposableCopy) => write.push(place.tree.clone()),
            View::Checkout(
                CheckoutKind::None | CheckoutKind::ReadOnly | CheckoutKind::ChangedFiles,
            )
            | View::ChangedFiles
            | View::EarlierVersions
            | View::Base => read.push(place.tree.clone()),
        }
        let network = if profile.network {
            Network::Host
        } else {
            Network::None
        };
        let usual = Limits {
            cpu_s: profile.timeout.as_secs().max(1),
            ..Limits::default()
        };
        let limits = limits(usual, self.sandbox.limits, self.sandbox.profile);
        let confinement = Confinement {
            read,
            write,
            hide: self.own.clone(),
            secrets: found.secrets,
            temporary: Some(place.tmp.clone()),
            user: Some(self.sandbox.user.unwrap_or_else(|| user_of(&place.scratch))),
            network,
            profile: crate::profile(self.sandbox.profile),
            external: self.sandbox.external.clone(),
            ..Confinement::nothing(limits)
        };
        (confinement, found.variables)
    }
}
