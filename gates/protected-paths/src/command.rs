//! Does the branch change what the test command runs?
//!
//! The command itself stands in `.orch.yaml` at the base. What it calls, a script of the repository or a target of a
//! Makefile, decides as much, and so do parts of files that are everyday work otherwise.

use std::collections::{BTreeMap, BTreeSet};

use orch_gate_sdk::frontmatter::{self, Value};
use orch_gate_sdk::repository::{ReadError, Revision};
use orch_gate_sdk::{Finding, Host};
use serde_json::Value as Json;

use crate::changes::Kind;
use crate::globs::Globs;
use crate::guards::{Guards, Kind as PartKind};
use crate::parts::part_of;
use crate::protected;
use crate::rules::done;

const RULE: &str = "test-command";
const REPOSITORY_CONFIG: &str = ".orch.yaml";

/// The findings for changed scripts and parts.
pub(crate) fn findings<H: Host>(
    host: &H,
    guards: &Guards,
    changes: &BTreeMap<String, Kind>,
    tests: &Globs,
    allow: &Globs,
) -> Vec<Finding> {
    let commands = commands(host);
    let behind = behind_runners(host, guards, &commands);
    let mut found: BTreeMap<String, Finding> = BTreeMap::new();
    let suspects = changes.iter().filter(|(path, _)| !allow.matches(path));
    for (path, kind) in suspects.clone() {
        // A test that is called by its name is compared like any other test.
        if is_called(path, &commands) || !tests.matches(path) && is_called(path, &behind) {
            let what = format!(
                "is run by the test command of the base and is {}",
                done(*kind)
            );
            found.insert(path.clone(), protected(RULE, path, &what));
        }
    }
    for part in &guards.parts {
        for (path, kind) in suspects
            .clone()
            .filter(|(path, _)| part.paths.matches(path))
        {
            if found.contains_key(path) {
                continue;
            }
            let named = named_by_runner(path, guards, &commands);
            let read = |at| match host.read_file(at, path) {
                Ok(text) => Ok(text),
                Err(ReadError::Missing) => Ok(String::new()),
                Err(error) => Err(error),
            };
            let what = match (read(Revision::Base), read(Revision::Head)) {
                (Ok(base), Ok(head)) => {
                    // What is new says nothing of the tests that there are, unless the command runs it.
                    let is_new = base.is_empty() && *kind == Kind::Added && !named;
                    let (before, mut after) = (part_of(part, &base), part_of(part, &head));
                    if part.losses {
                        after.retain(|line| before.contains(line));
                    }
                    match before == after || is_new {
                        true => continue,
                        false => format!(
                            "says which tests run and how, and is {} there: {}",
                            done(*kind),
                            difference(&before, &after)
                        ),
                    }
                }
                (Err(_), _) | (_, Err(_)) => {
                    "says which tests run and how, and cannot be compared with the base".to_owned()
                }
            };
            found.insert(path.clone(), protected(RULE, path, &what));
        }
    }
    found.into_values().collect()
}

/// The first things that came or went, by name.
fn difference(before: &[String], after: &[String]) -> String {
    const NAMED: usize = 3;
    const LENGTH: usize = 80;
    let gone = before
        .iter()
        .filter(|line| !after.contains(line))
        .map(|line| ("-", line));
    let come = after
        .iter()
        .filter(|line| !before.contains(line))
        .map(|line| ("+", line));
    let mut changed: Vec<String> = gone
        .chain(come)
        .map(|(sign, line)| format!("{sign} {}", crate::text::clean(line.trim(), LENGTH)))
        .collect();
    let more = changed.len().saturating_sub(NAMED);
    changed.truncate(NAMED);
    if changed.is_empty() {
        return "the order of its lines".to_owned();
    }
    if more > 0 {
        changed.push(format!("and {more} more"));
    }
    changed.join(", ")
}

/// Words of the commands of `ci` at the base; none where there is no such file or it says nothing.
fn commands<H: Host>(host: &H) -> Vec<String> {
    let text = host.read_file(Revision::Base, REPOSITORY_CONFIG);
    let Ok(Value::Mapping(config)) = frontmatter::parse_yaml(&text.unwrap_or_default()) else {
        return Vec::new();
    };
    let ci = config.get("ci").and_then(Value::as_mapping);
    let texts = ["setup", "test"].map(|key| ci.and_then(|ci| ci.get(key)));
    let mut words = Vec::new();
    for value in texts.into_iter().flatten() {
        let lines: Vec<String> = match value {
            Value::Sequence(list) => list.iter().filter_map(Value::to_scalar_text).collect(),
            one => one.to_scalar_text().into_iter().collect(),
        };
        for line in lines {
            words.extend(words_of(&line));
        }
    }
    words
}

/// The words of a line for a shell.
fn words_of(line: &str) -> impl Iterator<Item = String> {
    let parts =
        line.split(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')' | ','));
    let plain = parts.map(|word| word.trim_matches(['"', '\'', '`', '[', ']']));
    plain.filter(|word| !word.is_empty()).map(str::to_owned)
}

/// Words of what the commands run by way of a file of the base: scripts of `package.json`, targets of a Makefile.
fn behind_runners<H: Host>(host: &H, guards: &Guards, commands: &[String]) -> Vec<String> {
    let mut words = Vec::new();
    let runners = guards.runners.iter();
    for runner in runners.filter(|runner| runner.words.iter().any(|word| commands.contains(word))) {
        for file in &runner.files {
            let Ok(text) = host.read_file(Revision::Base, file) else {
                continue;
            };
            let part = guards.parts.iter().find(|part| part.paths.matches(file));
            match part.map(|part| (part, part.kind)) {
                Some((_, PartKind::Json)) => words.extend(scripts(&text, commands)),
                Some((part, _)) => {
                    words.extend(part_of(part, &text).iter().flat_map(|l| words_of(l)))
                }
                None => words.extend(text.lines().flat_map(words_of)),
            }
        }
    }
    words
}

/// Words of the scripts of a `package.json` that the commands name, of those that run before and after them, and of
/// those that these name.
fn scripts(text: &str, commands: &[String]) -> Vec<String> {
    let json: Json = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default();
    let Some(all) = json.get("scripts").and_then(Json::as_object) else {
        return Vec::new();
    };
    let mut words: Vec<String> = commands.to_vec();
    // `npm t` and its kin stand for this one.
    words.push("test".to_owned());
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    let mut next = 0;
    while let Some(word) = words.get(next).cloned() {
        next += 1;
        for (name, script) in all {
            let bare = name.strip_prefix("pre").or(name.strip_prefix("post"));
            if (*name == word || bare == Some(word.as_str())) && reached.insert(name) {
                words.extend(script.as_str().into_iter().flat_map(words_of));
            }
        }
    }
    words.split_off(commands.len() + 1)
}

/// Whether a word of the commands is this very path.
fn is_called(path: &str, commands: &[String]) -> bool {
    commands.iter().any(|word| {
        let word = word.strip_prefix("./").unwrap_or(word);
        // `--config=ci/tests.json` names a path, too.
        let value = word.rsplit_once('=').map_or(word, |(_, value)| value);
        word == path || value.strip_prefix("./").unwrap_or(value) == path
    })
}

/// Whether the commands begin with a word that stands for this file.
fn named_by_runner(path: &str, guards: &Guards, commands: &[String]) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    guards.runners.iter().any(|runner| {
        runner.files.iter().any(|file| file == name)
            && runner.words.iter().any(|word| commands.contains(word))
    })
}
