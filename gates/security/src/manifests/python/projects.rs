//! Which packages do the project files of Python pin: `pyproject.toml`, `Pipfile` and `setup.cfg`?

use toml::{Table, Value};

use super::super::toml_locks::table;
use super::super::{Manifest, PYTHON};
use super::{is_version, normalised, requirement, requirements};

/// Lists of requirements, and tables of such lists, by where they stand in `pyproject.toml`.
const LISTS: [&[&str]; 6] = [
    &["project", "dependencies"],
    &["build-system", "requires"],
    &["tool", "flit", "metadata", "requires"],
    &["tool", "uv", "dev-dependencies"],
    &["tool", "uv", "constraint-dependencies"],
    &["tool", "uv", "override-dependencies"],
];
const TABLES_OF_LISTS: [&[&str]; 4] = [
    &["project", "optional-dependencies"],
    &["dependency-groups"],
    &["tool", "pdm", "dev-dependencies"],
    &["tool", "flit", "metadata", "requires-extra"],
];

/// Reads `pyproject.toml`: the project's dependencies, its groups, and what Poetry, PDM, uv, Hatch and setuptools say
/// in tables of their own.
pub(in super::super) fn pyproject(text: &str) -> Result<Manifest, String> {
    let whole = table(text)?;
    let mut manifest = Manifest::default();
    for path in LISTS {
        list(&mut manifest, at(&whole, path), &path.join("."));
    }
    for path in TABLES_OF_LISTS {
        for (name, group) in entries(at(&whole, path)) {
            list(
                &mut manifest,
                Some(group),
                &format!("{}.{name}", path.join(".")),
            );
        }
    }
    for (name, environment) in entries(at(&whole, &["tool", "hatch", "envs"])) {
        for key in ["dependencies", "extra-dependencies"] {
            let of_it = environment.get(key);
            list(
                &mut manifest,
                of_it,
                &format!("tool.hatch.envs.{name}.{key}"),
            );
        }
    }
    poetry(&mut manifest, &whole);
    dynamic(&mut manifest, &whole);
    Ok(manifest)
}

/// The value at a path of keys.
fn at<'a>(whole: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let first = whole.get(*first)?;
    rest.iter().try_fold(first, |value, key| value.get(*key))
}

fn entries(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_table).into_iter().flatten()
}

/// A list of requirements. A group that includes another names it; what is neither is unaudited.
fn list(manifest: &mut Manifest, value: Option<&Value>, what: &str) {
    let Some(value) = value else {
        return;
    };
    let Some(items) = value.as_array() else {
        manifest.skip(&format!("`{what}`, which is no list"));
        return;
    };
    for item in items {
        match item {
            Value::String(entry) => requirement(manifest, entry),
            Value::Table(group) if group.contains_key("include-group") => {}
            _ => manifest.skip(&format!("an entry of `{what}`")),
        }
    }
}

/// `[tool.poetry]` with its dependencies and groups: a bare version is exactly it, anything else a range.
fn poetry(manifest: &mut Manifest, whole: &Table) {
    let mut lists = vec![
        at(whole, &["tool", "poetry", "dependencies"]),
        at(whole, &["tool", "poetry", "dev-dependencies"]),
    ];
    for (_, group) in entries(at(whole, &["tool", "poetry", "group"])) {
        lists.push(group.get("dependencies"));
    }
    for (name, wanted) in lists.into_iter().flat_map(entries) {
        if name != "python" {
            wanted_version(manifest, name, wanted);
        }
    }
}

