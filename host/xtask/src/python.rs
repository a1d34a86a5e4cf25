//! Programs that come as Python packages: pinned, in one environment below `.tools/`, with links beside the others.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

use crate::shell::{debian, link, run, works};

/// One environment of Python for all of them.
pub(crate) struct Python {
    home: PathBuf,
}

impl Python {
    /// The environment below `folder`, made if it is not there.
    pub(crate) fn below(folder: &Path) -> anyhow::Result<Self> {
        let home = folder.join("python");
        if !works(&home.join("bin/pip")) {
            let venv = || run(Command::new("python3").args(["-m", "venv"]).arg(&home));
            if venv().is_err() {
                debian(&["python3", "python3-venv"], "python3 with venv")?;
                venv()?;
            }
        }
        Ok(Self { home })
    }

    /// Installs `package`, such as `name==1.2.3`, for tests that use its `module`.
    pub(crate) fn library(&self, package: &str, module: &str) -> anyhow::Result<()> {
        let stamp = self.home.join(format!("{module}.installed"));
        if fs::read_to_string(&stamp).is_ok_and(|text| text == package) {
            return Ok(());
        }
        eprintln!("installing {package}");
        run(Command::new(self.home.join("bin/pip")).args([
            "install",
            "-q",
            "--disable-pip-version-check",
            "--only-binary=:all:",
            package,
        ]))?;
        let import = format!("import {module}");
        run(Command::new(self.home.join("bin/python")).args(["-c", &import]))?;
        fs::write(stamp, package)?;
        Ok(())
    }

    /// Installs `package`, such as `name==1.2.3`, unless it is there, and links its `program` into `bin`.
    pub(crate) fn install(&self, package: &str, program: &str, bin: &Path) -> anyhow::Result<()> {
        let (path, stamp) = (
            self.home.join("bin").join(program),
            self.home.join(format!("{program}.installed")),
        );
        let is_there = fs::read_to_string(&stamp).is_ok_and(|text| text == package);
        if !(is_there && works(&path)) {
            eprintln!("installing {package}");
            run(Command::new(self.home.join("bin/pip")).args([
                "install",
                "-q",
                "--disable-pip-version-check",
                "--only-binary=:all:",
                package,
            ]))?;
            if !works(&path) {
                bail!("`{}` was installed and does not start", path.display());
            }
            fs::write(stamp, package)?;
        }
        link(&path, bin, program)
    }
}
