//! The key: shown to the provider alone, and looked for in what comes back.

use std::fmt;

/// What stands where the key stood.
const REMOVED: &[u8] = b"[removed]";
/// Shortest key that is looked for: a shorter one would be found everywhere, and is no key.
const BYTES_MIN: usize = 8;

/// The key of a provider.
#[derive(Clone)]
pub struct Key(String);

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key of a provider has at least {BYTES_MIN} visible characters and no spaces")]
pub struct NoKey;

impl Key {
    /// A key, without the line end that a file has.
    ///
    /// # Errors
    /// [`NoKey`].
    pub fn new(text: &str) -> Result<Self, NoKey> {
        let text = text.trim();
        let is_key = text.len() >= BYTES_MIN && text.bytes().all(|b| b.is_ascii_graphic());
        is_key.then(|| Self(text.to_owned())).ok_or(NoKey)
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        let key = self.0.as_bytes();
        bytes.windows(key.len()).any(|window| window == key)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Takes the key out of what comes piece by piece. What could be its beginning is held back until the next piece.
#[derive(Debug)]
pub(crate) struct Sieve {
    key: Key,
    held: Vec<u8>,
    /// Whether it was there.
    pub(crate) found: bool,
}

impl Sieve {
    pub(crate) fn new(key: Key) -> Self {
        Self {
            key,
            held: Vec::new(),
            found: false,
        }
    }

    /// What may be passed on now.
    pub(crate) fn pass(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        let key = self.key.0.as_bytes();
        let mut passed = Vec::with_capacity(self.held.len());
        let mut at = 0;
        while let Some(rest) = self.held.get(at..).filter(|rest| !rest.is_empty()) {
            if rest.starts_with(key) {
                self.found = true;
                passed.extend_from_slice(REMOVED);
                at += key.len();
            } else if key.starts_with(rest) {
                break;
            } else {
                passed.push(rest[0]);
                at += 1;
            }
        }
        self.held.drain(..at);
        passed
    }

    /// What was held back, at the end: not the whole key.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sieved(pieces: &[&str]) -> (String, bool) {
        let mut sieve = Sieve::new(Key::new("sk-abcsk-abd").unwrap());
        let mut out = Vec::new();
        for piece in pieces {
            out.extend(sieve.pass(piece.as_bytes()));
        }
        out.extend(sieve.rest());
        (String::from_utf8(out).unwrap(), sieve.found)
    }

    #[test]
    fn key_is_taken_out_however_it_is_cut() {
        let text = "a sk-abcsk-abd b sk-abcsk-abcsk-abdsk-ab";
        let expected = "a [removed] b sk-abc[removed]sk-ab";
        for cut in 0..text.len() {
            let pieces = [&text[..cut], &text[cut..]];
            assert_eq!(sieved(&pieces), (expected.to_owned(), true), "{cut}");
        }
        let single: Vec<String> = text.chars().map(String::from).collect();
        let single: Vec<&str> = single.iter().map(String::as_str).collect();
        assert_eq!(sieved(&single).0, expected);
        assert_eq!(
            sieved(&["nothing", " of it"]),
            ("nothing of it".to_owned(), false)
        );
    }

    #[test]
    fn what_would_be_found_everywhere_is_no_key() {
        for bad in ["", "short", "with a space in it", "line\nbreak-in-it"] {
            assert!(Key::new(bad).is_err(), "{bad}");
        }
        let key = Key::new("sk-secret-key\n").unwrap();
        assert_eq!(key.expose(), "sk-secret-key");
        assert_eq!(format!("{key:?}"), "Key(…)");
    }
}
