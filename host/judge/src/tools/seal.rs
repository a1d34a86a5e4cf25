//! What may a gate see of a report of secrets? Where each is, and whether two are the same: never what they are.
//!
//! Equal secrets of one evaluation have equal seals, so that what the base has already can be told from what the
//! branch adds. The key of the seals is random and kept nowhere, so that nothing can be guessed from one later.

use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::shelf::Shelf;

/// Largest report that is read, bytes.
pub(super) const REPORT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Most entries that are handed on; the number of those beyond is handed on too.
const ENTRIES_MAX: usize = 2_000;
/// Longest text of an entry, characters.
const TEXT_MAX: usize = 1_000;
/// Shorter secrets are left alone where they occur in a path, for they would blot out the path.
const MASKED_CHARACTERS_MIN: usize = 4;

/// The key of one evaluation's seals.
#[derive(Clone)]
pub(super) struct SealKey([u8; 32]);

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealKey").finish_non_exhaustive()
    }
}

impl SealKey {
    /// A new key. Without random numbers there is none, and nothing is said to be equal.
    pub(super) fn random() -> Option<Self> {
        let mut key = [0; 32];
        let read = std::fs::File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut key));
        match read {
            Ok(()) => Some(Self(key)),
            Err(error) => {
                tracing::warn!(%error, "there are no random numbers; secrets cannot be compared");
                None
            }
        }
    }

    fn seal(&self, secret: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(secret.as_bytes());
        format!("sealed:{}", hex::encode(&hash.finalize()[..16]))
    }
}

/// The report without what it found, as JSON. A report that is no list of entries is handed on as a text that says
/// so, for its words may hold the secrets.
pub(super) fn sealed(report: &[u8], key: Option<&SealKey>, shelf: &Shelf, root: &Path) -> String {
    if report.iter().all(u8::is_ascii_whitespace) {
        return String::new();
    }
    if report.len() as u64 > REPORT_BYTES_MAX {
        return format!("the report has more than {REPORT_BYTES_MAX} bytes");
    }
    let entries: Option<Vec<Map<String, Value>>> = match serde_json::from_slice(report) {
        Ok(entries) => entries,
        Err(error) => return format!("line {} is no list of secrets", error.line()),
    };
    let entries = entries.unwrap_or_default();
    let beyond = entries.len().saturating_sub(ENTRIES_MAX);
    let shown = entries.iter().take(ENTRIES_MAX);
    let mut list: Vec<Value> = shown
        .map(|entry| sealed_entry(entry, key, shelf, root))
        .collect();
    if beyond > 0 {
        list.push(json!({ "Beyond": beyond }));
    }
    Value::Array(list).to_string()
}

fn sealed_entry(
    entry: &Map<String, Value>,
    key: Option<&SealKey>,
    shelf: &Shelf,
    root: &Path,
) -> Value {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let (secret, found) = (text("Secret"), text("Match"));
    let masked = |text: &str| {
        let mut text = text.to_owned();
        for hidden in [found.trim(), secret.trim()] {
            if hidden.chars().count() >= MASKED_CHARACTERS_MIN {
                text = text.replace(hidden, "****");
            }
        }
        text.chars().take(TEXT_MAX).collect::<String>()
    };
    let line = entry.get("StartLine").and_then(Value::as_u64).unwrap_or(0);
    let origin = shelf.origin(root, text("File"));
    let (file, commit, line) = match origin {
        Some(origin) => (
            origin.path.as_str(),
            origin.commit.as_deref().unwrap_or_default(),
            line.saturating_sub(origin.lines_before).max(1),
        ),
        None => (text("File"), text("Commit"), line),
    };
    let mut sealed = json!({
        "RuleID": masked(text("RuleID")),
        "Description": masked(text("Description")),
        "File": masked(file),
        "Commit": masked(commit),
        "StartLine": u32::try_from(line).unwrap_or(0),
    });
    if let Some(key) = key.filter(|_| !is_masked(secret)) {
        sealed["Secret"] = Value::String(key.seal(secret));
    }
    sealed
}

