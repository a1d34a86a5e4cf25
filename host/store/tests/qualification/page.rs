//! The page of the qualification set names tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where tests stand; everything else of the workspace is built or vendored.
const SOURCES: [&str; 2] = ["host", "tests"];

fn root() -> PathBuf {
    // Asked for when it runs: it may run from a copy of where it was built.
    let own = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the crate is");
    PathBuf::from(own).join("../..")
}

/// Names of all functions below `folder`.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder of the workspace") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).expect("sources are text");
            let names = text.lines().filter_map(|line| {
                let name = line.trim_start().trim_start_matches("async ");
                name.strip_prefix("fn ")?.split('(').next()
            });
            found.extend(names.map(str::to_owned));
        }
    }
}

/// The last column of every row of the page's table.
fn named(page: &str) -> Vec<&str> {
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.trim_end_matches([' ', '|']).rsplit('|').next());
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names.collect()
}

#[test]
fn every_test_that_the_page_names_exists() {
    let page = fs::read_to_string(root().join("docs/reference/qualification.md"));
    let page = page.expect("the page is there");
    let mut tests = BTreeSet::new();
    for folder in SOURCES {
        functions(&root().join(folder), &mut tests);
    }
    let named = named(&page);
    assert!(named.len() >= 18, "{named:?}");
    let missing: Vec<_> = named
        .iter()
        .filter(|name| !tests.contains(**name))
        .collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
}
