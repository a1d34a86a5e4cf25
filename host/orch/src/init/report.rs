//! What `orch init` found and made, and what comes next.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use orch_domain::pipeline::Preset;
use orch_views::doctor::DoctorView;
use serde::Serialize;

use super::agents::Agent;
use super::project::FoundProject;
use super::propose::{BRANCH, Proposal, Put};
use super::source::Source;
use super::write::Scanners;
use super::{Base, Repository, submodules};
use crate::show::plain;

/// What was made.
pub(super) struct Made<'a> {
    pub(super) name: String,
    pub(super) file: PathBuf,
    pub(super) source: &'a Source,
    pub(super) repository: &'a Repository,
    pub(super) base: &'a Base,
    pub(super) found: &'a FoundProject,
    pub(super) submodules: &'a submodules::Found,
    pub(super) proposal: &'a Proposal,
    pub(super) proposed: &'a Put,
    pub(super) agents: &'a [Agent],
    /// None if the host was there before.
    pub(super) preset: Option<Preset>,
    pub(super) scanners: Option<&'a Scanners>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) repository: String,
    pub(crate) config: String,
    /// The bare repository.
    pub(crate) path: String,
    pub(crate) base: String,
    languages: Vec<Language>,
    ci: Vec<String>,
    preset: Option<&'static str>,
    agents: Vec<String>,
    /// Text of the `.orch.yaml` that is proposed.
    proposed: Option<String>,
    /// Branch that it is on.
    branch: Option<String>,
    notes: Vec<String>,
    /// What `orch doctor --repo` found.
    #[serde(skip_serializing_if = "Option::is_none")]
    doctor: Option<DoctorView>,
    /// Why it could not look.
    #[serde(skip_serializing_if = "Option::is_none")]
    unchecked: Option<String>,
    /// Commands, in order.
    next: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Language {
    name: String,
    sources: usize,
    managers: Vec<String>,
}

impl Report {
    pub(super) fn new(made: Made<'_>) -> Self {
        let languages = made.found.survey.languages.iter().map(|found| Language {
            name: found.language.clone(),
            sources: found.sources,
            managers: found
                .locks
                .iter()
                .map(|(f, m)| format!("{m} ({f})"))
                .collect(),
        });
        let (proposed, branch) = match (made.proposal, made.proposed) {
            (Proposal::Text { text, .. }, Put::Branch) => (Some(text), Some(BRANCH.to_owned())),
            (Proposal::Text { text, .. }, Put::Base) => {
                (Some(text), Some(made.base.branch.clone()))
            }
            (Proposal::Text { .. }, Put::Nowhere) | (Proposal::Own, _) => (None, None),
        };
        let ci = made.found.survey.ci.iter();
        Self {
            config: made.file.display().to_string(),
            path: made.repository.path.display().to_string(),
            base: made.base.branch.clone(),
            languages: languages.collect(),
            ci: ci
                .map(|file| format!("{} ({})", file.maker, file.path))
                .collect(),
            preset: made.preset.map(Preset::as_str),
            agents: made.agents.iter().map(|agent| agent.name.clone()).collect(),
            proposed: proposed.cloned(),
            branch,
            notes: notes(&made),
            doctor: None,
            unchecked: None,
            next: next(&made),
            repository: made.name,
        }
    }
}

impl Report {
    /// Whether the base says how it is tested: a proposal beside it does not yet.
    pub(super) fn says_how_it_is_tested(&self) -> bool {
        self.branch.as_deref() != Some(BRANCH)
    }

    /// Takes in what the doctor found.
    pub(super) fn checked(&mut self, found: anyhow::Result<DoctorView>) {
        match found {
            Ok(view) => self.doctor = Some(view),
            Err(error) => self.unchecked = Some(format!("{error:#}")),
        }
    }
}

/// Most things that could be tested, too, and are named.
const OTHERS_NAMED: usize = 6;

/// What of the doctor's findings whoever sets a host up has to know.
fn health(report: &Report, page: &mut String) {
    // Writing to a String cannot fail.
    if let Some(why) = &report.unchecked {
        writeln!(page, "\nChecked\n  it could not be looked at: {why}").ok();
    }
    let Some(view) = &report.doctor else {
        return;
    };
    writeln!(page, "\nChecked").ok();
    match &view.profile {
        Some(profile) => writeln!(page, "  what is judged is held by {profile}").ok(),
        None => writeln!(
            page,
            "  NOTHING holds what is judged on this machine, and nothing judged is started"
        )
        .ok(),
    };
    for check in view.sandbox.iter().filter(|check| !check.held) {
        writeln!(page, "  does not hold: {}: {}", check.of, check.name).ok();
        if let Some(remedy) = &check.remedy {
            writeln!(page, "    {remedy}").ok();
        }
    }
    for advice in &view.advice {
        writeln!(page, "  mend: {advice}").ok();
    }
    let Some(base) = &view.repository else {
        writeln!(
            page,
            "  `{}` is not tested before the proposal is on it; try it then: orch --config {} repo check {}",
            report.base,
            shell(Path::new(&report.config)),
            report.repository
        )
        .ok();
        return;
    };
    let head = format!("`{}` at {:.12}", base.base, base.commit);
    match (&base.problem, base.state.is_some()) {
        (Some(problem), _) => {
            writeln!(page, "  {head}: no task can begin").ok();
            for line in problem.lines() {
                writeln!(page, "    {line}").ok();
            }
        }
        (None, true) => {
            writeln!(page, "  {head} passes its tests").ok();
        }
        (None, false) => {
            writeln!(page, "  {head} has no tests").ok();
        }
    }
}

