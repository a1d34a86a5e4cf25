//! Results of `ci.setup` that are kept, so that the next checkout which would come to the same begins with them.
//!
//! - Only what the base was set up to is kept, and only after its tests passed on it: a branch takes and never gives.
//! - What is taken is copied. Nothing that is judged has a way to what is kept.
//! - The key holds all that the command can go by: itself, the files that it reads, what fetches and where from, and the
//!   toolchains of the machine. A command that may read anything is kept for its whole tree.
//! - A set-up that changed a file of the checkout is not kept.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use orch_domain::id::ObjectId;
use orch_process::files::{Carry, Stamps, carry, remove};
use orch_process::git::TreeEntry;
use orch_process::resolve_program;
use orch_survey::{Project, Reads, setup_reads};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::sync::RwLock;

use crate::ledger::repos::Repo;

/// Goes into every key: another way of keeping is another key.
const VERSION: &str = "1";
/// How long one is taken: what a command fetches without naming a version moves on.
const AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Most files of a commit whose names are looked at.
const FILES_MAX: usize = 200_000;
/// Largest file whose text is read to find out what a command reads, bytes.
const TEXT_BYTES_MAX: u64 = 256 * 1024;
/// What was kept, as a file.
const ABOUT: &str = "about.json";
/// The two folders of a checkout that are kept.
const PARTS: [&str; 2] = ["tree", "home"];
/// Programs whose versions decide what is installed, beside those that a command names.
const RUNTIMES: [&str; 15] = [
    "bun", "cargo", "cc", "dotnet", "go", "java", "make", "node", "npm", "php", "python",
    "python3", "ruby", "rustc", "sh",
];

/// The kept set-ups. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Setups {
    folder: PathBuf,
    /// Read by whoever copies from it, written by whoever removes.
    in_use: Arc<RwLock<()>>,
}

/// What a set-up comes to is the same for the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    repo: String,
    digest: String,
}

/// What stands beside a kept set-up.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    /// The commit that was set up.
    sha: String,
    /// Where it was set up.
    at: PathBuf,
    bytes: u64,
}

/// A set-up that was taken.
#[derive(Debug)]
pub(super) struct Taken {
    /// The commit that was set up.
    pub(super) sha: String,
}

impl Setups {
    pub(super) fn at(folder: PathBuf) -> Self {
        Self {
            folder,
            in_use: Arc::default(),
        }
    }

    fn place(&self, key: &Key) -> PathBuf {
        self.folder.join(&key.repo).join(&key.digest)
    }