/// One entry such as `flask = "0.5"` or `flask = { version = "0.5", extras = […] }`.
fn wanted_version(manifest: &mut Manifest, name: &str, wanted: &Value) {
    if let Value::Array(several) = wanted {
        for wanted in several {
            wanted_version(manifest, name, wanted);
        }
        return;
    }
    let elsewhere = ["git", "path", "url", "file"];
    if elsewhere.iter().any(|key| wanted.get(key).is_some()) {
        manifest.skip(name);
        return;
    }
    let version = wanted.get("version").unwrap_or(wanted).as_str();
    let version = version.unwrap_or_default().trim();
    let exact = version.trim_start_matches('=').trim();
    match is_version(exact) {
        true => manifest.add(PYTHON, &normalised(name), exact),
        false => manifest.skip(format!("{name} {version}").trim_end()),
    }
}

/// What the build works out: files that setuptools reads are followed, the rest is named.
fn dynamic(manifest: &mut Manifest, whole: &Table) {
    let listed = at(whole, &["project", "dynamic"]).and_then(Value::as_array);
    let named = listed.into_iter().flatten().filter_map(Value::as_str);
    for key in named.filter(|key| matches!(*key, "dependencies" | "optional-dependencies")) {
        let known = at(whole, &["tool", "setuptools", "dynamic", key]);
        let mut files = Vec::new();
        match known {
            Some(one) if key == "dependencies" => files.extend(one.get("file")),
            some => files.extend(entries(some).filter_map(|(_, group)| group.get("file"))),
        }
        let before = manifest.includes.len();
        for file in files {
            let paths = match file {
                Value::Array(several) => several.as_slice(),
                one => std::slice::from_ref(one),
            };
            let paths = paths.iter().filter_map(Value::as_str);
            manifest.includes.extend(paths.map(str::to_owned));
        }
        if manifest.includes.len() == before {
            manifest.skip(&format!("`{key}`, which the build works out"));
        }
    }
}

/// Reads `Pipfile`, for where there is no lock file.
pub(in super::super) fn pipfile(text: &str) -> Result<Manifest, String> {
    let whole = table(text)?;
    let mut manifest = Manifest::default();
    for (group, packages) in &whole {
        if matches!(group.as_str(), "source" | "requires" | "scripts" | "pipenv") {
            continue;
        }
        for (name, wanted) in entries(Some(packages)) {
            let version = wanted.get("version").unwrap_or(wanted).as_str();
            let version = version.unwrap_or_default();
            match version.strip_prefix("==").filter(|v| is_version(v)) {
                Some(version) => manifest.add(PYTHON, &normalised(name), version),
                None => manifest.skip(format!("{name} {version}").trim_end()),
            }
        }
    }
    Ok(manifest)
}

/// Reads the requirements of `setup.cfg`: `install_requires` and the like of `[options]`, and every key of
/// `[options.extras_require]`.
pub(in super::super) fn setup_cfg(text: &str) -> Manifest {
    let mut lists = String::new();
    let (mut section, mut is_open) = ("", false);
    for line in text.lines() {
        let plain = line.trim();
        if plain.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with('[') {
            section = plain.trim_matches(['[', ']']);
            is_open = false;
            continue;
        }
        let is_continued = line.starts_with([' ', '\t']);
        let entry = match (is_continued, line.split_once('=')) {
            (true, _) => plain,
            (false, Some((key, value))) => {
                let key = key.trim();
                is_open = match section {
                    "options" => matches!(key, "install_requires" | "tests_require"),
                    "options.extras_require" => true,
                    _ => false,
                };
                value.trim()
            }
            (false, None) => continue,
        };
        if is_open {
            let entry = match entry.strip_prefix("file:") {
                Some(file) => format!("-r {}", file.trim()),
                None => entry.to_owned(),
            };
            lists.push_str(&entry);
            lists.push('\n');
        }
    }
    requirements(&lists)
}

#[cfg(test)]
mod tests {
    use super::super::super::pairs;
    use super::*;

