//! Which repositories are registered, and where are their base branches now?

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use orch_config::{
    Effective, ForgeConfig, ForgePlace, HostConfig, REPO_FILE, RepoFile, RepositoryConfig,
};
use orch_domain::id::{ObjectId, RepoName};
use orch_domain::path::RepoPath;
use orch_domain::port::forge::Forge;
use orch_domain::submodule::Sources;
use orch_judge::Submodules;
use orch_process::git::{Access, Blob, Git, LaidOut, Modules, Wanted};
use sha2::{Digest, Sha256};

use super::paths::Paths;

/// Bytes of the repository's own configuration file that are read.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// The registered repositories. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Repos(Arc<BTreeMap<String, Repo>>);

/// A registered repository: its forge, and the host's mirror of it.
#[derive(Debug, Clone)]
pub(crate) struct Repo {
    pub(crate) name: String,
    pub(crate) config: RepositoryConfig,
    pub(crate) mirror: Git,
    pub(crate) forge: Arc<dyn Forge>,
    /// The host's copies of the repositories that are submodules.
    pub(crate) modules: Modules,
    /// Which of them are laid out, and where they may come from.
    pub(crate) submodules: Wanted,
}

/// What applies to a task that begins now.
pub(crate) struct InForce {
    pub(crate) effective: Effective,
    /// The repository's own word.
    pub(crate) file: RepoFile,
    /// As it is stored with the task.
    pub(crate) text: String,
    pub(crate) digest: String,
}

impl Repos {
    /// Those of the configuration, with their mirrors and forges.
    pub(crate) fn of(
        config: &HostConfig,
        paths: &Paths,
        forges: &BTreeMap<RepoName, Arc<dyn Forge>>,
    ) -> anyhow::Result<Self> {
        let mut repos = BTreeMap::new();
        let modules = Modules::at(paths.submodules());
        for (name, repository) in &config.repositories {
            let forge = forges.get(&RepoName::new(name.clone())?);
            let repo = Repo {
                name: name.clone(),
                config: repository.clone(),
                mirror: Git::at(paths.mirror(name))?,
                forge: forge
                    .with_context(|| format!("repository `{name}` was given no forge"))?
                    .clone(),
                modules: modules.clone(),
                submodules: submodules(config, repository),
            };
            repos.insert(name.clone(), repo);
        }
        Ok(Self(Arc::new(repos)))
    }

    /// Every repository, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Repo> {
        self.0.values()
    }

    /// The names of all.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// A repository, if it is registered.
    pub(crate) fn find(&self, name: &str) -> Option<&Repo> {
        self.0.get(name)
    }

    /// A registered repository; the error names those there are.
    pub(crate) fn get(&self, name: &str) -> anyhow::Result<&Repo> {
        self.find(name).with_context(|| {
            format!(
                "no repository `{name}`; registered are: {}",
                self.names().join(", ")
            )
        })
    }

    /// A repository that can be used: its mirror is there.
    pub(crate) async fn ready(&self, name: &str) -> anyhow::Result<&Repo> {
        let repo = self.get(name)?;
        repo.prepare().await?;
        Ok(repo)
    }
}

impl Repo {
    /// Checks that the repository can be used and makes its mirror.
    pub(crate) async fn prepare(&self) -> anyhow::Result<()> {
        self.forge.check().await?;
        self.mirror.init().await?;
        Ok(())
    }

    /// Where the base branch is now, after bringing the mirror up to date; none if there is no such branch.
    pub(crate) async fn base_if_there(&self) -> anyhow::Result<Option<ObjectId>> {
        self.forge.fetch().await?;
        let name = format!("refs/remotes/origin/{}", self.config.base);
        Ok(self.mirror.resolve(&name).await?)
    }

    /// Where the base branch is now, after bringing the mirror up to date.
    pub(crate) async fn base_tip(&self) -> anyhow::Result<ObjectId> {
        self.base_if_there().await?.with_context(|| {
            format!(
                "repository `{}` has no branch `{}`; push one, or set `repositories.{}.base`",
                self.name, self.config.base, self.name
            )
        })
    }

