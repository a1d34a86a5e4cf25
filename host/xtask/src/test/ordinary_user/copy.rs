//! A copy of what tests need, in a folder that every user can read: the programs that were built, the files of the
//! clone that they read, and the agent command line.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::shell::{output, root, run};
use crate::tools;

/// Copies into `place`, which is made, and answers how the tests of `filter` are run there.
pub(super) fn tests(filter: &str, place: &Path) -> anyhow::Result<Command> {
    eprintln!(
        "the clone is closed to other users: the tests run from a copy in `{}`",
        place.display()
    );
    let [sources, built] = ["sources", "built"].map(|name| place.join(name));
    for folder in [&sources, &built] {
        fs::create_dir_all(folder).with_context(|| format!("`{}`", folder.display()))?;
    }
    let archive = place.join("tests.tar.zst");
    run(super::super::nextest_verb("archive")?
        .args(["-E", filter, "--archive-file"])
        .arg(&archive))?;
    copy_sources(&sources)?;
    let claude = place.join("claude");
    fs::copy(tools::claude(), &claude)
        .with_context(|| format!("`{}` cannot be copied", tools::claude().display()))?;
    open(place)?;
    let mut tests = super::super::nextest_in("run");
    tests
        .arg("--archive-file")
        .arg(&archive)
        .arg("--extract-to")
        .arg(&built)
        .arg("--workspace-remap")
        .arg(&sources)
        .args(["-E", filter])
        .env("ORCH_TEST_CLAUDE", claude)
        .env("ORCH_TEST_ROOT", &sources);
    Ok(tests)
}

/// Copies every file that git knows, as it is now.
fn copy_sources(to: &Path) -> anyhow::Result<()> {
    let listed = output(
        Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root()),
    );
    let listed = listed.context("`git ls-files` says nothing, so what to copy is not known")?;
    let names = listed.split('\0').filter(|name| !name.is_empty());
    let mut count = 0;
    for name in names {
        let (from, to) = (root().join(name), to.join(name));
        // A file that was deleted and is known still is not there to be copied.
        if !from.is_file() {
            continue;
        }
        let folder = to.parent().context("a file has a folder")?;
        fs::create_dir_all(folder)?;
        fs::copy(&from, &to).with_context(|| format!("`{}` cannot be copied", from.display()))?;
        count += 1;
    }
    ensure!(count > 0, "git knows no file of `{}`", root().display());
    Ok(())
}

/// Lets every user read what lies below, and use its folders and programs.
fn open(path: &Path) -> anyhow::Result<()> {
    let meta = fs::symlink_metadata(path)?;
    if meta.is_symlink() {
        return Ok(());
    }
    let mode = meta.permissions().mode();
    let more = match mode & 0o100 {
        0 => 0o044,
        _ => 0o055,
    };
    fs::set_permissions(path, fs::Permissions::from_mode(mode | more))?;
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            open(&entry?.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{copy_sources, open};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &std::path::Path) -> u32 {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    }

    #[test]
    fn closed_copy_is_opened_to_readers_and_to_nobody_who_writes() {
        let place = tempfile::tempdir().expect("a folder");
        let (inner, file) = (place.path().join("a"), place.path().join("a/file"));
        fs::create_dir(&inner).expect("a folder");
        fs::write(&file, "x").expect("a file");
        for (path, closed) in [(&file, 0o600), (&inner, 0o700)] {
            fs::set_permissions(path, fs::Permissions::from_mode(closed)).expect("its own");
        }
        open(place.path()).expect("opened");
        assert_eq!(
            (mode(place.path()), mode(&inner), mode(&file)),
            (0o755, 0o755, 0o644)
        );
    }

    #[test]
    fn copy_holds_what_tests_read_and_nothing_that_is_built() {
        let place = tempfile::tempdir().expect("a folder");
        copy_sources(place.path()).expect("copied");
        for read in [
            "migrations/sqlite/0001_core.sql",
            "host/store/Cargo.toml",
            ".config/nextest.toml",
        ] {
            assert!(place.path().join(read).is_file(), "{read}");
        }
        assert!(!place.path().join("target").exists());
    }
}