    /// Whether something is kept under a key.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.place(key).join(ABOUT).exists()
    }

    /// Lets everybody take what was kept on trial.
    pub(super) async fn accept(&self, key: &Key) {
        let _held = self.in_use.write().await;
        let (trial, place) = (self.place(&key.on_trial()), self.place(key));
        drop_folder(&place);
        orch_durable::point("setup: before keep");
        if let Err(error) = std::fs::rename(&trial, &place) {
            tracing::warn!(repo = key.repo, error = %error, "a set-up is not kept");
        }
        orch_durable::point("setup: after keep");
    }

    /// Lays what is kept under a key into a fresh checkout. None if there is none, or if the commit has files of its own
    /// where it would go; the checkout is of no more use then.
    pub(super) async fn take(&self, key: &Key, checkout: &TempDir) -> Option<Taken> {
        let place = self.place(key);
        let _held = self.in_use.read().await;
        let is_old = |at: &Path| {
            let age = std::fs::metadata(at).and_then(|meta| meta.modified());
            age.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > AGE_MAX))
        };
        let about = place.join(ABOUT);
        if is_old(&about) {
            return None;
        }
        let about: About = serde_json::from_slice(&std::fs::read(&about).ok()?).ok()?;
        let to = checkout.path().to_owned();
        let sha = about.sha.clone();
        let copied = tokio::task::spawn_blocking(move || {
            let how = Carry {
                wants: &|_| true,
                old: &about.at,
                new: &to,
                bytes_max: about.bytes,
            };
            PARTS
                .iter()
                .try_for_each(|part| carry(&place.join(part), &to.join(part), &how).map(|_| ()))
        });
        match copied.await {
            Ok(Ok(())) => Some(Taken { sha }),
            Ok(Err(error)) => {
                tracing::info!(repo = key.repo, error = %error, "a kept set-up does not fit");
                None
            }
            Err(_) => None,
        }
    }

    /// Keeps what a checkout was set up to since `before`; answers whether it did. What cannot be kept is no error.
    pub(super) async fn keep(
        &self,
        key: &Key,
        sha: &ObjectId,
        checkout: &TempDir,
        before: Stamps,
        bytes_max: u64,
    ) -> bool {
        let (place, from) = (self.place(key), checkout.path().to_owned());
        let sha = sha.to_string();
        let kept =
            tokio::task::spawn_blocking(move || write(&place, &from, &sha, &before, bytes_max));
        match kept.await {
            Ok(Ok(())) => {
                self.sweep(bytes_max).await;
                true
            }
            Ok(Err(error)) => {
                let error = format!("{error:#}");
                tracing::info!(repo = key.repo, error, "a set-up is not kept");
                false
            }
            Err(_) => false,
        }
    }

    /// Removes what is kept under a key.
    pub(super) async fn forget(&self, key: &Key) {
        let _held = self.in_use.write().await;
        drop_folder(&self.place(key));
    }

    /// Removes all that is kept of a repository.
    pub(super) async fn forget_all(&self, repo: &str) {
        let _held = self.in_use.write().await;
        drop_folder(&self.folder.join(repo));
    }

    /// Removes what is too old, what was not kept whole, and the oldest beyond the bound.
    pub(super) async fn sweep(&self, bytes_max: u64) {
        let _held = self.in_use.write().await;
        let mut kept: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for repo in entries(&self.folder) {
            for place in entries(&repo) {
                let about = place.join(ABOUT);
                let made = std::fs::metadata(&about)
                    .and_then(|meta| meta.modified())
                    .ok();
                let text = std::fs::read(&about).unwrap_or_default();
                let about: Option<About> = serde_json::from_slice(&text).ok();
                match (made, about) {
                    (Some(made), Some(about)) if made.elapsed().is_ok_and(|age| age <= AGE_MAX) => {
                        kept.push((made, about.bytes, place));
                    }
                    _ => drop_folder(&place),
                }
            }
        }
        kept.sort();
        let mut held: u64 = kept.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, place) in kept {
            if held <= bytes_max {
                return;
            }
            drop_folder(&place);
            held = held.saturating_sub(bytes);
        }
    }
}

fn write(
    place: &Path,
    from: &Path,
    sha: &str,
    before: &Stamps,
    bytes_max: u64,
) -> anyhow::Result<()> {
    let now = Stamps::of(&from.join("tree"))?;
    anyhow::ensure!(before.stand_in(&now), "it changed files of the checkout");
    let parent = place.parent().unwrap_or(place);
    std::fs::create_dir_all(parent)?;
    let making = tempfile::Builder::new()
        .prefix("making-")
        .tempdir_in(parent)?;
    // Read back from where it is kept: the path in it stays that of the checkout.
    let mut bytes = 0;
    for part in PARTS {
        let how = Carry {
            wants: &|path| part != "tree" || !before.has(path),
            old: from,
            new: from,
            // One alone may hold half of all.
            bytes_max: (bytes_max / 2).saturating_sub(bytes),
        };
        bytes += carry(&from.join(part), &making.path().join(part), &how)?;
    }
    let about = About {
        sha: sha.to_owned(),
        at: from.to_owned(),
        bytes,
    };
    std::fs::write(making.path().join(ABOUT), serde_json::to_vec(&about)?)?;
    drop_folder(place);
    orch_durable::point("setup: before trial");
    std::fs::rename(making.keep(), place)?;
    orch_durable::point("setup: after trial");
    Ok(())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.flatten().map(|entry| entry.path()).collect()
}

