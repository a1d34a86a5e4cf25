//! Which packages do `Cargo.lock` and a version catalogue of Gradle hold?

use toml::{Table, Value};

use super::{JVM, Manifest, RUST, jvm};

/// The whole of a text.
///
/// # Errors
/// What is wrong with it, with its line.
pub(super) fn table(text: &str) -> Result<Table, String> {
    text.parse::<Table>().map_err(|error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.as_bytes()[..at]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            + 1;
        format!("line {line}: {}", error.message())
    })
}

/// The tables of the list `name`; an entry that is no table is left to the caller as an empty one.
pub(super) fn tables<'a>(table: &'a Table, name: &str) -> impl Iterator<Item = Option<&'a Table>> {
    let list = table.get(name).and_then(Value::as_array);
    list.into_iter().flatten().map(Value::as_table)
}

/// A text of a table; nothing for a value of any other type.
pub(super) fn text<'a>(table: &'a Table, key: &str) -> &'a str {
    table.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Reads `Cargo.lock`.
pub(super) fn cargo(text_of_file: &str) -> Result<Manifest, String> {
    let lock = table(text_of_file)?;
    let mut manifest = Manifest::default();
    let (mut is_any, mut is_sound) = (false, false);
    for locked in tables(&lock, "package") {
        is_any = true;
        let Some(locked) = locked else {
            manifest.skip("an entry that is no package");
            continue;
        };
        let (name, version) = (text(locked, "name"), text(locked, "version"));
        is_sound |= !name.is_empty() && !version.is_empty();
        if name.is_empty() || version.is_empty() {
            manifest.skip(if name.is_empty() {
                "a package without a name"
            } else {
                name
            });
            continue;
        }
        match locked
            .get("source")
            .map(|source| source.as_str().unwrap_or_default())
        {
            // A member of the workspace or a folder: the project's own code.
            None => {}
            Some(source) if source.starts_with("registry+") || source.starts_with("sparse+") => {
                manifest.add(RUST, name, version);
            }
            Some(_) => manifest.skip(name),
        }
    }
    match is_any && !is_sound {
        true => Err("no package of it has a name and a version".to_owned()),
        false => Ok(manifest),
    }
}

/// Reads a version catalogue, such as `gradle/libs.versions.toml`.
pub(super) fn catalogue(text_of_file: &str) -> Result<Manifest, String> {
    let file = table(text_of_file)?;
    let versions = file.get("versions").and_then(Value::as_table);
    let mut manifest = Manifest::default();
    let libraries = file.get("libraries").and_then(Value::as_table);
    for (alias, library) in libraries.into_iter().flatten() {
        let (name, version) = library_of(library, versions);
        match version.filter(|version| jvm::is_version(version)) {
            Some(version) if name.contains(':') => manifest.add(JVM, &name, &version),
            Some(_) | None => manifest.skip(alias),
        }
    }
    Ok(manifest)
}

/// Name and version of `"group:name:version"` or of a table.
fn library_of(library: &Value, versions: Option<&Table>) -> (String, Option<String>) {
    let table = match library {
        Value::String(text) => {
            return match text.rsplit_once(':') {
                Some((name, version)) => (name.to_owned(), Some(version.to_owned())),
                None => (String::new(), None),
            };
        }
        Value::Table(table) => table,
        _ => return (String::new(), None),
    };
    let name = match text(table, "module") {
        "" => format!("{}:{}", text(table, "group"), text(table, "name")),
        module => module.to_owned(),
    };
    let version = match table.get("version") {
        Some(Value::String(version)) => Some(version.clone()),
        Some(Value::Table(version)) => versions
            .and_then(|versions| versions.get(text(version, "ref")))
            .and_then(Value::as_str)
            .map(str::to_owned),
        _ => None,
    };
    (name, version)
}

#[cfg(test)]
mod tests {
    use super::super::pairs;
    use super::*;

    #[test]
    fn cargo_lock_gives_registry_packages_only() {
        let manifest = cargo(
            "version = 4\n\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\ndependencies = [\n \"a\",\n]\n\n\
             [[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry+https://registry.invalid/index\"\n\
             checksum = \"00\"\n\n[[package]]\nname = \"a\"\nversion = \"2.0.0\"\n\
             source = \"sparse+https://registry.invalid/\"\n\n\
             [[package]]\nname = \"g\"\nversion = \"1.0.0\"\nsource = \"git+https://forge.invalid/g#00\"\n",
        )
        .unwrap();
        assert_eq!(pairs(&manifest), [("a", "1.0.0"), ("a", "2.0.0")]);
        assert!(manifest.unaudited.contains("g"));
    }

    #[test]
    fn package_without_a_version_leaves_the_others_audited() {
        let manifest = cargo(
            "[[package]]\nname = \"b\"\n[[package]]\nversion = 3\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\
             source = \"registry+https://registry.invalid/index\"\nchecksum = 7\n",
        )
        .unwrap();
        assert_eq!(pairs(&manifest), [("a", "1.0.0")]);
        assert_eq!(manifest.unaudited.len(), 2);
    }

    #[test]
    fn broken_lock_is_refused_with_its_line() {
        let error = cargo("version = 4\n[[package]]\nname = \"a\n").unwrap_err();
        assert!(error.starts_with("line 3: "), "{error}");
    }

    #[test]
    fn catalogue_is_read_with_its_references() {
        let text = "[versions]\nlog4j = \"2.14.1\"\n[libraries]\na = \"org.a:b:1.0\"\n\
                    c = { module = \"org.c:d\", version.ref = \"log4j\" }\n\
                    e = { group = \"org.e\", name = \"f\", version = \"3.0\" }\n\
                    g = { module = \"org.g:h\", version = { strictly = \"[1,2[\" } }\n";
        let manifest = catalogue(text).unwrap();
        assert_eq!(
            pairs(&manifest),
            [
                ("org.a:b", "1.0"),
                ("org.c:d", "2.14.1"),
                ("org.e:f", "3.0")
            ]
        );
        assert_eq!(manifest.unaudited.len(), 1);
    }
}
