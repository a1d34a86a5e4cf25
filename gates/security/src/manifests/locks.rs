//! Which packages does a lock file of npm or of Cargo hold?

use std::collections::BTreeMap;

use serde::Deserialize;

use super::toml_text::entries;
use super::{JAVASCRIPT, Manifest, RUST};

/// `package-lock.json`: version 1 has `dependencies`, versions 2 and 3 have `packages`.
#[derive(Debug, Deserialize)]
struct PackageLock {
    #[serde(rename = "lockfileVersion")]
    version: Option<u64>,
    packages: Option<BTreeMap<String, Locked>>,
    dependencies: Option<BTreeMap<String, Locked>>,
}

/// One locked package of either form.
#[derive(Debug, Deserialize)]
struct Locked {
    name: Option<String>,
    version: Option<String>,
    resolved: Option<String>,
    #[serde(default)]
    link: bool,
    #[serde(default, deserialize_with = "nested")]
    dependencies: BTreeMap<String, Locked>,
}

/// Packages nested in a package of version 1; in later versions the key holds mere ranges.
fn nested<'de, D>(deserializer: D) -> Result<BTreeMap<String, Locked>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Dependency {
        Locked(Box<Locked>),
        // A string and nothing else, so that a malformed package is refused rather than passed over.
        Range(#[expect(dead_code, reason = "ranges are not versions")] String),
    }
    let found = BTreeMap::<String, Dependency>::deserialize(deserializer)?;
    let locked = found.into_iter().filter_map(|(name, one)| match one {
        Dependency::Locked(locked) => Some((name, *locked)),
        Dependency::Range(_) => None,
    });
    Ok(locked.collect())
}

/// Reads `package-lock.json`.
pub(super) fn package_lock(text: &str) -> Result<Manifest, String> {
    let lock: PackageLock = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut manifest = Manifest::default();
    match (lock.packages, lock.dependencies, lock.version) {
        (Some(packages), _, _) => {
            for (key, locked) in &packages {
                // Keys outside of `node_modules` are the project itself and its workspace members.
                let Some((_, folder)) = key.rsplit_once("node_modules/") else {
                    continue;
                };
                if !locked.link {
                    locked_package(&mut manifest, folder, locked);
                }
            }
        }
        (None, Some(dependencies), _) => tree(&mut manifest, &dependencies),
        (None, None, Some(_)) => {}
        (None, None, None) => {
            return Err("it holds neither `packages` nor `dependencies`".to_owned());
        }
    }
    Ok(manifest)
}

/// The depth is bounded by the parser's own bound.
fn tree(manifest: &mut Manifest, dependencies: &BTreeMap<String, Locked>) {
    for (name, locked) in dependencies {
        locked_package(manifest, name, locked);
        tree(manifest, &locked.dependencies);
    }
}

fn locked_package(manifest: &mut Manifest, key: &str, locked: &Locked) {
    let name = locked.name.as_deref().unwrap_or(key);
    let version = locked.version.as_deref().unwrap_or_default();
    // A package under another name is written `npm:name@version` in version 1.
    let alias = version.strip_prefix("npm:");
    let (name, version) = match alias.and_then(|alias| alias.rsplit_once('@')) {
        Some(named) => named,
        None => (name, version),
    };
    let source = locked.resolved.as_deref().unwrap_or_default();
    let elsewhere = ["git", "file:"].iter().any(|p| source.starts_with(p));
    if elsewhere || name.is_empty() || version.is_empty() || version.contains([':', '/']) {
        manifest.skip(name);
    } else {
        manifest.add(JAVASCRIPT, name, version);
    }
}

/// Reads `Cargo.lock`.
pub(super) fn cargo_lock(text: &str) -> Result<Manifest, String> {
    #[derive(Default)]
    struct Locked {
        name: Option<String>,
        version: Option<String>,
        source: Option<String>,
    }
    let mut sections: BTreeMap<usize, Locked> = BTreeMap::new();
    for entry in entries(text)? {
        let Some(key) = entry.path.strip_prefix("package.") else {
            continue;
        };
        let locked = sections.entry(entry.section).or_default();
        let value = entry.strings.into_iter().next();
        match key {
            "name" => locked.name = value,
            "version" => locked.version = value,
            "source" => locked.source = value,
            _ => {}
        }
    }
    let mut manifest = Manifest::default();
    for locked in sections.into_values() {
        let (Some(name), Some(version)) = (locked.name, locked.version) else {
            return Err("a package has no name or no version".to_owned());
        };
        match locked.source.as_deref() {
            // A member of the workspace or a folder: the project's own code.
            None => {}
            Some(source) if source.starts_with("registry+") || source.starts_with("sparse+") => {
                manifest.add(RUST, &name, &version);
            }
            Some(_) => manifest.skip(&name),
        }
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::super::pairs;
    use super::*;

    #[test]
    fn package_lock_of_version_1_is_read_with_its_nested_packages() {
        let manifest = package_lock(
            r#"{"name":"shop","lockfileVersion":1,"dependencies":{
                "a":{"version":"1.0.0","requires":{"b":"^2"},"dependencies":{"b":{"version":"2.0.0"}}},
                "b":{"version":"3.0.0"},
                "c":{"version":"npm:@scope/real@4.0.0"},
                "d":{"version":"git+ssh://git@forge.invalid/d.git#00"},
                "e":{"version":"file:../e"}}}"#,
        )
        .unwrap();
        assert_eq!(
            pairs(&manifest),
            [
                ("@scope/real", "4.0.0"),
                ("a", "1.0.0"),
                ("b", "2.0.0"),
                ("b", "3.0.0")
            ]
        );
        assert_eq!(manifest.unaudited.len(), 2);
    }

    #[test]
    fn package_lock_of_version_3_is_read_by_its_folders() {
        let manifest = package_lock(
            r#"{"name":"shop","lockfileVersion":3,"packages":{
                "":{"name":"shop","version":"9.9.9","dependencies":{"a":"^1"}},
                "packages/own":{"name":"own","version":"0.1.0"},
                "node_modules/own":{"resolved":"packages/own","link":true},
                "node_modules/a":{"version":"1.0.0","resolved":"https://registry.invalid/a.tgz","dependencies":{"b":"^2"}},
                "node_modules/a/node_modules/@s/b":{"version":"2.0.0"},
                "node_modules/alias":{"name":"real","version":"3.0.0"},
                "node_modules/d":{"version":"1.0.0","resolved":"git+ssh://git@forge.invalid/d.git#00"}}}"#,
        )
        .unwrap();
        assert_eq!(
            pairs(&manifest),
            [("@s/b", "2.0.0"), ("a", "1.0.0"), ("real", "3.0.0")]
        );
        assert!(manifest.unaudited.contains("d"));
    }

    #[test]
    fn broken_package_lock_is_refused() {
        for text in ["", "{", "[]", "{}", r#"{"packages":[]}"#] {
            assert!(package_lock(text).is_err(), "{text}");
        }
        assert!(package_lock(r#"{"lockfileVersion":1}"#).is_ok());
    }

    #[test]
    fn cargo_lock_gives_registry_packages_only() {
        let manifest = cargo_lock(
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
    fn broken_cargo_lock_is_refused() {
        assert!(cargo_lock("[[package]]\nname = \"a\"\n").is_err());
        assert!(cargo_lock("[[package]]\nname = \"a\nversion = \"1\"\n").is_err());
    }
}
