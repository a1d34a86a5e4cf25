//! Where may the other repositories of a repository come from?
//!
//! Addresses stand in `.gitmodules`, and so in the hands of whoever wrote that. Each is brought into one closed form
//! and held to what the operator allows before git is handed it.

/// Longest address, bytes.
const ADDRESS_BYTES_MAX: usize = 2_000;
/// Bytes of an address that a person is shown.
const SHOWN_CHARS: usize = 200;

/// Why a submodule is left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeftOut {
    /// Nothing says where it comes from.
    #[error("`.gitmodules` of the base does not say where it comes from")]
    NoAddress,
    /// The operator does without it.
    #[error("`submodules.without` names it")]
    NotWanted,
    /// Its path is none that anybody writes to.
    #[error("its path is none that the host writes to")]
    OddPath,
    /// Its address is none that git is handed.
    #[error(
        "its address `{0}` is none that is followed; it has to be one of https, without a name and without `..`"
    )]
    Unsafe(String),
    /// Nobody allowed its address.
    #[error(
        "nobody allowed `{0}`; name it, or what it lies below, under `submodules.from` of the repository in orch.yaml"
    )]
    NotAllowed(String),
    /// It could not be fetched.
    #[error("`{address}` does not give its commit {commit}: {said}")]
    Unreachable {
        /// Its address.
        address: String,
        /// The commit that is wanted.
        commit: String,
        /// What git said.
        said: String,
    },
    /// It lies deeper than is followed.
    #[error("it is a submodule of a submodule, more than {0} deep")]
    TooDeep(usize),
    /// There are more of them than are taken.
    #[error("there are more than {0} submodules")]
    TooMany(usize),
    /// All of them together are larger than is taken.
    #[error("the submodules have more than {files} files or {mib} MiB together")]
    TooLarge {
        /// Files.
        files: usize,
        /// Megabytes.
        mib: u64,
    },
}

impl LeftOut {
    /// Whether what is tested lacks something that it is meant to have.
    pub fn is_lack(&self) -> bool {
        match self {
            // As every clone of it has it.
            Self::NoAddress | Self::NotWanted => false,
            Self::OddPath
            | Self::Unsafe(_)
            | Self::NotAllowed(_)
            | Self::Unreachable { .. }
            | Self::TooDeep(_)
            | Self::TooMany(_)
            | Self::TooLarge { .. } => true,
        }
    }
}

/// How a submodule is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Over the network, encrypted.
    Https,
    /// From a server of this machine.
    Loopback,
    /// From a folder of this machine.
    File,
}

/// An address that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// As git is handed it.
    pub address: String,
    /// By which way alone.
    pub transport: Transport,
}

/// Where submodules may come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// Address or path of the repository that they belong to. Whatever its host serves by https is allowed.
    pub parent: Option<String>,
    /// Addresses and folders that are allowed, with everything below them.
    pub from: Vec<String>,
}

impl Sources {
    /// Where a written address leads, if it may be followed.
    ///
    /// # Errors
    /// Why not.
    pub fn follow(&self, written: &str) -> Result<Followed, LeftOut> {
        let refused = || LeftOut::Unsafe(shown(written));
        let is_relative = written.starts_with("./") || written.starts_with("../");
        let address = match (is_relative, &self.parent) {
            (true, Some(parent)) => beside(parent, written).ok_or_else(refused)?,
            (true, None) => return Err(refused()),
            (false, _) => written.to_owned(),
        };
        if !is_plain(&address) {
            return Err(refused());
        }
        let Followed { address, transport } = closed_form(&address).ok_or_else(refused)?;
        let own = self.parent.as_deref().and_then(closed_form);
        let own = own.filter(|own| own.transport == Transport::Https);
        // A folder and a server of this machine are only what the operator says they are.
        let is_own = transport == Transport::Https
            && own.is_some_and(|own| authority(&own.address) == authority(&address));
        match is_own || self.lists(&address) {
            true => Ok(Followed { address, transport }),
            false => Err(LeftOut::NotAllowed(shown(&address))),
        }
    }

    /// Whether an address that may be followed is one that the operator lists, or lies below one.
    pub fn lists(&self, address: &str) -> bool {
        self.from.iter().any(|entry| is_at_or_below(address, entry))
    }

    /// The same for the submodules of one that came from `address`.
    #[must_use]
    pub fn of(&self, address: &str) -> Self {
        Self {
            parent: Some(address.to_owned()),
            from: self.from.clone(),
        }
    }
}

