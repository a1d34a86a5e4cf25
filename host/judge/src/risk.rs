//! How risky is the change of a branch? Its paths are sorted by tables of data and by what host and repository list;
//! the tier is the domain's to tell.
//!
//! Guards and tests are known by the tables of the gate `protected-paths`: there is one list of them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use globset::{GlobSet, GlobSetBuilder};
use orch_config::{RiskConfig, risk_glob};
use orch_domain::artefact;
use orch_domain::id::{ObjectId, WorkItem};
use orch_domain::path::RepoPath;
use orch_domain::risk::{PathSort, Risk, Tier, Touched};
use orch_process::git::{Delta, Git};
use serde::Deserialize;

const GUARDS: &str = include_str!("../../../gates/protected-paths/src/guards.toml");
const LANGUAGES: [&str; 15] = [
    include_str!("../../../gates/protected-paths/src/languages/beam.toml"),
    include_str!("../../../gates/protected-paths/src/languages/dart.toml"),
    include_str!("../../../gates/protected-paths/src/languages/dotnet.toml"),
    include_str!("../../../gates/protected-paths/src/languages/functional.toml"),
    include_str!("../../../gates/protected-paths/src/languages/go.toml"),
    include_str!("../../../gates/protected-paths/src/languages/jvm.toml"),
    include_str!("../../../gates/protected-paths/src/languages/native.toml"),
    include_str!("../../../gates/protected-paths/src/languages/php.toml"),
    include_str!("../../../gates/protected-paths/src/languages/plain.toml"),
    include_str!("../../../gates/protected-paths/src/languages/python.toml"),
    include_str!("../../../gates/protected-paths/src/languages/ruby.toml"),
    include_str!("../../../gates/protected-paths/src/languages/rust.toml"),
    include_str!("../../../gates/protected-paths/src/languages/script.toml"),
    include_str!("../../../gates/protected-paths/src/languages/scripting.toml"),
    include_str!("../../../gates/protected-paths/src/languages/shell.toml"),
];
const PATHS: &str = include_str!("risk/paths.toml");

/// What the gate's table says of guards, as far as it is of use here.
#[derive(Deserialize)]
struct Guards {
    rule: Vec<Rule>,
    part: Vec<Part>,
}

#[derive(Deserialize)]
struct Rule {
    name: String,
    globs: Vec<String>,
}

#[derive(Deserialize)]
struct Part {
    files: Vec<String>,
}

/// What the gate's tables say of the files of a language.
#[derive(Deserialize)]
struct Language {
    files: Vec<String>,
    #[serde(default)]
    setups: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Paths {
    documents: Vec<String>,
    dependencies: Vec<String>,
    interfaces: Vec<String>,
    build: Vec<String>,
}

/// The tables, compiled once.
struct Tables {
    guards: GlobSet,
    ci: GlobSet,
    coverage: GlobSet,
    tests: GlobSet,
    documents: GlobSet,
    dependencies: GlobSet,
    interfaces: GlobSet,
    build: GlobSet,
}

static TABLES: LazyLock<Tables> =
    LazyLock::new(|| Tables::read().expect("a test reads every table"));

impl Tables {
    fn read() -> anyhow::Result<Self> {
        let guards: Guards = toml::from_str(GUARDS)?;
        let languages = LANGUAGES.iter().map(|text| toml::from_str(text));
        let languages: Vec<Language> = languages.collect::<Result<_, _>>()?;
        let paths: Paths = toml::from_str(PATHS)?;
        let setups = languages.iter().flat_map(|language| &language.setups);
        let rules = guards.rule.iter().flat_map(|rule| &rule.globs);
        let parts = guards.part.iter().flat_map(|part| &part.files);
        let named = |name: &str| {
            let rules = guards.rule.iter().filter(|rule| rule.name == name);
            set(rules.flat_map(|rule| &rule.globs).collect::<Vec<_>>())
        };
        Ok(Self {
            ci: named("ci")?,
            coverage: named("coverage-config")?,
            guards: set(rules.chain(setups))?,
            tests: set(languages.iter().flat_map(|language| &language.files))?,
            documents: set(&paths.documents)?,
            dependencies: set(&paths.dependencies)?,
            interfaces: set(&paths.interfaces)?,
            build: set(paths.build.iter().chain(parts))?,
        })
    }
}

fn set<'a>(globs: impl IntoIterator<Item = &'a String>) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for text in globs {
        set.add(risk_glob(text)?);
    }
    set.build()
}

/// Whether a path guards the repository, or holds tests.
pub fn is_protected(path: &str) -> bool {
    TABLES.guards.is_match(path) || is_test(path)
}

/// Whether a path is a file with tests.
pub(crate) fn is_test(path: &str) -> bool {
    TABLES.tests.is_match(path)
}

/// Whether a path holds the configuration of CI.
pub(crate) fn is_guard_of_ci(path: &str) -> bool {
    TABLES.ci.is_match(path)
}

/// Whether a path says how much of the code tests have to cover.
pub(crate) fn is_guard_of_coverage(path: &str) -> bool {
    TABLES.coverage.is_match(path)
}

/// What host and repository list, compiled.
struct Listed([(Tier, GlobSet); 3]);

