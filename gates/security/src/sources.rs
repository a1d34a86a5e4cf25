//! Which manifests does the head hold, what is in each, and what had the base's?

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use orch_gate_sdk::Host;
use orch_gate_sdk::repository::{ReadError, Revision};

use crate::manifests::{self, Kind, Manifest, Package, Reader, Role};
use crate::text::clean;
use crate::{Settings, patterns};

/// Most manifests that are read; the rest is named.
const MANIFESTS_MAX: usize = 500;

/// A manifest at the head.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) reader: Reader,
    pub(crate) manifest: Manifest,
}

/// What there is.
#[derive(Default)]
pub(crate) struct Sources {
    pub(crate) sources: Vec<Source>,
    /// Manifests that were seen and not read, each with the reason.
    pub(crate) unread: Vec<(String, String)>,
}

/// Reads the manifests of the head that the settings name, and the files that those bring along.
pub(crate) fn read<H: Host>(host: &H, settings: &Settings) -> Sources {
    let all: BTreeSet<String> = host.files(Revision::Head, "").into_iter().collect();
    let named = |path: &&String| {
        let mut patterns = settings.manifests.iter();
        patterns.any(|pattern| patterns::matches(pattern, path))
    };
    let mut found: BTreeMap<String, Option<Kind>> = (all.iter().filter(named))
        .map(|path| (path.clone(), Kind::of(path)))
        .collect();
    // What lies among installed packages declares nothing of the repository's own.
    found.retain(|path, kind| kind.is_some() || !manifests::is_known_name(path));
    let locks: Vec<(String, &str)> = (found.iter())
        .filter_map(|(path, kind)| kind.map(|kind| (path, kind)))
        .filter(|(_, kind)| kind.role == Role::Locks && kind.reader.is_some())
        .map(|(path, kind)| (path.clone(), kind.ecosystem))
        .collect();
    let is_locked = |path: &str, ecosystem: &str| {
        let mut locks = locks.iter();
        locks.any(|(lock, of)| *of == ecosystem && manifests::covers(lock, path))
    };
    let mut sources = Sources::default();
    let mut seen: BTreeSet<String> = found.keys().cloned().collect();
    let mut queue: VecDeque<(String, Option<Kind>)> = found.into_iter().collect();
    while let Some((path, kind)) = queue.pop_front() {
        if sources.sources.len() >= MANIFESTS_MAX {
            let why = format!("more than {MANIFESTS_MAX} manifests are there");
            sources.unread.push((path, why));
            continue;
        }
        let Some(kind) = kind else {
            let why = "it is of no kind that this gate knows".to_owned();
            sources.unread.push((path, why));
            continue;
        };
        let locked = kind.role == Role::Declares && is_locked(&path, kind.ecosystem);
        let Some(reader) = kind.reader else {
            if !locked {
                let why = format!(
                    "this gate does not read this kind of file ({}), and no lock file that it reads speaks for it",
                    kind.ecosystem
                );
                sources.unread.push((path, why));
            }
            continue;
        };
        let mut manifest = match read_at(host, Revision::Head, &path, reader) {
            Ok(manifest) => manifest,
            Err(why) => {
                sources.unread.push((path, why));
                continue;
            }
        };
        if locked {
            // The lock file says what is taken of the ranges.
            manifest.unaudited.clear();
        }
        for written in std::mem::take(&mut manifest.includes) {
            match beside(&path, &written).filter(|included| all.contains(included)) {
                Some(included) => {
                    if seen.insert(included.clone()) {
                        queue.push_back((included, Some(Kind::REQUIREMENTS)));
                    }
                }
                None => {
                    let entry = format!("-r {}", clean(&written, 120));
                    manifest.unaudited.insert(entry);
                }
            }
        }
        sources.sources.push(Source {
            path,
            reader,
            manifest,
        });
    }
    sources
}

impl Source {
    /// What the base's file of this name holds. One that cannot be read excuses nothing.
    pub(crate) fn base<H: Host>(&self, host: &H) -> BTreeSet<Package> {
        let manifest = read_at(host, Revision::Base, &self.path, self.reader);
        manifest.unwrap_or_default().packages
    }
}

fn read_at<H: Host>(
    host: &H,
    at: Revision,
    path: &str,
    reader: Reader,
) -> Result<Manifest, String> {
    let text = host.read_file(at, path).map_err(reading);
    text.and_then(|text| manifests::parse(reader, &text))
}

/// The path in the repository of a file that is named in `from`; none for an address or for one that leads out.
fn beside(from: &str, written: &str) -> Option<String> {
    if written.contains("://") || written.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in written.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn reading(error: ReadError) -> String {
    match error {
        ReadError::Missing => "it is missing".to_owned(),
        ReadError::TooLarge(bytes) => format!("it has {bytes} bytes, too many to read"),
        ReadError::NotText => {
            "it is no text in UTF-8, and no byte order mark says what else".to_owned()
        }
        ReadError::Denied(why) => why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn included_files_are_found_beside_the_file_that_names_them() {
        for (from, written, path) in [
            (
                "requirements.txt",
                "requirements/base.txt",
                Some("requirements/base.txt"),
            ),
            (
                "requirements/dev.txt",
                "base.txt",
                Some("requirements/base.txt"),
            ),
            ("requirements/dev.txt", "../common.txt", Some("common.txt")),
            (
                "requirements/dev.txt",
                "./base.txt",
                Some("requirements/base.txt"),
            ),
            ("a.txt", "../out.txt", None),
            ("a.txt", "https://files.invalid/a.txt", None),
            ("a.txt", "/etc/requirements.txt", None),
        ] {
            assert_eq!(beside(from, written).as_deref(), path, "{written}");
        }
    }
}