    fn unaudited(manifest: &Manifest) -> Vec<&str> {
        manifest.unaudited.iter().map(String::as_str).collect()
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
            [
                ("pytest", "8.0.0"),
                ("requests", "2.31.0"),
                ("wheel", "1.0")
            ]
        );
        assert_eq!(unaudited(&manifest), ["flask>=2"]);
    }

    #[test]
    fn project_is_read_however_its_tables_are_written_and_refused_where_they_are_broken() {
        for text in [
            "project = { dependencies = ['a==1'] }",
            "project.dependencies = ['a==1']",
            "[project]\ndependencies = [\n'a==1'\n]",
            "[project]\n\"dependencies\" = ['''a==1''']",
        ] {
            assert_eq!(pairs(&pyproject(text).unwrap()), [("a", "1")], "{text}");
        }
        let error = pyproject("[project]\ndependencies = [\n'a==1'\n").unwrap_err();
        assert!(error.starts_with("line "), "{error}");
    }

    #[test]
    fn every_list_of_the_world_is_read() {
        for text in [
            "[dependency-groups]\ndev = ['flask==0.5', {include-group = 'x'}]",
            "[tool.poetry.dependencies]\npython = '^3.9'\nflask = '0.5'",
            "[tool.poetry.group.dev.dependencies]\nFlask = {version = '==0.5', extras = ['a']}",
            "[tool.poetry.dev-dependencies]\nflask = [{version = '0.5', python = '<3'}]",
            "[tool.pdm.dev-dependencies]\ntest = ['flask==0.5']",
            "[tool.uv]\ndev-dependencies = ['flask==0.5']",
            "[tool.hatch.envs.default]\ndependencies = ['flask==0.5']",
        ] {
            let manifest = pyproject(text).unwrap();
            assert_eq!(pairs(&manifest), [("flask", "0.5")], "{text}");
            assert!(manifest.unaudited.is_empty(), "{manifest:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (text, named) in [
            (
                "[project]\ndynamic = ['version', 'dependencies']",
                "which the build works out",
            ),
            ("[project]\ndependencies = 'flask==0.5'", "which is no list"),
            ("[dependency-groups]\ndev = [7]", "an entry of"),
            ("[tool.poetry.dependencies]\nflask = '^0.5'", "flask ^0.5"),
            ("[tool.poetry.dependencies]\nflask = {git = 'x'}", "flask"),
        ] {
            let manifest = pyproject(text).unwrap();
            assert!(manifest.packages.is_empty());
            let unaudited = unaudited(&manifest);
            assert!(
                unaudited.len() == 1 && unaudited[0].contains(named),
                "{unaudited:?}"
            );
        }
    }

    #[test]
    fn files_that_setuptools_reads_are_followed() {
        let text = "[project]\ndynamic = ['dependencies', 'optional-dependencies']\n[tool.setuptools.dynamic]\n\
                    dependencies = {file = ['requirements/base.in', 'x.txt']}\n\
                    optional-dependencies.dev = {file = 'dev.txt'}\n";
        let manifest = pyproject(text).unwrap();
        let includes: Vec<&str> = manifest.includes.iter().map(String::as_str).collect();
        assert_eq!(includes, ["dev.txt", "requirements/base.in", "x.txt"]);
        assert!(manifest.unaudited.is_empty());
    }

    #[test]
    fn pipfile_and_setup_cfg_are_read() {
        let text = "[packages]\nflask = '==0.5'\nb = '*'\n[dev-packages]\nc = {version = '==1.0'}\n[requires]\npython_version = '3'\n";
        let manifest = pipfile(text).unwrap();
        assert_eq!(pairs(&manifest), [("c", "1.0"), ("flask", "0.5")]);
        assert_eq!(unaudited(&manifest), ["b *"]);
        let text = "[metadata]\nname = x==1\n[options]\ninstall_requires =\n    flask==0.5\n    # no\n    b>=1\n\
                    packages = find:\n[options.extras_require]\ndev = jinja2==2.4.1; python_version > '3'\n";
        let manifest = setup_cfg(text);
        assert_eq!(pairs(&manifest), [("flask", "0.5"), ("jinja2", "2.4.1")]);
        assert_eq!(unaudited(&manifest), ["b>=1"]);
    }
}
