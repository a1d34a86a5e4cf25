//! The crates depend on each other as docs/ARCHITECTURE.md says, and in no other way.

use std::collections::BTreeMap;

use orch_kit::world::root;

/// Rows of the table: crate, layer, what it may use.
fn table() -> BTreeMap<String, (u32, Vec<String>)> {
    let text = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|l| {
        l.starts_with("| `orch") || l.starts_with("| `gate-") || l.starts_with("| `xtask")
    }) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`').to_owned();
        let uses = cells[3]
            .split([',', ' '])
            .map(|u| u.trim_matches('`').to_owned())
            .filter(|u| !u.is_empty() && u != "–");
        rows.insert(name, (cells[2].parse().expect("a layer"), uses.collect()));
    }
    rows
}

#[test]
fn crates_use_only_what_the_table_allows_and_only_lower_layers() {
    let rows = table();
    let metadata = cargo_metadata::MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .exec()
        .unwrap();
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

/// Dependencies that are heavy to build or to trust, with the crates of the host that may use them.
const HEAVY: [(&str, &[&str]); 8] = [
    // Speaks to its own host's socket.
    ("reqwest", &["orch", "orch-clients"]),
    ("rustls", &["orch-clients"]),
    ("cvss", &["orch-clients"]),
    ("axum", &["orch-http"]),
    ("sqlx", &["orch-store"]),
    // The benchmark's baseline is a bare component.
    ("wasmtime", &["orch-bench", "orch-gates"]),
    ("wasmtime-wasi", &["orch-bench", "orch-gates"]),
    ("landlock", &["orch-process"]),
];

#[test]
fn heavy_dependency_is_used_by_the_crates_that_are_named_for_it() {
    let metadata = cargo_metadata::MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .exec()
        .unwrap();
    for (heavy, allowed) in HEAVY {
        let mut users: Vec<String> = metadata
            .packages
            .iter()
            .filter(|p| p.name.as_str() != "orch-tests")
            .filter(|p| p.dependencies.iter().any(|d| d.name == heavy))
            .map(|p| p.name.to_string())
            .collect();
        users.sort_unstable();
        assert_eq!(users, allowed, "`{heavy}`");
    }
}
