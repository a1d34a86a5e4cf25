//! Which packages does a Maven project name?

use std::collections::BTreeMap;

use super::xml::{self, Element};
use super::{JVM, Manifest};

/// Most times that a property may name another one.
const PROPERTIES_DEEP: usize = 8;

/// Reads `pom.xml`: dependencies, those that it manages, and plugins, with the properties of the file itself.
pub(super) fn pom(text: &str) -> Result<Manifest, String> {
    let mut properties: BTreeMap<String, String> = BTreeMap::new();
    let mut named: Vec<(String, String, Option<String>)> = Vec::new();
    xml::each(text, |element: &Element| {
        let parent = element.path.iter().rev().nth(1).map_or("", String::as_str);
        let text = element.text.trim().to_owned();
        match (parent, element.name()) {
            ("properties", name) => {
                properties.insert(name.to_owned(), text);
            }
            ("project", "version") => {
                properties.insert("project.version".to_owned(), text);
            }
            ("dependencies", "dependency") | ("project", "parent") => {
                let owned = |name: &str| element.value(name).unwrap_or_default().to_owned();
                let version = element.value("version").map(str::to_owned);
                named.push((owned("groupId"), owned("artifactId"), version));
            }
            _ => {}
        }
    })?;
    let mut manifest = Manifest::default();
    for (group, artifact, version) in named {
        let name = format!(
            "{}:{}",
            resolved(&group, &properties),
            resolved(&artifact, &properties)
        );
        let version = version.map(|version| resolved(&version, &properties));
        let is_own = group == "${project.groupId}" || group == "${pom.groupId}";
        match version {
            Some(version) if is_version(&version) => manifest.add(JVM, &name, &version),
            _ if is_own => {}
            Some(version) => manifest.skip(&format!("{name}:{version}")),
            // A parent or an imported list says which.
            None => manifest.skip(&name),
        }
    }
    Ok(manifest)
}

fn resolved(text: &str, properties: &BTreeMap<String, String>) -> String {
    let mut text = text.trim().to_owned();
    for _ in 0..PROPERTIES_DEEP {
        let inner = text.find("${").and_then(|from| {
            let to = text[from..].find('}')? + from;
            Some((from, to))
        });
        let Some((from, to)) = inner else {
            break;
        };
        let Some(value) = properties.get(&text[from + 2..to]) else {
            break;
        };
        text.replace_range(from..=to, value);
    }
    text
}

pub(super) fn is_version(version: &str) -> bool {
    version.starts_with(|c: char| c.is_ascii_alphanumeric())
        && version.contains(|c: char| c.is_ascii_digit())
        && version
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'))
        && version != "LATEST"
        && version != "RELEASE"
}

#[cfg(test)]
mod tests {
    use super::super::pairs;
    use super::*;

    #[test]
    fn pom_is_read_with_its_own_properties() {
        let text = "<?xml version='1.0'?><project xmlns='x'><parent><groupId>org.boot</groupId>\
            <artifactId>parent</artifactId><version>2.0.0</version></parent><version>9.9</version>\
            <properties><log4j>2.14.1</log4j><again>${log4j}</again><self>${self}</self></properties>\
            <dependencyManagement><dependencies><dependency><groupId>g</groupId><artifactId>m</artifactId>\
            <version>1.0</version></dependency></dependencies></dependencyManagement><dependencies>\
            <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId>\
            <version>${again}</version></dependency>\
            <dependency><groupId>g</groupId><artifactId>managed</artifactId></dependency>\
            <dependency><groupId>g</groupId><artifactId>range</artifactId><version>[1,2)</version></dependency>\
            <dependency><groupId>g</groupId><artifactId>loop</artifactId><version>${self}</version></dependency>\
            </dependencies></project>";
        let manifest = pom(text).unwrap();
        assert_eq!(
            pairs(&manifest),
            [
                ("g:m", "1.0"),
                ("org.apache.logging.log4j:log4j-core", "2.14.1"),
                ("org.boot:parent", "2.0.0")
            ]
        );
        assert_eq!(manifest.unaudited.len(), 3);
        assert!(pom("<project>").is_err());
    }
}
