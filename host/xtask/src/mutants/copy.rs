//! The copy of the workspace that mutants are made in: what the tested crates and their tests read, nothing else.
//!
//! A file is written only if it differs, so that cargo compiles only what has changed since the last time.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::shell::root;

/// The crates that are tested.
const MEMBERS: [&str; 3] = ["host/domain", "host/durable", "host/store"];
/// The other crates come as files, without being members: tests compare pages with what stands in them.
const FOLDERS: [&str; 5] = ["host", "tests", "migrations", "docs/reference", ".config"];
const FILES: [&str; 2] = ["Cargo.lock", "rust-toolchain.toml"];
const MANIFEST: &str = "Cargo.toml";

/// Brings `to` up to date with the checkout.
pub(super) fn refresh(to: &Path) -> anyhow::Result<()> {
    let mut wanted = BTreeSet::new();
    for folder in FOLDERS {
        files(&root(), Path::new(folder), &mut wanted)?;
    }
    wanted.extend(FILES.map(PathBuf::from));
    for file in &wanted {
        let text = fs::read(root().join(file))
            .with_context(|| format!("`{}` cannot be copied", file.display()))?;
        write_if_new(&to.join(file), &text)?;
    }
    let manifest = fs::read_to_string(root().join(MANIFEST))?;
    write_if_new(&to.join(MANIFEST), with_members(&manifest)?.as_bytes())?;

    let mut present = BTreeSet::new();
    for folder in FOLDERS {
        if to.join(folder).exists() {
            files(to, Path::new(folder), &mut present)?;
        }
    }
    for gone in present.difference(&wanted) {
        fs::remove_file(to.join(gone))?;
    }
    Ok(())
}

/// Every file below `top/folder`, relative to `top`.
fn files(top: &Path, folder: &Path, found: &mut BTreeSet<PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(top.join(folder))
        .with_context(|| format!("`{}` cannot be read", top.join(folder).display()))?;
    for entry in entries {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            files(top, &path, found)?;
        } else if kind.is_file() {
            found.insert(path);
        }
    }
    Ok(())
}

fn write_if_new(path: &Path, text: &[u8]) -> anyhow::Result<()> {
    if fs::read(path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).with_context(|| format!("`{}` cannot be written", path.display()))
}

/// The root manifest with the tested crates as its only members.
fn with_members(manifest: &str) -> anyhow::Result<String> {
    const BEGIN: &str = "members = [";
    let Some((before, rest)) = manifest.split_once(BEGIN) else {
        bail!("the root manifest has no `{BEGIN}`");
    };
    let Some((_, after)) = rest.split_once(']') else {
        bail!("the members of the root manifest do not end");
    };
    let members = MEMBERS.map(|member| format!("\"{member}\"")).join(", ");
    Ok(format!("{before}{BEGIN}{members}]{after}"))
}

#[cfg(test)]
mod tests {
    use super::with_members;

    #[test]
    fn manifest_of_the_copy_names_the_tested_crates_only() {
        let manifest =
            "[workspace]\nmembers = [\n    \"host/orch\",\n]\n\n[workspace.package]\nx = []\n";
        let cut = with_members(manifest).unwrap();
        let expected = "[workspace]\nmembers = [\"host/domain\", \"host/durable\", \"host/store\"]\n\n\
            [workspace.package]\nx = []\n";
        assert_eq!(cut, expected);
        assert!(with_members("[package]\n").is_err());
    }
}
