//! Which words leave the host nowhere? The credentials that its configuration names: whatever prints them, they are
//! masked in what is told, commented, reviewed and written down of hooks.
//!
//! They are read anew each time, so that one that was replaced is masked at once. Not responsible for credentials that
//! the configuration does not name: a branch is looked through by the gate `security`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use orch_config::HostConfig;
use orch_domain::message::Message;

/// What stands in the place of a credential.
const MASK: &str = "[masked]";
/// Shortest text that is masked, bytes: anything shorter is a word like others.
const SECRET_BYTES_MIN: usize = 8;

/// The credentials, in every form in which one is usually printed.
#[derive(Clone)]
pub(crate) struct Masks(Vec<String>);

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Masks").field(&self.0.len()).finish()
    }
}

impl Masks {
    /// Those of a configuration, as they are now. One that cannot be read masks nothing; whoever uses it says so.
    pub(crate) fn of(config: &HostConfig) -> Self {
        Self::new(config.credentials().into_iter())
    }

    fn new(secrets: impl Iterator<Item = String>) -> Self {
        let long = secrets.filter(|secret| secret.len() >= SECRET_BYTES_MIN);
        let mut forms: Vec<String> = long.flat_map(|secret| forms(&secret)).collect();
        // The longest first: a form may hold another one.
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self(forms)
    }

    /// The text without them.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for form in &self.0 {
            if masked.contains(form.as_str()) {
                masked = masked.replace(form.as_str(), MASK);
            }
        }
        masked
    }

    /// The message without them, wherever in it they stand; none if it holds none.
    pub(crate) fn message(&self, message: &Message) -> Option<Message> {
        let mut tree = serde_json::to_value(message).ok()?;
        if !self.tree(&mut tree) {
            return None;
        }
        serde_json::from_value(tree).ok()
    }

    /// Masks the texts of a tree; whether there were any.
    fn tree(&self, tree: &mut serde_json::Value) -> bool {
        match tree {
            serde_json::Value::String(text) => {
                let masked = self.text(text);
                let is_changed = masked != *text;
                *text = masked;
                is_changed
            }
            serde_json::Value::Array(list) => {
                // Each is looked at, whatever was found before.
                let changed = list
                    .iter_mut()
                    .filter_map(|one| self.tree(one).then_some(()));
                changed.count() > 0
            }
            serde_json::Value::Object(map) => {
                let changed = map
                    .values_mut()
                    .filter_map(|one| self.tree(one).then_some(()));
                changed.count() > 0
            }
            _ => false,
        }
    }
}

/// A credential as it is, as addresses have it, and as it stands within base64.
fn forms(secret: &str) -> Vec<String> {
    let mut list = vec![secret.to_owned(), in_address(secret)];
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        // What stands before it, such as a user's name, moves it by so many bytes; the digits at either end depend on
        // its neighbours.
        for before in 0..3_usize {
            let mut bytes = vec![0; before];
            bytes.extend_from_slice(secret.as_bytes());
            let text = engine.encode(&bytes);
            let from = (before * 8).div_ceil(6);
            let to = bytes.len() * 8 / 6;
            list.extend(text.get(from..to).map(str::to_owned));
        }
    }
    list.retain(|form| form.len() >= SECRET_BYTES_MIN);
    list
}

/// A text as it stands in an address.
fn in_address(text: &str) -> String {
    let part = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credential_is_masked_in_each_form_and_nothing_else_is() {
        let masks = Masks::new(["s3cret/key+1", "short"].into_iter().map(str::to_owned));
        let basic = |user: &str| {
            let plain = format!("{user}:s3cret/key+1");
            base64::engine::general_purpose::STANDARD.encode(plain)
        };
        for text in [
            "token s3cret/key+1.".to_owned(),
            "https://orch:s3cret%2Fkey%2B1@forge.test".to_owned(),
            basic("a"),
            basic("ab"),
            basic("abc"),
        ] {
            let masked = masks.text(&text);
            assert!(masked.contains(MASK), "{text}");
            assert!(!masked.contains("s3cret"), "{masked}");
        }
        let plain = "a short text about a key";
        assert_eq!(masks.text(plain), plain);
        assert!(!format!("{masks:?}").contains("s3cret"));
    }
}
