//! Puts the gates that `cargo xtask gates` has built into the program. Without them it is built all the same, and looks
//! for a folder `gates` beside itself.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    let gates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../gates");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&gates)
        .map(|entries| entries.filter_map(Result::ok).map(|e| e.path()).collect())
        .unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|e| e == "wasm"));
    files.sort();
    println!("cargo::rerun-if-changed=build.rs");
    if files.is_empty() {
        // Until there are some.
        println!("cargo::rerun-if-changed={}", gates.display());
    }
    let mut list = String::from("&[\n");
    for path in &files {
        println!("cargo::rerun-if-changed={}", path.display());
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let path = path.canonicalize()?;
        // Writing to a String cannot fail.
        writeln!(list, "    ({name:?}, include_bytes!({path:?})),").ok();
    }
    list.push_str("]\n");
    let to = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    std::fs::write(to.join("gates.rs"), list)
}
