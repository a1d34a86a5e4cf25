//! What does a run ask for that speaks SOCKS, version 5 (RFC 1928)? A tunnel to a name, judged as every other; addresses
//! and everything but tunnels are refused.

use std::time::Duration;

use orch_domain::reach::{Reached, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::dial::dial;
use crate::run::Run;
use crate::tunnel;

const VERSION: u8 = 5;
/// Nobody is asked who they are: the run is known by its socket.
const NO_LOGIN: u8 = 0;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const NAME: u8 = 3;
/// How long asking may take.
const ASK_MAX: Duration = Duration::from_secs(30);

/// Answers of the proxy.
#[derive(Debug, Clone, Copy)]
enum Reply {
    Succeeded = 0,
    NotAllowed = 2,
    Unreachable = 4,
    NoSuchCommand = 7,
    NoSuchAddress = 8,
}

/// Why nothing is carried.
struct Refused {
    host: String,
    port: u16,
    why: Reached,
    reply: Reply,
}

/// Carries what the run asks for.
pub(crate) async fn carry(mut stream: UnixStream, run: &Run) {
    let Ok(Some(asked)) = timeout(ASK_MAX, ask(&mut stream)).await else {
        return;
    };
    let dialled = match asked {
        Ok(target) => match dial(&run.policy, &target).await {
            Ok(to) => Ok((to, target)),
            Err(why) => Err(Refused {
                host: target.host().to_owned(),
                port: target.port(),
                why,
                reply: match why {
                    Reached::Unreachable => Reply::Unreachable,
                    _ => Reply::NotAllowed,
                },
            }),
        },
        Err(refused) => Err(refused),
    };
    match dialled {
        Ok((to, target)) => {
            let to = run.metered(to, target.clone());
            if say(&mut stream, Reply::Succeeded).await.is_some() {
                tunnel::carry(stream, to, &target).await;
            }
        }
        Err(Refused {
            host,
            port,
            why,
            reply,
        }) => {
            run.refused(host, port, why);
            // Whoever does not hear it sees the end.
            say(&mut stream, reply).await;
        }
    }
}

/// What is asked for; none if nothing is that can be read.
async fn ask(stream: &mut UnixStream) -> Option<Result<Target, Refused>> {
    let _version = stream.read_u8().await.ok()?;
    let count = stream.read_u8().await.ok()?;
    let mut methods = vec![0; usize::from(count)];
    stream.read_exact(&mut methods).await.ok()?;
    if !methods.contains(&NO_LOGIN) {
        stream.write_all(&[VERSION, NO_METHOD]).await.ok()?;
        return None;
    }
    stream.write_all(&[VERSION, NO_LOGIN]).await.ok()?;
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.ok()?;
    let [version, command, _, kind] = head;
    if version != VERSION {
        return None;
    }
    let length = match kind {
        1 => 4,
        NAME => usize::from(stream.read_u8().await.ok()?),
        4 => 16,
        _ => {
            say(stream, Reply::NoSuchAddress).await;
            return None;
        }
    };
    let mut host = vec![0; length];
    stream.read_exact(&mut host).await.ok()?;
    let port = stream.read_u16().await.ok()?;
    let host = match kind {
        // What is no text is no name either.
        NAME => String::from_utf8_lossy(&host).into_owned(),
        1 => format!(
            "address {}",
            host.iter().map(u8::to_string).collect::<Vec<_>>().join(".")
        ),
        _ => "address of version 6".to_owned(),
    };
    let refused = |why, reply| Refused {
        host: host.clone(),
        port,
        why,
        reply,
    };
    Some(match (command, Target::new(&host, port)) {
        (CONNECT, Ok(target)) => Ok(target),
        (CONNECT, Err(_)) => Err(refused(Reached::NoName, Reply::NotAllowed)),
        (_, _) => Err(refused(Reached::NoName, Reply::NoSuchCommand)),
    })
}

async fn say(stream: &mut UnixStream, reply: Reply) -> Option<()> {
    // The address that it was reached from is nobody's business.
    let nowhere = [0, 1, 0, 0, 0, 0, 0, 0];
    let said = [&[VERSION, reply as u8][..], &nowhere].concat();
    stream.write_all(&said).await.ok()
}
