//! Looks for what the house style forbids and no lint sees.

mod circles;
mod crash_points;
mod lines;
mod log_fields;
mod rooms;
mod uses;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::shell::root;
use uses::Uses;

/// Folders of crates in which no files use each other in a circle.
const CRATES: [&str; 3] = ["host", "gates", "sdk"];
/// Crates in which some still do. None may be added; a crate that is clean has to go from here.
const CIRCLES_LEFT: &[&str] = &[];

pub(crate) fn run() -> anyhow::Result<()> {
    let mut files = Vec::new();
    for folder in ["host", "sdk", "gates", "tests"] {
        collect(&root().join(folder), &mut files)?;
    }
    let page = fs::read_to_string(root().join(log_fields::PAGE))?;
    let fields = log_fields::known(&page);
    let mut problems = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file)?;
        let name = below(&root(), file);
        let found = lines::problems(&name, &text);
        let found = found
            .into_iter()
            .chain(crash_points::problems(&name, &text))
            .chain(log_fields::problems(&name, &text, &fields));
        problems.extend(found.map(|problem| format!("{name}: {problem}")));
    }
    for folder in CRATES {
        for entry in fs::read_dir(root().join(folder))? {
            let home = entry?.path();
            if home.join("src").is_dir() {
                problems.extend(in_crate(&home)?);
            }
        }
    }
    if problems.is_empty() {
        println!("{} source files are tidy", files.len());
        return Ok(());
    }
    bail!("{}", problems.join("\n"))
}

/// What is wrong with how the files of one crate use each other.
fn in_crate(home: &Path) -> anyhow::Result<Vec<String>> {
    let source = home.join("src");
    let mut paths = Vec::new();
    collect(&source, &mut paths)?;
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?;
        anyhow::Ok((below(&source, path), text))
    };
    let uses = Uses::of(&paths.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?);
    let name = below(&root(), home);
    let mut found = circles::problems(&uses);
    match (CIRCLES_LEFT.contains(&name.as_str()), found.is_empty()) {
        (true, true) => found.push("no circle is left: take it out of `CIRCLES_LEFT`".to_owned()),
        (true, false) => found.clear(),
        (false, _) => {}
    }
    if name == rooms::CRATE {
        found.extend(rooms::problems(&uses));
    }
    Ok(found.into_iter().map(|f| format!("{name}: {f}")).collect())
}

fn below(top: &Path, path: &Path) -> String {
    path.strip_prefix(top).unwrap_or(path).display().to_string()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
