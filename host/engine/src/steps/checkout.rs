//! Clean checkouts of commits, in which tests, hooks and probes run.

mod reports;
mod setups;
mod testing;

use std::ops::Deref;
use std::path::{Path, PathBuf};

use orch_config::{HostConfig, LiveConfig, NetworkConfig};
use orch_domain::id::{ObjectId, RepoName, TaskId};
use orch_domain::path::RepoPath;
use orch_domain::submodule::LeftOut;
use orch_process::files::remove;
use orch_process::git::Modules;
use orch_process::mark::{TOKEN_VARIABLE, sweep_marked};
use orch_process::sandbox::{Limits, NOT_CONFINED};
use orch_process::{Finished, Spec, run};
use orch_store::Asker;
use tempfile::TempDir;

use self::setups::Setups;
pub(crate) use self::testing::{Tested, Whose};
use crate::launch::cage::{Cage, Judged};
use crate::launch::trusted::Trusted;
use crate::ledger::Ledger;
use crate::ledger::masks::Masks;
use crate::ledger::paths::Paths;
use crate::ledger::repos::Repo;
use crate::steps::judged::runs_files_of;
use crate::steps::network::{Refusals, Way, served};

/// Variables by which programs find what they fetch.
const FETCHING: [&str; 24] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "CARGO_HTTP_CAINFO",
    "PIP_CERT",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "UV_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "npm_config_registry",
    "GOPROXY",
    "GOSUMDB",
    "GONOSUMDB",
    "GOFLAGS",
];
/// What makes checkouts. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Checkouts {
    folder: PathBuf,
    /// The program that confines.
    orch: PathBuf,
    config: LiveConfig,
    setups: Setups,
    submodules: Modules,
    ledger: Ledger,
}

/// A checkout, removed when dropped, whatever ran in it has left: the caches of some programs are folders that cannot be
/// written to.
#[derive(Debug)]
pub(crate) struct Checkout(TempDir);

impl Deref for Checkout {
    type Target = TempDir;

    fn deref(&self) -> &TempDir {
        &self.0
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        drop_folder(self.0.path());
    }
}

fn drop_folder(folder: &Path) {
    if let Err(error) = remove(folder) {
        tracing::warn!(folder = %folder.display(), error = %error, "a checkout cannot be removed");
    }
}

impl Checkouts {
    pub(crate) fn new(paths: &Paths, orch: PathBuf, config: LiveConfig, ledger: Ledger) -> Self {
        Self {
            folder: paths.checkouts(),
            orch,
            config,
            setups: Setups::at(paths.setups()),
            submodules: Modules::at(paths.submodules()),
            ledger,
        }
    }

    /// The credentials of the configuration as they are now, which what hooks print must not carry on.
    pub(crate) fn masks(&self) -> Masks {
        Masks::of(&self.config.now())
    }

    /// An empty folder whose name is never used twice, removed when dropped.
    pub(crate) fn empty(&self, name: &str) -> anyhow::Result<Checkout> {
        std::fs::create_dir_all(&self.folder)?;
        let made = tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .tempdir_in(&self.folder)?;
        Ok(Checkout(made))
    }

    /// A hook or probe of the operator's, run to its end in a checkout for a task. One that runs files of the branch is
    /// judged and runs in the cage, with the network of its repository; any other is trusted.
    pub(crate) async fn hook(
        &self,
        repo: &Repo,
        task: TaskId,
        checkout: &TempDir,
        command: &str,
        spec: Spec,
    ) -> anyhow::Result<Finished> {
        if !runs_files_of(&checkout.path().join("tree"), command) {
            return self.trusted(checkout, spec).await;
        }
        let network = &repo.config.network;
        let ran = self.run_confined(repo, Some(task), spec, checkout, network);
        let (done, _) = ran.await?;
        let stderr = done.stderr.text();
        if done.exit.code() == NOT_CONFINED && stderr.contains("sandbox: ") {
            anyhow::bail!("`{command}` could not be confined: {}", stderr.trim());
        }
        Ok(done)
    }

