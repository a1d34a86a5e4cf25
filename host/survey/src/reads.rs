//! What does the command that sets a checkout up read of it? Told by a table of commands; what is not in it reads
//! everything.

use std::collections::BTreeSet;

use regex_lite::Regex;
use serde::Deserialize;

use crate::project::Project;
use crate::rules::{Pattern, Says};

const SETUPS: &str = include_str!("../data/setups.yaml");

/// Files that a command reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reads {
    /// All of them.
    Everything,
    /// These alone.
    Files {
        /// Their contents.
        files: BTreeSet<String>,
        /// Whether the names of all others count as well.
        names: bool,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Command {
    run: Line,
    #[serde(default)]
    reads: Vec<Pattern>,
    #[serde(default)]
    names: bool,
    #[serde(default)]
    unless: Vec<Pattern>,
    #[serde(default)]
    unlike: Vec<Says>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Line(Regex);

impl TryFrom<String> for Line {
    type Error = regex_lite::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Regex::new(&format!("^(?:{text})$")).map(Self)
    }
}

/// What `command`, a line for the shell, reads of a project.
pub fn setup_reads(command: &str, project: &Project<'_>) -> Reads {
    let table = commands();
    let (mut files, mut names) = (BTreeSet::new(), false);
    for part in command.split("&&").flat_map(|part| part.split([';', '\n'])) {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        let known = table.iter().find(|known| known.run.0.is_match(part));
        let Some(known) = known.filter(|known| !known.runs_files_of(project)) else {
            return Reads::Everything;
        };
        names |= known.names;
        let fit = |name: &&String| known.reads.iter().any(|read| read.fits(name));
        files.extend(project.files.iter().filter(fit).cloned());
    }
    Reads::Files { files, names }
}

fn commands() -> Vec<Command> {
    serde_yaml::from_str(SETUPS).expect("a test reads the table")
}

impl Command {
    fn runs_files_of(&self, project: &Project<'_>) -> bool {
        self.unless.iter().any(|pattern| pattern.is_there(project))
            || self.unlike.iter().any(|says| says.holds(project))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(command: &str, files: &[(&str, &str)]) -> Reads {
        let names = files.iter().map(|(name, _)| (*name).to_owned()).collect();
        let text = |name: &str| {
            let found = files.iter().find(|(file, _)| *file == name);
            found.map(|(_, text)| (*text).to_owned())
        };
        setup_reads(
            command,
            &Project {
                files: &names,
                read: &text,
                has_program: &|_| true,
            },
        )
    }

    fn some(files: &[&str], names: bool) -> Reads {
        Reads::Files {
            files: files.iter().map(|name| (*name).to_owned()).collect(),
            names,
        }
    }

    #[test]
    fn commands_that_only_fetch_read_manifests_and_locks() {
        let node = [
            ("package.json", "{}"),
            ("package-lock.json", "{}"),
            ("index.js", ""),
            ("a/package.json", "{}"),
        ];
        assert_eq!(
            reads("npm ci", &node),
            some(
                &["a/package.json", "package-lock.json", "package.json"],
                false
            )
        );
        let python = [
            ("pyproject.toml", "[project]\nname = \"x\"\n"),
            ("x/__init__.py", ""),
            ("requirements/dev.txt", "pytest"),
        ];
        let venv = "python3 -m venv .venv && .venv/bin/python -m pip install --quiet --upgrade pip";
        assert_eq!(reads(venv, &python), some(&[], false));
        let own = format!("{venv} && .venv/bin/python -m pip install --quiet -e '.[tests]'");
        assert_eq!(reads(&own, &python), some(&["pyproject.toml"], true));
        let listed =
            format!("{venv} && .venv/bin/python -m pip install --quiet -r requirements/dev.txt");
        assert_eq!(
            reads(&listed, &python),
            some(&["requirements/dev.txt"], false)
        );
        let go = [("go.mod", ""), ("go.sum", ""), ("x.go", "")];
        assert_eq!(
            reads("go mod download", &go),
            some(&["go.mod", "go.sum"], false)
        );
        assert_eq!(reads("true", &go), some(&[], false));
    }

    #[test]
    fn what_is_proposed_for_what_is_not_installed_reads_manifests_and_locks() {
        let named = r#"npx --yes "$(node -p '(require("./package.json").packageManager || "pnpm@10").split("+")[0]')" install --frozen-lockfile"#;
        let node = [("package.json", "{}"), ("pnpm-lock.yaml", ""), ("a.js", "")];
        assert_eq!(
            reads(named, &node),
            some(&["package.json", "pnpm-lock.yaml"], false)
        );
        let rust = [
            ("Cargo.toml", ""),
            ("rust-toolchain.toml", ""),
            ("src/lib.rs", ""),
        ];
        let told = r#"RUSTUP_TOOLCHAIN="$(rustup default | cut -d" " -f1)" cargo fetch"#;
        assert_eq!(
            reads(told, &rust),
            some(&["Cargo.toml", "rust-toolchain.toml"], false)
        );
        let locked = "python3 -m venv .venv-uv && .venv-uv/bin/python -m pip install --quiet uv && .venv-uv/bin/uv export --quiet --frozen --no-python-downloads --all-groups --output-file .venv-uv/locked.txt && .venv/bin/python -m pip install --quiet --no-deps -r .venv-uv/locked.txt && .venv/bin/python -m pip install --quiet --no-deps -e .";
        let python = [
            ("pyproject.toml", "[project]\nname = \"x\"\n"),
            ("uv.lock", ""),
            ("x/a.py", ""),
        ];
        assert_eq!(
            reads(locked, &python),
            some(&["pyproject.toml", "uv.lock"], true)
        );
    }

    #[test]
    fn commands_that_run_something_of_the_project_read_everything() {
        let node = |text| [("package.json", text), ("prepare.js", "")];
        for (command, files) in [
            (
                "npm ci",
                node("{\"scripts\": {\"prepare\": \"node prepare.js\"}}"),
            ),
            ("npm ci", node("{\"dependencies\": {\"x\": \"file:./x\"}}")),
            ("npm run build", node("{}")),
            ("npm ci && sh prepare.sh", node("{}")),
            ("npm ci | tee log", node("{}")),
            ("npm ci > log", node("{}")),
            ("npm ci || true", node("{}")),
            ("npm ci $(cat more)", node("{}")),
            ("pip install -e .", [("setup.py", ""), ("x.py", "")]),
            (
                "pip install -e .",
                [
                    ("pyproject.toml", "[project]\ndynamic = [\"version\"]"),
                    ("x.py", ""),
                ],
            ),
            (
                "pip install -r requirements.txt",
                [("requirements.txt", "-e ."), ("x.py", "")],
            ),
            ("pip install ./x", [("x/a", ""), ("x.py", "")]),
            (
                "bundle install",
                [("Gemfile", "gemspec"), ("x.gemspec", "")],
            ),
        ] {
            assert_eq!(
                reads(command, &files),
                Reads::Everything,
                "{command} {files:?}"
            );
        }
    }
}