fn drop_folder(folder: &Path) {
    if let Err(error) = remove(folder) {
        tracing::warn!(folder = %folder.display(), error = %error, "a kept set-up cannot be removed");
    }
}

impl Key {
    /// Under which it is kept until the base passed on it.
    pub(super) fn on_trial(&self) -> Self {
        Self {
            repo: self.repo.clone(),
            digest: format!("{}-trial", self.digest),
        }
    }

    /// That of setting up a commit that is laid out in `tree`.
    pub(super) async fn of(
        repo: &Repo,
        sha: &ObjectId,
        setup: &str,
        tree: &Path,
        variables: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let mut entries = repo.mirror.list(sha, "").await?;
        entries.truncate(FILES_MAX);
        let names: BTreeSet<String> = entries.iter().map(|entry| entry.path.to_string()).collect();
        let reads = match names.len() < FILES_MAX {
            true => reads_of(setup, &names, tree),
            false => Reads::Everything,
        };
        let mut hash = Sha256::new();
        let mut add = |part: &str| {
            hash.update(part.len().to_le_bytes());
            hash.update(part.as_bytes());
        };
        add(VERSION);
        add(setup);
        add(&serde_json::to_string(&repo.config.sandbox)?);
        for (name, value) in variables {
            add(name);
            add(value);
        }
        toolchain(setup).iter().for_each(|line| add(line));
        match reads {
            Reads::Everything => add(repo.mirror.tree_of(sha).await?.as_str()),
            Reads::Files { files, names: all } => {
                if all {
                    names.iter().for_each(|name| add(name));
                }
                for entry in entries.iter().filter(|entry| takes_part(entry, &files)) {
                    add(&entry.path.to_string());
                    add(&entry.mode);
                    add(entry.blob.as_str());
                }
            }
        }
        Ok(Self {
            repo: repo.name.clone(),
            digest: hex::encode(hash.finalize()),
        })
    }
}

/// Whether what an entry holds may change what the command comes to. Files of a submodule stand in no list of the commit:
/// which commit it is at stands for all of them.
fn takes_part(entry: &TreeEntry, read: &BTreeSet<String>) -> bool {
    entry.is_repository() || read.contains(&entry.path.to_string())
}

/// What the command reads of a tree that nobody has worked in yet.
fn reads_of(setup: &str, names: &BTreeSet<String>, tree: &Path) -> Reads {
    let read = |name: &str| {
        let path = tree.join(name);
        let meta = std::fs::symlink_metadata(&path).ok()?;
        let is_text = meta.is_file() && meta.len() <= TEXT_BYTES_MAX;
        is_text.then(|| std::fs::read_to_string(&path).ok())?
    };
    setup_reads(
        setup,
        &Project {
            files: names,
            read: &read,
            has_program: &|_| true,
        },
    )
}

