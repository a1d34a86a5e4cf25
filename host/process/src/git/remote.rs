//! How is another repository reached, and how does git get the credential for it?
//!
//! By its environment, for one address alone: a command line can be read by every user of the machine, and what a
//! server redirects to is not followed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use orch_domain::id::ObjectId;

use super::{Git, GitError, object_id, text_of};
use crate::run::Finished;

/// What holds for every call by ssh.
const SSH_OPTIONS: &str = "-o GlobalKnownHostsFile=none -o StrictHostKeyChecking=yes -o UpdateHostKeys=no \
    -o IdentitiesOnly=yes -o IdentityAgent=none -o PreferredAuthentications=publickey -o BatchMode=yes \
    -o ForwardAgent=no -o ClearAllForwardings=yes -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=4";

/// A repository that is not the host's own.
#[derive(Debug, Clone, Copy)]
pub enum Remote<'a> {
    /// On this machine.
    Path(&'a Path),
    /// Behind an address.
    Http(&'a HttpRemote),
    /// Behind an address, reached by ssh.
    Ssh(&'a SshRemote),
}

/// A repository behind an address that is reached by ssh, with a key and known hosts of its own.
#[derive(Debug, Clone)]
pub struct SshRemote {
    /// The program that speaks ssh.
    pub program: PathBuf,
    /// Its address, such as `ssh://git@git.example.org:22/acme/shop.git`.
    pub url: String,
    /// The private key.
    pub key: PathBuf,
    /// The keys by which the server is known; no other is taken.
    pub known_hosts: PathBuf,
}

/// A repository behind an address, whichever way it is reached.
#[derive(Debug, Clone)]
pub enum Reached {
    /// By HTTP.
    Http(HttpRemote),
    /// By ssh.
    Ssh(SshRemote),
}

impl<'a> From<&'a Reached> for Remote<'a> {
    fn from(reached: &'a Reached) -> Self {
        match reached {
            Reached::Http(remote) => Self::Http(remote),
            Reached::Ssh(remote) => Self::Ssh(remote),
        }
    }
}

/// Whether a file can be named in a command line of ssh, which is read by a shell and then by ssh itself.
pub fn can_be_named(path: &Path) -> bool {
    let is_plain = |c: char| !c.is_control() && !matches!(c, '\'' | '"' | '%' | '\\' | '$');
    path.to_str().is_some_and(|text| text.chars().all(is_plain))
}

impl SshRemote {
    /// The command that git runs. Nothing of the user's own settings, keys and agents is asked, and a server that is
    /// not known is not spoken to.
    fn command(&self) -> Result<String, GitError> {
        let mut words = Vec::new();
        for path in [&self.program, &self.key, &self.known_hosts] {
            if !can_be_named(path) {
                return Err(GitError::UnsafeName(path.display().to_string()));
            }
            words.push(text_of(path)?);
        }
        let [program, key, known] = &words[..] else {
            return Err(GitError::UnsafeName(self.url.clone()));
        };
        Ok(format!(
            "'{program}' -F none -o 'IdentityFile=\"{key}\"' -o 'UserKnownHostsFile=\"{known}\"' {SSH_OPTIONS}"
        ))
    }
}

/// A repository behind an address. Shows its credential nowhere.
#[derive(Clone)]
pub struct HttpRemote {
    /// Its address, without a user.
    pub url: String,
    /// Value of the header `Authorization`.
    pub authorization: String,
    /// Certificates to trust beside the machine's, in PEM.
    pub ca: Option<PathBuf>,
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

impl<'a> From<&'a PathBuf> for Remote<'a> {
    fn from(path: &'a PathBuf) -> Self {
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
            Self::Ssh(remote) => Ok(remote.url.clone()),
        }
    }

    /// Settings that hold for one call.
    fn settings(self) -> Result<Vec<(String, String)>, GitError> {
        let remote = match self {
            Self::Path(_) => return Ok(Vec::new()),
            Self::Ssh(remote) => {
                return Ok(vec![
                    ("core.sshCommand".to_owned(), remote.command()?),
                    ("ssh.variant".to_owned(), "ssh".to_owned()),
                ]);
            }
            Self::Http(remote) => remote,
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
        Ok(all)
    }
}

impl Git {
    /// Runs git for something that it asks of a remote.
    pub(super) async fn to(&self, remote: Remote<'_>, args: &[&str]) -> Result<Finished, GitError> {
        let settings = remote.settings()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_a_shell_or_ssh_would_read_otherwise_is_not_named_to_them() {
        for wrong in ["/a'b", "/a\"b", "/a%h", "/a\\b", "/$HOME", "/a\nb"] {
            let remote = SshRemote {
                program: "/usr/bin/ssh".into(),
                url: "ssh://git@h/acme/shop.git".to_owned(),
                key: wrong.into(),
                known_hosts: "/known".into(),
            };
            let refused = Remote::Ssh(&remote).settings();
            assert!(matches!(refused, Err(GitError::UnsafeName(_))), "{wrong}");
        }
    }

    #[test]
    fn server_is_spoken_to_only_if_it_is_known() {
        let remote = SshRemote {
            program: "/usr/bin/ssh".into(),
            url: "ssh://git@h/acme/shop.git".to_owned(),
            key: "/own keys/orch".into(),
            known_hosts: "/known".into(),
        };
        let settings = Remote::Ssh(&remote).settings().unwrap();
        let (_, command) = &settings[0];
        for said in [
            "'/usr/bin/ssh' -F none ",
            "-o 'IdentityFile=\"/own keys/orch\"'",
            "-o 'UserKnownHostsFile=\"/known\"'",
            "-o StrictHostKeyChecking=yes",
            "-o BatchMode=yes",
        ] {
            assert!(command.contains(said), "{command}");
        }
    }
}
