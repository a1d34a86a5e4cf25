//! Under which names do versions of files lie before a scanner of secrets, and what do those names stand for?
//!
//! A scanner takes some files for its own configuration, others for no text, and one name holds one version only. So
//! every version lies here as text, under a name that configures nothing, and what the scanner says of that name is
//! read back as what it stands for.

use std::collections::BTreeMap;
use std::path::Path;

use orch_domain::path::RepoPath;

use super::configurations::configures_a_scanner;
use super::place::{inside, write};
use crate::decode;

/// Longest part of a name that file systems take, with some room for what is added to it here.
const PART_BYTES_MAX: usize = 230;
/// Magic numbers of archives and documents that stand in the middle of a file. Those at its beginning are moved
/// away by the empty line.
const MAGIC: [(usize, &[u8]); 2] = [(128, b"DICM"), (257, b"ustar")];

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// Path in the repository, as it is shown.
    pub(super) path: String,
    /// The commit that brought this version; none for the one at the end of the branch.
    pub(super) commit: Option<String>,
    /// Lines that lie before the first one of the file.
    pub(super) lines_before: u64,
}

/// The versions that were laid out.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    names: BTreeMap<String, Origin>,
}

impl Shelf {
    /// Lays a version out below `root`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn put(
        &mut self,
        root: &Path,
        path: &RepoPath,
        commit: Option<&str>,
        bytes: &[u8],
    ) -> std::io::Result<()> {
        let shown = path.to_string();
        let text = decode::wide(bytes);
        let (content, lines_before) = legible(text.as_ref().map_or(bytes, |text| text.as_bytes()));
        let origin = Origin {
            path: shown.clone(),
            commit: commit.map(str::to_owned),
            lines_before,
        };
        let number = self.names.len();
        let mut failure = None;
        for name in names(&shown, number) {
            if self.names.contains_key(&name) {
                continue;
            }
            // A file can stand where another version needs a folder: then the next name is tried.
            let place =
                inside(root, &name).map_err(|error| std::io::Error::other(format!("{error:?}")))?;
            match write(&place, &content) {
                Ok(()) => {
                    self.names.insert(name, origin);
                    return Ok(());
                }
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| std::io::Error::other("every name is taken")))
    }

    /// What the name stands for that a scanner started in `root` reports.
    pub(super) fn origin(&self, root: &Path, reported: &str) -> Option<&Origin> {
        let root = root.display().to_string();
        let name = reported.strip_prefix(&root).unwrap_or(reported);
        let name = name.strip_prefix("./").unwrap_or(name);
        self.names.get(name.trim_start_matches('/'))
    }
}

/// The names to try, the file's own first: rules of the base speak of paths.
fn names(path: &str, number: usize) -> [String; 3] {
    let fits = path.split('/').all(|part| part.len() <= PART_BYTES_MAX);
    let own = match (fits, configures_a_scanner(path)) {
        (true, false) => path.to_owned(),
        // No part of its own name: rules that pass over such files look for it anywhere in a path.
        (true, true) => match path.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/@{number}.text"),
            None => format!("@{number}.text"),
        },
        (false, _) => format!("@{number}"),
    };
    let beside = match own.rsplit_once('/') {
        Some((folder, name)) => format!("{folder}/@{number}/{name}"),
        None => format!("@{number}/{own}"),
    };
    let apart = format!("@{number}-/{own}");
    [own, beside, apart]
}

/// The bytes after so many empty lines that they begin like no archive, and how many lines those are: a scanner
/// passes over what looks like one.
fn legible(bytes: &[u8]) -> (Vec<u8>, u64) {
    let is_magic = |lines: usize| {
        MAGIC.iter().any(|(at, magic)| {
            let from = at.checked_sub(lines);
            from.and_then(|from| bytes.get(from..))
                .is_some_and(|rest| rest.starts_with(magic))
        })
    };
    let lines = (1..=MAGIC.len()).find(|lines| !is_magic(*lines));
    let lines = lines.unwrap_or(MAGIC.len() + 1);
    let mut content = vec![b'\n'; lines];
    content.extend_from_slice(bytes);
    (content, lines as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lie(versions: &[(&str, Option<&str>, &[u8])]) -> (tempfile::TempDir, Shelf) {
        let root = tempfile::tempdir().unwrap();
        let mut shelf = Shelf::default();
        for (path, commit, bytes) in versions {
            shelf
                .put(root.path(), &RepoPath::from(*path), *commit, bytes)
                .unwrap();
        }
        (root, shelf)
    }

    #[test]
    fn every_version_of_a_file_lies_there_and_is_known_by_its_path_and_commit() {
        let (root, shelf) = lie(&[
            ("a/conf", Some("c1"), b"one"),
            ("a/conf", Some("c2"), b"two"),
            ("a", Some("c3"), b"a file where a folder was"),
            ("a/conf/x", None, b"and the other way round"),
        ]);
        let found: Vec<(String, Option<String>)> = ["a/conf", "a/@1/conf", "@2/a", "@3-/a/conf/x"]
            .iter()
            .map(|name| {
                assert!(root.path().join(name).is_file(), "{name}");
                let origin = shelf.origin(root.path(), &format!("./{name}")).unwrap();
                (origin.path.clone(), origin.commit.clone())
            })
            .collect();
        let commit = |commit: &str| Some(commit.to_owned());
        assert_eq!(
            found,
            [
                ("a/conf".to_owned(), commit("c1")),
                ("a/conf".to_owned(), commit("c2")),
                ("a".to_owned(), commit("c3")),
                ("a/conf/x".to_owned(), None),
            ]
        );
        assert_eq!(shelf.origin(root.path(), "b"), None);
    }

    #[test]
    fn no_name_configures_a_scanner_and_each_stands_for_its_file() {
        let (root, shelf) = lie(&[
            (".gitleaksignore", None, b"x"),
            ("a/.semgrepignore", None, b"x"),
        ]);
        for (name, path) in [
            ("@0.text", ".gitleaksignore"),
            ("a/@1.text", "a/.semgrepignore"),
        ] {
            assert!(!root.path().join(path).exists());
            assert_eq!(shelf.origin(root.path(), name).unwrap().path, path);
        }
    }

    #[test]
    fn file_lies_there_as_text_whatever_it_looks_like() {
        let wide: Vec<u8> = "\u{feff}key"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let mut tar = vec![b'x'; 256];
        tar.extend_from_slice(b"ustar");
        let (root, shelf) = lie(&[
            ("w", None, &wide),
            ("p", None, b"%PDF-1.4"),
            ("t", None, &tar),
        ]);
        let read = |name: &str| std::fs::read(root.path().join(name)).unwrap();
        assert_eq!(read("w"), b"\nkey");
        assert_eq!(read("p"), b"\n%PDF-1.4");
        assert!(read("t")[258..].starts_with(b"ustar"));
        assert_eq!(shelf.origin(root.path(), "t").unwrap().lines_before, 2);
    }

    #[test]
    fn long_names_are_replaced() {
        let long = "n".repeat(255);
        let (root, shelf) = lie(&[(&long, None, b"x")]);
        assert_eq!(shelf.origin(root.path(), "@0").unwrap().path, long);
    }
}
