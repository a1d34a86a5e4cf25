//! Is a target allowed, where does it lie, and does anybody answer there?

use std::net::SocketAddr;
use std::time::Duration;

use orch_domain::reach::{Reached, Target, is_public};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::Policy;

/// How long the lookup of a name may take.
const LOOKUP_MAX: Duration = Duration::from_secs(10);
/// How long one address may take to answer.
const CONNECT_MAX: Duration = Duration::from_secs(20);
/// Addresses of a name that are tried.
const ADDRESSES_MAX: usize = 8;

/// A connection to `target`, if the policy allows it; else why not.
pub(crate) async fn dial(policy: &Policy, target: &Target) -> Result<TcpStream, Reached> {
    let may_be_private = policy.reach_private.iter().any(|rule| rule.allows(target));
    if !may_be_private && !policy.reach.iter().any(|rule| rule.allows(target)) {
        return Err(Reached::NotListed);
    }
    let found = timeout(LOOKUP_MAX, lookup_host((target.host(), target.port()))).await;
    let addresses: Vec<SocketAddr> = match found {
        Ok(Ok(addresses)) => addresses.take(ADDRESSES_MAX).collect(),
        Ok(Err(_)) | Err(_) => return Err(Reached::Unreachable),
    };
    // One that is private among others is what a name does that is turned against this machine.
    if !may_be_private && addresses.iter().any(|at| !is_public(at.ip())) {
        return Err(Reached::PrivateAddress);
    }
    for address in addresses {
        // The address that was judged, and not the name once more.
        if let Ok(Ok(stream)) = timeout(CONNECT_MAX, TcpStream::connect(address)).await {
            return Ok(stream);
        }
    }
    Err(Reached::Unreachable)
}
