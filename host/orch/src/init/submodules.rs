//! Where do the submodules of a project come from, as its base says when it is set up?
//!
//! Whoever sets a host up takes the base as it is. What it names is written down for them to see, and what a later one
//! names is not followed by that.

use std::collections::BTreeSet;
use std::path::Path;

use orch_domain::id::ObjectId;
use orch_domain::submodule::{LeftOut, Sources, check_source};
use orch_process::git::Git;
use serde_json::{Value, json};

use super::Repository;
use super::git::line;
use super::source::Source;

/// Most addresses that are written down.
const ADDRESSES_MAX: usize = 64;

/// What is to stand under `submodules` of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// What relative addresses are relative to, where the project itself was cloned from.
    address: Option<String>,
    /// What lies elsewhere.
    pub(crate) from: Vec<String>,
}

impl Found {
    /// Looks at the submodules of a commit.
    pub(crate) async fn of(
        source: &Source,
        repository: &Repository,
        git: &Git,
        commit: &ObjectId,
    ) -> anyhow::Result<Self> {
        let linked = git.submodules(commit).await?;
        if linked.is_empty() {
            return Ok(Self::default());
        }
        let origin = match source {
            Source::WorkTree(path) | Source::Bare(path) => origin(path).await?,
            Source::Remote(_) => None,
        };
        let addresses = git.submodule_addresses(commit).await?;
        let named = linked
            .iter()
            .filter_map(|module| addresses.get(&module.path).map(String::as_str));
        Ok(Self::from(
            origin,
            repository.upstream.as_deref(),
            named.collect(),
        ))
    }

    fn from(origin: Option<String>, upstream: Option<&str>, named: BTreeSet<&str>) -> Self {
        let parent = |address: Option<&str>| Sources {
            parent: address.map(str::to_owned),
            from: Vec::new(),
        };
        // A folder of this machine allows nothing, and a name or password does not belong into the file.
        let address = origin.filter(|origin| parent(Some(origin)).follow("./x").is_ok());
        let sources = parent(address.as_deref().or(upstream));
        let elsewhere = named.into_iter().filter_map(|written| {
            let Err(LeftOut::NotAllowed(closed)) = sources.follow(written) else {
                return None;
            };
            let is_one = closed.starts_with("https://") && check_source(&closed).is_ok();
            is_one.then_some(closed)
        });
        let from: BTreeSet<String> = elsewhere.collect();
        Self {
            address,
            from: from.into_iter().take(ADDRESSES_MAX).collect(),
        }
    }

    /// The value of the key; none if nothing has to be said.
    pub(crate) fn entry(&self) -> Option<Value> {
        let mut entry = serde_json::Map::new();
        if let Some(address) = &self.address {
            entry.insert("address".to_owned(), json!(address));
        }
        if !self.from.is_empty() {
            entry.insert("from".to_owned(), json!(self.from));
        }
        (!entry.is_empty()).then_some(Value::Object(entry))
    }
}

/// Where a clone came from.
async fn origin(path: &Path) -> anyhow::Result<Option<String>> {
    line(path, &["config", "--get", "remote.origin.url"]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(origin: Option<&str>, upstream: Option<&str>, named: &[&str]) -> Option<String> {
        let named = named.iter().copied().collect();
        let found = Found::from(origin.map(str::to_owned), upstream, named);
        found.entry().map(|entry| entry.to_string())
    }

    #[test]
    fn what_lies_on_another_host_is_named_and_what_lies_beside_the_project_needs_its_address_alone()
    {
        let named = [
            "../beside.git",
            "https://forge.example.org/other/own.git",
            "git@code.example.net:lib/inner.git",
            "https://code.example.net/lib/inner.git",
            "ext::sh -c date",
            "https://ann:secret@code.example.net/private.git",
            "/srv/git/lib",
        ];
        let own = "git@forge.example.org:acme/shop.git";
        let elsewhere = r#""from":["https://code.example.net/lib/inner.git"]"#;
        assert_eq!(
            found(Some(own), None, &named).unwrap(),
            format!(r#"{{"address":"{own}",{elsewhere}}}"#)
        );
        // The address of what is cloned stands in the file already.
        let upstream = "https://forge.example.org/acme/shop.git";
        assert_eq!(
            found(None, Some(upstream), &named).unwrap(),
            format!("{{{elsewhere}}}")
        );
    }

    #[test]
    fn origin_that_is_a_folder_or_holds_a_password_is_not_written_down() {
        for origin in [
            "/srv/git/shop.git",
            "https://ann:secret@forge.example.org/shop",
        ] {
            assert_eq!(found(Some(origin), None, &["../beside"]), None, "{origin}");
        }
    }
}
