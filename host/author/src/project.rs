//! Gate projects: begins one from a template, and builds its component.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use include_dir::{Dir, DirEntry, include_dir};

use crate::kinds::Language;

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");
static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk");
static WIT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../wit");

/// Stands for the gate's name in templates.
const NAME: &str = "{{name}}";
/// Folder of the contract's current version below `wit/`.
const CONTRACT_FOLDER: &str = "0.1.0";
const TARGET: &str = "wasm32-wasip2";

/// Begins a project in `folder`, which must not be there yet.
///
/// # Errors
/// For a name that no gate may have, a folder that is there, or one that cannot be written.
pub fn begin(name: &str, language: Language, folder: &Path) -> anyhow::Result<()> {
    check_name(name)?;
    if folder.exists() {
        bail!(
            "`{}` is there already; name another folder with --dir",
            folder.display()
        );
    }
    let template = TEMPLATES
        .get_dir(language.as_str())
        .with_context(|| format!("there is no template for {}", language.as_str()))?;
    write(template, folder, &|text| text.replace(NAME, name))?;
    write(&WIT, &folder.join("orch/wit"), &str::to_owned)?;
    if language == Language::Rust {
        write(&SDK, &folder.join("orch/sdk"), &str::to_owned)?;
    }
    Ok(())
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = (2..=40).contains(&name.len())
        && name.chars().all(plain)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-');
    if !good {
        bail!("`{name}` cannot name a gate; use 2 to 40 of a-z, 0-9 and `-`, such as `has-notes`");
    }
    Ok(())
}

fn write(from: &Dir<'_>, to: &Path, change: &impl Fn(&str) -> String) -> anyhow::Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("`{}`", to.display()))?;
    for entry in from.entries() {
        match entry {
            DirEntry::Dir(folder) => write(folder, &below(entry.path(), from.path(), to)?, change)?,
            DirEntry::File(file) => {
                let path = below(entry.path(), from.path(), to)?;
                // A manifest of its own would make the folder a package of this workspace.
                let path = match path.file_name().is_some_and(|n| n == "Cargo.toml.template") {
                    true => path.with_file_name("Cargo.toml"),
                    false => path,
                };
                let failed = || format!("`{}`", path.display());
                match file.contents_utf8() {
                    Some(text) => std::fs::write(&path, change(text)),
                    None => std::fs::write(&path, file.contents()),
                }
                .with_context(failed)?;
            }
        }
    }
    Ok(())
}

fn below(path: &Path, from: &Path, to: &Path) -> anyhow::Result<PathBuf> {
    Ok(to.join(path.strip_prefix(from)?))
}

/// The language of the project in `folder`.
///
/// # Errors
/// If it is no gate project.
pub fn language_of(folder: &Path) -> anyhow::Result<Language> {
    // The special ones first: a JavaScript project may hold a Cargo.toml of something else.
    let order = [Language::JavaScript, Language::Python, Language::Rust];
    let found = order
        .into_iter()
        .find(|l| folder.join(l.marker()).is_file());
    found.with_context(|| {
        format!(
            "`{}` is no gate project; begin one with `orch gate new NAME`",
            folder.display()
        )
    })
}

/// Builds the project in `folder` and answers the component's path: the gate's name beside the sources.
///
/// # Errors
/// If a tool that the language needs is missing or the build fails; what it printed was passed on.
pub fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let folder =
        &std::fs::canonicalize(folder).with_context(|| format!("`{}`", folder.display()))?;
    match language_of(folder)? {
        Language::Rust => build_rust(folder),
        Language::JavaScript => build_javascript(folder),
        Language::Python => build_python(folder),
    }
}

fn run(command: &mut Command, remedy: &str) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    // Standard output is for what the caller answers.
    command.stdout(std::io::stderr());
    let status = command
        .status()
        .with_context(|| format!("`{name}` cannot be started; {remedy}"))?;
    if !status.success() {
        bail!("`{name}` ended with {status}; {remedy}");
    }
    Ok(())
}

