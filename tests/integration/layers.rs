//! The crates depend on each other as docs/ARCHITECTURE.md says, and in no other way.

use std::collections::BTreeMap;

use orch_kit::world::root;

/// The cells of a row of a table of names: each a list.
fn cells(line: &str) -> Vec<Vec<String>> {
    let names = |cell: &str| {
        cell.split([',', ' '])
            .map(|name| name.trim_matches('`').to_owned())
            .filter(|name| !name.is_empty() && name != "–")
            .collect()
    };
    let cells = line.trim().trim_matches('|').split('|');
    cells.map(names).collect()
}

/// Rows of the table below the heading, without its head.
fn rows(heading: &str) -> Vec<Vec<Vec<String>>> {
    let text = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let (_, below) = text.split_once(&format!("\n{heading}\n")).expect(heading);
    let lines = below.lines().skip_while(|line| !line.starts_with('|'));
    let table = lines.take_while(|line| line.starts_with('|')).skip(2);
    table.map(cells).collect()
}

/// Crate, layer, what it may use.
fn crates() -> BTreeMap<String, (u32, Vec<String>)> {
    let rows = rows("## Crates").into_iter();
    rows.map(|row| {
        let layer = row[1][0].parse().expect("a layer");
        (row[0][0].clone(), (layer, row[2].clone()))
    })
    .collect()
}

fn metadata() -> cargo_metadata::Metadata {
    cargo_metadata::MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .exec()
        .unwrap()
}

#[test]
fn crates_use_only_what_the_table_allows_and_only_lower_layers() {
    let rows = crates();
    let metadata = metadata();
    let ours: Vec<String> = metadata
        .packages
        .iter()
        .map(|p| p.name.to_string())
        .collect();
    for package in &metadata.packages {
        let name = if package.name.starts_with("gate-") {
            "gate-*"
        } else {
            package.name.as_str()
        };
        let (layer, allowed) = rows
            .get(name)
            .unwrap_or_else(|| panic!("`{name}` is not in docs/ARCHITECTURE.md"));
        let mut used: Vec<&str> = package
            .dependencies
            .iter()
            .filter(|d| d.kind == cargo_metadata::DependencyKind::Normal)
            .map(|d| d.name.as_str())
            .filter(|d| ours.iter().any(|o| o == d))
            .collect();
        used.sort_unstable();
        let mut allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
        allowed.sort_unstable();
        assert_eq!(used, allowed, "`{name}`");
        for other in used {
            assert!(
                rows[other].0 < *layer,
                "`{name}` (layer {layer}) uses `{other}` (layer {})",
                rows[other].0
            );
        }
    }
}

#[test]
fn heavy_dependencies_are_where_the_table_has_them_and_nowhere_else() {
    let metadata = metadata();
    // Everything about tests is for tests, whatever its manifest calls it.
    let is_for_tests = |package: &cargo_metadata::Package, kind| {
        kind == cargo_metadata::DependencyKind::Development || package.name == "orch-tests"
    };
    for row in rows("### Heavy dependencies") {
        let name = row[0][0].as_str();
        let users = |for_tests: bool| {
            let uses = |package: &&cargo_metadata::Package| {
                let mut all = package.dependencies.iter().filter(|d| d.name == name);
                all.any(|d| is_for_tests(package, d.kind) == for_tests)
            };
            let users = metadata.packages.iter().filter(uses);
            let mut users: Vec<String> = users.map(|p| p.name.to_string()).collect();
            users.sort_unstable();
            users
        };
        assert_eq!(users(false), row[1], "`{name}`");
        assert_eq!(users(true), row[2], "`{name}` in tests");
    }
}
