//! Which folder of a repository says how it is tested, where the top folder does not?

use std::collections::{BTreeMap, BTreeSet};

use crate::project::Project;
use crate::survey::{Surveyed, survey_folder};

/// Folders in folders that are looked into.
const DEPTH_MAX: usize = 2;
/// Most folders that are looked into.
const FOLDERS_MAX: usize = 100;
/// Parts of paths that hold code of others, or code that nobody ships.
const PASSED_OVER: [&str; 16] = [
    "vendor",
    "vendored",
    "third_party",
    "third-party",
    "thirdparty",
    "node_modules",
    "extern",
    "external",
    "deps",
    "examples",
    "example",
    "docs",
    "doc",
    "fixtures",
    "testdata",
    "templates",
];

/// Looks at a project. If its top folder does not say how it is tested, the folders in it are asked.
pub fn survey(project: &Project<'_>) -> Surveyed {
    let whole = survey_folder(project);
    if whole.test.is_some() {
        return whole;
    }
    let mut found = ranked(project).into_iter();
    let Some((folder, mut inner)) = found.next() else {
        return whole;
    };
    let enter = |command: String| within(&folder, &command);
    for (other, survey) in found {
        // A folder below another one is its own matter.
        let is_below = |of: &str| {
            other
                .strip_prefix(of)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        if let Some(test) = survey.test
            && !is_below(&folder)
            && !inner.others.iter().any(|(known, _)| is_below(known))
        {
            let test = within(&other, &test);
            inner.others.push((other, test));
        }
    }
    inner.setup = inner.setup.map(enter);
    inner.test = inner.test.map(enter);
    inner.ci = whole.ci;
    inner.folder = Some(folder);
    inner
}

/// The folders that can be tested, and what was found in each: those first for which everything is installed, that lie
/// less deep, and hold the most source files.
fn ranked(project: &Project<'_>) -> Vec<(String, Surveyed)> {
    let mut found: Vec<(String, Surveyed)> = Vec::new();
    for (folder, files) in folders(project).into_iter().take(FOLDERS_MAX) {
        let read = |name: &str| (project.read)(&format!("{folder}/{name}"));
        let inner = survey_folder(&Project {
            files: &files,
            read: &read,
            has_program: project.has_program,
        });
        if inner.test.is_some() {
            found.push((folder, inner));
        }
    }
    let rank = |(folder, inner): &(String, Surveyed)| {
        let first = inner.languages.first();
        (
            first.is_none_or(|language| !language.missing.is_empty()),
            folder.matches('/').count(),
            std::cmp::Reverse(first.map_or(0, |language| language.sources)),
        )
    };
    found.sort_by_key(rank);
    found
}

/// A command as it is run in a folder.
fn within(folder: &str, command: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let folder = match folder.chars().all(is_plain) && !folder.starts_with('-') {
        true => folder.to_owned(),
        false => format!("'./{}'", folder.replace('\'', "'\\''")),
    };
    format!("cd {folder} && {command}")
}

/// The folders that may be projects of their own, each with its files.
fn folders(project: &Project<'_>) -> BTreeMap<String, BTreeSet<String>> {
    let mut folders: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in project.files {
        let cuts = file.match_indices('/').map(|(at, _)| at);
        for at in cuts.take(DEPTH_MAX) {
            let (folder, name) = (&file[..at], &file[at + 1..]);
            let is_passed = |part: &str| part.starts_with('.') || PASSED_OVER.contains(&part);
            if folder.split('/').any(is_passed) {
                break;
            }
            let files = folders.entry(folder.to_owned()).or_default();
            files.insert(name.to_owned());
        }
    }
    folders
}
