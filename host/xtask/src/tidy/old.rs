//! Looks for what the house style forbids and no lint sees.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::shell::root;

/// Longest source file, lines.
const LINES_MAX: usize = 650;

pub(crate) fn run() -> anyhow::Result<()> {
    let mut files = Vec::new();
    for folder in ["host", "sdk", "gates", "tests"] {
        collect(&root().join(folder), &mut files)?;
    }
    let mut problems = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file)?;
        let name = file
            .strip_prefix(root())
            .unwrap_or(file)
            .display()
            .to_string();
        problems.extend(
            look(&name, &text)
                .into_iter()
                .map(|problem| format!("{name}: {problem}")),
        );
    }
    if problems.is_empty() {
        println!("{} source files are tidy", files.len());
        return Ok(());
    }
    bail!("{}", problems.join("\n"))
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

fn look(name: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if !text.starts_with("//!") {
        problems.push(
            "the file does not begin with a header that says which question it answers".to_owned(),
        );
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        problems.push(format!("{lines} lines; what is the second concern?"));
    }
    let in_tests = name.starts_with("tests/") || name.contains("/tests/");
    let sleeps = ["thread::", "tokio::time::"].map(|module| format!("{module}sleep("));
    for (index, line) in text.lines().enumerate() {
        let at = index + 1;
        if in_tests && sleeps.iter().any(|sleep| line.contains(sleep.as_str())) {
            problems.push(format!(
                "line {at}: a test sleeps; wait for a condition instead"
            ));
        }
        for word in ["todo", "unimplemented"] {
            if line.contains(&format!("{word}!(")) {
                problems.push(format!("line {at}: unfinished code"));
            }
        }
        if line.trim_start().starts_with("#[ignore") {
            problems.push(format!("line {at}: an ignored test"));
        }
    }
    problems.extend(without_crash_point(name, text));
    problems
}

/// What a crash must not tear in two: commits, renames, spawned programs, moved refs.
const EFFECTS: [&str; 5] = [
    "fs::rename(",
    ".spawn()",
    "execute(tx, \"COMMIT\")",
    "\"update-ref\"",
    "\"push\",",
];
/// How many lines around an effect are looked at for its point.
const NEAR: usize = 16;

/// Effects of the host that the crash sweep would never stop at.
fn without_crash_point(name: &str, text: &str) -> Vec<String> {
    let of_host = name.starts_with("host/") && name.contains("/src/");
    let is_tool = [
        "host/xtask/",
        "host/bench/",
        "host/author/",
        "host/orch/src/demo",
    ]
    .iter()
    .any(|tool| name.starts_with(tool));
    if !of_host || is_tool || name.ends_with("/tests.rs") || name.contains("/tests/") {
        return Vec::new();
    }
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines: Vec<&str> = code.lines().collect();
    let has_point = |at: usize| {
        let near = &lines[at.saturating_sub(NEAR)..lines.len().min(at + NEAR)];
        near.iter().any(|line| line.contains("point("))
    };
    lines
        .iter()
        .enumerate()
        .filter(|(at, line)| EFFECTS.iter().any(|e| line.contains(e)) && !has_point(*at))
        .map(|(at, _)| {
            format!(
                "line {}: no `orch_durable::point` near this effect; the crash sweep would miss it",
                at + 1
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::look;

    #[test]
    fn sleeping_test_and_missing_header_are_found() {
        let sleep = format!("//! x\nfn f() {{ std::{}sleep(d); }}\n", "thread::");
        assert_eq!(look("tests/a.rs", &sleep).len(), 1);
        assert!(look("host/a.rs", &sleep).is_empty());
        assert_eq!(look("host/a.rs", "fn f() {}\n").len(), 1);
    }

    #[test]
    fn effect_without_a_crash_point_is_found() {
        let bare = "//! x\nfn f() { std::fs::rename(a, b); }\n";
        assert_eq!(look("host/store/src/a.rs", bare).len(), 1);
        assert!(look("host/xtask/src/a.rs", bare).is_empty());
        let good = bare.replace("std::", "orch_durable::point(\"x\"); std::");
        assert!(look("host/store/src/a.rs", &good).is_empty());
    }
}