/// Which programs of this machine take part: each by where it leads, its size and when it was written.
fn toolchain(setup: &str) -> Vec<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let words = setup.split(|c: char| c.is_whitespace() || ";&|()".contains(c));
    let words = words.filter(|word| !word.is_empty() && !word.contains('/'));
    let programs: BTreeSet<&str> = RUNTIMES.into_iter().chain(words).collect();
    let mut lines = vec![path.clone()];
    for program in programs {
        let Ok(found) = resolve_program(Path::new(program), &path) else {
            continue;
        };
        let found = std::fs::canonicalize(&found).unwrap_or(found);
        let meta = std::fs::metadata(&found).ok();
        let written = meta.as_ref().and_then(|meta| meta.modified().ok());
        lines.push(format!(
            "{program} {} {:?} {written:?}",
            found.display(),
            meta.map(|meta| meta.len())
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::fs;

    use orch_domain::path::RepoPath;

    use super::*;

    fn key(digest: &str) -> Key {
        Key {
            repo: "shop".to_owned(),
            digest: digest.to_owned(),
        }
    }

    /// A checkout with one file, set up to another.
    async fn kept(setups: &Setups, root: &Path, digest: &str, bytes: usize, max: u64) -> bool {
        let checkout = checkout(root);
        let before = Stamps::of(&checkout.path().join("tree")).unwrap();
        fs::write(checkout.path().join("tree/deps"), vec![b'x'; bytes]).unwrap();
        let sha = ObjectId::new("1".repeat(40)).unwrap();
        setups
            .keep(&key(digest), &sha, &checkout, before, max)
            .await
    }

    fn checkout(root: &Path) -> TempDir {
        let checkout = tempfile::Builder::new()
            .prefix("shop-")
            .tempdir_in(root)
            .unwrap();
        fs::create_dir(checkout.path().join("home")).unwrap();
        fs::create_dir(checkout.path().join("tree")).unwrap();
        fs::write(checkout.path().join("tree/source"), "source").unwrap();
        checkout
    }

    #[test]
    fn commit_of_a_submodule_stands_for_the_files_in_it() {
        let entry = |mode: &str, path: &str| TreeEntry {
            mode: mode.to_owned(),
            blob: ObjectId::new("1".repeat(40)).unwrap(),
            size: 1,
            path: RepoPath::from_text(path),
        };
        let read = BTreeSet::from(["Cargo.toml".to_owned()]);
        for (mode, path, takes) in [
            ("100644", "Cargo.toml", true),
            ("100644", "src/lib.rs", false),
            ("160000", "vendored", true),
        ] {
            assert_eq!(takes_part(&entry(mode, path), &read), takes, "{path}");
        }
    }

    #[tokio::test]
    async fn oldest_go_when_the_kept_ones_hold_too_much() {
        let root = tempfile::tempdir().unwrap();
        let setups = Setups::at(root.path().join("setups"));
        for (digest, age_s) in [("a", 300), ("b", 200), ("c", 100)] {
            assert!(kept(&setups, root.path(), digest, 100, 1000).await);
            let about = root.path().join("setups/shop").join(digest).join(ABOUT);
            let made = SystemTime::now() - Duration::from_secs(age_s);
            let about = fs::OpenOptions::new().write(true).open(about).unwrap();
            about.set_modified(made).unwrap();
        }
        setups.sweep(250).await;
        let there = |digest: &str| root.path().join("setups/shop").join(digest).exists();
        assert_eq!([there("a"), there("b"), there("c")], [false, true, true]);
        // One that is half of all alone is not kept.
        assert!(!kept(&setups, root.path(), "d", 600, 1000).await);
        assert!(!there("d"));
        setups.forget_all("shop").await;
        assert!(!there("b"));
    }

    #[tokio::test]
    async fn commit_with_a_file_where_the_kept_one_would_go_takes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let setups = Setups::at(root.path().join("setups"));
        assert!(kept(&setups, root.path(), "a", 10, 1000).await);
        let plain = checkout(root.path());
        assert!(setups.take(&key("a"), &plain).await.is_some());
        assert!(plain.path().join("tree/deps").exists());
        let own = checkout(root.path());
        fs::write(own.path().join("tree/deps"), "own").unwrap();
        assert!(setups.take(&key("a"), &own).await.is_none());
        assert_eq!(
            fs::read_to_string(own.path().join("tree/deps")).unwrap(),
            "own"
        );
    }

    #[tokio::test]
    async fn setup_that_changes_a_file_of_the_checkout_is_not_kept() {
        let root = tempfile::tempdir().unwrap();
        let setups = Setups::at(root.path().join("setups"));
        let checkout = checkout(root.path());
        let before = Stamps::of(&checkout.path().join("tree")).unwrap();
        fs::write(checkout.path().join("tree/source"), "changed").unwrap();
        let sha = ObjectId::new("1".repeat(40)).unwrap();
        assert!(!setups.keep(&key("a"), &sha, &checkout, before, 1000).await);
    }
}
