//! Which packages do the lock files of Python hold?

use serde::Deserialize;
use toml::{Table, Value};

use super::loose::{Entries, Text, entry, whole};
use super::python::{is_version, normalised};
use super::toml_locks::{table, tables, text};
use super::{Manifest, PYTHON};

/// Where a locked package comes from.
enum From {
    Index,
    /// The project itself, or a member of its workspace.
    Own,
    Elsewhere,
}

/// Reads `uv.lock`.
pub(super) fn uv(text_of_file: &str) -> Result<Manifest, String> {
    list(text_of_file, "package", |locked| {
        let source = locked.get("source").and_then(Value::as_table);
        let has = |key: &str| source.is_some_and(|source| source.contains_key(key));
        match source {
            None => From::Index,
            Some(_) if has("registry") => From::Index,
            Some(_) if has("virtual") || has("editable") || has("directory") => From::Own,
            Some(_) => From::Elsewhere,
        }
    })
}

/// Reads `poetry.lock`. A package without a source is one of the index.
pub(super) fn poetry(text_of_file: &str) -> Result<Manifest, String> {
    list(text_of_file, "package", |locked| {
        let source = locked.get("source").and_then(Value::as_table);
        match source.map(|source| text(source, "type")) {
            None | Some("legacy" | "") => From::Index,
            Some("directory") => From::Own,
            Some(_) => From::Elsewhere,
        }
    })
}

/// Reads `pdm.lock`.
pub(super) fn pdm(text_of_file: &str) -> Result<Manifest, String> {
    list(text_of_file, "package", |locked| {
        let has = |key: &str| locked.contains_key(key);
        match (has("path"), has("git") || has("url")) {
            (true, _) => From::Own,
            (false, true) => From::Elsewhere,
            (false, false) => From::Index,
        }
    })
}

/// Reads `pylock.toml`.
pub(super) fn pylock(text_of_file: &str) -> Result<Manifest, String> {
    list(text_of_file, "packages", |locked| {
        let has = |key: &str| locked.contains_key(key);
        match (has("directory"), has("vcs") || has("archive")) {
            (true, _) => From::Own,
            (false, true) => From::Elsewhere,
            (false, false) => From::Index,
        }
    })
}

fn list(text_of_file: &str, key: &str, from: impl Fn(&Table) -> From) -> Result<Manifest, String> {
    let lock = table(text_of_file)?;
    let mut manifest = Manifest::default();
    for locked in tables(&lock, key) {
        let Some(locked) = locked else {
            manifest.skip("an entry that is no package");
            continue;
        };
        let (name, version) = (text(locked, "name"), text(locked, "version"));
        match from(locked) {
            From::Own => {}
            From::Index if is_version(version) && !name.is_empty() => {
                manifest.add(PYTHON, &normalised(name), version);
            }
            From::Index | From::Elsewhere if name.is_empty() => {
                manifest.skip("a package without a name");
            }
            From::Index | From::Elsewhere => manifest.skip(name),
        }
    }
    Ok(manifest)
}

/// Reads `Pipfile.lock`.
pub(super) fn pipfile(text_of_file: &str) -> Result<Manifest, String> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Locked {
        version: Text,
    }
    let lock: Entries = whole(text_of_file)?;
    let mut manifest = Manifest::default();
    for (group, raw) in &lock {
        if group == "_meta" {
            continue;
        }
        let Some(packages) = entry::<Entries>(raw) else {
            manifest.skip(group);
            continue;
        };
        for (name, raw) in &packages {
            let locked: Locked = entry(raw).unwrap_or_default();
            let version = locked.version.as_str();
            match version.strip_prefix("==").filter(|v| is_version(v)) {
                Some(version) => manifest.add(PYTHON, &normalised(name), version),
                None => manifest.skip(name),
            }
        }
    }
    match lock.is_empty() {
        true => Err("it holds no packages".to_owned()),
        false => Ok(manifest),
    }
}

#[cfg(test)]
mod tests {
    use super::super::pairs;
    use super::*;

    #[test]
    fn every_lock_of_python_gives_the_packages_of_the_index_and_names_the_others() {
        let own = "[[package]]\nname = \"shop\"\nversion = \"1.0\"\n";
        let git = "[[package]]\nname = \"g\"\nversion = \"1.0\"\n";
        let flask = "[[package]]\nname = \"Flask\"\nversion = \"0.5\"\n";
        for (read, own, git) in [
            (
                uv as fn(&str) -> Result<Manifest, String>,
                format!("{own}source = {{ editable = \".\" }}\n"),
                format!("{git}source = {{ git = \"https://x\" }}\n"),
            ),
            (
                poetry,
                format!("{own}[package.source]\ntype = \"directory\"\n"),
                format!("{git}[package.source]\ntype = \"git\"\n"),
            ),
            (
                pdm,
                format!("{own}path = \".\"\n"),
                format!("{git}git = \"https://x\"\n"),
            ),
        ] {
            let text =
                format!("version = 1\n{flask}{own}{git}[[package]]\nname = \"odd\"\nversion = 7\n");
            let manifest = read(&text).unwrap();
            assert_eq!(pairs(&manifest), [("flask", "0.5")], "{text}");
            assert_eq!(manifest.unaudited.len(), 2, "{text}");
        }
        let text = "lock-version = \"1.0\"\n[[packages]]\nname = \"flask\"\nversion = \"0.5\"\n";
        assert_eq!(pairs(&pylock(text).unwrap()), [("flask", "0.5")]);
        assert!(uv("[[package]").is_err());
    }

    #[test]
    fn pipfile_lock_is_read_in_all_its_groups() {
        let text = r#"{"_meta":{},"default":{"flask":{"version":"==0.5"},"g":{"git":"x"},"odd":3},
            "develop":{"Jinja2":{"version":"==2.4.1"}},"docs":[]}"#;
        let manifest = pipfile(text).unwrap();
        assert_eq!(pairs(&manifest), [("flask", "0.5"), ("jinja2", "2.4.1")]);
        assert_eq!(manifest.unaudited.len(), 3);
        assert!(pipfile("[]").is_err() && pipfile("{}").is_err());
    }
}
