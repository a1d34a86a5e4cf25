//! What may a run reach of the network? Names and ports that the operator lists, and addresses that no name may lead to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::words::words;

/// Where every listed name is found by a run that looks it up: an address of its own loopback. What it begins with
/// there goes to the proxy, which looks the name up itself.
pub const DOOR: Ipv4Addr = Ipv4Addr::new(127, 61, 128, 1);

/// Port of a rule that names none.
const PORT: u16 = 443;
/// Longest name, bytes: what the domain name system has room for.
const NAME_BYTES_MAX: usize = 253;
/// Longest part of a name, bytes.
const LABEL_BYTES_MAX: usize = 63;

/// A name with a port, as one parser reads it: what was judged is what is looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    host: String,
    port: u16,
}

/// Why a text is no target or no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name of a host: use letters, digits, `-` and `.`, no address, and a port such as `:8443` if it is not 443"
)]
pub struct NoTarget(String);

impl Target {
    /// A host by its name, in any case of letters. Addresses are none: nobody can say whose they are.
    ///
    /// # Errors
    /// [`NoTarget`].
    pub fn new(host: &str, port: u16) -> Result<Self, NoTarget> {
        let refuse = || NoTarget(host.chars().take(80).collect());
        let is_label = |label: &str| {
            !label.is_empty()
                && label.len() <= LABEL_BYTES_MAX
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // The last part of an address in any notation is a number, and of a name it never is.
        let last = host.rsplit('.').next().unwrap_or_default();
        let is_number = last.starts_with(|c: char| c.is_ascii_digit());
        let is_name = host.len() <= NAME_BYTES_MAX && host.split('.').all(is_label) && !is_number;
        if !is_name || port == 0 {
            return Err(refuse());
        }
        Ok(Self {
            host: host.to_ascii_lowercase(),
            port,
        })
    }

    /// The name, in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What the operator lets a run reach: one host, or all below a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    name: Target,
    /// Whether everything below the name is meant, and not the name itself.
    below: bool,
}

impl Rule {
    /// Whether it allows a target.
    pub fn allows(&self, target: &Target) -> bool {
        self.name.port == target.port && self.names(target)
    }