    /// Lays the submodules of a commit out in a checkout of it. Where they come from is read at the base, and never of a
    /// branch.
    pub(crate) async fn lay_out_submodules(
        &self,
        commit: &ObjectId,
        tree: &Path,
    ) -> anyhow::Result<LaidOut> {
        let base = format!("refs/remotes/origin/{}", self.config.base);
        let trusted = self.mirror.resolve(&base).await?;
        let trusted = trusted.as_ref().unwrap_or(commit);
        let (git, wanted) = (&self.mirror, &self.submodules);
        let laid = self.modules.lay_out(git, commit, trusted, tree, wanted);
        Ok(laid.await?)
    }

    /// How its submodules are laid out for programs of gates.
    pub(crate) fn submodules(&self) -> Submodules {
        Submodules {
            copies: self.modules.clone(),
            wanted: self.submodules.clone(),
        }
    }

    /// Whether two commits hold the same code: all but what lies in a task's folder.
    pub(crate) async fn is_same_code(
        &self,
        one: &ObjectId,
        other: &ObjectId,
        folder: &str,
    ) -> anyhow::Result<bool> {
        if one == other {
            return Ok(true);
        }
        // A commit that is gone from the mirror was of a branch that is gone.
        if self.mirror.resolve(one.as_str()).await?.is_none() {
            return Ok(false);
        }
        let (one, other) = (
            self.mirror.code_tree(one, folder).await?,
            self.mirror.code_tree(other, folder).await?,
        );
        Ok(one == other)
    }

    /// What applies to a task that begins now on `base`: the operator's word and the repository's own file there.
    pub(crate) async fn in_force(
        &self,
        config: &HostConfig,
        base: &ObjectId,
    ) -> anyhow::Result<InForce> {
        // The configuration in force, so that an operator can let a repository go on whose own file is broken.
        let instead = config.repositories.get(&self.name);
        let file = match instead.and_then(|repository| repository.orch_yaml.clone()) {
            Some(file) => file,
            None => self.file_at(base).await?,
        };
        let effective = Effective::combine(config, &self.name, &file)?;
        let text = serde_json::to_string(&effective)?;
        let digest = hex::encode(Sha256::digest(text.as_bytes()));
        Ok(InForce {
            effective,
            file,
            text,
            digest,
        })
    }

    /// The repository's own configuration at a trusted commit.
    async fn file_at(&self, base: &ObjectId) -> anyhow::Result<RepoFile> {
        let text = match self.mirror.read(base, REPO_FILE, FILE_BYTES_MAX).await? {
            Blob::Text(text) => text,
            Blob::Missing => String::new(),
            Blob::TooLarge(_) | Blob::NotText => {
                anyhow::bail!(
                    "`{REPO_FILE}` of `{}` must be text of at most 256 KiB",
                    self.name
                )
            }
        };
        Ok(RepoFile::parse(&text)?)
    }
}

/// Which submodules of a repository are laid out, and where they may come from.
fn submodules(config: &HostConfig, repository: &RepositoryConfig) -> Wanted {
    let said = &repository.submodules;
    let of_forge = match &repository.forge {
        ForgePlace::On(place) => config.forges.get(&place.name).map(|forge| {
            let url = forge.url.trim_end_matches('/');
            format!("{url}/{}", place.repo)
        }),
        ForgePlace::Local => None,
    };
    let path = repository.path.as_deref();
    let of_path = path.map(|path| path.display().to_string());
    let address = said.address.clone().or(of_forge);
    Wanted {
        sources: Sources {
            parent: address.or_else(|| repository.upstream.clone()).or(of_path),
            from: said.from.clone(),
        },
        without: said
            .without
            .iter()
            .map(|path| RepoPath::from_text(path))
            .collect(),
        access: match &repository.forge {
            ForgePlace::On(place) => config.forges.get(&place.name).map(access),
            ForgePlace::Local => None,
        },
    }
}

/// The token of a forge for git, as it is at each use.
fn access(forge: &ForgeConfig) -> Access {
    let token = forge.token.clone();
    Access::new(forge.url.clone(), forge.ca.clone(), move || {
        let token = token.read()?;
        // Any user goes with a token.
        let basic = STANDARD.encode(format!("orch:{}", token.trim()));
        Some(format!("Basic {basic}"))
    })
}