fn build_rust(folder: &Path) -> anyhow::Result<PathBuf> {
    let cargo = || {
        let mut command = Command::new("cargo");
        command.current_dir(folder);
        command
    };
    let remedy = format!("it needs Rust with the target: `rustup target add {TARGET}`");
    run(
        cargo().args(["build", "--release", "--target", TARGET]),
        &remedy,
    )?;
    let told = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("`cargo metadata`")?;
    let told: serde_json::Value =
        serde_json::from_slice(&told.stdout).context("`cargo metadata`")?;
    let target = told["target_directory"]
        .as_str()
        .context("`cargo metadata`")?;
    let package = told["packages"]
        .as_array()
        .and_then(|list| {
            let here = |p: &&serde_json::Value| {
                p["manifest_path"].as_str().map(Path::new) == Some(&folder.join("Cargo.toml"))
            };
            list.iter().find(here)?["name"].as_str()
        })
        .context("the project's package")?;
    let built = Path::new(target)
        .join(TARGET)
        .join("release")
        .join(format!("{}.wasm", package.replace('-', "_")));
    let to = folder.join(format!("{package}.wasm"));
    std::fs::copy(&built, &to).with_context(|| format!("`{}` was not built", built.display()))?;
    Ok(to)
}

/// The name that the sources give the gate: `NAME = "…"` at the beginning of a line.
fn named(folder: &Path, language: Language) -> anyhow::Result<String> {
    let path = folder.join(language.marker());
    let text = std::fs::read_to_string(&path).with_context(|| format!("`{}`", path.display()))?;
    let name = text.lines().find_map(|line| {
        let value = line.trim_start_matches("const ").strip_prefix("NAME = ")?;
        Some(
            value
                .trim_end_matches(';')
                .trim_matches(['"', '\''])
                .to_owned(),
        )
    });
    let name = name.with_context(|| format!("`{}` has no line `NAME = …`", path.display()))?;
    check_name(&name)?;
    Ok(name)
}

fn contract(folder: &Path) -> PathBuf {
    folder.join("orch/wit").join(CONTRACT_FOLDER)
}

fn build_javascript(folder: &Path) -> anyhow::Result<PathBuf> {
    let remedy = "it needs Node.js 20 or later with npm";
    if !folder.join("node_modules").is_dir() {
        let mut install = Command::new("npm");
        install
            .args(["install", "--no-audit", "--no-fund"])
            .current_dir(folder);
        run(&mut install, remedy)?;
    }
    let to = folder.join(format!("{}.wasm", named(folder, Language::JavaScript)?));
    let mut node = Command::new("node");
    node.arg("build.mjs")
        .arg(contract(folder))
        .arg(&to)
        .current_dir(folder);
    run(&mut node, remedy)?;
    Ok(to)
}

fn build_python(folder: &Path) -> anyhow::Result<PathBuf> {
    let remedy = "it needs Python 3.10 or later with `venv`";
    let venv = folder.join(".venv");
    if !venv.join("bin/componentize-py").is_file() {
        run(
            Command::new("python3").args(["-m", "venv"]).arg(&venv),
            remedy,
        )?;
        let mut install = Command::new(venv.join("bin/pip"));
        install
            .args([
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
                "requirements.txt",
            ])
            .current_dir(folder);
        run(&mut install, remedy)?;
    }
    let to = folder.join(format!("{}.wasm", named(folder, Language::Python)?));
    let mut build = Command::new(venv.join("bin/componentize-py"));
    build.arg("-d").arg(contract(folder));
    build.args(["-d", "world.wit", "-w", "author:gate/my-gate"]);
    // Without the stubs Python would ask for files, clocks and sockets.
    build.args(["componentize", "--stub-wasi", "gate", "-o"]);
    run(build.arg(&to).current_dir(folder), remedy)?;
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_begins_a_project_with_the_contract_and_its_name() {
        let scratch = tempfile::tempdir().unwrap();
        for language in Language::ALL {
            let folder = scratch.path().join(language.as_str());
            begin("has-notes", language, &folder).unwrap();
            assert_eq!(language_of(&folder).unwrap(), language);
            assert!(contract(&folder).join("gate.wit").is_file() || contract(&folder).is_dir());
            let cases = std::fs::read_to_string(folder.join("gate-tests.yaml")).unwrap();
            assert!(
                !cases.contains(NAME) && cases.contains("has-notes"),
                "{cases}"
            );
            crate::cases::read(&folder.join("gate-tests.yaml")).unwrap();
        }
    }

    #[test]
    fn project_overwrites_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let error = begin("has-notes", Language::Rust, scratch.path()).unwrap_err();
        assert!(error.to_string().contains("is there already"), "{error}");
    }

    #[test]
    fn name_that_is_no_file_stem_is_refused() {
        for name in ["", "a", "Has-Notes", "../x", "has notes", "notes-"] {
            let error = begin(name, Language::Rust, Path::new("/nonexistent/x")).unwrap_err();
            assert!(
                error.to_string().contains("cannot name a gate"),
                "{name}: {error}"
            );
        }
    }
}