impl Listed {
    fn of(config: &RiskConfig) -> Result<Self, globset::Error> {
        Ok(Self([
            (Tier::High, set(&config.high)?),
            (Tier::Medium, set(&config.medium)?),
            (Tier::Low, set(&config.low)?),
        ]))
    }

    fn sort(&self, path: &RepoPath) -> PathSort {
        let name = path.to_string();
        let tables = &*TABLES;
        let listed = self.0.iter().find(|(_, globs)| globs.is_match(&name));
        let is_dependency = tables.dependencies.is_match(&name);
        PathSort {
            is_guard: tables.guards.is_match(&name),
            is_test: tables.tests.is_match(&name),
            is_dependency,
            is_interface: tables.interfaces.is_match(&name),
            is_build: !is_dependency && tables.build.is_match(&name),
            is_document: tables.documents.is_match(&name),
            listed: listed.map(|(tier, _)| *tier),
        }
    }
}

/// How risky the change is that `head` brings over `base`; none if it brings none, or if the two have nothing in common
/// and nobody can say what it is. The folder of the task is no part of
/// it, as it is none of the code tree that a verdict is about.
///
/// # Errors
/// If git does not tell, or the configuration that a task began with holds a glob that is none any more.
pub async fn risk_of(
    git: &Git,
    base: &ObjectId,
    head: &ObjectId,
    item: &WorkItem,
    config: &RiskConfig,
) -> anyhow::Result<Option<Risk>> {
    let Ok(from) = git.merge_base(base, head).await else {
        return Ok(None);
    };
    let listed = Listed::of(config)?;
    let delta = git.delta(&from, head).await?.into_iter().filter(is_link);
    let folder = RepoPath::from_text(&artefact::folder(item));
    let links: BTreeSet<RepoPath> = delta.map(|delta| delta.path).collect();
    let changed = git.changed(&from, head).await?.into_iter();
    let touched: Vec<Touched> = changed
        .filter(|file| !file.path.is_within(&folder))
        .map(|file| Touched {
            is_link: links.contains(&file.path),
            sort: listed.sort(&file.path),
            path: file.path,
            change: file.change,
            added: file.added,
            removed: file.removed,
        })
        .collect();
    Ok(Risk::of(&touched))
}

/// Whether a path is, or was, something else than a plain file.
fn is_link(delta: &Delta) -> bool {
    let is_plain = |mode: &str| mode.starts_with("100") || mode == "000000";
    !is_plain(&delta.mode) || !is_plain(&delta.mode_before)
}

#[cfg(test)]
mod tests {
    use orch_domain::imports::Change;
    use orch_domain::risk::RiskReason;

    use super::*;

    #[test]
    fn every_table_can_be_read() {
        Tables::read().unwrap();
    }

    fn why(path: &str, config: &RiskConfig) -> RiskReason {
        let path = RepoPath::from(path);
        let sort = Listed::of(config).unwrap().sort(&path);
        let touched = Touched {
            path,
            change: Change::Modified,
            added: 1,
            removed: 1,
            is_link: false,
            sort,
        };
        Risk::of(&[touched]).unwrap().reasons[0].why
    }

    #[test]
    fn paths_are_known_by_their_names() {
        use RiskReason::{Build, Code, Dependencies, Documents, Guard, Interface};
        let none = RiskConfig::default();
        for (path, expected) in [
            (".github/workflows/test.yml", Guard),
            (".gitlab-ci.yml", Guard),
            (".orch.yaml", Guard),
            ("docs/CODEOWNERS", Guard),
            (".gitleaks.toml", Guard),
            ("pytest.ini", Guard),
            ("tests/conftest.py", Guard),
            ("CLAUDE.md", Guard),
            ("docs/claude.md", Guard),
            ("package.json", Dependencies),
            ("api/Cargo.lock", Dependencies),
            ("docs/requirements.txt", Dependencies),
            ("api/shop.proto", Interface),
            ("openapi.yaml", Interface),
            ("schema.graphql", Interface),
            ("db/migrations/0001.py", Interface),
            ("a/b.sql", Interface),
            ("types/index.d.ts", Interface),
            ("include/shop/api.hpp", Interface),
            ("Makefile", Build),
            ("Dockerfile", Build),
            ("README.md", Documents),
            ("docs/a/b.TXT", Documents),
            ("src/words.txt", Code),
            ("docs/conf.py", Code),
            ("tests/test_cart.py", Code),
            ("src/cart.rs", Code),
            ("page.mdx", Code),
        ] {
            assert_eq!(why(path, &none), expected, "{path}");
        }
    }

    #[test]
    fn highest_list_that_names_a_path_counts() {
        let list = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
        let config = RiskConfig {
            high: list(&["src/auth/**"]),
            medium: list(&["docs/prices.md"]),
            low: list(&["src/**", "**/*.lock"]),
        };
        for (path, expected) in [
            ("src/auth/login.rs", RiskReason::ListedHigh),
            ("src/cart.rs", RiskReason::ListedLow),
            ("yarn.lock", RiskReason::ListedLow),
            ("docs/prices.md", RiskReason::ListedMedium),
            ("src/CODEOWNERS", RiskReason::Guard),
        ] {
            assert_eq!(why(path, &config), expected, "{path}");
        }
    }
}
