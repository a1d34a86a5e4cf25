//! Claims about the proxy of a run, asked over its socket as a run asks.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test ends it as the test itself does"
)]

use std::path::PathBuf;
use std::sync::Arc;

use orch_domain::reach::Reached;
use orch_proxy::{Limits, Policy, Proxy, Record, SOCKET};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A proxy that serves, and a server on loopback that answers `pong` to whatever comes and keeps it.
struct Site {
    folder: tempfile::TempDir,
    records: mpsc::Receiver<Record>,
    came: mpsc::Receiver<Vec<u8>>,
    port: u16,
    serving: JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Site {
    async fn with(reach: &[&str], reach_private: &[&str], limits: Limits) -> Self {
        Self::fetching(reach, reach_private, &[], limits).await
    }

    async fn fetching(
        reach: &[&str],
        reach_private: &[&str],
        fetch_only: &[&str],
        limits: Limits,
    ) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let (send, came) = mpsc::channel(16);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = server.accept().await.unwrap();
                let mut bytes = vec![0; 64 * 1024];
                let count = stream.read(&mut bytes).await.unwrap();
                bytes.truncate(count);
                send.send(bytes).await.unwrap();
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npong")
                    .await
                    .unwrap();
            }
        });
        let rules = |list: &[&str]| {
            let rule = |text: &&str| text.replace("PORT", &port.to_string()).parse().unwrap();
            list.iter().map(rule).collect()
        };
        let policy = Policy {
            reach: rules(reach),
            reach_private: rules(reach_private),
            fetch_only: rules(fetch_only),
            limits,
        };
        let folder = tempfile::tempdir().unwrap();
        let (mut proxy, records) = Proxy::bind(folder.path(), policy).unwrap();
        let serving = tokio::spawn(async move { match proxy.serve().await {} });
        Self {
            folder,
            records,
            came,
            port,
            serving,
        }
    }

    async fn of(reach_private: &[&str]) -> Self {
        Self::with(&[], reach_private, Limits::default()).await
    }

    async fn connect(&self) -> UnixStream {
        let path: PathBuf = self.folder.path().join(SOCKET);
        UnixStream::connect(path).await.unwrap()
    }

    /// Sends bytes and reads to the end.
    async fn ask(&self, text: &str) -> String {
        let mut stream = self.connect().await;
        let text = text.replace("PORT", &self.port.to_string());
        stream.write_all(text.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.unwrap();
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Opens a tunnel to the server.
    async fn tunnel(&self) -> UnixStream {
        let mut stream = self.connect().await;
        let ask = format!(
            "CONNECT localhost:{0} HTTP/1.1\r\nhost: localhost:{0}\r\n\r\n",
            self.port
        );
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(
            head.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&head)
        );
        stream
    }

    async fn record(&mut self) -> (String, u16, Reached) {
        let Record {
            host,
            port,
            reached,
            ..
        } = self.records.recv().await.unwrap();
        (host, port, reached)
    }
}

