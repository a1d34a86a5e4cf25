//! What was named: a work tree, a bare repository, or the address of one. And which branch of it is the base?

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use orch_domain::id::RepoName;
use orch_process::git::Git;

use super::git::{line, must};
use super::{Base, Repository};

/// A project as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A clone with a work tree; its top folder.
    WorkTree(PathBuf),
    /// A bare repository on this machine.
    Bare(PathBuf),
    /// The address of a repository.
    Remote(String),
}

impl Source {
    /// Finds out what `text` names.
    pub(crate) async fn find(text: &str) -> anyhow::Result<Self> {
        let path = Path::new(text);
        if !path.exists() {
            if is_address(text) {
                return Ok(Self::Remote(text.to_owned()));
            }
            bail!(
                "there is no `{text}`; name a git work tree, a bare repository or an address that git can clone"
            );
        }
        let path = std::fs::canonicalize(path).with_context(|| format!("`{text}`"))?;
        let bare = line(&path, &["rev-parse", "--is-bare-repository"]).await?;
        match bare.as_deref() {
            Some("true") => {
                let folder = line(&path, &["rev-parse", "--absolute-git-dir"]).await?;
                Ok(Self::Bare(folder.map_or(path, PathBuf::from)))
            }
            Some(_) => {
                let top = line(&path, &["rev-parse", "--show-toplevel"]).await?;
                Ok(Self::WorkTree(top.map_or(path, PathBuf::from)))
            }
            None => bail!(
                "`{}` is no git repository; begin one with `git init` and a first commit, or name another",
                path.display()
            ),
        }
    }

    /// How the repository is called here: as it was asked, or after its last part.
    pub(crate) fn name(&self, asked: Option<&str>) -> anyhow::Result<String> {
        let name = match asked {
            Some(name) => name.to_owned(),
            None => plain_name(self.last_part()),
        };
        RepoName::new(name.clone()).with_context(|| {
            format!("`{name}` cannot be the name of a repository; choose one with --name")
        })?;
        Ok(name)
    }

    fn last_part(&self) -> &str {
        let text = match self {
            Self::WorkTree(path) | Self::Bare(path) => path.to_str().unwrap_or_default(),
            Self::Remote(address) => address,
        };
        let text = text.trim_end_matches('/').trim_end_matches(".git");
        let text = text.trim_end_matches('/');
        text.rsplit(['/', ':']).next().unwrap_or_default()
    }

    /// Where the host's files go if nobody says: beside the project, and never inside of it.
    pub(crate) fn home_beside(&self, name: &str) -> anyhow::Result<PathBuf> {
        let parent = match self {
            Self::WorkTree(path) | Self::Bare(path) => path.parent().map(Path::to_owned),
            Self::Remote(_) => Some(std::env::current_dir().context("the current folder")?),
        };
        Ok(parent.unwrap_or_default().join(format!("{name}-orch")))
    }

    /// The bare repository that the host works with, made in `folder` unless the project is one.
    pub(crate) async fn bare(&self, folder: &Path, name: &str) -> anyhow::Result<Repository> {
        let (from, upstream) = match self {
            Self::Bare(path) => {
                return Ok(Repository {
                    path: path.clone(),
                    is_own: false,
                    upstream: None,
                });
            }
            Self::WorkTree(path) => (path.display().to_string(), None),
            Self::Remote(address) => (address.clone(), Some(address.clone())),
        };
        let path = folder.join(format!("{name}.git"));
        if path.exists() {
            bail!(
                "`{}` is there already; remove it, or name another folder with --dir",
                path.display()
            );
        }
        let to = path.display().to_string();
        let args = ["clone", "--quiet", "--bare", "--no-hardlinks", &from, &to];
        let remedy = "see that git can clone it without asking: a credential helper, an ssh agent and a known host key";
        must(folder, &args, remedy).await?;
        Ok(Repository {
            path,
            is_own: true,
            upstream,
        })
    }

    /// The base: as it was asked, else the default branch, else the one that is checked out.
    pub(crate) async fn base(&self, git: &Git, asked: Option<&str>) -> anyhow::Result<Base> {
        let mut candidates: Vec<String> = Vec::new();
        match asked {
            Some(branch) => candidates.push(branch.to_owned()),
            None => {
                if let Self::WorkTree(path) = self {
                    let args = [
                        "symbolic-ref",
                        "--quiet",
                        "--short",
                        "refs/remotes/origin/HEAD",
                    ];
                    let default = line(path, &args).await?;
                    let default = default.as_deref().and_then(|d| d.strip_prefix("origin/"));
                    candidates.extend(default.map(str::to_owned));
                }
                let args = ["symbolic-ref", "--quiet", "--short", "HEAD"];
                candidates.extend(line(git.git_dir(), &args).await?);
                candidates.extend(["main", "master"].map(str::to_owned));
            }
        }
        for branch in &candidates {
            let name = format!("refs/heads/{branch}");
            if let Some(tip) = git.resolve(&name).await? {
                let branch = branch.clone();
                return Ok(Base { branch, tip });
            }
        }
        let heads = git.refs("refs/heads/").await?;
        let names: Vec<&str> = heads
            .iter()
            .filter_map(|head| head.name.strip_prefix("refs/heads/"))
            .take(20)
            .collect();
        match names.as_slice() {
            [] => bail!("the repository has no branch yet; make a first commit on one"),
            _ => bail!(
                "there is no branch `{}`; name the one to land on with --base: {}",
                candidates.first().map_or("main", String::as_str),
                names.join(", ")
            ),
        }
    }
}

/// Whether a text is an address that git clones, rather than a path: `https://…`, `ssh://…`, `git@host:path`.
fn is_address(text: &str) -> bool {
    if text.starts_with('-') {
        return false;
    }
    let is_short = text
        .split_once(':')
        .is_some_and(|(host, path)| !host.is_empty() && !host.contains('/') && !path.is_empty());
    text.contains("://") || is_short
}

/// A name made of what may stand in one.
fn plain_name(text: &str) -> String {
    let lower = text.to_lowercase();
    let kept = lower.chars().map(|c| match c {
        'a'..='z' | '0'..='9' | '-' | '_' => c,
        _ => '-',
    });
    let name: String = kept.collect();
    let name = name.trim_matches(['-', '_']);
    name.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_is_called_after_the_last_part_of_where_it_lies() {
        for (address, name) in [
            (
                "https://forge.example.org/pallets/itsdangerous.git",
                "itsdangerous",
            ),
            (
                "git@forge.example.org:pallets/Its.Dangerous",
                "its-dangerous",
            ),
            ("file:///srv/git/shop.git/", "shop"),
        ] {
            assert!(is_address(address));
            let source = Source::Remote(address.to_owned());
            assert_eq!(source.name(None).unwrap(), name);
        }
        let tree = Source::WorkTree(PathBuf::from("/home/ann/src/Shop"));
        assert_eq!(tree.name(None).unwrap(), "shop");
        assert_eq!(
            tree.home_beside("shop").unwrap(),
            Path::new("/home/ann/src/shop-orch")
        );
        assert!(!is_address("./shop") && !is_address("--upload-pack=x:y") && !is_address("/a:b"));
    }
}
