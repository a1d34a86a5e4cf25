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
    /// It may be for another server than it says: that one's name is hidden in it.
    Hidden,
}

impl Hello {
    /// Whether it is for the server that was asked for; none as long as not all of it has come.
    pub(crate) fn fits(&self, target: &Target) -> Option<Result<(), Reached>> {
        match self {
            Self::Part => None,
            Self::NoName => Some(Err(Reached::NoServerName)),
            Self::Hidden => Some(Err(Reached::HiddenServerName)),
            Self::Names(name) if name.eq_ignore_ascii_case(target.host()) => Some(Ok(())),
            Self::Names(_) => Some(Err(Reached::OtherServerName)),
        }
    }
}

/// Number of the extension in which a client hides the server that it means (Encrypted Client Hello).
const HIDDEN_NAME: u16 = 0xfe0d;

/// Whether a first message hides the name of another server. What cannot be read is taken to.
fn hides_a_name(bytes: &[u8]) -> bool {
    extensions(bytes).is_none_or(|numbers| numbers.contains(&HIDDEN_NAME))
}

/// Numbers of the extensions of a first message that the library has read already.
fn extensions(bytes: &[u8]) -> Option<Vec<u16>> {
    // It may come in several records; what follows it is not looked at.
    let mut message = Vec::new();
    let mut records = Reader(bytes);
    let mut length = None;
    while length.is_none_or(|length| message.len() < length) {
        records.skip(3)?;
        let record = records.number(2)?;
        message.extend_from_slice(records.take(record)?);
        if message.len() >= 4 {
            length = Some(4 + Reader(&message[1..]).number(3)?);
        }
    }
    let mut hello = Reader(message.get(4..length?)?);
    // Version and random bytes.
    hello.skip(2 + 32)?;
    for bytes_of_length in [1, 2, 1] {
        let length = hello.number(bytes_of_length)?;
        hello.skip(length)?;
    }
    let length = hello.number(2)?;
    let mut all = Reader(hello.take(length)?);
    let mut numbers = Vec::new();
    while !all.0.is_empty() {
        numbers.push(u16::try_from(all.number(2)?).ok()?);
        let length = all.number(2)?;
        all.skip(length)?;
    }
    Some(numbers)
}

/// What is left to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(drop)
    }

    /// A number of so many bytes.
    fn number(&mut self, bytes: usize) -> Option<usize> {
        let bytes = self.take(bytes)?;
        Some(
            bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
        )
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
                if hides_a_name(bytes) {
                    return Hello::Hidden;
                }
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

    /// The same message with a further extension, as a client writes it that hides a name.
    fn hiding(hello: &[u8]) -> Vec<u8> {
        let extension = [0xfe, 0x0d, 0, 1, 1];
        // Kind and version of the record, kind of the message, version, random bytes, session, suites, compressions.
        let mut at = 5 + 4 + 2 + 32;
        at += 1 + usize::from(hello[at]);
        at += 2 + usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
        at += 1 + usize::from(hello[at]);
        let mut changed = hello.to_vec();
        changed.extend(extension);
        let grow = |bytes: &mut [u8]| {
            let length = u16::from_be_bytes([bytes[0], bytes[1]]) + 5;
            bytes.copy_from_slice(&length.to_be_bytes());
        };
        for at in [3, 7, at] {
            grow(&mut changed[at..at + 2]);
        }
        changed
    }

    #[test]
    fn message_that_hides_the_name_of_another_server_opens_no_tunnel() {
        let target = Target::new("a.test", 443).unwrap();
        let plain = first_message("a.test");
        let hidden = Some(Err(Reached::HiddenServerName));
        assert_eq!(read(&hiding(&plain)).fits(&target), hidden);
        // In two records, as it may be cut.
        let whole = hiding(&plain);
        let (head, body) = whole.split_at(5);
        let record = |part: &[u8]| {
            let length = u16::try_from(part.len()).unwrap().to_be_bytes();
            [&head[..3], &length, part].concat()
        };
        let cut = [record(&body[..100]), record(&body[100..])].concat();
        assert_eq!(read(&cut).fits(&target), hidden);
        assert_eq!(read(&plain).fits(&target), Some(Ok(())));
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