/// The first message of a client that begins TLS with `name`.
fn hello(name: &str) -> Vec<u8> {
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

#[tokio::test]
async fn what_is_not_listed_is_refused_with_the_rule_and_written_down() {
    let mut site = Site::with(&["listed.test"], &[], Limits::default()).await;
    for (ask, host, port, why) in [
        (
            "CONNECT evil.test:443 HTTP/1.1\r\nhost: listed.test\r\n\r\n",
            "evil.test",
            443,
            Reached::NotListed,
        ),
        (
            "CONNECT listed.test:22 HTTP/1.1\r\nhost: x\r\n\r\n",
            "listed.test",
            22,
            Reached::NotListed,
        ),
        (
            "CONNECT 169.254.169.254:443 HTTP/1.1\r\nhost: x\r\n\r\n",
            "169.254.169.254",
            443,
            Reached::NoName,
        ),
        (
            "CONNECT [::1]:443 HTTP/1.1\r\nhost: x\r\n\r\n",
            "[::1]",
            443,
            Reached::NoName,
        ),
        (
            "GET http://evil.test/x HTTP/1.1\r\nhost: listed.test:443\r\n\r\n",
            "evil.test",
            80,
            Reached::NotListed,
        ),
        (
            "GET https://listed.test/x HTTP/1.1\r\nhost: listed.test\r\n\r\n",
            "listed.test",
            0,
            Reached::NoName,
        ),
        (
            "GET /metrics HTTP/1.1\r\nhost: listed.test\r\n\r\n",
            "",
            0,
            Reached::NoName,
        ),
    ] {
        let said = site.ask(ask).await;
        assert!(said.starts_with("HTTP/1.1 403"), "{ask}: {said}");
        assert!(
            said.contains(why.as_str()) && said.contains(why.in_words()),
            "{said}"
        );
        assert_eq!(site.record().await, (host.to_owned(), port, why));
    }
    for nonsense in [
        "CONNECT evil\0.listed.test:443 HTTP/1.1\r\n\r\n",
        "CONNECT a b:443 HTTP/1.1\r\n\r\n",
        "\u{5}\u{1}\0",
    ] {
        let said = site.ask(nonsense).await;
        assert!(!said.starts_with("HTTP/1.1 2"), "{nonsense:?}: {said}");
    }
}

#[tokio::test]
async fn name_that_leads_to_the_machine_itself_is_refused_after_the_lookup() {
    let mut site = Site::with(&["localhost:PORT"], &[], Limits::default()).await;
    let said = site
        .ask("CONNECT localhost:PORT HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    assert!(
        said.starts_with("HTTP/1.1 403") && said.contains("private-address"),
        "{said}"
    );
    let record = site.record().await;
    assert_eq!(
        record,
        ("localhost".to_owned(), site.port, Reached::PrivateAddress)
    );
}

#[tokio::test]
async fn tunnel_carries_tls_with_its_own_server_as_it_came_and_nothing_else() {
    let mut site = Site::of(&["localhost:PORT"]).await;
    let mut stream = site.tunnel().await;
    let first = hello("localhost");
    // In two pieces, as a network may deliver it.
    stream.write_all(&first[..40]).await.unwrap();
    stream.write_all(&first[40..]).await.unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    assert!(said.ends_with(b"pong"));
    assert_eq!(site.came.recv().await.unwrap(), first);
    drop(stream);
    assert_eq!(site.record().await.2, Reached::Allowed);
    for (first, why) in [
        (hello("other.test"), Reached::OtherServerName),
        (
            b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
            Reached::NoServerName,
        ),
        (b"SSH-2.0-evil\r\n".to_vec(), Reached::NoServerName),
    ] {
        let mut stream = site.tunnel().await;
        stream.write_all(&first).await.unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.ok();
        assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
        assert_eq!(site.record().await.2, why);
        // The server saw a connection and not one byte.
        assert_eq!(site.came.recv().await.unwrap(), Vec::<u8>::new());
    }
}

#[tokio::test]
async fn each_request_of_a_connection_is_judged_and_asks_for_what_was_judged() {
    let mut site = Site::of(&["localhost:PORT"]).await;
    let said = site
        .ask(
            "GET http://localhost:PORT/a HTTP/1.1\r\nhost: evil.test\r\nproxy-authorization: x\r\n\r\n\
             GET http://evil.test/b HTTP/1.1\r\nhost: localhost:PORT\r\n\r\n",
        )
        .await;
    assert!(said.contains("pong") && said.contains("403"), "{said}");
    let came = String::from_utf8(site.came.recv().await.unwrap())
        .unwrap()
        .to_lowercase();
    assert!(came.starts_with("get /a "), "{came}");
    assert!(
        came.contains(&format!("host: localhost:{}", site.port)),
        "{came}"
    );
    assert!(
        !came.contains("evil") && !came.contains("proxy-authorization"),
        "{came}"
    );
    assert!(site.came.try_recv().is_err(), "the second went nowhere");
}

#[tokio::test]
async fn run_that_sends_too_much_is_cut_off() {
    let limits = Limits {
        sent_bytes: 10,
        ..Limits::default()
    };
    let mut site = Site::with(&[], &["localhost:PORT"], limits).await;
    let first = hello("localhost");
    let mut stream = site.tunnel().await;
    stream.write_all(&first).await.unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.ok();
    let record = site.records.recv().await.unwrap();
    assert_eq!(record.reached, Reached::TooMuch);
    // What had begun is counted in full; everything after it is refused.
    let mut stream = site.tunnel().await;
    stream.write_all(&first).await.unwrap();
    stream.read_to_end(&mut said).await.ok();
    assert_eq!(site.records.recv().await.unwrap().sent, 0);
}

#[tokio::test]
async fn nothing_is_published_in_plain_sight_to_where_packages_are_fetched_from() {
    let listed = ["localhost:PORT"];
    let mut site = Site::fetching(&[], &listed, &listed, Limits::default()).await;
    for method in ["PUT", "POST", "DELETE", "PATCH", "OPTIONS", "PURGE", "put"] {
        let asked = format!(
            "{method} http://localhost:PORT/package HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nall"
        );
        let said = site.ask(&asked).await;
        assert!(said.contains("only-fetched"), "{method}: {said}");
        assert_eq!(site.record().await.2, Reached::OnlyFetched, "{method}");
    }
    assert!(site.came.try_recv().is_err(), "nothing of it came there");
    for method in ["GET", "HEAD"] {
        let asked = format!("{method} http://localhost:PORT/package HTTP/1.1\r\nhost: x\r\n\r\n");
        let said = site.ask(&asked).await;
        assert!(said.starts_with("HTTP/1.1 200"), "{method}: {said}");
        assert_eq!(site.record().await.2, Reached::Allowed);
    }
}

#[tokio::test]
async fn little_is_sent_to_where_packages_are_fetched_from_however_it_is_asked() {
    let listed = ["localhost:PORT"];
    let limits = Limits {
        fetch_sent_bytes: 10,
        ..Limits::default()
    };
    let mut site = Site::fetching(&[], &listed, &listed, limits).await;
    let mut said = Vec::new();
    for (round, reached) in [(1, Reached::TooMuch), (2, Reached::TooMuch)] {
        let mut stream = site.tunnel().await;
        stream.write_all(&hello("localhost")).await.unwrap();
        stream.read_to_end(&mut said).await.ok();
        let record = site.records.recv().await.unwrap();
        assert_eq!(record.reached, reached, "{round}");
    }
    let request = "GET http://localhost:PORT/ HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nall";
    site.ask(request).await;
    assert_eq!(site.record().await.2, Reached::TooMuch);
    // Elsewhere it may send as before.
    let mut site = Site::fetching(&[], &listed, &[], limits).await;
    assert!(site.ask(request).await.contains("pong"));
    assert_eq!(site.record().await.2, Reached::Allowed);
}

#[tokio::test]
async fn one_connection_sends_no_more_than_it_may_and_another_goes_on() {
    let limits = Limits {
        connection_sent_bytes: 300,
        ..Limits::default()
    };
    let mut site = Site::with(&[], &["localhost:PORT"], limits).await;
    let long = "x".repeat(400);
    let long = format!("GET http://localhost:PORT/{long} HTTP/1.1\r\nhost: x\r\n\r\n");
    site.ask(&long).await;
    assert_eq!(site.record().await.2, Reached::TooMuch);
    let short = "GET http://localhost:PORT/ HTTP/1.1\r\nhost: x\r\n\r\n";
    assert!(site.ask(short).await.contains("pong"));
}

/// Asks for a tunnel by SOCKS; answers what the proxy says of it, and the stream.
async fn socks(site: &Site, kind: u8, host: &[u8], port: u16) -> (u8, UnixStream) {
    let mut stream = site.connect().await;
    stream.write_all(&[5, 2, 0, 2]).await.unwrap();
    assert_eq!(
        stream.read_u16().await.unwrap(),
        0x0500,
        "no login is asked"
    );
    let mut ask = vec![5, 1, 0, kind];
    if kind == 3 {
        ask.push(u8::try_from(host.len()).unwrap());
    }
    ask.extend(host);
    ask.extend(port.to_be_bytes());
    stream.write_all(&ask).await.unwrap();
    let mut said = [0; 10];
    stream.read_exact(&mut said).await.unwrap();
    (said[1], stream)
}

#[tokio::test]
async fn socks_reaches_listed_names_by_tls_and_nothing_else() {
    let mut site = Site::of(&["localhost:PORT"]).await;
    let port = site.port;
    let (said, mut stream) = socks(&site, 3, b"LocalHost", port).await;
    assert_eq!(said, 0);
    let first = hello("localhost");
    stream.write_all(&first).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(b"pong"));
    assert_eq!(site.came.recv().await.unwrap(), first);
    drop(stream);
    assert_eq!(site.record().await.2, Reached::Allowed);
    for (kind, host, why) in [
        (3, &b"evil.test"[..], Reached::NotListed),
        (3, b"evil\0.localhost", Reached::NoName),
        (3, b"127.0.0.1", Reached::NoName),
        (1, &[127, 0, 0, 1], Reached::NoName),
        (4, &[0; 16], Reached::NoName),
    ] {
        let (said, mut stream) = socks(&site, kind, host, port).await;
        assert_eq!(said, 2, "{host:?}: not allowed");
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(site.record().await.2, why, "{host:?}");
    }
    let (said, mut stream) = socks(&site, 3, b"localhost", port).await;
    assert_eq!(said, 0);
    stream.write_all(b"SSH-2.0-x\r\n").await.unwrap();
    stream.read_to_end(&mut answer).await.ok();
    assert_eq!(site.record().await.2, Reached::NoServerName);
}

#[tokio::test]
async fn tls_without_asking_goes_to_the_server_that_it_names_if_that_is_listed() {
    let mut site = Site::with(&["localhost"], &[], Limits::default()).await;
    for (name, why) in [
        ("evil.test", Reached::NotListed),
        // It is listed, and leads to this machine.
        ("localhost", Reached::PrivateAddress),
    ] {
        let mut stream = site.connect().await;
        stream.write_all(&hello(name)).await.unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.ok();
        assert!(said.is_empty());
        assert_eq!(site.record().await, (name.to_owned(), 443, why));
    }
    // Without a name: no TLS that could be judged.
    let mut stream = site.connect().await;
    stream.write_all(&hello("192.0.2.1")).await.unwrap();
    stream.read_to_end(&mut Vec::new()).await.ok();
    assert_eq!(site.record().await.2, Reached::NoServerName);
}
