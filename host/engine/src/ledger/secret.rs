//! Secrets of tokens: how they are drawn, written, and compared.
//!
//! A token is `orch_NUMBER_SECRET`: the number finds its row, and only the secret counts. It has 256 random bits, so that
//! one round of SHA-256 is enough to keep.

use std::io::Read;

use orch_domain::id::TokenId;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Random bytes of a secret.
const BYTES: usize = 32;

/// A secret that is kept nowhere.
pub(crate) struct Secret(String);

impl Secret {
    /// Draws one.
    pub(crate) fn draw() -> std::io::Result<Self> {
        let mut bytes = [0_u8; BYTES];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Self(hex::encode(bytes)))
    }

    /// What is kept of it.
    pub(crate) fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }

    /// Whether this is what was kept, in a time that says nothing about how much of it fits.
    pub(crate) fn is_of(&self, hash: &str) -> bool {
        self.hash().as_bytes().ct_eq(hash.as_bytes()).into()
    }

    /// The token in full, to be shown once.
    pub(crate) fn token(&self, id: TokenId) -> String {
        format!("orch_{id}_{}", self.0)
    }

    /// Number and secret of a token; none for what is no token of ours.
    pub(crate) fn parse(token: &str) -> Option<(TokenId, Self)> {
        let (number, secret) = token.strip_prefix("orch_")?.split_once('_')?;
        let is_secret = secret.len() == 2 * BYTES && secret.bytes().all(|b| b.is_ascii_hexdigit());
        let id = number.parse().ok().filter(|_| is_secret)?;
        Some((TokenId(id), Self(secret.to_owned())))
    }
}

/// Whether two texts are the same, in a time that depends on their lengths alone.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_reads_back_and_only_its_own_secret_fits() {
        let (one, other) = (Secret::draw().unwrap(), Secret::draw().unwrap());
        let (id, read) = Secret::parse(&one.token(TokenId(7))).unwrap();
        assert_eq!(id, TokenId(7));
        assert!(read.is_of(&one.hash()));
        assert!(!other.is_of(&one.hash()));
        assert!(!one.hash().contains(&one.0));
        for bad in ["", "orch_7_", "orch_x_00", "7_00", "orch_7_00"] {
            assert!(Secret::parse(bad).is_none(), "{bad}");
        }
    }
}
