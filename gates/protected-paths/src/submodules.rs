//! Does the branch take other commits of the repositories that belong to this one?

use std::collections::{BTreeMap, BTreeSet};

use orch_gate_sdk::repository::Revision;
use orch_gate_sdk::{Finding, Host};

use crate::changes::Kind;
use crate::globs::Globs;
use crate::protected;
use crate::rules::done;

const RULE: &str = "submodule";
/// The file that says which paths are other repositories.
const FILE: &str = ".gitmodules";

/// A finding for each changed path that is another repository at the base or at the head.
pub(crate) fn findings<H: Host>(
    host: &H,
    changes: &BTreeMap<String, Kind>,
    allow: &Globs,
) -> Vec<Finding> {
    let paths: BTreeSet<String> = [Revision::Base, Revision::Head]
        .into_iter()
        .filter_map(|at| host.read_file(at, FILE).ok())
        .flat_map(|text| paths_of(&text))
        .collect();
    let changed = changes.iter().filter(|(path, _)| paths.contains(*path));
    changed
        .filter(|(path, _)| !allow.matches(path))
        .map(|(path, kind)| {
            let what = format!(
                "is another repository, and the commit that is taken of it is {}",
                done(*kind)
            );
            protected(RULE, path, &what)
        })
        .collect()
}

/// The values of `path` in a file of git's configuration.
fn paths_of(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let paths = lines.filter(|(key, _)| key.trim().eq_ignore_ascii_case("path"));
    let plain = paths.map(|(_, value)| value.trim().trim_matches('"').trim_end_matches('/'));
    plain.map(str::to_owned).collect()
}
