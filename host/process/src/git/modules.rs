//! Lays out the other repositories that belong to a commit, each from a copy that the host keeps.
//!
//! Their files are plain ones in a checkout, without a `.git` to find the way back: nothing that works there can change
//! what the host keeps, and no git of the host starts inside of them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use orch_domain::id::ObjectId;
use orch_domain::path::RepoPath;
use orch_domain::submodule::{Followed, LeftOut, Sources, Transport};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::access::Access;
use super::names::is_forbidden;
use super::own::own_environment;
use super::submodules::Submodule;
use super::{Git, GitError, scratch, text_of};
use crate::files;
use crate::run::{Finished, Spec, run};

/// How deep submodules of submodules are followed.
const DEPTH_MAX: usize = 4;
/// Most submodules of one commit, those of submodules among them.
const COUNT_MAX: usize = 64;
/// Most files of all of them.
const FILES_MAX: usize = 200_000;
/// Largest sum of their files, megabytes.
const MIB_MAX: u64 = 1024;
/// Largest file that fetching may write, in the units of a shell's `ulimit`, which are 512 bytes here and 1024 there.
const FETCHED_BLOCKS_MAX: u64 = 2 * 1024 * 1024;
/// Longest exchange with the place that one comes from.
const EXCHANGE_MAX: Duration = Duration::from_secs(300);
/// How long a copy is kept that nobody asked for.
const UNUSED_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// Characters of the name of a copy.
const NAME_CHARS: usize = 40;
/// A file of a copy whose time says when it was asked for last.
const USED: &str = "orch-used";
/// Bytes of git's words that are told.
const SAID_BYTES: usize = 500;

/// Copies of the repositories that are submodules somewhere. Clones share them.
#[derive(Debug, Clone)]
pub struct Modules {
    folder: PathBuf,
    /// One exchange at a time: two that fetch into one copy would be in each other's way.
    fetching: Arc<Mutex<()>>,
}

/// A submodule that was laid out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Its path from the top, as bytes.
    pub path: Vec<u8>,
    /// The name of the host's copy of its repository.
    pub copy: String,
    /// The commit that was laid out.
    pub commit: String,
}

/// What laying out came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaidOut {
    /// What is there now, outer ones first.
    pub placed: Vec<Placed>,
    /// What is not, with the reason: its folder is empty.
    pub left_out: Vec<(RepoPath, LeftOut)>,
}

/// Which submodules are laid out, and where they come from.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Where they may come from.
    pub sources: Sources,
    /// Those whose folders stay empty.
    pub without: Vec<RepoPath>,
    /// The credential for what is listed of the server on which the repository itself lies.
    pub access: Option<Access>,
}

/// One that is still to be laid out.
struct Open {
    module: Submodule,
    path: RepoPath,
    address: Option<String>,
    sources: Sources,
    depth: usize,
}

/// What may still be written.
struct Room {
    files: usize,
    bytes: u64,
}

