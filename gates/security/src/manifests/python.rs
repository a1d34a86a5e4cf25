//! Which packages do the files for pip pin, and the lists of requirements in other files of Python?

use std::sync::LazyLock;

use regex_lite::Regex;

use super::{Manifest, PYTHON};

mod projects;

pub(super) use projects::{pipfile, pyproject, setup_cfg};

/// Reads the lines of a requirements file.
pub(super) fn requirements(text: &str) -> Manifest {
    let mut manifest = Manifest::default();
    let mut open = String::new();
    for line in text.lines() {
        let line = without_comment(line);
        if let Some(begun) = line.trim_end().strip_suffix('\\') {
            open.push_str(begun);
            continue;
        }
        open.push_str(line);
        requirement_line(&mut manifest, open.trim());
        open.clear();
    }
    requirement_line(&mut manifest, open.trim());
    manifest
}

/// Options that bring another file of requirements or constraints along.
const INCLUDES: [&str; 4] = ["--requirement", "--constraint", "-r", "-c"];

/// What follows an option, after a blank or `=`, or at once after a short one.
fn argument<'a>(line: &'a str, option: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(option)?;
    let is_apart = rest.starts_with([' ', '\t', '=']);
    let value = rest.trim_start_matches([' ', '\t', '=']).trim();
    let value = value.trim_matches(['"', '\'']);
    (!value.is_empty() && (is_apart || !option.starts_with("--"))).then_some(value)
}

fn requirement_line(manifest: &mut Manifest, line: &str) {
    if line.is_empty() {
        return;
    }
    if let Some(file) = INCLUDES.iter().find_map(|option| argument(line, option)) {
        manifest.includes.insert(file.to_owned());
        return;
    }
    // What a folder brings along is not seen here; other options name no package.
    let brings_more = ["-e", "--editable"];
    if line.starts_with('-') && !brings_more.iter().any(|option| line.starts_with(option)) {
        return;
    }
    // Options of one requirement, such as `--hash=…`, follow it.
    let end = line.find(" --").or_else(|| line.find("\t--"));
    requirement(manifest, &line[..end.unwrap_or(line.len())]);
}

fn requirement(manifest: &mut Manifest, entry: &str) {
    match pinned(entry) {
        Some((name, version)) => manifest.add(PYTHON, &name, &version),
        None if entry.trim().is_empty() => {}
        None => manifest.skip(&without_credentials(entry.trim())),
    }
}

/// An address may carry a name and a token, which must not end up in a report.
fn without_credentials(entry: &str) -> String {
    let Some((before, address)) = entry.split_once("://") else {
        return entry.to_owned();
    };
    let host_end = address.find(['/', '?', '#']).unwrap_or(address.len());
    let (authority, path) = address.split_at(host_end);
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{before}://****@{host}{path}"),
        None => entry.to_owned(),
    }
}

/// A comment begins at the start of a line or after a blank.
fn without_comment(line: &str) -> &str {
    let begins = |at: usize| at == 0 || line[..at].ends_with([' ', '\t']);
    match line.match_indices('#').find(|(at, _)| begins(*at)) {
        Some((at, _)) => &line[..at],
        None => line,
    }
}

/// Normalised name and version of `name[extras]==version ; marker`; none unless it is pinned so.
fn pinned(entry: &str) -> Option<(String, String)> {
    let specification = entry.split(';').next()?.trim();
    // `name (==1.0)` is how it was written once.
    let plain = specification
        .strip_suffix(')')
        .and_then(|s| s.split_once('('))
        .map(|(name, version)| format!("{name}{version}"));
    let specification = plain.as_deref().unwrap_or(specification);
    let (name, version) = specification.split_once("==")?;
    // `===` compares texts, which comes to the same for a plain version.
    let version = version.strip_prefix('=').unwrap_or(version).trim();
    let name = match name.trim().split_once('[') {
        Some((name, extras)) => {
            let extras = extras.trim_end().strip_suffix(']')?;
            let plain = |c: char| is_word(c) || matches!(c, ',' | ' ');
            extras.chars().all(plain).then_some(name.trim_end())?
        }
        None => name.trim(),
    };
    (is_name(name) && is_version(version)).then(|| (normalised(name), version.to_owned()))
}

fn is_name(name: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    ends(name.chars().next()) && ends(name.chars().next_back()) && name.chars().all(is_word)
}

