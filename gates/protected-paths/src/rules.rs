//! Which changed paths are protected for what they are?

use std::collections::BTreeMap;

use orch_gate_sdk::Finding;

use crate::changes::Kind;
use crate::globs::Globs;
use crate::guards::Guards;
use crate::protected;

/// The findings for protected paths; `paths` are those of the settings.
pub(crate) fn findings(
    guards: &Guards,
    changes: &BTreeMap<String, Kind>,
    paths: &Globs,
    allow: &Globs,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for rule in &guards.rules {
        let hit =
            |path: &str| rule.paths.matches(path) && !(rule.can_be_allowed && allow.matches(path));
        let hits = changes.iter().filter(|(path, _)| hit(path));
        found.extend(hits.map(|(path, kind)| {
            protected(
                &rule.name,
                path,
                &format!("{} and is {}", rule.what, done(*kind)),
            )
        }));
    }
    let hit = |path: &str| paths.matches(path) && !allow.matches(path);
    let hits = changes.iter().filter(|(path, _)| hit(path));
    found.extend(hits.map(|(path, kind)| {
        let what = format!("is protected by the gate's settings and is {}", done(*kind));
        protected("path", path, &what)
    }));
    found
}

pub(crate) fn done(kind: Kind) -> &'static str {
    match kind {
        Kind::Added => "added",
        Kind::Modified => "changed",
        Kind::Deleted => "deleted or renamed",
    }
}
