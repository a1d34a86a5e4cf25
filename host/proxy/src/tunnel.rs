//! Carries bytes between a run and a server, once the run has begun TLS with that very server.

use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use orch_domain::reach::{Reached, Target};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional_with_sizes,
};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::dial::dial;
use crate::hello::{HELLO_BYTES_MAX, Hello, read};
use crate::metered::Metered;
use crate::run::Run;

/// Port on which TLS is begun without asking.
const TLS_PORT: u16 = 443;

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
    /// Carries until one side ends, once the answer is out.
    pub(crate) async fn carry(self) {
        let Ok(from) = self.from.await else { return };
        carry(TokioIo::new(from), self.to, &self.target).await;
    }
}

/// Carries until one side ends. Ends at once if what comes first is not TLS with the target.
pub(crate) async fn carry(
    mut from: impl AsyncRead + AsyncWrite + Unpin,
    mut to: Metered,
    target: &Target,
) {
    match first(&mut from, |hello| hello.fits(target)).await {
        Ok(hello) => pass_on(from, to, &hello).await,
        Err(refused) => to.reached = refused,
    }
}

/// Carries a connection of a program that knows no proxy and begins TLS at once: the server that it begins with is the
/// one that it asks for.
pub(crate) async fn carry_unasked(mut from: UnixStream, run: &Run) {
    let mut named = None;
    let hello = first(&mut from, |hello| match hello {
        Hello::Part => None,
        Hello::NoName => Some(Err(Reached::NoServerName)),
        Hello::Hidden => Some(Err(Reached::HiddenServerName)),
        Hello::Names(name) => {
            named = Some(name);
            Some(Ok(()))
        }
    });
    let hello = hello.await;
    let name = named.unwrap_or_default();
    let hello = match hello {
        Ok(hello) => hello,
        Err(why) => return run.refused(name, TLS_PORT, why),
    };
    let Ok(target) = Target::new(&name, TLS_PORT) else {
        return run.refused(name, TLS_PORT, Reached::NoName);
    };
    match dial(&run.policy, &target).await {
        Ok(stream) => {
            let to = run.metered(stream, target);
            pass_on(from, to, &hello).await;
        }
        Err(why) => run.refused(name, TLS_PORT, why),
    }
}

async fn pass_on(mut from: impl AsyncRead + AsyncWrite + Unpin, mut to: Metered, hello: &[u8]) {
    if to.write_all(hello).await.is_err() {
        return;
    }
    let carried = copy_bidirectional_with_sizes(&mut from, &mut to, BUFFER, BUFFER);
    // Whichever side ended it, nothing is left to be done.
    timeout(TUNNEL_MAX, carried).await.ok();
}

/// The first message of the run, in full, if `judge` lets it pass; `judge` answers nothing as long as it needs more.
async fn first(
    from: &mut (impl AsyncRead + Unpin),
    mut judge: impl FnMut(Hello) -> Option<Result<(), Reached>>,
) -> Result<Vec<u8>, Reached> {
    let mut bytes = Vec::with_capacity(2048);
    let deadline = Instant::now() + HELLO_MAX;
    loop {
        let came = timeout_at(deadline, from.read_buf(&mut bytes)).await;
        if !matches!(came, Ok(Ok(1..))) || bytes.len() > HELLO_BYTES_MAX {
            return Err(Reached::NoServerName);
        }
        match judge(read(&bytes)) {
            None => {}
            Some(Ok(())) => return Ok(bytes),
            Some(Err(why)) => return Err(why),
        }
    }
}
