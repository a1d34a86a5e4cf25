//! Which other repositories belong to a commit, and where do they come from by its own word?

use std::collections::BTreeMap;

use orch_domain::id::ObjectId;
use orch_domain::path::RepoPath;

use super::{Git, GitError};

/// The file with the addresses.
const FILE: &str = ".gitmodules";
/// Largest such file that is read, bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Another repository that belongs to a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submodule {
    /// Where it lies.
    pub path: RepoPath,
    /// The commit that is taken of it.
    pub commit: ObjectId,
}

impl Git {
    /// The other repositories that belong to a commit, in path order.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn submodules(&self, commit: &ObjectId) -> Result<Vec<Submodule>, GitError> {
        let entries = self.list(commit, "").await?;
        let links = entries.into_iter().filter(|entry| entry.is_repository());
        let known = links.map(|link| Submodule {
            path: link.path,
            commit: link.blob,
        });
        Ok(known.collect())
    }

    /// Addresses by path, as `.gitmodules` of a commit has them; none of what cannot be read.
    ///
    /// # Errors
    /// [`GitError`]; what is wrong with the file is none.
    pub async fn submodule_addresses(
        &self,
        commit: &ObjectId,
    ) -> Result<BTreeMap<RepoPath, String>, GitError> {
        let entries = self.list(commit, FILE).await?;
        let is_file = |size: u64, mode: &str| mode.starts_with("100") && size <= FILE_BYTES_MAX;
        if !entries.iter().any(|entry| is_file(entry.size, &entry.mode)) {
            return Ok(BTreeMap::new());
        }
        let blob = format!("{commit}:{FILE}");
        let args = ["config", "--no-includes", "--blob", &blob, "-z", "--list"];
        let done = self.raw(&args, &[], None, &[]).await?;
        Ok(addresses(&done.stdout.bytes))
    }
}

/// Addresses by path, of what `git config -z --list` says of the file. The last word counts, as it does for git.
fn addresses(listed: &[u8]) -> BTreeMap<RepoPath, String> {
    let mut paths: BTreeMap<String, RepoPath> = BTreeMap::new();
    let mut urls: BTreeMap<String, String> = BTreeMap::new();
    for entry in listed.split(|byte| *byte == 0) {
        let Some(at) = entry.iter().position(|byte| *byte == b'\n') else {
            continue;
        };
        let (key, value) = (String::from_utf8_lossy(&entry[..at]), &entry[at + 1..]);
        let rest = key.strip_prefix("submodule.");
        match rest.and_then(|rest| rest.rsplit_once('.')) {
            Some((name, "path")) => {
                let path = value.strip_suffix(b"/").unwrap_or(value);
                paths.insert(name.to_owned(), RepoPath::new(path));
            }
            Some((name, "url")) => {
                // One that is no text is followed nowhere.
                urls.insert(name.to_owned(), String::from_utf8_lossy(value).into_owned());
            }
            Some(_) | None => {}
        }
    }
    let known = paths
        .into_iter()
        .filter_map(|(name, path)| Some((path, urls.remove(&name)?)));
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_found_by_its_path_whatever_the_submodule_is_called() {
        let listed = b"submodule.a.b.path\nthird party/lib\0submodule.a.b.url\n../lib\0submodule.x.path\nx/\0core.fsmonitor\ntouch x\0submodule.x.url\n../old\0submodule.x.url\n../new\0submodule.y.path\ny\0broken\0";
        let expected = [("third party/lib", "../lib"), ("x", "../new")];
        let expected = expected.map(|(path, url)| (RepoPath::new(path), url.to_owned()));
        assert_eq!(addresses(listed), BTreeMap::from(expected));
    }
}
