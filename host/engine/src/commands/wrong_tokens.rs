//! How many wrong tokens came from where, so that nobody tries them by the thousand.
//!
//! A token that was right before is looked up all the same: somebody who guesses behind the same address locks nobody
//! out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// Wrong tokens from an address in [`WINDOW`].
const WRONG_MAX: u32 = 20;
/// How long they are remembered.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered; with more, somebody has a whole network to guess from, and all count as one.
const ADDRESSES_MAX: usize = 1024;
/// Right tokens that are remembered, by their hashes.
const RIGHT_MAX: usize = 1024;

/// What is known of tokens that came.
#[derive(Debug, Default)]
pub(crate) struct WrongTokens(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    wrong: BTreeMap<IpAddr, (Instant, u32)>,
    right: BTreeSet<[u8; 32]>,
}

impl WrongTokens {
    /// Whether so many wrong ones came from there that `token` is not looked up.
    pub(super) fn are_too_many(&self, from: IpAddr, token: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong = known.wrong.get(&network(from));
        let too_many =
            wrong.is_some_and(|(since, count)| *count >= WRONG_MAX && since.elapsed() < WINDOW);
        too_many && !known.right.contains(&hash(token))
    }

    pub(super) fn was_wrong(&self, from: IpAddr) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong = &mut known.wrong;
        wrong.retain(|_, (since, _)| since.elapsed() < WINDOW);
        let mut from = network(from);
        if wrong.len() >= ADDRESSES_MAX && !wrong.contains_key(&from) {
            from = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
        }
        let (_, count) = wrong.entry(from).or_insert_with(|| (Instant::now(), 0));
        *count = count.saturating_add(1);
    }

    pub(super) fn was_right(&self, token: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.right.len() >= RIGHT_MAX {
            known.right.clear();
        }
        known.right.insert(hash(token));
    }
}

/// What one sender has many addresses of: the lower half of an IPv6 address is the sender's to choose.
fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn guesses_from_one_place_end_and_those_who_were_right_go_on() {
        let tokens = WrongTokens::default();
        let (here, there) = (address("192.0.2.1"), address("192.0.2.2"));
        tokens.was_right("right");
        for _ in 0..WRONG_MAX {
            assert!(!tokens.are_too_many(here, "guess"));
            tokens.was_wrong(here);
        }
        assert!(tokens.are_too_many(here, "guess"));
        assert!(!tokens.are_too_many(here, "right"));
        assert!(!tokens.are_too_many(there, "guess"));
    }

    #[test]
    fn sender_gains_nothing_by_other_addresses_of_its_network() {
        let tokens = WrongTokens::default();
        for n in 0..WRONG_MAX {
            tokens.was_wrong(address(&format!("2001:db8::{n:x}")));
        }
        assert!(tokens.are_too_many(address("2001:db8::ffff"), "guess"));
        assert!(!tokens.are_too_many(address("2001:db8:0:1::1"), "guess"));
    }

    #[test]
    fn memory_is_bounded() {
        let tokens = WrongTokens::default();
        for n in 0..u32::try_from(2 * ADDRESSES_MAX).unwrap() {
            tokens.was_wrong(IpAddr::V4((0x0a00_0000 + n).into()));
            tokens.was_right(&n.to_string());
        }
        let known = tokens.0.lock().unwrap();
        assert!(known.wrong.len() <= ADDRESSES_MAX + 1 && known.right.len() <= RIGHT_MAX);
    }
}
