//! Which changed paths are protected for what they are?

use std::collections::BTreeMap;

use orch_gate_sdk::{Finding, GateError};

use crate::changes::Kind;
use crate::globs::{Case, Globs};
use crate::protected;

/// A rule, and whether the setting `allow` can take paths from it.
struct Rule {
    name: &'static str,
    what: &'static str,
    can_be_allowed: bool,
    /// A folder stands here by its own name too, for a link or a submodule can take its place.
    globs: &'static [&'static str],
}

const RULES: [Rule; 5] = [
    Rule {
        name: "gate-config",
        what: "holds the configuration of the gates",
        can_be_allowed: false,
        globs: &[".orch.yaml", ".orch", ".orch/**"],
    },
    Rule {
        name: "agent-config",
        what: "holds what the agents are told",
        can_be_allowed: false,
        globs: &[
            "**/CLAUDE.md",
            "**/CLAUDE.local.md",
            "**/AGENTS.md",
            "**/.mcp.json",
            "**/.claude",
            "**/.claude/**",
            "**/.cursor",
            "**/.cursor/**",
            "**/.cursorrules",
        ],
    },
    Rule {
        name: "ci",
        what: "holds the configuration of CI",
        can_be_allowed: true,
        globs: &[
            ".gitea",
            ".gitea/**",
            ".forgejo",
            ".forgejo/**",
            ".github",
            ".github/**",
            ".gitlab-ci.yml",
            ".woodpecker*",
            ".woodpecker*/**",
            "Jenkinsfile",
            ".circleci",
            ".circleci/**",
            ".pre-commit-config.yaml",
        ],
    },
    Rule {
        name: "owners",
        what: "says who owns the code",
        can_be_allowed: true,
        globs: &["**/CODEOWNERS", "**/OWNERS"],
    },
    Rule {
        name: "scanner-config",
        what: "says what the scanners look at",
        can_be_allowed: true,
        globs: &[
            "**/.gitleaks.toml",
            "**/.gitleaksignore",
            "**/.gitattributes",
        ],
    },
];

/// The findings for protected paths; `paths` are those of the settings.
///
/// # Errors
/// [`GateError::Internal`] if a built-in glob is none.
pub(crate) fn findings(
    changes: &BTreeMap<String, Kind>,
    paths: &Globs,
    allow: &Globs,
) -> Result<Vec<Finding>, GateError> {
    let mut found = Vec::new();
    for rule in RULES {
        let globs = Globs::of(rule.globs, Case::Ignored)
            .map_err(|error| GateError::Internal(error.to_string()))?;
        let hit = |path: &str| globs.matches(path) && !(rule.can_be_allowed && allow.matches(path));
        let hits = changes.iter().filter(|(path, _)| hit(path));
        found.extend(hits.map(|(path, kind)| {
            protected(
                rule.name,
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
    Ok(found)
}

fn done(kind: Kind) -> &'static str {
    match kind {
        Kind::Added => "added",
        Kind::Modified => "changed",
        Kind::Deleted => "deleted or renamed",
    }
}
