//! Over which links does a path lead, and where does it end? What is mounted alone would be a link to nothing.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Links that are followed on one path; the kernel follows as many.
const LINKS_MAX: usize = 40;

/// A path that leads somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolved {
    /// Every link on the way, with what stands in it, in the order in which they are followed.
    pub(super) links: Vec<(PathBuf, PathBuf)>,
    /// Where it ends; no part of it is a link.
    pub(super) path: PathBuf,
}

/// Follows an absolute path link by link; none if it leads nowhere.
pub(super) fn resolve(path: &Path) -> Option<Resolved> {
    if !path.is_absolute() {
        return None;
    }
    let mut links = Vec::new();
    let mut at = PathBuf::from("/");
    let mut left: VecDeque<OsString> = parts(path);
    while let Some(part) = left.pop_front() {
        if part == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&part);
        let meta = std::fs::symlink_metadata(&next).ok()?;
        if !meta.is_symlink() {
            at = next;
            continue;
        }
        if links.len() >= LINKS_MAX {
            return None;
        }
        let target = std::fs::read_link(&next).ok()?;
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        for part in parts(&target).into_iter().rev() {
            left.push_front(part);
        }
        links.push((next, target));
    }
    Some(Resolved { links, path: at })
}

fn parts(path: &Path) -> VecDeque<OsString> {
    let part = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(part).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_hop_is_named_and_the_end_has_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(folder.path()).unwrap();
        std::fs::create_dir_all(root.join("lib/real")).unwrap();
        std::fs::write(root.join("lib/real/node"), "").unwrap();
        symlink("real", root.join("lib/now")).unwrap();
        symlink("lib/now/node", root.join("node")).unwrap();
        let seen = resolve(&root.join("node")).unwrap();
        assert_eq!(seen.path, root.join("lib/real/node"));
        let hops: Vec<_> = seen.links.iter().map(|(at, _)| at.clone()).collect();
        assert_eq!(hops, [root.join("node"), root.join("lib/now")]);
    }

    #[test]
    fn link_in_a_circle_and_a_missing_end_lead_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        symlink("b", folder.path().join("a")).unwrap();
        symlink("a", folder.path().join("b")).unwrap();
        symlink("gone", folder.path().join("c")).unwrap();
        for name in ["a", "c", "none"] {
            assert_eq!(resolve(&folder.path().join(name)), None, "{name}");
        }
    }
}
