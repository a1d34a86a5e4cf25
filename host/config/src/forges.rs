//! Which forges there are beside this machine, and which repository lies where.

use std::fmt;
use std::path::PathBuf;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::webhooks::SecretFrom;

/// What a forge speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForgeKind {
    /// Gitea or Forgejo.
    #[default]
    Gitea,
}

/// A server with repositories.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ForgeConfig {
    /// What it speaks.
    #[serde(default)]
    pub kind: ForgeKind,
    /// Its address, with the path below which it lies if there is one.
    pub url: String,
    /// The token of the host's own user there.
    pub token: SecretFrom,
    /// Certificates of its authority, in PEM, beside those that the machine trusts.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// How git reaches it if not by HTTP; the API is asked by `url` all the same.
    #[serde(default)]
    pub ssh: Option<SshConfig>,
}

/// How git reaches a server by ssh.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SshConfig {
    /// Its address for ssh, such as `ssh://git@git.example.org:22`.
    pub url: String,
    /// The private key of the host's own user there.
    pub key: PathBuf,
    /// The keys by which the server is known, as ssh writes them down; no other is taken.
    pub known_hosts: PathBuf,
}

/// How a tested commit gets onto the base.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LandBy {
    /// By push where the forge lets the host push to the base, else by the forge's own merge.
    #[default]
    Auto,
    /// By push alone.
    Push,
    /// By the forge's own merge alone.
    Api,
}

/// Where a repository is hosted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ForgePlace {
    /// A bare repository on this machine; pull requests and statuses in our store.
    #[default]
    Local,
    /// On a forge.
    On(RemotePlace),
}

/// A repository on a forge.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RemotePlace {
    /// Name under `forges`.
    pub name: String,
    /// Owner and name there, such as `acme/shop`.
    pub repo: String,
    /// How commits land.
    #[serde(default)]
    pub land: LandBy,
}

impl Serialize for ForgePlace {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Local => serializer.serialize_str("local"),
            Self::On(place) => place.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ForgePlace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlaceVisitor)
    }
}

struct PlaceVisitor;

impl<'de> Visitor<'de> for PlaceVisitor {
    type Value = ForgePlace;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`local`, or `{name: FORGE, repo: OWNER/NAME}`")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<ForgePlace, E> {
        match word {
            "local" => Ok(ForgePlace::Local),
            other => Err(E::custom(format!(
                "`{other}` is no place of a repository; say `local`, or `{{name: FORGE, repo: OWNER/NAME}}`"
            ))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ForgePlace, A::Error> {
        RemotePlace::deserialize(MapAccessDeserializer::new(map)).map(ForgePlace::On)
    }
}

#[cfg(test)]
mod tests {
    use crate::{ForgePlace, HostConfig, LandBy};

    fn parse(forge: &str, repository: &str) -> Result<HostConfig, String> {
        let text = format!("forges: {{hub: {forge}}}\nrepositories: {{shop: {repository}}}\n");
        HostConfig::parse("orch.yaml", &text).map_err(|e| e.to_string())
    }

    const HUB: &str = "{url: \"https://h.example/forgejo/\", token: {env: T}}";

    #[test]
    fn way_by_ssh_names_a_user_a_key_and_who_is_known() {
        let with = |ssh: &str| {
            let hub = format!("{{url: \"https://h\", token: {{env: T}}, ssh: {ssh}}}");
            parse(&hub, "{forge: {name: hub, repo: acme/shop}}")
        };
        with("{url: \"ssh://git@h:22\", key: k, known_hosts: h}").unwrap();
        for (wrong, says) in [
            ("{url: \"ssh://h\", key: k, known_hosts: h}", "with a user"),
            (
                "{url: \"git@h:acme\", key: k, known_hosts: h}",
                "with a user",
            ),
            (
                "{url: \"ssh://git@-oProxyCommand=x\", key: k, known_hosts: h}",
                "with a user",
            ),
            (
                "{url: \"ssh://git@h\", key: \"a%h\", known_hosts: h}",
                "`key`",
            ),
            ("{url: \"ssh://git@h\", key: k}", "known_hosts"),
        ] {
            let error = with(wrong).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn repository_lies_here_or_on_a_forge_that_is_configured() {
        let config = parse(HUB, "{forge: {name: hub, repo: acme/shop}}").unwrap();
        let ForgePlace::On(place) = &config.repositories["shop"].forge else {
            panic!("it lies on a forge");
        };
        assert_eq!(
            (place.repo.as_str(), place.land),
            ("acme/shop", LandBy::Auto)
        );
        for local in ["{path: shop.git}", "{path: shop.git, forge: local}"] {
            parse(HUB, local).unwrap();
        }
        for (wrong, says) in [
            ("{}", "path"),
            ("{forge: remote}", "local"),
            ("{forge: {name: hub, repo: acme/shop}, path: a}", "path"),
            (
                "{forge: {name: hut, repo: acme/shop}}",
                "did you mean `hub`",
            ),
            ("{forge: {name: hub, repo: shop}}", "OWNER/NAME"),
            ("{forge: {name: hub, repo: ../shop}}", "OWNER/NAME"),
            (
                "{forge: {name: hub, rpo: acme/shop}}",
                "did you mean `repo`",
            ),
        ] {
            let error = parse(HUB, wrong).unwrap_err();
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }

    #[test]
    fn address_with_a_user_or_without_a_scheme_is_refused() {
        for url in [
            "h.example",
            "ftp://h",
            "https://bot:t@h",
            "https://",
            "https://h?x",
        ] {
            let forge = format!("{{url: \"{url}\", token: {{env: T}}}}");
            assert!(parse(&forge, "{path: a}").is_err(), "{url}");
        }
        assert!(parse("{url: \"https://h\", token: {}}", "{path: a}").is_err());
    }
}