impl Modules {
    /// The copies below `folder`, which need not exist.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            fetching: Arc::default(),
        }
    }

    /// Lays the submodules of a commit out in a checkout of it that nobody has worked in, down to those of submodules.
    /// Where they come from is read at the commit `trusted`, and never of a branch.
    ///
    /// # Errors
    /// [`GitError`] when the host's own side fails; what cannot be had is no error.
    pub async fn lay_out(
        &self,
        git: &Git,
        commit: &ObjectId,
        trusted: &ObjectId,
        tree: &Path,
        wanted: &Wanted,
    ) -> Result<LaidOut, GitError> {
        let mut done = LaidOut::default();
        let found = git.submodules(commit).await?;
        if found.is_empty() {
            return Ok(done);
        }
        let mut room = Room {
            files: FILES_MAX,
            bytes: MIB_MAX * 1024 * 1024,
        };
        let addresses = git.submodule_addresses(trusted).await?;
        let top = RepoPath::default();
        let mut open = opened(found, &addresses, &top, &wanted.sources, 1);
        while let Some(one) = open.pop() {
            let laid = match check(&one, done.placed.len(), wanted) {
                Ok(from) => {
                    let copy = self.fetched(git, &from, &one, wanted).await?;
                    match copy {
                        Ok(copy) => {
                            let placed = place(&copy, &one, tree, &mut room).await?;
                            placed.map(|()| (copy, from.address))
                        }
                        Err(why) => Err(why),
                    }
                }
                Err(why) => Err(why),
            };
            match laid {
                Ok((copy, address)) => {
                    let commit = &one.module.commit;
                    let inner = copy.submodules(commit).await?;
                    if !inner.is_empty() {
                        let addresses = copy.submodule_addresses(commit).await?;
                        let sources = one.sources.of(&address);
                        let more = opened(inner, &addresses, &one.path, &sources, one.depth + 1);
                        open.extend(more);
                    }
                    done.placed.push(Placed {
                        path: one.path.as_bytes().to_vec(),
                        copy: name_of(copy.git_dir()),
                        commit: commit.to_string(),
                    });
                }
                Err(why) => done.left_out.push((one.path, why)),
            }
        }
        Ok(done)
    }

    /// The copy that a submodule was laid out of; none if what is said of it is nothing that the host says.
    pub(super) fn copy_of(&self, git: &Git, placed: &Placed) -> Option<(Git, ObjectId)> {
        let is_plain =
            placed.copy.len() == NAME_CHARS && placed.copy.bytes().all(|b| b.is_ascii_hexdigit());
        let commit = ObjectId::new(placed.commit.clone()).ok()?;
        let copy = git.elsewhere(self.folder.join(&placed.copy));
        (is_plain && copy.git_dir.join("HEAD").is_file()).then_some((copy, commit))
    }

    /// The copy of the repository at an address, with the commit in it.
    async fn fetched(
        &self,
        git: &Git,
        from: &Followed,
        one: &Open,
        wanted: &Wanted,
    ) -> Result<Result<Git, LeftOut>, GitError> {
        let commit = &one.module.commit;
        let own = wanted.access.as_ref();
        let own = own.filter(|access| access.is_of(&from.address));
        // Who may write `.gitmodules` may read less than the host's user there: only what the operator lists is asked
        // for in that user's name.
        let is_listed = one.sources.lists(&from.address);
        let access = own.filter(|_| is_listed);
        let name = hex::encode(Sha256::digest(from.address.as_bytes()));
        let copy = git.elsewhere(self.folder.join(&name[..NAME_CHARS]));
        let _alone = self.fetching.lock().await;
        copy.init().await?;
        let used = std::fs::File::create(copy.git_dir().join(USED));
        // Its time is worth less than the work.
        drop(used.and_then(|file| file.set_modified(SystemTime::now())));
        if copy.resolve(commit.as_str()).await?.is_some() {
            return Ok(Ok(copy));
        }
        // Most servers give a commit by its id; the others give what their branches hold.
        let one = ["--depth=1", "--", &from.address, commit.as_str()];
        let heads = "+refs/heads/*:refs/heads/*";
        let tags = "+refs/tags/*:refs/tags/*";
        let all = ["--", from.address.as_str(), heads, tags];
        let mut said = String::new();
        for what in [&one[..], &all[..]] {
            let asked = ask(&copy, from, access, what).await?;
            if asked.success() && copy.resolve(commit.as_str()).await?.is_some() {
                return Ok(Ok(copy));
            }
            said = match (asked.timed_out, asked.success()) {
                (true, _) => "it took too long".to_owned(),
                (false, true) => "no branch or tag holds it".to_owned(),
                (false, false) => asked.tail(SAID_BYTES).trim().to_owned(),
            };
        }
        if own.is_some() && !is_listed {
            said.push_str(
                "; if it is not public, list it under `submodules.from`: then it is fetched with the forge's token",
            );
        }
        Ok(Err(LeftOut::Unreachable {
            address: from.address.clone(),
            commit: commit.to_string(),
            said,
        }))
    }

    /// Removes copies that nobody asked for in a long time.
    pub async fn sweep(&self) {
        let folder = self.folder.clone();
        let swept = tokio::task::spawn_blocking(move || {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let used = std::fs::metadata(entry.path().join(USED)).and_then(|m| m.modified());
                let is_old = used.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > UNUSED_MAX));
                if is_old && let Err(error) = files::remove(&entry.path()) {
                    tracing::warn!(folder = %entry.path().display(), %error, "an old copy of a submodule cannot be removed");
                }
            }
        });
        // What is left is tried again at the next start.
        swept.await.ok();
    }
}

impl Git {
    /// Files of a commit that differ in a folder where it was laid out; a new file is none of them. Bounded by what the
    /// commit holds: a file that has become much larger is not read.
    pub(super) async fn changed_in(
        &self,
        commit: &ObjectId,
        folder: &Path,
    ) -> Result<Vec<RepoPath>, GitError> {
        let entries = self.list(commit, "").await?;
        let mut changed = Vec::new();
        let mut alike = Vec::new();
        for entry in entries.into_iter().filter(|entry| !entry.is_repository()) {
            let place = folder.join(OsStr::from_bytes(entry.path.as_bytes()));
            let is_link = entry.mode == "120000";
            // Line ends may have been written otherwise than they are stored.
            let may_be = |meta: &std::fs::Metadata| match is_link {
                true => meta.is_symlink(),
                false => meta.is_file() && meta.len() <= entry.size.saturating_mul(2) + 1,
            };
            match std::fs::symlink_metadata(&place) {
                Ok(meta) if may_be(&meta) => alike.push(entry.path),
                Ok(_) | Err(_) => changed.push(entry.path),
            }
        }
        if alike.is_empty() {
            return Ok(changed);
        }
        let scratch = scratch()?;
        let index = scratch.path().join("index");
        let env = [
            ("GIT_INDEX_FILE", index.as_os_str()),
            ("GIT_WORK_TREE", folder.as_os_str()),
        ];
        self.with(&["read-tree", commit.as_str()], &env, None, &[])
            .await?;
        for path in &changed {
            // It is known already, and git must not open what is in its place.
            let args = ["update-index", "-z", "--force-remove", "--stdin"];
            let input = [path.as_bytes(), b"\0"].concat();
            self.with(&args, &env, Some(folder), &input).await?;
        }
        // It says by its exit code that something differs, which is asked below.
        let refresh = ["update-index", "-q", "--really-refresh"];
        self.raw(&refresh, &env, Some(folder), &[]).await?;
        let differ = ["diff-files", "--name-only", "-z", "--ignore-submodules=all"];
        let done = self.with(&differ, &env, Some(folder), &[]).await?;
        let names = done.stdout.bytes.split(|byte| *byte == 0);
        changed.extend(names.filter(|name| !name.is_empty()).map(RepoPath::new));
        Ok(changed)
    }
}