    /// Whether it is about the host of a target, whatever the port.
    pub fn names(&self, target: &Target) -> bool {
        if self.below {
            let rest = target.host.strip_suffix(&self.name.host);
            rest.is_some_and(|rest| rest.ends_with('.'))
        } else {
            self.name.host == target.host
        }
    }
}

/// Ends of names behind which many sites stand that have nothing to do with each other: which of them is meant is said
/// inside of TLS, where nobody reads it.
const SHARED_FRONTS: [&str; 41] = [
    "akamaihd.net",
    "akamaized.net",
    "amazonaws.com",
    "appspot.com",
    "azureedge.net",
    "azurefd.net",
    "azurewebsites.net",
    "b-cdn.net",
    "bitbucket.io",
    "cdn77.org",
    "cloudflare.com",
    "cloudfront.net",
    "core.windows.net",
    "crates.io",
    "deno.dev",
    "edgekey.net",
    "fastly.net",
    "fastlylb.net",
    "firebaseapp.com",
    "fly.dev",
    "github.com",
    "github.io",
    "githubusercontent.com",
    "gitlab.com",
    "gitlab.io",
    "googleapis.com",
    "herokuapp.com",
    "jsdelivr.net",
    "netlify.app",
    "ngrok.io",
    "npmjs.org",
    "onrender.com",
    "pages.dev",
    "pypi.org",
    "pythonhosted.org",
    "r2.dev",
    "run.app",
    "trycloudflare.com",
    "vercel.app",
    "web.app",
    "workers.dev",
];

impl Rule {
    /// Whether it is known to lead to more than the site that it names: anybody may have a site behind the same front.
    pub fn is_shared_front(&self) -> bool {
        let host = self.name.host.as_str();
        SHARED_FRONTS.iter().any(|front| {
            let rest = host.strip_suffix(front);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

impl FromStr for Rule {
    type Err = NoTarget;

    fn from_str(text: &str) -> Result<Self, NoTarget> {
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => {
                let is_plain = port.bytes().all(|b| b.is_ascii_digit());
                let port = port.parse().ok().filter(|_| is_plain);
                (name, port.ok_or_else(|| NoTarget(text.to_owned()))?)
            }
            None => (text, PORT),
        };
        let (name, below) = match name.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (name, false),
        };
        Ok(Self {
            name: Target::new(name, port)?,
            below,
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = if self.below { "*." } else { "" };
        write!(f, "{below}{}", self.name)
    }
}

words! {
    "end of a connection":
    /// What became of a connection that a run asked for.
    pub enum Reached {
        /// It was made.
        Allowed = "allowed",
        /// The name is none, or an address.
        NoName = "no-name",
        /// No rule lists the name with this port.
        NotListed = "not-listed",
        /// The name leads to an address of this machine or of a private network.
        PrivateAddress = "private-address",
        /// What came first was no TLS with a readable name.
        NoServerName = "no-server-name",
        /// TLS was begun with another server than the one that was asked for.
        OtherServerName = "other-server-name",
        /// TLS was begun so that the name of another server is hidden in it (Encrypted Client Hello).
        HiddenServerName = "hidden-server-name",
        /// Nobody answers there.
        Unreachable = "unreachable",
        /// The run has as many connections as it may have.
        TooMany = "too-many",
        /// It sent or received as much as a run may.
        TooMuch = "too-much",
        /// It asked a place that packages are only fetched from for something else.
        OnlyFetched = "only-fetched",
        /// It asked a model that the operator does not list.
        ModelNotListed = "model-not-listed",
        /// It asked something of the provider that agents do not need.
        CallNotListed = "call-not-listed",
        /// Its money is spent.
        OverBudget = "over-budget",
    }
}

impl Reached {
    /// Whether the host refused it.
    pub fn is_denied(self) -> bool {
        !matches!(self, Self::Allowed | Self::Unreachable)
    }

    /// What it means, for whoever was refused.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Allowed => "it is allowed",
            Self::NoName => "only names of hosts are reached, no addresses",
            Self::NotListed => "the operator does not list it under `network.reach`",
            Self::PrivateAddress => {
                "the name leads to an address of the machine or of a private network"
            }
            Self::NoServerName => {
                "a tunnel carries TLS with a readable server name, and nothing else"
            }
            Self::OtherServerName => {
                "TLS was begun with another server than the tunnel was asked for"
            }
            Self::HiddenServerName => {
                "TLS was begun with a second server name that cannot be read: switch Encrypted Client Hello off"
            }
            Self::Unreachable => "nobody answers there",
            Self::TooMany => "the run has as many connections as it may have",
            Self::TooMuch => "the run has moved as many bytes as it may, to there or in all",
            Self::OnlyFetched => {
                "packages are fetched from there by GET and HEAD, and nothing is published"
            }
            Self::ModelNotListed => {
                "the operator does not list the model under `gateway.models` of this agent"
            }
            Self::CallNotListed => {
                "the model gateway lets answers of models through, and nothing else"
            }
            Self::OverBudget => "the money of the run is spent",
        }
    }
}

/// Whether an address belongs to everybody's network, and not to this machine, a private one, or the cloud's own.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let is_reserved = a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && matches!(c, 0 | 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && matches!(b, 18 | 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113);
    !(is_reserved || v4.is_loopback() || v4.is_private() || v4.is_link_local())
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    let parts = v6.segments();
    let low = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match parts {
        // Addresses of version 4 in other clothes: mapped, translated, 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, below] | [0x64, 0xff9b, 0, 0, 0, 0, high, below] => {
            is_public_v4(low(high, below))
        }
        [0x2002, high, below, ..] => is_public_v4(low(high, below)),
        // Of what the world has given out, less Teredo, which hides another address, and documentation.
        [0x2001, 0 | 0xdb8, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str, port: u16) -> Target {
        Target::new(host, port).unwrap()
    }

    #[test]
    fn rule_allows_its_own_names_and_port_and_nothing_beside() {
        let exact: Rule = "registry.npmjs.org".parse().unwrap();
        let below: Rule = "*.pypi.org:8443".parse().unwrap();
        assert!(exact.allows(&target("Registry.NPMJS.org", 443)));
        for (host, port) in [
            ("registry.npmjs.org", 80),
            ("x.registry.npmjs.org", 443),
            ("registry.npmjs.org.evil.test", 443),
        ] {
            assert!(!exact.allows(&target(host, port)), "{host}:{port}");
        }
        assert!(below.allows(&target("files.pypi.org", 8443)));
        for host in ["pypi.org", "evilpypi.org", "pypi.org.evil.test"] {
            assert!(!below.allows(&target(host, 8443)), "{host}");
        }
    }

    #[test]
    fn fronts_behind_which_anybody_may_have_a_site_are_known() {
        let is_shared = |text: &str| text.parse::<Rule>().unwrap().is_shared_front();
        for shared in [
            "d1.cloudfront.net",
            "*.github.io",
            "registry.npmjs.org",
            "workers.dev",
        ] {
            assert!(is_shared(shared), "{shared}");
        }
        for own in ["docs.example.org", "notgithub.io", "github.io.example.org"] {
            assert!(!is_shared(own), "{own}");
        }
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_no_name() {
        for bad in [
            "",
            ".",
            "a..b",
            "a.",
            "evil\0.allowed.test",
            "a b",
            "a%2eb",
            "a\r",
            "ü.test",
            "-a.test",
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "127.1",
            "[::1]",
            "::1",
            "user@a.test",
            "a/b",
            "a_b.test",
        ] {
            assert!(Target::new(bad, 443).is_err(), "{bad:?}");
        }
        assert!(Target::new("a.test", 0).is_err());
        for bad in [
            "a.test:",
            "a.test:x",
            "a.test:+443",
            "a.test:70000",
            "*",
            "*.*.a.test",
            "a.*.test",
        ] {
            assert!(bad.parse::<Rule>().is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_of_the_machine_and_of_private_networks_are_not_public_in_any_clothes() {
        for private in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2001:0:7f00:1::",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in ["1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }
}
