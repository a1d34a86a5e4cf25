//! Reads the artefacts that gates judge: by whom they were written and what their frontmatter says.
//!
//! Everything that is missing, unreadable or by the wrong author comes back as a finding, so that a gate
//! built on these functions is fail-closed.

use orch_frontmatter::{Mapping, Value};

use crate::bindings::orch::gate::types::Finding;
use crate::host::artefacts::{Artefact, Author, ReadError};
use crate::{Host, finding};

/// Who must have written an artefact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The host.
    Host,
    /// The run of this role in this attempt.
    Role(&'static str),
}

impl By {
    fn wrote(self, artefact: &Artefact) -> bool {
        match (self, &artefact.written_by) {
            (Self::Host, Author::Host) => true,
            (Self::Role(role), Author::Role(by)) => role == by,
            (Self::Host, Author::Role(_) | Author::Unknown)
            | (Self::Role(_), Author::Host | Author::Unknown) => false,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Host => "the host".to_owned(),
            Self::Role(role) => format!("the {role}'s own run in this attempt"),
        }
    }
}

/// The text of `name` if `by` wrote it and there is something in it.
///
/// # Errors
/// The finding that says what is wrong.
pub fn text<H: Host>(host: &H, name: &str, by: By) -> Result<String, Box<Finding>> {
    let at = |f: Finding| Box::new(f.at(name, None));
    let artefact = host.artefacts().into_iter().find(|a| a.path == name);
    let Some(artefact) = artefact else {
        return Err(at(finding(
            "artefact/missing",
            format!("{name} is missing"),
        )));
    };
    if !by.wrote(&artefact) {
        let message = format!(
            "{name} was not written by {}, so it counts for nothing",
            by.name()
        );
        return Err(at(finding("artefact/author", message)));
    }
    let text = match host.read_artefact(name) {
        Ok(text) => text,
        Err(ReadError::Missing) => {
            return Err(at(finding(
                "artefact/missing",
                format!("{name} is missing"),
            )));
        }
        Err(ReadError::TooLarge(bytes)) => {
            return Err(at(finding(
                "artefact/size",
                format!("{name} has {bytes} bytes, too many to read"),
            )));
        }
        Err(ReadError::NotText) => {
            return Err(at(finding(
                "artefact/text",
                format!("{name} is not UTF-8 text"),
            )));
        }
        Err(ReadError::Denied(why)) => {
            return Err(at(finding("artefact/denied", format!("{name}: {why}"))));
        }
    };
    if text.trim().is_empty() {
        return Err(at(finding("artefact/empty", format!("{name} is empty"))));
    }
    Ok(text)
}

/// Frontmatter and body of `name` if `by` wrote it.
///
/// # Errors
/// The finding that says what is wrong.
pub fn document<H: Host>(host: &H, name: &str, by: By) -> Result<(Mapping, String), Box<Finding>> {
    let text = text(host, name, by)?;
    match orch_frontmatter::parse(&text) {
        Ok(document) => Ok((document.mapping, document.body.to_owned())),
        Err(error) => Err(Box::new(broken(name, &error))),
    }
}

/// The finding for frontmatter that cannot be read, with its line in the file.
pub fn broken(name: &str, error: &orch_frontmatter::Error) -> Finding {
    let line = error.line().and_then(|line| u32::try_from(line).ok());
    finding("artefact/frontmatter", format!("{name}: {error}")).at(name, line)
}

/// What a key holds, for people: characters that nobody sees are written out.
fn held(keys: &Mapping, key: &str) -> String {
    match keys.get(key) {
        None => "missing".to_owned(),
        Some(Value::Sequence(_)) => "a list".to_owned(),
        Some(Value::Mapping(_)) => "a mapping".to_owned(),
        Some(Value::Null) => "empty".to_owned(),
        Some(value) => {
            let text = value.to_scalar_text().unwrap_or_default();
            let cut = text.chars().nth(HELD_MAX).map_or("", |_| "…");
            let shown: String = text.chars().take(HELD_MAX).map(seen).collect();
            format!("`{shown}{cut}`")
        }
    }
}

/// Longest value that is shown, in characters.
const HELD_MAX: usize = 120;