fn opened(
    found: Vec<Submodule>,
    addresses: &BTreeMap<RepoPath, String>,
    prefix: &RepoPath,
    sources: &Sources,
    depth: usize,
) -> Vec<Open> {
    let each = found.into_iter().map(|module| Open {
        address: addresses.get(&module.path).cloned(),
        path: match prefix.is_empty() {
            true => module.path.clone(),
            false => RepoPath::new([prefix.as_bytes(), b"/", module.path.as_bytes()].concat()),
        },
        module,
        sources: sources.clone(),
        depth,
    });
    each.collect()
}

/// Where one is taken from.
fn check(one: &Open, placed: usize, wanted: &Wanted) -> Result<Followed, LeftOut> {
    if wanted
        .without
        .iter()
        .any(|path| one.path.is_within(path) || one.path == *path)
    {
        return Err(LeftOut::NotWanted);
    }
    let leaves = |part: &[u8]| part.is_empty() || part == b"." || part == b"..";
    if is_forbidden(&one.path) || one.path.parts().any(leaves) {
        return Err(LeftOut::OddPath);
    }
    let address = one.address.as_deref().ok_or(LeftOut::NoAddress)?;
    let followed = one.sources.follow(address)?;
    match (one.depth > DEPTH_MAX, placed >= COUNT_MAX) {
        (true, _) => Err(LeftOut::TooDeep(DEPTH_MAX)),
        (false, true) => Err(LeftOut::TooMany(COUNT_MAX)),
        (false, false) => Ok(followed),
    }
}

/// Writes the files of one into its folder of a checkout.
async fn place(
    copy: &Git,
    one: &Open,
    tree: &Path,
    room: &mut Room,
) -> Result<Result<(), LeftOut>, GitError> {
    let entries = copy.list(&one.module.commit, "").await?;
    let bytes: u64 = entries.iter().map(|entry| entry.size).sum();
    if entries.len() > room.files || bytes > room.bytes {
        let (files, mib) = (FILES_MAX, MIB_MAX);
        return Ok(Err(LeftOut::TooLarge { files, mib }));
    }
    // A link that a commit brings along would lead what is written to somewhere else.
    let mut folder = tree.to_owned();
    for part in one.path.parts() {
        folder.push(OsStr::from_bytes(part));
        match std::fs::symlink_metadata(&folder) {
            Ok(meta) if !meta.is_dir() => return Ok(Err(LeftOut::OddPath)),
            Ok(_) | Err(_) => {}
        }
    }
    room.files -= entries.len();
    room.bytes -= bytes;
    copy.export(&one.module.commit, &folder).await?;
    Ok(Ok(()))
}

fn name_of(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Fetches as the host's own user, or with a credential for this address, by the one way that the address is of.
async fn ask(
    copy: &Git,
    from: &Followed,
    access: Option<&Access>,
    what: &[&str],
) -> Result<Finished, GitError> {
    // What a server sends has no bound that git knows of; a file that is written has one.
    let bounded = format!("ulimit -f {FETCHED_BLOCKS_MAX}; exec \"$@\"");
    let mut spec = Spec::new("/bin/sh", copy.git_dir());
    let options = [
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "fetch.fsckObjects=false",
        "-c",
        "http.followRedirects=false",
        "-c",
        "http.lowSpeedLimit=1",
        "-c",
        "http.lowSpeedTime=60",
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
    ];
    let program = text_of(&copy.program)?;
    let begun = ["-c", bounded.as_str(), "fetch", program.as_str()];
    let args = begun.iter().chain(&options).chain(what);
    spec.args = args.map(|arg| (*arg).to_owned()).collect();
    spec.env = own_environment();
    spec.env
        .extend(access.map_or_else(Vec::new, |access| access.environment(&from.address)));
    let mut set = |name: &str, value: String| spec.env.push((name.to_owned(), value));
    set("GIT_DIR", text_of(copy.git_dir())?);
    let protocol = match from.transport {
        Transport::Https => "https",
        Transport::Loopback => "http",
        Transport::File => "file",
    };
    set("GIT_ALLOW_PROTOCOL", protocol.to_owned());
    spec.timeout = EXCHANGE_MAX;
    Ok(run(&spec).await?)
}