    /// Runs a command of the operator's own to its end: it sees the machine, and of what is the host's its checkout.
    pub(crate) async fn trusted(&self, checkout: &TempDir, spec: Spec) -> anyhow::Result<Finished> {
        let kept = vec![checkout.path().to_owned()];
        let trusted = Trusted::of(&self.config.now(), &self.orch, kept);
        let spec = trusted.map_or(spec.clone(), |trusted| trusted.command(spec));
        Ok(run(&spec).await?)
    }

    /// Runs a command confined to its checkout as the operator's configuration says, to its end.
    async fn run_confined(
        &self,
        repo: &Repo,
        task: Option<TaskId>,
        spec: Spec,
        checkout: &TempDir,
        reached: &NetworkConfig,
    ) -> anyhow::Result<(Finished, Refusals)> {
        // A folder for each command: what one left of its sockets is not the next one's.
        let own = tempfile::tempdir_in(checkout.path())?;
        let Way {
            network,
            proxy,
            gateway,
        } = Way::of(reached, false, Some(own.path()));
        let judged = Judged {
            grants: &repo.config.sandbox,
            program: None,
            workspace: checkout.path(),
            write: vec![checkout.path().join("tree"), checkout.path().join("home")],
            temporary: Some(checkout.path().join("tmp")),
            read: Vec::new(),
            refusal: None,
            passed: None,
            held_by: None,
            network,
            proxy: proxy.clone(),
            gateway,
            limits: Limits {
                // Of each process; a machine with many cores may spend more than its wall clock.
                cpu_s: spec.timeout.as_secs().saturating_mul(64).max(1),
                // Nobody else counts what a command holds of the disk.
                disk_bytes: match self.config.now().disk.run_mib {
                    0 => u64::MAX,
                    mib => mib.saturating_mul(1024 * 1024),
                },
                ..Limits::default()
            },
        };
        let cage = Cage::of(&self.config.now(), &self.orch, judged);
        let (Some(cage), Some(sockets)) = (&cage, proxy) else {
            let spec = cage.map_or(spec.clone(), |cage| cage.command(spec));
            return Ok((run(&spec).await?, Refusals::default()));
        };
        std::fs::create_dir(&sockets)?;
        let asker = Asker::Repository {
            repo: RepoName::new(repo.name.clone())?,
            task,
        };
        let spec = cage.command(spec);
        let (done, refusals) = served(&self.ledger, &asker, reached, &sockets, run(&spec)).await?;
        Ok((done?, refusals))
    }

    /// Ends what a dead host left running in its checkouts, and removes them: a hook of the past must not work
    /// beside the one that takes its place.
    pub(crate) async fn sweep(&self) -> anyhow::Result<()> {
        self.setups.sweep(setups_bytes(&self.config.now())).await;
        self.submodules.sweep().await;
        let root = &self.folder;
        let Ok(entries) = std::fs::read_dir(root) else {
            // None was ever made.
            return Ok(());
        };
        for entry in entries {
            let path = entry?.path();
            let token = token_of(&path);
            let ended = tokio::task::spawn_blocking(move || sweep_marked(&token)).await?;
            if ended > 0 {
                tracing::warn!(folder = %path.display(), ended, "ended what a dead host had left running");
            }
            tokio::task::spawn_blocking(move || drop_folder(&path)).await?;
        }
        Ok(())
    }

    /// A clean checkout with a home and a temporary folder of its own, removed when dropped.
    pub(crate) async fn make(&self, repo: &Repo, sha: &ObjectId) -> anyhow::Result<Checkout> {
        let (folder, lacks) = self.make_with(repo, sha).await?;
        for lack in lacks.lacks() {
            tracing::warn!(repo = repo.name, %sha, "{lack}");
        }
        Ok(folder)
    }

    /// The same, with what is said of its submodules.
    async fn make_with(
        &self,
        repo: &Repo,
        sha: &ObjectId,
    ) -> anyhow::Result<(Checkout, LeftOutOf)> {
        let folder = self.empty(&repo.name)?;
        for name in ["home", "tmp"] {
            std::fs::create_dir(folder.path().join(name))?;
        }
        let tree = folder.path().join("tree");
        repo.mirror.export(sha, &tree).await?;
        let laid = repo.lay_out_submodules(sha, &tree).await?;
        Ok((folder, LeftOutOf(laid.left_out)))
    }
}