/// Whether the scanner hid the secret itself: then all of them look alike, and none is known to be another's equal.
fn is_masked(secret: &str) -> bool {
    let plain = secret.trim();
    plain.is_empty()
        || plain == "REDACTED"
        || plain.ends_with("...")
        || plain.chars().all(|c| c == '*')
}

/// The text of a report as far as it may be read: one byte more than the bound if it is longer.
pub(super) fn read_report(file: std::fs::File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(REPORT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use orch_domain::path::RepoPath;

    use super::*;

    fn seal(report: &str, shelf: &Shelf) -> Value {
        let key = SealKey([7; 32]);
        let text = sealed(report.as_bytes(), Some(&key), shelf, Path::new("/tree"));
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    #[test]
    fn secret_is_replaced_by_a_seal_that_its_equal_has_too() {
        let report = json!([
            {"RuleID": "key", "File": "a/hunter2hunter2", "StartLine": 3, "Secret": "hunter2hunter2",
             "Match": "k = hunter2hunter2", "Message": "hunter2hunter2", "Author": "Ann"},
            {"RuleID": "key", "File": "b", "StartLine": 1, "Secret": "hunter2hunter2"},
            {"RuleID": "key", "File": "b", "StartLine": 1, "Secret": "other"},
        ]);
        let sealed = seal(&report.to_string(), &Shelf::default());
        assert!(!sealed.to_string().contains("hunter2") && !sealed.to_string().contains("Ann"));
        assert_eq!(sealed[0]["File"], "a/****");
        assert_eq!(sealed[0]["Secret"], sealed[1]["Secret"]);
        assert_ne!(sealed[0]["Secret"], sealed[2]["Secret"]);
    }

    #[test]
    fn masked_secrets_are_not_said_to_be_equal() {
        for masked in ["", "REDACTED", "AKI...", "****"] {
            let report = json!([{"RuleID": "key", "File": "a", "Secret": masked}]);
            let sealed = seal(&report.to_string(), &Shelf::default());
            assert_eq!(sealed[0].get("Secret"), None, "{masked}");
        }
    }

    #[test]
    fn place_is_that_of_the_file_in_the_repository() {
        let root = tempfile::tempdir().unwrap();
        let mut shelf = Shelf::default();
        let path = RepoPath::from(".gitleaksignore");
        shelf.put(root.path(), &path, Some("c1"), b"x").unwrap();
        let report = json!([{"RuleID": "key", "File": "@0.text", "StartLine": 2, "Secret": "s"}]);
        let key = SealKey([7; 32]);
        let text = sealed(
            report.to_string().as_bytes(),
            Some(&key),
            &shelf,
            root.path(),
        );
        let sealed: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(sealed[0]["File"], ".gitleaksignore");
        assert_eq!(
            (&sealed[0]["StartLine"], &sealed[0]["Commit"]),
            (&json!(1), &json!("c1"))
        );
    }

    #[test]
    fn entries_beyond_the_bound_are_counted() {
        let many: Vec<Value> = (0..20_000)
            .map(|line| json!({"RuleID": "key", "File": "a", "StartLine": line, "Secret": format!("s{line}")}))
            .collect();
        let sealed = seal(&Value::Array(many).to_string(), &Shelf::default());
        let list = sealed.as_array().unwrap();
        assert_eq!(
            (list.len(), &list[2_000]["Beyond"]),
            (2_001, &json!(18_000))
        );
    }

    #[test]
    fn unreadable_report_is_neither_shown_nor_taken_for_an_empty_one() {
        for report in ["hunter2", "{}", "[1]", r#"[{"a":"hunter2"]"#] {
            let sealed = seal(report, &Shelf::default());
            let text = sealed.as_str().unwrap();
            assert!(!text.is_empty() && !text.contains("hunter2"), "{text}");
        }
        assert_eq!(seal(" \n", &Shelf::default()), "");
        assert_eq!(seal("null", &Shelf::default()), json!([]));
    }
}
