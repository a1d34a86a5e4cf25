//! Which packages do the project files of .NET name?

use super::xml::{self, Element};
use super::{DOTNET, Manifest};

/// Reads a project, a `packages.config` or a file of central versions.
pub(super) fn project(text: &str) -> Result<Manifest, String> {
    let mut manifest = Manifest::default();
    let mut named: Vec<(String, Option<String>)> = Vec::new();
    let mut central = false;
    xml::each(text, |element: &Element| {
        let owned = |name: &str| element.value(name).map(str::to_owned);
        let name = match element.name() {
            "PackageReference" | "PackageVersion" | "GlobalPackageReference" => {
                owned("Include").or_else(|| owned("Update"))
            }
            "package" => owned("id"),
            "ManagePackageVersionsCentrally" => {
                central |= element.text.trim().eq_ignore_ascii_case("true");
                None
            }
            _ => None,
        };
        if let Some(name) = name {
            named.push((name, owned("Version").or_else(|| owned("VersionOverride"))));
        }
    })?;
    for (name, version) in named {
        match version.as_deref().map(exact) {
            Some(Some(version)) => manifest.add(DOTNET, &name, version),
            Some(None) => {
                let version = version.unwrap_or_default();
                manifest.skip(&format!("{name} {version}"));
            }
            // The file of central versions, or a property of another file, says it.
            None => manifest.skip(&name),
        }
    }
    Ok(manifest)
}

/// The version that is taken: `1.0.0` is the least one and the one that is taken if there is it, `[1.0.0]` exactly it.
fn exact(version: &str) -> Option<&str> {
    let plain = version.strip_prefix('[').and_then(|v| v.strip_suffix(']'));
    let plain = plain.unwrap_or(version).trim();
    let is_version = plain.starts_with(|c: char| c.is_ascii_digit())
        && plain
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'));
    is_version.then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::super::pairs;
    use super::*;

    #[test]
    fn projects_name_packages_by_attribute_and_by_element() {
        let text = "<Project Sdk=\"Microsoft.NET.Sdk\"><ItemGroup>\
            <PackageReference Include=\"Newtonsoft.Json\" Version=\"9.0.1\" />\
            <PackageReference Include=\"Serilog\"><Version>[2.0.0]</Version></PackageReference>\
            <PackageReference Include=\"Open\" Version=\"1.*\"/><PackageReference Include=\"Central\"/>\
            <PackageReference Include=\"Prop\" Version=\"$(V)\"/></ItemGroup></Project>";
        let manifest = project(text).unwrap();
        assert_eq!(
            pairs(&manifest),
            [("Newtonsoft.Json", "9.0.1"), ("Serilog", "2.0.0")]
        );
        assert_eq!(manifest.unaudited.len(), 3);
        let config = "<?xml version=\"1.0\"?>\n<packages><package id=\"jQuery\" version=\"1.7.1\"/></packages>";
        assert_eq!(pairs(&project(config).unwrap()), [("jQuery", "1.7.1")]);
        let central = "<Project><ItemGroup><PackageVersion Include=\"A\" Version=\"1.0\"/></ItemGroup></Project>";
        assert_eq!(pairs(&project(central).unwrap()), [("A", "1.0")]);
        assert!(project("<Project>").is_err() && project("x").is_err());
    }
}
