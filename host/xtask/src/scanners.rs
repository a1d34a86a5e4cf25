//! Installs programs that tests ask: the scanners of the security gate (`gitleaks` from a newer suite of the machine's
//! own Debian mirror, `pip-audit` as a Python package), and what reads the interface for machines (`promtool`,
//! `schemathesis`).

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::python::Python;
use crate::shell::{link, output, run};

/// Suites that have a `gitleaks` with the options that the gate needs.
const SUITES: [&str; 2] = ["forky", "sid"];
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// The package of dependency audits.
const PIP_AUDIT: &str = "pip-audit==2.10.1";
/// The package that tries what the description of the interface allows.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// Installs what is missing, with links in `bin`.
pub(crate) fn install(folder: &Path, python: &Python, bin: &Path) -> anyhow::Result<()> {
    gitleaks(folder, bin).context("gitleaks is needed to test the security gate")?;
    python
        .install(PIP_AUDIT, "pip-audit", bin)
        .context("pip-audit is needed to test the security gate")?;
    python
        .install(SCHEMATHESIS, "schemathesis", bin)
        .context("schemathesis is needed to test the interface")?;
    promtool(folder, bin).context("promtool is needed to test the alert rules")
}

/// From the package of Prometheus, unpacked without being installed.
fn promtool(folder: &Path, bin: &Path) -> anyhow::Result<()> {
    let home = folder.join("prometheus");
    let program = home.join("usr/bin/promtool");
    if program.exists() && bin.join("promtool").exists() {
        return Ok(());
    }
    eprintln!("installing promtool");
    fs::create_dir_all(&home)?;
    let mut download = Command::new("apt-get");
    download
        .current_dir(&home)
        .args(["download", "-qq", "prometheus"])
        .stdout(Stdio::null());
    run(&mut download)?;
    unpack(&home)?;
    // As large as the rest together, and asked by nobody.
    fs::remove_file(home.join("usr/bin/prometheus")).ok();
    if output(Command::new(&program).arg("--version")).is_none() {
        bail!("`{}` was unpacked and does not start", program.display());
    }
    link(&program, bin, "promtool")
}

/// Unpacks the package that was downloaded into a folder.
fn unpack(home: &Path) -> anyhow::Result<()> {
    let package = fs::read_dir(home)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|e| e == "deb"))
        .context("the package was not downloaded")?;
    run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(home))?;
    Ok(fs::remove_file(package)?)
}

fn gitleaks(folder: &Path, bin: &Path) -> anyhow::Result<()> {
    let home = folder.join("gitleaks");
    let program = home.join("usr/bin/gitleaks");
    if program.exists() && bin.join("gitleaks").exists() {
        return Ok(());
    }
    let mirror = debian_mirror()?;
    eprintln!("installing gitleaks");
    for name in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(home.join(name))?;
    }
    let option = |key: &str, name: &str| format!("{key}={}", home.join(name).display());
    let apt = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command
            .current_dir(&home)
            .args(["-o", &option("Dir::Etc::sourcelist", "sources.list")])
            .args(["-o", "Dir::Etc::sourceparts=/dev/null"])
            .args(["-o", &option("Dir::State::lists", "lists")])
            .args(["-o", &option("Dir::Cache", "cache")])
            .args(["-o", "Acquire::Languages=none"])
            .args(["-o", "Acquire::Retries=3"])
            .args(args)
            .stdout(Stdio::null());
        command
    };
    let mut failure = None;
    for suite in SUITES {
        let line = format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n");
        fs::write(home.join("sources.list"), line)?;
        let tried = run(&mut apt("apt-get", &["update", "-qq"]))
            .and_then(|()| run(&mut apt("apt-get", &["download", "-qq", "gitleaks"])));
        failure = tried.err();
        if failure.is_none() {
            break;
        }
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    unpack(&home)?;
    for name in ["lists", "cache"] {
        // Only the program is needed further on.
        fs::remove_dir_all(home.join(name)).ok();
    }
    if output(Command::new(&program).arg("version")).is_none() {
        bail!("`{}` was unpacked and does not start", program.display());
    }
    link(&program, bin, "gitleaks")
}

/// Address of the Debian mirror that this machine uses.
fn debian_mirror() -> anyhow::Result<String> {
    let mut files = vec![Path::new("/etc/apt/sources.list").to_owned()];
    let parts = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten();
    files.extend(parts.filter_map(|entry| Some(entry.ok()?.path())));
    for file in files {
        let text = fs::read_to_string(file).unwrap_or_default();
        let words = text.lines().filter(|l| !l.trim_start().starts_with('#'));
        let mut words = words.flat_map(str::split_whitespace);
        let found =
            words.find(|w| w.starts_with("http") && w.trim_end_matches('/').ends_with("/debian"));
        if let Some(address) = found {
            return Ok(address.to_owned());
        }
    }
    bail!(
        "the apt sources of this machine name no Debian mirror; install gitleaks 8.19 or newer and link it into .tools/bin"
    )
}
