//! How is JSON read in which one entry may be anything?
//!
//! A value of an unexpected type is taken as missing, and an entry that is no object is unaudited: what one package
//! says of itself never spoils what the others say.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{DOTNET, Manifest, PHP};

/// A text; none for a value of any other type.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Text(pub(super) Option<String>);

impl Text {
    pub(super) fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(raw.get()).ok()))
    }
}

/// Entries by their names, each read for itself.
pub(super) type Entries = BTreeMap<String, Box<RawValue>>;

/// One entry; none if it is not what an entry has to be.
pub(super) fn entry<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// The whole of a text.
///
/// # Errors
/// What is wrong with it.
pub(super) fn whole<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Reads `composer.lock`.
pub(super) fn composer(text: &str) -> Result<Manifest, String> {
    #[derive(Deserialize)]
    struct Lock {
        packages: Option<Vec<Box<RawValue>>>,
        #[serde(rename = "packages-dev")]
        dev: Option<Vec<Box<RawValue>>>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Locked {
        name: Text,
        version: Text,
    }
    let lock: Lock = whole(text)?;
    if lock.packages.is_none() && lock.dev.is_none() {
        return Err("it holds neither `packages` nor `packages-dev`".to_owned());
    }
    let mut manifest = Manifest::default();
    let lists = [lock.packages, lock.dev];
    for raw in lists.into_iter().flatten().flatten() {
        let locked: Locked = entry(&raw).unwrap_or_default();
        let version = locked.version.as_str();
        let version = version.strip_prefix(['v', 'V']).unwrap_or(version);
        match locked.name.as_str() {
            "" => manifest.skip("an entry without a name"),
            name if version.starts_with(|c: char| c.is_ascii_digit()) => {
                manifest.add(PHP, &name.to_ascii_lowercase(), version);
            }
            name => manifest.skip(name),
        }
    }
    Ok(manifest)
}

/// Reads `packages.lock.json` of NuGet.
pub(super) fn nuget(text: &str) -> Result<Manifest, String> {
    #[derive(Deserialize)]
    struct Lock {
        dependencies: Entries,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Locked {
        r#type: Text,
        resolved: Text,
    }
    let lock: Lock = whole(text)?;
    let mut manifest = Manifest::default();
    for (framework, raw) in &lock.dependencies {
        let Some(packages) = entry::<Entries>(raw) else {
            manifest.skip(framework);
            continue;
        };
        for (name, raw) in &packages {
            let locked: Locked = entry(raw).unwrap_or_default();
            match (locked.r#type.as_str(), locked.resolved.as_str()) {
                // The solution's own projects.
                ("Project", _) => {}
                (_, "") => manifest.skip(name),
                (_, version) => manifest.add(DOTNET, name, version),
            }
        }
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::super::pairs;
    use super::*;

    #[test]
    fn composer_lock_gives_released_versions_and_names_the_rest() {
        let text = r#"{"packages":[{"name":"Symfony/http-kernel","version":"v5.4.1","extra":false},
            {"name":"own/lib","version":"dev-main"},{"name":"odd/one","version":7},4],
            "packages-dev":[{"name":"phpunit/phpunit","version":"9.0.0"}]}"#;
        let manifest = composer(text).unwrap();
        assert_eq!(
            pairs(&manifest),
            [
                ("phpunit/phpunit", "9.0.0"),
                ("symfony/http-kernel", "5.4.1")
            ]
        );
        assert_eq!(manifest.unaudited.len(), 3);
        assert!(composer("{}").is_err() && composer("[").is_err());
    }

    #[test]
    fn nuget_lock_is_read_for_every_framework() {
        let text = r#"{"version":1,"dependencies":{"net8.0":{
            "Newtonsoft.Json":{"type":"Direct","requested":"[9.0.1, )","resolved":"9.0.1"},
            "shop":{"type":"Project"},"Odd":{"resolved":null}},"net6.0":[]}}"#;
        let manifest = nuget(text).unwrap();
        assert_eq!(pairs(&manifest), [("Newtonsoft.Json", "9.0.1")]);
        assert_eq!(manifest.unaudited.len(), 2);
    }
}
