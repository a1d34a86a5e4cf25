//! The page of settings and features, generated from the tables.

use std::fmt::Write;

use super::features::{FEATURES, Feature};
use super::settings::{Fate, SETTINGS};

fn page() -> String {
    let mut page = "# Settings and features of the reference system\n\n\
        Generated from `host/config/src/moving/`; `ORCH_BLESS=1 cargo test -p orch-config` writes it anew.\n\
        How to move over is told in [moving-over.md](../operators/moving-over.md).\n\n\
        A setting that is *built* is read from its variable with the meaning that it had, and overrides its key.\n\
        Any other variable of this list is named in the log at the start, with what to do; one that *guards* something keeps the host from starting until it is unset.\n\n\
        ## Settings\n\n| variable | what becomes of it | |\n|---|---|---|\n"
        .to_owned();
    for setting in SETTINGS {
        let (word, text) = match setting.fate {
            Fate::Key(key) => ("built", format!("`{key}`")),
            Fate::Replaced(by) => ("replaced by", by.to_owned()),
            Fate::Dropped(why) => ("dropped", why.to_owned()),
        };
        let guards = if setting.guards { "guards" } else { "" };
        let line = format!("| `{}` | {word}: {text} | {guards} |\n", setting.variable());
        page.push_str(&line.replace(" |  |", " | |"));
    }
    page.push_str("\n## Features\n\n| feature | what becomes of it |\n|---|---|\n");
    for (name, feature) in FEATURES {
        let (word, text) = match feature {
            Feature::Built(what) => ("built", what),
            Feature::Replaced(by) => ("replaced by", by),
            Feature::Dropped(why) => ("dropped", why),
            Feature::Open(what) => ("not built yet", what),
        };
        writeln!(page, "| {name} | {word}: {text} |").expect("a text can be written to");
    }
    page
}

#[test]
fn page_of_settings_is_what_the_tables_say() {
    // Asked for when it runs: it may run from a copy of where it was built.
    let own = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the crate is");
    let path = std::path::Path::new(&own).join("../../docs/reference/settings.md");
    if std::env::var_os("ORCH_BLESS").is_some() {
        std::fs::write(&path, page()).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/reference/settings.md is out of date; run `ORCH_BLESS=1 cargo test -p orch-config`"
    );
}
