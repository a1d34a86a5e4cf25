//! What do changed files say that their names do not tell? Each is read once, before and after the change.

use std::collections::BTreeMap;

use orch_gate_sdk::repository::Revision;
use orch_gate_sdk::{Finding, Host};

use crate::changes::Kind;
use crate::code::without_comments_and_strings;
use crate::globs::Globs;
use crate::languages::{self, Known, Language};
use crate::{checks, hidden, protected};

/// Most changed files that are read.
const FILES_MAX: usize = 1_500;

/// How often checks of rights stand in a file.
struct Loss {
    path: String,
    before: usize,
    after: usize,
}

/// The findings of hidden text and of checks that are gone.
pub(crate) fn findings<H: Host>(
    host: &H,
    changes: &BTreeMap<String, Kind>,
    tests: &Globs,
    allow: &Globs,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut losses: Vec<Loss> = Vec::new();
    let names = checks::names();
    let wanted = changes.iter().filter(|(path, _)| !allow.matches(path));
    for (path, kind) in wanted.clone().take(FILES_MAX) {
        // What is no text hides nothing from somebody who reads text.
        let read = |at| host.read_file(at, path).unwrap_or_default();
        let before = match kind {
            Kind::Added => String::new(),
            Kind::Modified | Kind::Deleted => read(Revision::Base),
        };
        let after = match kind {
            Kind::Deleted => String::new(),
            Kind::Added | Kind::Modified => read(Revision::Head),
        };
        let language = language_of(path);
        let code = |text: &str| match language {
            Some(language) => without_comments_and_strings(text, &language.syntax),
            None => String::new(),
        };
        let (code_before, code_after) = (code(&before), code(&after));
        if *kind != Kind::Deleted {
            let of_path = hidden::in_path(path);
            let of_text = hidden::in_text(&before, &after);
            let of_names = hidden::in_names(&code_before, &code_after);
            let all = of_path.into_iter().chain(of_text).chain(of_names);
            found.extend(all.map(|what| protected("hidden-text", path, &what)));
        }
        if language.is_some() && !tests.matches(path) {
            let count = |code: &str| checks::count(code, &names);
            losses.push(Loss {
                path: path.clone(),
                before: count(&code_before),
                after: count(&code_after),
            });
        }
    }
    let more = wanted.count().saturating_sub(FILES_MAX);
    if more > 0 {
        let what = format!("and {more} more files were not looked through for hidden text");
        found.push(protected("hidden-text", "this change", &what));
    }
    found.extend(fewer(&losses));
    found
}

fn language_of(path: &str) -> Option<&'static Language> {
    match languages::of(path) {
        Known::Language(language) | Known::Guessed(language) => Some(language),
        Known::Data => None,
    }
}

/// Checks that only move from file to file are as many as before.
fn fewer(losses: &[Loss]) -> Option<Finding> {
    let before: usize = losses.iter().map(|loss| loss.before).sum();
    let after: usize = losses.iter().map(|loss| loss.after).sum();
    let worst = losses
        .iter()
        .max_by_key(|loss| loss.before.saturating_sub(loss.after))?;
    (after < before).then(|| {
        let what = format!(
            "and what else is changed hold fewer names of checks of rights than at the base: {after} instead of {before}"
        );
        protected("check-removed", &worst.path, &what)
    })
}
