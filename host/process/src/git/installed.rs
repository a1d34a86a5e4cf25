//! Which git does the host run, and does it have a fault that a tree of others makes use of?

use std::path::{Path, PathBuf};

use super::{GitError, own_path, scratch, text_of};
use crate::run::{Finished, Spec, resolve_program, run};

/// The first release of each line in which a written value keeps the end of its line, CVE-2025-48384. Distributions
/// mend older ones without a new number, so that it is tried and not read off.
pub const MENDED: &str = "2.43.7, 2.44.4, 2.45.4, 2.46.4, 2.47.3, 2.48.2, 2.49.1, 2.50.1";

/// The git of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledGit {
    /// Where it lies.
    pub program: PathBuf,
    /// As it says.
    pub version: String,
    /// Whether it reads the path of a submodule as it was written, if that ends in a carriage return. One that does not
    /// lays a submodule out somewhere else than where the tree was looked at.
    pub keeps_line_ends: bool,
}

impl InstalledGit {
    /// Finds it where the host does, and tries it.
    ///
    /// # Errors
    /// [`GitError`] if there is none or it does not run.
    pub async fn look() -> Result<Self, GitError> {
        Self::look_on(&own_path()).await
    }

    async fn look_on(path: &str) -> Result<Self, GitError> {
        let program = resolve_program(Path::new("git"), path)?;
        let folder = scratch()?;
        let file = text_of(&folder.path().join("config"))?;
        let version = ask(&program, folder.path(), &["--version"]).await?;
        let written = "sub\r";
        let write = ["config", "--file", &file, "probe.path", written];
        ask(&program, folder.path(), &write).await?;
        let read = ["config", "--file", &file, "--get", "probe.path"];
        let read = ask(&program, folder.path(), &read).await?;
        let version = version.stdout.text();
        Ok(Self {
            version: version.trim().trim_start_matches("git version ").to_owned(),
            keeps_line_ends: read.stdout.bytes.strip_suffix(b"\n") == Some(written.as_bytes()),
            program,
        })
    }
}

async fn ask(program: &Path, folder: &Path, args: &[&str]) -> Result<Finished, GitError> {
    let mut spec = Spec::new(program, folder);
    spec.args = args.iter().map(|arg| (*arg).to_owned()).collect();
    // Nobody's own configuration has a say in what it can do.
    spec.env = [("GIT_CONFIG_NOSYSTEM", "1"), ("HOME", "/nonexistent")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    let done = run(&spec).await?;
    match done.success() {
        true => Ok(done),
        false => Err(GitError::Failed {
            command: args.join(" "),
            folder: folder.to_owned(),
            stderr: done.tail(500),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    async fn looked(script: &str) -> InstalledGit {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("git");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        InstalledGit::look_on(folder.path().to_str().unwrap())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn git_that_takes_the_end_of_a_line_off_is_told_by_what_it_does_and_not_by_its_number() {
        let faulty = r#"#!/bin/sh
case "$1 $4" in
  "--version "*) echo "git version 2.50.1" ;;
  "config --get") echo "sub" ;;
esac
"#;
        let found = looked(faulty).await;
        assert_eq!(found.version, "2.50.1");
        assert!(!found.keeps_line_ends);
        let mended = faulty
            .replace("2.50.1", "2.39.5")
            .replace(r#"echo "sub""#, r"printf 'sub\r\n'");
        let found = looked(&mended).await;
        assert_eq!(found.version, "2.39.5");
        assert!(found.keeps_line_ends);
    }
}