/// What an entry of `from` has to be, if it is not.
///
/// # Errors
/// What would be one.
pub fn check_source(entry: &str) -> Result<(), &'static str> {
    let what =
        "an address such as `https://forge.example.org/acme`, or the absolute path of a folder";
    let is_path = entry.starts_with('/') && entry.trim_end_matches('/').len() > 1;
    let closed = closed_form(entry).filter(|form| form.address == entry.trim_end_matches('/'));
    let is_one = is_path || closed.is_some_and(|form| form.transport != Transport::File);
    (is_plain(entry) && is_one).then_some(()).ok_or(what)
}

fn shown(address: &str) -> String {
    address.chars().take(SHOWN_CHARS).collect()
}

/// Scheme, host and port of an address.
pub fn authority(address: &str) -> Option<&str> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split('/').next().unwrap_or_default();
    Some(&address[..scheme.len() + 3 + host.len()])
}

/// Whether an address is the listed one or lies below it, and does not merely begin like it.
fn is_at_or_below(address: &str, entry: &str) -> bool {
    let entry = entry.trim_end_matches('/');
    let plain = |text: &str| text.trim_end_matches(".git").to_owned();
    let rest = address.strip_prefix(entry);
    !entry.is_empty()
        && (plain(address) == plain(entry) || rest.is_some_and(|rest| rest.starts_with('/')))
}