/// The submodules that are not in a checkout, with the reasons.
struct LeftOutOf(Vec<(RepoPath, LeftOut)>);

impl LeftOutOf {
    /// Those that are meant to be there, in words.
    fn lacks(&self) -> impl Iterator<Item = String> {
        let lacks = self.0.iter().filter(|(_, why)| why.is_lack());
        lacks.map(|(path, why)| format!("the submodule `{path}` cannot be had: {why}"))
    }

    /// Those that are not, in words.
    fn empty(&self) -> impl Iterator<Item = String> {
        let others = self.0.iter().filter(|(_, why)| !why.is_lack());
        others.map(|(path, why)| format!("the submodule `{path}` is left empty: {why}"))
    }
}

/// The environment of tests and hooks: where programs are, a home and a place for temporary files.
pub(crate) fn plain_environment(spec: Spec, checkout: &TempDir) -> Spec {
    let home = checkout.path().join("home").display().to_string();
    spec.env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("HOME", home.clone())
        .env("TMPDIR", checkout.path().join("tmp").display().to_string())
        .env("LANG", "C.UTF-8")
        .env(TOKEN_VARIABLE, token_of(checkout.path()))
        .env("CI", "true")
        // A Java virtual machine asks the system for its home, which knows none of a user that nobody made.
        .env("MAVEN_OPTS", format!("-Duser.home={home}"))
        .env("GRADLE_USER_HOME", format!("{home}/.gradle"))
        // Environments beside the project go and come with it.
        .env("POETRY_VIRTUALENVS_IN_PROJECT", "true")
        .env("PIPENV_VENV_IN_PROJECT", "1")
}

/// What the host's user has set so that programs find their registries, proxies and certificates: for setting up, which
/// fetches. An address with a credential in it is not handed on.
fn fetching(variable: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let set = FETCHING.iter().filter_map(|name| {
        let value = variable(name).filter(|value| !value.is_empty() && !value.contains('@'))?;
        Some(((*name).to_owned(), value))
    });
    set.collect()
}

/// Bytes that kept set-ups may hold together; 0 for none.
fn setups_bytes(config: &HostConfig) -> u64 {
    config.disk.setups_mib.saturating_mul(1024 * 1024)
}

/// Bytes that are free where a checkout lies; all there could be if nobody says.
fn free_bytes(folder: &Path) -> u64 {
    rustix::fs::statvfs(folder).map_or(u64::MAX, |at| at.f_bavail.saturating_mul(at.f_frsize))
}

/// Marks what runs in a folder of the checkouts: the name of such a folder is never used twice.
pub(crate) fn token_of(folder: &Path) -> String {
    format!("checkout-{}", folder.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkout_goes_with_the_closed_folders_that_were_left_in_it() {
        let root = tempfile::tempdir().unwrap();
        let checkout = Checkout(tempfile::tempdir_in(root.path()).unwrap());
        let cache = checkout.path().join("home/go/pkg/mod/x");
        std::fs::create_dir_all(&cache).unwrap();
        std::fs::write(cache.join("x.go"), "package x\n").unwrap();
        for folder in [cache.as_path(), cache.parent().unwrap()] {
            let closed = std::os::unix::fs::PermissionsExt::from_mode(0o500);
            std::fs::set_permissions(folder, closed).unwrap();
        }
        drop(checkout);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn registries_are_handed_to_what_sets_up_and_their_credentials_are_not() {
        let set = |name: &str| match name {
            "PIP_INDEX_URL" => Some("https://ann:secret@index.example.org/simple".to_owned()),
            "GOPROXY" => Some("https://proxy.example.org".to_owned()),
            "NO_PROXY" => Some(String::new()),
            _ => None,
        };
        let expected = ("GOPROXY".to_owned(), "https://proxy.example.org".to_owned());
        assert_eq!(fetching(set), [expected]);
    }
}
