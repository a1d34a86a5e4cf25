//! What does the guarded part of a file say?
//!
//! A file that cannot be read in its own format is taken whole: what is not understood is not passed over.

use serde_json::Value as Json;
use toml::{Table, Value as Toml};

use crate::guards::{Kind, Part};

/// Lines of the part, in their order.
pub(crate) fn part_of(part: &Part, text: &str) -> Vec<String> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Vec::new();
    }
    let whole = || lines(text, |_| true);
    match part.kind {
        Kind::Json => match serde_json::from_str::<Json>(text) {
            Ok(json) => keys(part, |key| json_at(&json, key)),
            Err(_) => whole(),
        },
        Kind::Toml => match text.parse::<Table>() {
            Ok(table) => {
                let table = Toml::Table(table);
                keys(part, |key| toml_at(&table, key))
            }
            Err(_) => whole(),
        },
        Kind::Ini => ini(part, text),
        Kind::Targets => targets(part, text),
        Kind::Lines => lines(text, |line| {
            part.words.iter().any(|word| line.contains(word.as_str()))
        }),
    }
}

fn lines(text: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .filter(|line| is_wanted(line))
        .map(str::to_owned)
        .collect()
}

fn keys(part: &Part, at: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    part.keys.iter().flat_map(|key| at(key)).collect()
}

/// The value at a dotted key, one line for each entry of an object or list.
fn json_at(json: &Json, key: &str) -> Vec<String> {
    let found = key.split('.').try_fold(json, |value, part| value.get(part));
    let listed = |key: &str, value: &Json| -> Vec<String> {
        match value {
            Json::Array(values) => values.iter().map(|v| format!("{key}: {v}")).collect(),
            value => vec![format!("{key}: {value}")],
        }
    };
    match found {
        None => Vec::new(),
        Some(Json::Object(entries)) => entries
            .iter()
            .flat_map(|(name, value)| listed(&format!("{key}.{name}"), value))
            .collect(),
        Some(value) => listed(key, value),
    }
}

fn toml_at(toml: &Toml, key: &str) -> Vec<String> {
    let found = key.split('.').try_fold(toml, |value, part| value.get(part));
    let listed = |key: &str, value: &Toml| -> Vec<String> {
        match value {
            Toml::Array(values) => values.iter().map(|v| format!("{key} = {v}")).collect(),
            value => vec![format!("{key} = {value}")],
        }
    };
    match found {
        None => Vec::new(),
        Some(Toml::Table(entries)) => entries
            .iter()
            .flat_map(|(name, value)| listed(&format!("{key}.{name}"), value))
            .collect(),
        Some(value) => listed(key, value),
    }
}

/// The lines of the sections whose names begin with one of the keys.
fn ini(part: &Part, text: &str) -> Vec<String> {
    let mut is_guarded = false;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[') {
            let name = name.trim_end_matches(']').trim();
            is_guarded = part
                .keys
                .iter()
                .any(|key| name == key || key.ends_with(':') && name.starts_with(key.as_str()));
            if is_guarded {
                found.push(line.to_owned());
            }
        } else if is_guarded && !line.starts_with(['#', ';']) {
            found.push(line.to_owned());
        }
    }
    found
}

/// The targets whose names or commands hold a word, with their commands, and the settings of the whole file that do.
fn targets(part: &Part, text: &str) -> Vec<String> {
    let has_word = |text: &str| {
        let text = text.to_ascii_lowercase();
        let mut words = part.words.iter();
        words.any(|word| {
            let mut parts = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
            parts.any(|part| {
                part == word
                    || part.len() > word.len() && word.len() > 3 && part.contains(word.as_str())
            })
        })
    };
    let mut found = Vec::new();
    let mut target: Vec<String> = Vec::new();
    let mut take = |target: &mut Vec<String>| {
        if target.iter().any(|line| has_word(line)) {
            found.append(target);
        }
        target.clear();
    };
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if line.starts_with('#') {
            continue;
        }
        if !line.starts_with([' ', '\t']) {
            take(&mut target);
        }
        target.push(line.trim().to_owned());
    }
    take(&mut target);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::globs::Globs;

    fn part(kind: Kind, keys: &[&str], words: &[&str]) -> Part {
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        Part {
            files: Vec::new(),
            paths: Globs::default(),
            kind,
            keys: owned(keys),
            words: owned(words),
            losses: false,
        }
    }

    #[test]
    fn keys_of_json_and_toml_are_compared_and_the_rest_is_not() {
        let json = part(Kind::Json, &["scripts", "jest"], &[]);
        let text = |test: &str, dependency: &str| {
            format!(
                r#"{{"name":"x","scripts":{{"test":"{test}"}},"dependencies":{{"a":"{dependency}"}}}}"#
            )
        };
        assert_eq!(
            part_of(&json, &text("jest", "1")),
            part_of(&json, &text("jest", "2"))
        );
        assert_ne!(
            part_of(&json, &text("jest", "1")),
            part_of(&json, &text("jest || true", "1"))
        );
        let cargo = part(Kind::Toml, &["package.autotests", "test"], &[]);
        let plain = "[package]\nname = 'x'\n";
        assert!(part_of(&cargo, plain).is_empty());
        assert_eq!(
            part_of(&cargo, &format!("{plain}autotests = false\n")),
            ["package.autotests = false"]
        );
        assert_eq!(
            part_of(
                &cargo,
                &format!("{plain}[[test]]\nname = 'a'\ntest = false\n")
            )
            .len(),
            1
        );
    }

    #[test]
    fn file_that_cannot_be_read_is_taken_whole() {
        let json = part(Kind::Json, &["scripts"], &[]);
        assert_eq!(part_of(&json, "{\n\"a\": 1,\n}"), ["{", "\"a\": 1,", "}"]);
        assert!(part_of(&json, "").is_empty());
    }

    #[test]
    fn sections_of_ini_are_compared_by_their_names() {
        let ini = part(Kind::Ini, &["tool:pytest", "coverage:"], &[]);
        let text = "[metadata]\nname = x\n[coverage:report]\n# why\nfail_under = 90\n[tool:pytest]\naddopts = -q\n";
        assert_eq!(
            part_of(&ini, text),
            [
                "[coverage:report]",
                "fail_under = 90",
                "[tool:pytest]",
                "addopts = -q"
            ]
        );
    }

    #[test]
    fn targets_are_found_by_their_names_and_by_what_they_run() {
        let make = part(Kind::Targets, &[], &["test", "check", "pytest", "ci"]);
        let text = "CC = gcc\n\nbuild:\n\tgcc a.c\n\ntest: build\n\tpytest\n\n# unit\nunit-tests:\n\t./run\n\nall:\n\tpytest -q\n\ncircle:\n\techo\n";
        assert_eq!(
            part_of(&make, text),
            [
                "test: build",
                "pytest",
                "unit-tests:",
                "./run",
                "all:",
                "pytest -q"
            ]
        );
    }
}
