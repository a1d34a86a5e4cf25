//! How is another repository reached, and how does git get the credential for it?
//!
//! By its environment, for one address alone: a command line can be read by every user of the machine, and what a
//! server redirects to is not followed.

use std::ffi::OsStr;
use std::path::Path;

use orch_domain::id::ObjectId;

use super::{Git, GitError, object_id, text_of};
use crate::run::Finished;

/// A repository that is not the host's own.
#[derive(Debug, Clone, Copy)]
pub enum Remote<'a> {
    /// On this machine.
    Path(&'a Path),
    /// Behind an address.
    Http(&'a HttpRemote),
}

/// A repository behind an address. Shows its credential nowhere.
#[derive(Clone)]
pub struct HttpRemote {
    /// Its address, without a user.
    pub url: String,
    /// Value of the header `Authorization`.
    pub authorization: String,
    /// Certificates to trust beside the machine's, in PEM.
    pub ca: Option<std::path::PathBuf>,
}

impl std::fmt::Debug for HttpRemote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpRemote")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl<'a> From<&'a Path> for Remote<'a> {
    fn from(path: &'a Path) -> Self {
        Self::Path(path)
    }
}

impl<'a> From<&'a std::path::PathBuf> for Remote<'a> {
    fn from(path: &'a std::path::PathBuf) -> Self {
        Self::Path(path)
    }
}

impl<'a> From<&'a HttpRemote> for Remote<'a> {
    fn from(remote: &'a HttpRemote) -> Self {
        Self::Http(remote)
    }
}

impl Remote<'_> {
    /// As it stands in a command line; nothing secret is in it.
    pub(super) fn address(self) -> Result<String, GitError> {
        match self {
            Self::Path(path) => text_of(path),
            Self::Http(remote) => Ok(remote.url.clone()),
        }
    }

    /// Settings that hold for one call.
    fn settings(self) -> Vec<(String, String)> {
        let Self::Http(remote) = self else {
            return Vec::new();
        };
        let mut all = vec![
            ("http.followRedirects".to_owned(), "false".to_owned()),
            ("credential.helper".to_owned(), String::new()),
            // A connection that brings nothing for a minute is none.
            ("http.lowSpeedLimit".to_owned(), "1".to_owned()),
            ("http.lowSpeedTime".to_owned(), "60".to_owned()),
            (
                format!("http.{}.extraHeader", remote.url),
                format!("Authorization: {}", remote.authorization),
            ),
        ];
        if let Some(ca) = &remote.ca {
            all.push(("http.sslCAInfo".to_owned(), ca.display().to_string()));
        }
        all
    }
}

impl Git {
    /// Runs git for something that it asks of a remote.
    pub(super) async fn to(&self, remote: Remote<'_>, args: &[&str]) -> Result<Finished, GitError> {
        let settings = remote.settings();
        let mut env = vec![("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string())];
        for (index, (key, value)) in settings.into_iter().enumerate() {
            env.push((format!("GIT_CONFIG_KEY_{index}"), key));
            env.push((format!("GIT_CONFIG_VALUE_{index}"), value));
        }
        let env: Vec<(&str, &OsStr)> = env
            .iter()
            .map(|(name, value)| (name.as_str(), OsStr::new(value)))
            .collect();
        self.raw(args, &env, None, &[]).await
    }

    /// Refs of a remote that a pattern names, such as `refs/heads/orch/*`, and where they stand.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn remote_refs(
        &self,
        remote: impl Into<Remote<'_>>,
        pattern: &str,
    ) -> Result<Vec<(String, ObjectId)>, GitError> {
        let remote = remote.into();
        let address = remote.address()?;
        let args = ["ls-remote", "--refs", "--end-of-options", &address, pattern];
        let done = self.to(remote, &args).await?;
        if !done.success() || done.stdout.truncated {
            return Err(self.failed(&args, &done));
        }
        let text = done.stdout.text();
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        lines
            .map(|(commit, name)| Ok((name.to_owned(), object_id("ls-remote", commit)?)))
            .collect()
    }
}
