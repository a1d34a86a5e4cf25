//! The text of `orch.yaml` as it is first written.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use orch_domain::pipeline::Preset;
use orch_process::resolve_program;

use super::Repository;
use super::agents::Agent;
use super::propose::quoted;
use super::submodules;

/// The scanners that are installed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scanners {
    pub(crate) gitleaks: Option<PathBuf>,
    pub(crate) pip_audit: Option<PathBuf>,
}

impl Scanners {
    pub(crate) fn find() -> Self {
        let path = std::env::var("PATH").unwrap_or_default();
        let find = |name: &str| resolve_program(Path::new(name), &path).ok();
        Self {
            gitleaks: find("gitleaks"),
            pip_audit: find("pip-audit"),
        }
    }
}

/// What is to be written.
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    pub(crate) repository: &'a Repository,
    pub(crate) submodules: &'a submodules::Found,
    pub(crate) base: &'a str,
    pub(crate) agents: &'a [Agent],
    pub(crate) preset: Preset,
    pub(crate) scanners: &'a Scanners,
}

/// The preset that fits the agents: a script may know no roles, and then leaves no analysis and no review.
pub(crate) fn fitting(agents: &[Agent]) -> Preset {
    match agents.iter().all(|agent| agent.is_script) && !agents.is_empty() {
        true => Preset::Solo,
        false => Preset::NoDeploy,
    }
}

pub(crate) fn configuration(wanted: &Wanted<'_>) -> String {
    let mut page = "# Written by `orch init`. Every key is explained in docs/operators/configuration.md.\ndata: orch-data\n".to_owned();
    page.push_str(&pipeline(wanted.preset, wanted.scanners));
    page.push_str(&agents(wanted.agents));
    // Writing to a String cannot fail.
    writeln!(page, "repositories:\n{}", repository(wanted, "  ")).ok();
    page
}

/// The configuration of a host that has no repository yet.
pub(crate) fn beginning(agents_found: &[Agent], scanners: &Scanners) -> String {
    let mut page =
        "# Every key is explained in docs/operators/configuration.md.\ndata: orch-data\n"
            .to_owned();
    page.push_str(&pipeline(fitting(agents_found), scanners));
    page.push_str(&agents(agents_found));
    page
}

fn pipeline(preset: Preset, scanners: &Scanners) -> String {
    let mut page = format!(
        "# {}\n# Others: {}.\npipeline: {{ preset: {preset} }}\n",
        preset.about(),
        Preset::ALL.map(Preset::as_str).join(", "),
    );
    match &scanners.gitleaks {
        None => page.push_str(
            "# gitleaks is not installed, so nobody looks for secrets: install it and take this line out.\ngates: { security: { mode: off } }\n",
        ),
        Some(program) => page.push_str(&tools(program, scanners.pip_audit.as_deref())),
    }
    page
}

/// Scanners by their paths: a host may be started with another PATH.
fn tools(gitleaks: &Path, pip_audit: Option<&Path>) -> String {
    let mut page = "tools:\n".to_owned();
    let audit = pip_audit.map(|path| ("pip-audit", path));
    let scans = ["gitleaks-history", "gitleaks-files"].map(|name| (name, gitleaks));
    for (name, path) in scans.into_iter().chain(audit) {
        let path = quoted(&path.display().to_string());
        writeln!(page, "  {name}: {{ program: {path} }}").ok();
    }
    page
}

fn agents(agents: &[Agent]) -> String {
    let Some(first) = agents.first() else {
        return "# No coding agent was found: name one, such as\n\
                # agents: { claude: { driver: claude, program: claude, credential_env: ANTHROPIC_API_KEY } }\n\
                # roles: { default: { agent: claude } }\n"
            .to_owned();
    };
    let mut page = "agents:\n".to_owned();
    for agent in agents {
        let config = serde_json::Value::Object(agent.config.clone());
        writeln!(page, "  {}: {config}", agent.name).ok();
    }
    writeln!(page, "roles:\n  default: {{ agent: {} }}", first.name).ok();
    page
}

/// The lines of one repository, each begun with `indent`.
pub(crate) fn repository(wanted: &Wanted<'_>, indent: &str) -> String {
    let path = quoted(&wanted.repository.path.display().to_string());
    let mut page = format!(
        "{indent}{}:\n{indent}  path: {path}\n{indent}  base: {}",
        wanted.name,
        quoted(wanted.base)
    );
    if let Some(upstream) = &wanted.repository.upstream {
        write!(page, "\n{indent}  upstream: {}", quoted(upstream)).ok();
    }
    if let Some(said) = wanted.submodules.entry() {
        write!(page, "\n{indent}  submodules: {said}").ok();
    }
    page
}