/// The address in the form that is fetched by; none if there is none. What is meant for ssh is had by https from the
/// same host: nobody is to log in there by what a file says.
fn closed_form(address: &str) -> Option<Followed> {
    let address = address.trim_end_matches('/');
    let https = |host: &str, path: &str| {
        let host = host
            .rsplit('@')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let path = path.trim_start_matches('/');
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
        let is_host =
            host.starts_with(|c: char| c.is_ascii_alphanumeric()) && host.chars().all(is_name);
        is_host.then(|| match path.is_empty() {
            true => format!("https://{host}"),
            false => format!("https://{host}/{path}"),
        })
    };
    let found = |address: String, transport| Some(Followed { address, transport });
    let Some((scheme, rest)) = address.split_once("://") else {
        if address.starts_with('/') {
            return found(address.to_owned(), Transport::File);
        }
        let (host, path) = address.split_once(':')?;
        return found(https(host, path)?, Transport::Https);
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let is_loopback = matches!(
        host.rsplit_once(':').map_or(host, |(host, _)| host),
        "127.0.0.1" | "localhost"
    );
    match scheme {
        // A name or a password would be written down wherever the address is.
        "https" if !host.contains('@') => found(https(host, path)?, Transport::Https),
        "http" if is_loopback => found(address.to_owned(), Transport::Loopback),
        "ssh" | "git" | "git+ssh" => {
            let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
            found(https(host, path)?, Transport::Https)
        }
        "file" if host.is_empty() => found(format!("/{path}"), Transport::File),
        _ => None,
    }
}

/// A relative address, seen from its repository, as git sees it.
fn beside(parent: &str, written: &str) -> Option<String> {
    let mut base = parent.trim_end_matches('/');
    let mut rest = written;
    let mut joint = '/';
    loop {
        if let Some(after) = rest.strip_prefix("./") {
            rest = after;
        } else if let Some(after) = rest.strip_prefix("../") {
            let at = base.rfind(['/', ':'])?;
            // Nothing is above a host.
            if base[..at].ends_with(['/', ':']) || at == 0 {
                return None;
            }
            joint = match base.as_bytes()[at] {
                b':' => ':',
                _ => '/',
            };
            base = &base[..at];
            rest = after;
        } else {
            break;
        }
    }
    (!rest.is_empty()).then(|| format!("{base}{joint}{rest}"))
}

/// Whether an address holds nothing that leads to somewhere else than it says, or that git takes for an option or for
/// a helper that runs something.
fn is_plain(address: &str) -> bool {
    let is_odd = |c: char| {
        c.is_control()
            || c.is_whitespace()
            || matches!(c, '\\' | '"' | '\'' | '`' | '$' | '?' | '#')
    };
    let lower = address.to_ascii_lowercase();
    let mut parts = address.split(['/', ':', '@']);
    !address.is_empty()
        && address.len() <= ADDRESS_BYTES_MAX
        && !address.contains("::")
        && !address.chars().any(is_odd)
        && !["%2e", "%2f", "%5c", "%0"]
            .iter()
            .any(|code| lower.contains(code))
        && !parts.any(|part| part == ".." || part == "." || part.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORGE: &str = "https://forge.example.org/acme/shop.git";

    fn sources(parent: &str, from: &[&str]) -> Sources {
        Sources {
            parent: Some(parent.to_owned()),
            from: from.iter().map(|one| (*one).to_owned()).collect(),
        }
    }

    #[test]
    fn what_the_own_host_serves_is_followed_and_what_is_listed() {
        let lib = "https://forge.example.org/acme/lib.git";
        for (parent, from, written, leads) in [
            (FORGE, &[][..], "../lib.git", lib),
            (
                FORGE,
                &[],
                "../../other/lib",
                "https://forge.example.org/other/lib",
            ),
            (FORGE, &[], "https://Forge.example.org/acme/lib.git/", lib),
            (FORGE, &[], "git@forge.example.org:acme/lib.git", lib),
            (
                FORGE,
                &[],
                "ssh://git@forge.example.org:2222/acme/lib.git",
                lib,
            ),
            (FORGE, &[], "git://forge.example.org/acme/lib.git", lib),
            (
                "git@forge.example.org:acme/shop.git",
                &[],
                "../lib.git",
                lib,
            ),
            (
                "git@forge.example.org:shop.git",
                &[],
                "../lib.git",
                "https://forge.example.org/lib.git",
            ),
            (
                "/srv/git/shop.git",
                &["/srv/git"],
                "../lib.git",
                "/srv/git/lib.git",
            ),
            (
                "/srv/git/shop.git",
                &["/srv/git/"],
                "file:///srv/git/a/b.git",
                "/srv/git/a/b.git",
            ),
            (
                "/srv/git/shop.git",
                &["https://forge.example.org/acme/"],
                lib,
                lib,
            ),
            (
                "/srv/git/shop.git",
                &["https://forge.example.org/acme/lib"],
                lib,
                lib,
            ),
            (
                FORGE,
                &["http://127.0.0.1:8080"],
                "http://127.0.0.1:8080/lib",
                "http://127.0.0.1:8080/lib",
            ),
        ] {
            let followed = sources(parent, from).follow(written);
            assert_eq!(
                followed.map(|f| f.address).as_deref(),
                Ok(leads),
                "{parent} {written}"
            );
        }
    }

    #[test]
    fn address_that_nobody_allowed_is_not_followed() {
        for (from, written) in [
            (&[][..], "https://elsewhere.example.org/acme/lib"),
            (&[], "https://forge.example.org:8443/acme/lib"),
            (&[], "https://forge.example.org.evil.example/acme/lib"),
            (&[], "/etc"),
            (&[], "file:///srv/git/shop.git"),
            (&[], "http://127.0.0.1:3000/acme/lib"),
            (
                &["https://else.example.org/other"],
                "https://else.example.org/otherwise/lib",
            ),
            (&["/srv/git"], "/srv/gitea/lib"),
        ] {
            let followed = sources(FORGE, from).follow(written);
            assert!(
                matches!(followed, Err(LeftOut::NotAllowed(_))),
                "{written}: {followed:?}"
            );
        }
        // What lies beside a folder of this machine is not its host's.
        let local = sources("/srv/git/shop.git", &[]).follow("../lib.git");
        assert!(matches!(local, Err(LeftOut::NotAllowed(_))), "{local:?}");
    }

    #[test]
    fn address_that_does_more_than_fetch_is_not_followed_whatever_is_allowed() {
        for written in [
            "ext::sh -c touch% /tmp/x",
            "fd::7",
            "--upload-pack=touch /tmp/x",
            "-u",
            "ssh://-oProxyCommand=x/lib",
            "-oProxyCommand=x:lib",
            "git@-oProxyCommand=x:lib",
            "https://ann:secret@forge.example.org/acme/lib",
            "https://forge.example.org/acme/../../etc/lib",
            "https://forge.example.org/acme/%2E%2e/lib",
            "http://169.254.169.254/latest",
            "http://forge.example.org/acme/lib",
            "ftp://forge.example.org/acme/lib",
            "https://forge.example.org/acme/a\nb",
            "https://forge.example.org/acme/lib\r",
            "../../../../../../lib",
            "./",
            "lib",
            "file://other/lib",
            "",
        ] {
            let all = [
                "https://forge.example.org",
                "http://169.254.169.254",
                "http://forge.example.org",
                "/",
            ];
            let followed = sources(FORGE, &all).follow(written);
            assert!(
                matches!(followed, Err(LeftOut::Unsafe(_))),
                "{written}: {followed:?}"
            );
        }
    }

    #[test]
    fn only_what_could_be_followed_can_be_listed() {
        for entry in [
            "https://forge.example.org",
            "https://forge.example.org/acme/",
            "/srv/git",
            "http://127.0.0.1:1",
        ] {
            assert_eq!(check_source(entry), Ok(()), "{entry}");
        }
        for entry in [
            "",
            "/",
            "forge.example.org",
            "http://forge.example.org",
            "git@forge.example.org:acme",
            "/srv/../etc",
            "file:///srv",
        ] {
            assert!(check_source(entry).is_err(), "{entry}");
        }
    }
}