fn notes(made: &Made<'_>) -> Vec<String> {
    let mut list = Vec::new();
    let chosen = made.found.survey.languages.first();
    if let Some(folder) = &made.found.survey.folder {
        list.push(format!(
            "`{folder}` is tested, for the top folder does not say how it is; --test COMMAND says otherwise"
        ));
    }
    let others = &made.found.survey.others;
    if !others.is_empty() {
        let named = others.iter().take(OTHERS_NAMED);
        let named: Vec<String> = named
            .map(|(what, command)| format!("{what} (`{command}`)"))
            .collect();
        let more = match others.len().saturating_sub(OTHERS_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        list.push(format!(
            "not tested by it: {}{more}; --test COMMAND says otherwise",
            named.join(", ")
        ));
    }
    for program in chosen.iter().flat_map(|found| &found.missing) {
        list.push(format!(
            "`{program}` is not installed here, and the tests need it"
        ));
    }
    for (file, manager) in chosen.iter().flat_map(|found| &found.locks) {
        let is_used = |command: &Option<String>| {
            command
                .as_ref()
                .is_some_and(|text| text.contains(manager.as_str()))
        };
        if !is_used(&made.found.survey.setup) && !is_used(&made.found.survey.test) {
            list.push(format!(
                "nothing here follows `{file}`: install {manager}, or give --setup COMMAND"
            ));
        }
    }
    if made.found.has_submodules {
        list.push(match made.submodules.from.as_slice() {
            [] => "submodules are fetched by the host: by https, from the repository's own host and from what `submodules.from` of the repository in orch.yaml names".to_owned(),
            from => format!(
                "submodules are fetched by the host, also from {}: `submodules.from` in orch.yaml, as the base names them now",
                from.join(", ")
            ),
        });
    }
    if let Proposal::Text { tested: false, .. } = made.proposal {
        list.push("no way to test the project was found, so nothing is tested: begin again with --test COMMAND".to_owned());
    }
    let Some(scanners) = made.scanners else {
        return list;
    };
    if scanners.gitleaks.is_none() {
        list.push("gitleaks is not installed: the gate `security` is off".to_owned());
    }
    if made.agents.is_empty() {
        list.push(
            "no coding agent was found: install one, or give --agent command:PATH".to_owned(),
        );
    }
    list
}

fn next(made: &Made<'_>) -> Vec<String> {
    let config = shell(&made.file);
    let path = shell(&made.repository.path);
    let base = &made.base.branch;
    let mut list = Vec::new();
    for agent in made.agents {
        let home = made.file.parent().and_then(|folder| agent.home_in(folder));
        if let (Some(login), Some(home)) = (&agent.login, home) {
            list.push(format!("HOME={} {login}", shell(&home)));
        }
    }
    if let Put::Branch = made.proposed {
        let to = match &made.repository.upstream {
            Some(address) => shell(Path::new(address)),
            None => ".".to_owned(),
        };
        list.push(format!("git -C {path} push {to} {BRANCH}:{base}"));
    }
    if made.preset.is_some() {
        list.push(format!("orch --config {config} serve"));
    }
    list.push(format!(
        "orch --config {config} task new --repo {} --title 'What is to be done'",
        made.name
    ));
    if let (true, Source::WorkTree(tree)) = (made.repository.is_own, made.source) {
        list.push(format!("git -C {} pull {path} {base}", shell(tree)));
    }
    list
}

/// A path as a shell takes it.
fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:@+=,".contains(c);
    match text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

pub(super) fn text(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a String cannot fail.
    writeln!(
        page,
        "{} on `{}` of {}",
        report.repository, report.base, report.path
    )
    .ok();
    for language in &report.languages {
        let managers = match language.managers.is_empty() {
            true => String::new(),
            false => format!(", {}", language.managers.join(", ")),
        };
        writeln!(
            page,
            "  {}: {} files{managers}",
            language.name, language.sources
        )
        .ok();
    }
    for file in &report.ci {
        writeln!(page, "  tested by {file}").ok();
    }
    if let Some(preset) = report.preset {
        let agents = match report.agents.is_empty() {
            true => "none".to_owned(),
            false => report.agents.join(", "),
        };
        writeln!(page, "  agents: {agents}; pipeline: {preset}").ok();
    }
    writeln!(page, "  written: {}", report.config).ok();
    for note in &report.notes {
        writeln!(page, "  note: {note}").ok();
    }
    if let (Some(proposed), Some(branch)) = (&report.proposed, &report.branch) {
        writeln!(page, "\n.orch.yaml on branch `{branch}`:").ok();
        for line in proposed.lines() {
            writeln!(page, "+{line}").ok();
        }
    }
    health(report, &mut page);
    page.push_str("\nNext\n");
    for command in &report.next {
        writeln!(page, "  {command}").ok();
    }
    plain::block(&page)
}
