//! Goes through the tables, and proposes how a project is set up and tested.

use crate::project::Project;
use crate::rules::{Pattern, Rule, Table};
use crate::tables::{languages, services};

/// A language that the project is written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub language: String,
    /// How many source files there are.
    pub sources: usize,
    /// Package managers, by their lock files.
    pub locks: Vec<(String, String)>,
    /// Programs that it needs and that are not installed.
    pub missing: Vec<String>,
}

/// A file by which a service knows how to test the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiFile {
    /// The service.
    pub maker: String,
    /// The file.
    pub path: String,
}

/// What a project is, and how it could be tested.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surveyed {
    /// Languages, that of the tests first, then by the number of source files.
    pub languages: Vec<Found>,
    /// Command that sets a checkout up; none if nothing has to be.
    pub setup: Option<String>,
    /// Command that tests it; none if none was found.
    pub test: Option<String>,
    /// Files of services that test it.
    pub ci: Vec<CiFile>,
    /// Folder that languages and commands are of; none for the top folder.
    pub folder: Option<String>,
    /// What could be tested beside it, and is not by the command: each a language or a folder, and a command.
    pub others: Vec<(String, String)>,
}

/// Looks at a folder as if it were the whole project.
pub(crate) fn survey_folder(project: &Project<'_>) -> Surveyed {
    let tables = languages();
    let mut known: Vec<(&Table, Found)> = tables
        .iter()
        .filter(|table| is_known(table, project))
        .map(|table| (table, found(table, project)))
        .collect();
    let last = tables.len();
    let place = |table: &Table| tables.iter().position(|t| t.language == table.language);
    // What is tested and can be run here, first of all; then the most source files.
    known.sort_by_key(|(table, found)| {
        let general = place(table) == Some(last - 1);
        (
            tested(table, project).is_none(),
            general,
            !found.missing.is_empty(),
            std::cmp::Reverse(found.sources),
        )
    });
    let chosen = known.first().map(|(table, _)| *table);
    let test = chosen.and_then(|table| tested(table, project));
    let test = test.map(|rule| rule.run.clone());
    let setup = chosen
        .filter(|_| test.is_some())
        .and_then(|table| setup_of(table, project));
    let general = &tables[last - 1].language;
    let others = known.iter().skip(1);
    let others = others.filter(|(table, found)| table.language != *general && found.sources > 0);
    let others: Vec<(String, String)> = others
        .filter_map(|(table, _)| {
            Some((table.language.clone(), tested(table, project)?.run.clone()))
        })
        .filter(|(_, command)| test.as_ref() != Some(command))
        .collect();
    let mut languages: Vec<Found> = known.into_iter().map(|(_, found)| found).collect();
    if languages.len() > 1 && languages[0].language != *general {
        languages.retain(|found| found.language != *general);
    }
    Surveyed {
        languages,
        setup,
        test,
        ci: ci_files(project),
        folder: None,
        others,
    }
}

fn tested<'t>(table: &'t Table, project: &Project<'_>) -> Option<&'t Rule> {
    table.test.iter().find(|rule| rule.fits(project))
}

fn is_known(table: &Table, project: &Project<'_>) -> bool {
    let has = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.is_there(project));
    has(&table.manifests) && (!table.needs_sources || has(&table.sources))
}

fn found(table: &Table, project: &Project<'_>) -> Found {
    let is_source = |name: &&String| table.sources.iter().any(|s| s.fits(name));
    let locks = table.locks.iter();
    let locks = locks.filter(|(file, _)| project.files.contains(*file));
    let programs = table.toolchains.iter();
    Found {
        language: table.language.clone(),
        sources: project.files.iter().filter(is_source).count(),
        locks: locks.map(|(f, m)| (f.clone(), m.clone())).collect(),
        missing: programs
            .filter(|program| !(project.has_program)(program))
            .cloned()
            .collect(),
    }
}

/// Of each group the first command that fits, one after the other.
fn setup_of(table: &Table, project: &Project<'_>) -> Option<String> {
    let mut commands: Vec<&str> = Vec::new();
    for group in &table.setup {
        let Some(rule): Option<&Rule> = group.iter().find(|rule| rule.fits(project)) else {
            continue;
        };
        if rule.run != "true" {
            commands.push(&rule.run);
        }
        if rule.last {
            break;
        }
    }
    (!commands.is_empty()).then(|| commands.join(" && "))
}

fn ci_files(project: &Project<'_>) -> Vec<CiFile> {
    let services = services();
    let of = |service: &crate::tables::Service| -> Vec<CiFile> {
        let files = project.files.iter();
        let files = files.filter(|name| service.files.iter().any(|f| f.fits(name)));
        let files = files.map(|path| CiFile {
            maker: service.maker.clone(),
            path: path.clone(),
        });
        files.collect()
    };
    services.iter().flat_map(of).collect()
}
