//! Carries bytes between a run and a server, once the run has begun TLS with that very server.

use std::time::Duration;

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use orch_domain::reach::{Reached, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::time::timeout;

use crate::hello::{HELLO_BYTES_MAX, Hello, read};
use crate::metered::Metered;

/// How long a run may take to begin.
const HELLO_MAX: Duration = Duration::from_secs(30);
/// Longest tunnel: beyond any download, and within the longest run.
const TUNNEL_MAX: Duration = Duration::from_secs(6 * 3600);
/// Bytes that are carried at once.
const BUFFER: usize = 64 * 1024;

/// A tunnel that the run was told of and has not begun to use.
#[derive(Debug)]
pub(crate) struct Tunnel {
    pub(crate) from: OnUpgrade,
    pub(crate) to: Metered,
    pub(crate) target: Target,
}

impl Tunnel {
    /// Carries until one side ends. Ends at once if what comes first is not TLS with the target.
    pub(crate) async fn carry(self) {
        let Self {
            from,
            mut to,
            target,
        } = self;
        let Ok(from) = from.await else { return };
        let mut from = TokioIo::new(from);
        let hello = match timeout(HELLO_MAX, hello(&mut from, &target)).await {
            Ok(Ok(hello)) => hello,
            Ok(Err(refused)) => {
                to.reached = refused;
                return;
            }
            Err(_) => {
                to.reached = Reached::NoServerName;
                return;
            }
        };
        if to.write_all(&hello).await.is_err() {
            return;
        }
        let carried = copy_bidirectional_with_sizes(&mut from, &mut to, BUFFER, BUFFER);
        // Whichever side ended it, nothing is left to be done.
        timeout(TUNNEL_MAX, carried).await.ok();
    }
}

/// The first message of the run, in full.
async fn hello(from: &mut TokioIo<Upgraded>, target: &Target) -> Result<Vec<u8>, Reached> {
    let mut bytes = Vec::with_capacity(2048);
    loop {
        let came = from.read_buf(&mut bytes).await;
        if !matches!(came, Ok(1..)) || bytes.len() > HELLO_BYTES_MAX {
            return Err(Reached::NoServerName);
        }
        match read(&bytes, target) {
            Hello::Part => {}
            Hello::Fits => return Ok(bytes),
            Hello::Refused(why) => return Err(why),
        }
    }
}
