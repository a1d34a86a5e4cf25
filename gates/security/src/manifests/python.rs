//! Which packages do a requirements file and a Python project pin?

use super::toml_text::{Entry, entries};
use super::{Manifest, PYTHON};

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

fn requirement_line(manifest: &mut Manifest, line: &str) {
    if line.is_empty() {
        return;
    }
    // What another file or a folder brings along is not seen here; other options name no package.
    let brings_more = ["-r", "--requirement", "-e", "--editable"];
    if line.starts_with('-') && !brings_more.iter().any(|option| line.starts_with(option)) {
        return;
    }
    // Options of one requirement, such as `--hash=…`, follow it.
    requirement(manifest, line.split(" --").next().unwrap_or(line));
}

/// Reads the dependencies of `[project]`, the optional ones included.
pub(super) fn pyproject(text: &str) -> Result<Manifest, String> {
    let mut manifest = Manifest::default();
    for Entry { path, strings, .. } in entries(text)? {
        let is_inline = path == "project" || path == "project.optional-dependencies";
        if is_inline && !strings.is_empty() {
            return Err(format!(
                "`{path}` is written as one inline table; write it as the table `[{path}]`"
            ));
        }
        if path == "project.dependencies" || path.starts_with("project.optional-dependencies.") {
            for entry in &strings {
                requirement(&mut manifest, entry);
            }
        }
    }
    Ok(manifest)
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
    let is_name =
        name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_word);
    // A wildcard or a second condition leaves the version open.
    let is_version = version.starts_with(|c: char| c.is_ascii_digit())
        && version
            .chars()
            .all(|c| is_word(c) || matches!(c, '+' | '!'));
    (is_name && is_version).then(|| (normalised(name), version.to_owned()))
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
             --index-url https://index.invalid/simple\nflask==3.0.0",
        );
        assert_eq!(
            pairs(&manifest),
            [
                ("django-thing", "4.2.1"),
                ("flask", "3.0.0"),
                ("old", "1.0"),
                ("requests", "2.31.0")
            ]
        );
        assert!(manifest.unaudited.is_empty(), "{manifest:?}");
    }

    #[test]
    fn whatever_leaves_the_version_open_is_unaudited() {
        let text = "flask\nflask>=1\nflask==1.*\nflask==1.0,<2\n-r base.txt\n-e .\n\
                    thing @ https://files.invalid/thing.zip\ngit+https://forge.invalid/a#egg=b==1.0\n==1\nx==y";
        let manifest = requirements(text);
        assert!(manifest.packages.is_empty(), "{manifest:?}");
        assert_eq!(unaudited(&manifest).len(), 10);
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

    #[test]
    fn project_tables_are_read_and_other_tables_are_not() {
        let manifest = pyproject(
            "[build-system]\nrequires = ['wheel==1.0']\n[project]\nname = 'shop'\n\
             dependencies = [\n  \"requests==2.31.0\", # pinned\n  'flask>=2',\n]\n\
             [project.optional-dependencies]\ntest = ['pytest==8.0.0']\n",
        )
        .unwrap();
        assert_eq!(
            pairs(&manifest),
            [("pytest", "8.0.0"), ("requests", "2.31.0")]
        );
        assert_eq!(unaudited(&manifest), ["flask>=2"]);
    }

    #[test]
    fn project_that_hides_its_list_is_refused() {
        assert!(pyproject("project = { dependencies = ['a==1'] }").is_err());
        assert!(pyproject("[project]\ndependencies = [\n'a==1'\n").is_err());
        let split = pyproject("project.dependencies = ['a==1']").unwrap();
        assert_eq!(pairs(&split), [("a", "1")]);
    }
}