/// A character as it can be seen: marks without a width or that turn the direction, and blanks that are none.
fn seen(character: char) -> String {
    match character {
        c if c.is_control() => c.escape_default().collect(),
        '\u{ad}'
        | '\u{a0}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{180e}'
        | '\u{2000}'..='\u{200f}'
        | '\u{2028}'..='\u{202f}'
        | '\u{205f}'..='\u{206f}'
        | '\u{3000}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' => character.escape_unicode().collect(),
        c => c.to_string(),
    }
}

/// What an artefact's own verdict key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The positive token.
    Positive,
    /// The negative token.
    Negative,
}

/// Reads the verdict key. Only the exact tokens count.
///
/// # Errors
/// The finding that says what the key may hold.
pub fn claim(
    name: &str,
    keys: &Mapping,
    key: &str,
    positive: &str,
    negative: &str,
) -> Result<Claim, Box<Finding>> {
    match keys.text(key) {
        Some(value) if value == positive => Ok(Claim::Positive),
        Some(value) if value == negative => Ok(Claim::Negative),
        _ => {
            let has = held(keys, key);
            let message =
                format!("{name}: `{key}` is {has}; it must be `{positive}` or `{negative}`");
            Err(Box::new(
                finding("artefact/verdict", message).at(name, None),
            ))
        }
    }
}

/// The finding for a key that does not hold the work item under judgement; none if it does.
pub fn names_work_item(name: &str, keys: &Mapping, key: &str, work_item: &str) -> Option<Finding> {
    let has = keys
        .get(key)
        .and_then(orch_frontmatter::Value::to_scalar_text);
    if has.as_deref() == Some(work_item) {
        return None;
    }
    let has = held(keys, key);
    Some(
        finding(
            "artefact/work-item",
            format!("{name}: `{key}` is {has}; it must be `{work_item}`"),
        )
        .at(name, None),
    )
}

/// Ids such as `AC-12` in the order they first appear: `prefix`, a hyphen, digits.
pub fn ids(text: &str, prefix: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let marker = format!("{prefix}-");
    for (at, _) in text.match_indices(&marker) {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            continue;
        }
        let digits: String = text[at + marker.len()..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        let id = format!("{marker}{digits}");
        if !digits.is_empty() && !found.contains(&id) {
            found.push(id);
        }
    }
    found
}

/// Whether `text` names `id` as a whole word, so that `AC-1` is not found in `AC-12`.
pub fn mentions(text: &str, id: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.match_indices(id).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + id.len()..].chars().next();
        !before.is_some_and(inside) && !after.is_some_and(inside)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(yaml: &str) -> String {
        let text = format!("---\n{yaml}\n---\n");
        let keys = orch_frontmatter::parse(&text).unwrap().mapping;
        match claim(
            "12-review.md",
            &keys,
            "verdict",
            "APPROVED",
            "REQUEST_CHANGES",
        ) {
            Ok(claim) => format!("{claim:?}"),
            Err(found) => found.message,
        }
    }

    #[test]
    fn what_a_key_holds_is_said_as_it_is() {
        for (yaml, has) in [
            ("verdict: [APPROVED]", "is a list;"),
            ("verdict: {APPROVED: 1}", "is a mapping;"),
            ("verdict:", "is empty;"),
            ("other: 1", "is missing;"),
            ("verdict: approved", "is `approved`;"),
            ("verdict: APPROVED\u{200b}", "is `APPROVED\\u{200b}`;"),
            ("verdict: \"APPROVED\\u00a0\"", "is `APPROVED\\u{a0}`;"),
            ("verdict: \"\\u202eAPPROVED\"", "is `\\u{202e}APPROVED`;"),
        ] {
            assert!(said(yaml).contains(has), "{yaml}: {}", said(yaml));
        }
        assert_eq!(said("verdict: APPROVED"), "Positive");
    }

    #[test]
    fn ids_are_whole_words_and_unique() {
        assert_eq!(
            ids("- AC-1: x\n- AC-12 y AC-1 BAC-3 AC-", "AC"),
            ["AC-1", "AC-12"]
        );
        assert!(mentions("covers AC-1.", "AC-1"));
        assert!(!mentions("covers AC-12", "AC-1"));
    }
}
