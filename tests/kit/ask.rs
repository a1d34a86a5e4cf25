//! Asks a running host over its socket: the question of the command line, without starting a program for it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// How long a host may take; whoever waits for something asks again.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// What the host behind a socket answers to a GET; none if none answers, or if it refuses.
pub(crate) fn get(socket: &Path, address: &str) -> Option<Value> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(ANSWER_MAX)).ok()?;
    // By HTTP/1.0 the answer comes in one piece and the end of it is the end of the connection.
    let request = format!("GET {address} HTTP/1.0\r\nhost: orch\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n")?;
    let (head, body) = (&answer[..end], &answer[end + 4..]);
    let status = std::str::from_utf8(head).ok()?.split(' ').nth(1)?;
    (status == "200")
        .then(|| serde_json::from_slice(body).ok())
        .flatten()
}
