//! With which server does a client begin TLS? Read off its first message, which is passed on as it came.

use std::io::Cursor;

use orch_domain::reach::{Reached, Target};
use rustls::server::Acceptor;

/// Longest first message, bytes: with every extension in use some two thousand.
pub(crate) const HELLO_BYTES_MAX: usize = 32 * 1024;

/// What has come of a first message so far.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Hello {
    /// Not all of it.
    Part,
    /// It begins TLS with this server.
    Names(String),
    /// It is no TLS, or says not with which server.
    NoName,
}

impl Hello {
    /// Whether it is for the server that was asked for; none as long as not all of it has come.
    pub(crate) fn fits(&self, target: &Target) -> Option<Result<(), Reached>> {
        match self {
            Self::Part => None,
            Self::NoName => Some(Err(Reached::NoServerName)),
            Self::Names(name) if name.eq_ignore_ascii_case(target.host()) => Some(Ok(())),
            Self::Names(_) => Some(Err(Reached::OtherServerName)),
        }
    }
}

/// Reads `bytes`, all that has come so far, as the beginning of TLS.
pub(crate) fn read(bytes: &[u8]) -> Hello {
    let mut acceptor = Acceptor::default();
    let mut from = Cursor::new(bytes);
    loop {
        match acceptor.read_tls(&mut from) {
            Ok(0) => return Hello::Part,
            Ok(_) => {}
            Err(_) => return Hello::NoName,
        }
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => {
                let hello = accepted.client_hello();
                let name = hello.server_name().map(str::to_owned);
                return name.map_or(Hello::NoName, Hello::Names);
            }
            Err(_) => return Hello::NoName,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    /// The first message of a client that begins TLS with `name`.
    pub(crate) fn first_message(name: &str) -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn tunnel_is_for_the_server_that_it_was_asked_for() {
        let target = Target::new("a.test", 443).unwrap();
        let fits = |bytes: &[u8]| read(bytes).fits(&target);
        let hello = first_message("A.test");
        assert_eq!(fits(&hello), Some(Ok(())));
        for cut in [0, 1, 5, 40, hello.len() - 1] {
            assert_eq!(read(&hello[..cut]), Hello::Part, "{cut}");
        }
        let other = Some(Err(Reached::OtherServerName));
        assert_eq!(fits(&first_message("b.test")), other);
        let none = Some(Err(Reached::NoServerName));
        assert_eq!(fits(&first_message("192.0.2.1")), none);
        assert_eq!(fits(b"SSH-2.0-x\r\n GET / HTTP/1.1\r\n\r\n"), none);
    }
}