/// A version as the index takes it (PEP 440). Any other is one that pip itself refuses, and a tool that is handed it
/// may give up on all the others.
static VERSION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let parts = [
        r"(?i)^v?(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*",
        r"(?:[-_.]?(?:alpha|a|beta|b|preview|pre|c|rc)[-_.]?[0-9]*)?",
        r"(?:-[0-9]+|[-_.]?(?:post|rev|r)[-_.]?[0-9]*)?",
        r"(?:[-_.]?dev[-_.]?[0-9]*)?",
        r"(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?$",
    ];
    Regex::new(&parts.concat()).ok()
});

/// Whether `version` is a version of a package of Python.
pub(super) fn is_version(version: &str) -> bool {
    let is_long = version.len() > 100;
    !is_long
        && VERSION
            .as_ref()
            .is_some_and(|regex| regex.is_match(version))
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_')
}

/// A Python package's name as it is compared: in lower case, with one hyphen for every run of `-`, `_`, `.`.
pub(crate) fn normalised(name: &str) -> String {
    let mut plain = String::new();
    for character in name.chars() {
        match character {
            '-' | '_' | '.' if plain.ends_with('-') => {}
            '-' | '_' | '.' => plain.push('-'),
            c => plain.push(c.to_ascii_lowercase()),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::super::pairs;
    use super::*;

    fn unaudited(manifest: &Manifest) -> Vec<&str> {
        manifest.unaudited.iter().map(String::as_str).collect()
    }

    #[test]
    fn pinned_lines_are_packages() {
        let manifest = requirements(
            "# tools\nDjango_Thing[a, b] == 4.2.1  # why\nrequests==2.31.0 ; python_version < '3.12'\n\
             flask==3.0.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\nold===1.0\n\
             --index-url https://index.invalid/simple\nflask==3.0.0\nparen (==1.0)\ntabbed==1.0\t--hash=sha256:00\r\n",
        );
        assert_eq!(
            pairs(&manifest),
            [
                ("django-thing", "4.2.1"),
                ("flask", "3.0.0"),
                ("old", "1.0"),
                ("paren", "1.0"),
                ("requests", "2.31.0"),
                ("tabbed", "1.0")
            ]
        );
        assert!(manifest.unaudited.is_empty(), "{manifest:?}");
    }

    #[test]
    fn version_that_is_none_is_unaudited_and_the_others_count() {
        for odd in [
            "foo==1.0-custom-x",
            "pytz==2004d",
            "foo==1.0.x",
            "foo-==1.0",
            "foo==1.0+",
            "foo==1..0",
        ] {
            let manifest = requirements(&format!("flask==0.5\n{odd}\nold==1.0\n"));
            assert_eq!(
                pairs(&manifest),
                [("flask", "0.5"), ("old", "1.0")],
                "{odd}"
            );
            assert_eq!(unaudited(&manifest), [odd]);
        }
        for version in [
            "1.0",
            "1!2.0.post1",
            "1.0rc1",
            "1.0.dev3",
            "2.0+cu118",
            "1.0-1",
            "v1.0",
            "2023.3",
        ] {
            assert!(is_version(version), "{version}");
        }
    }

    #[test]
    fn files_that_bring_more_are_named() {
        let text = "-r base.txt\n--requirement=../x.txt\n-rshort.txt\n-c constraints.txt\n--constraint 'a b.txt'\n\
                    --require-hashes\n--pre\n-r\n";
        let includes: Vec<String> = requirements(text).includes.into_iter().collect();
        assert_eq!(
            includes,
            [
                "../x.txt",
                "a b.txt",
                "base.txt",
                "constraints.txt",
                "short.txt"
            ]
        );
    }

    #[test]
    fn whatever_leaves_the_version_open_is_unaudited() {
        let text = "flask\nflask>=1\nflask==1.*\nflask==1.0,<2\n-e .\n\
                    thing @ https://files.invalid/thing.zip\ngit+https://forge.invalid/a#egg=b==1.0\n==1\nx==y";
        let manifest = requirements(text);
        assert!(manifest.packages.is_empty(), "{manifest:?}");
        assert_eq!(unaudited(&manifest).len(), 9);
    }

    #[test]
    fn credentials_of_an_address_are_not_kept() {
        let manifest =
            requirements("a @ https://ann:tok3n@files.invalid/a.zip\nb @ https://x.invalid/b@1");
        assert_eq!(
            unaudited(&manifest),
            [
                "a @ https://****@files.invalid/a.zip",
                "b @ https://x.invalid/b@1"
            ]
        );
    }
}
