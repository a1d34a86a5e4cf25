//! Installs what looks at the pages: a browser as a package of the machine's own, its driver and what finds barriers from
//! npm.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::shell::{debian, output, run};

/// The driver, and what finds barriers; pinned, for what they find is what the tests claim.
const PACKAGES: [&str; 2] = ["playwright-core@1.65.1", "axe-core@4.14.1"];
/// The browser without a window, and a font, for pictures without letters show nothing.
const DEBIAN: [&str; 2] = ["chromium-headless-shell", "fonts-dejavu-core"];
/// Programs that would do as well.
const BROWSERS: [&str; 4] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
];

/// Installs what is missing.
pub(crate) fn install(folder: &Path) -> anyhow::Result<()> {
    if output(Command::new("npm").arg("--version")).is_none() {
        debian(&["nodejs", "npm"], "npm")?;
    }
    let is_there = |name: &&str| output(Command::new(name).arg("--version")).is_some();
    if !BROWSERS.iter().any(is_there) {
        eprintln!("installing a browser");
        debian(&DEBIAN, "Chromium")?;
    }
    let stamp = folder.join("installed");
    let wanted = PACKAGES.join(" ");
    if fs::read_to_string(&stamp).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    eprintln!("installing {wanted}");
    fs::create_dir_all(folder)?;
    let mut command = Command::new("npm");
    command
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ])
        .arg(folder)
        .args(PACKAGES);
    run(command.stdout(Stdio::null())).context("the pages are looked at with them")?;
    fs::write(stamp, wanted)?;
    Ok(())
}
