//! What is said of a round on its pull request: one review with everything that gates found, worst first and bounded.

use crate::id::{EntryId, ObjectId};
use crate::verdict::{Finding, Severity};

/// Findings of one review. What is beyond is counted; all of them are with the task.
pub const FINDINGS_MAX: usize = 100;
/// Bytes of a finding's text.
const TEXT_BYTES_MAX: usize = 4_000;
/// Bytes of a path: longer ones are shown in the text only.
const PATH_BYTES_MAX: usize = 500;

/// A finding as it is shown on a pull request.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Noted {
    /// Which gate entry found it.
    pub entry: EntryId,
    /// The rule.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it alone fails the gate, and the gate's word counts.
    pub blocking: bool,
    /// What was found.
    pub message: String,
    /// What would make it go away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// File, relative to the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Line in the file, counting from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

impl Noted {
    /// A finding of an entry, cut to what a page shows.
    pub fn of(entry: &EntryId, counts: bool, finding: &Finding) -> Self {
        Self {
            entry: entry.clone(),
            rule: cut(&finding.rule, PATH_BYTES_MAX),
            severity: finding.severity,
            blocking: finding.blocking && counts,
            message: cut(&finding.message, TEXT_BYTES_MAX),
            help: finding
                .help
                .as_deref()
                .map(|text| cut(text, TEXT_BYTES_MAX)),
            path: finding
                .path
                .as_deref()
                .map(|path| cut(path, PATH_BYTES_MAX)),
            line: finding.line,
        }
    }

    /// The file and line at which it is shown; none if it is shown in the text of the review.
    pub fn place(&self) -> Option<(&str, u32)> {
        let (path, line) = (self.path.as_deref()?, self.line?);
        let is_plain = line > 0
            && path.len() < PATH_BYTES_MAX
            && !path.chars().any(char::is_control)
            && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        is_plain.then_some((path, line))
    }
}

/// The review of one round.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RoundReview {
    /// Branch of the pull request.
    pub branch: String,
    /// The commit that was judged.
    pub commit: ObjectId,
    /// Which round it was, counting from 1.
    pub round: u32,
    /// What was found, worst first.
    pub findings: Vec<Noted>,
    /// How many more findings there were.
    pub left_out: u32,
}

impl RoundReview {
    /// The review of a round; none if nothing was found.
    pub fn of(
        branch: &str,
        commit: &ObjectId,
        round: u32,
        mut findings: Vec<Noted>,
    ) -> Option<Self> {
        if findings.is_empty() {
            return None;
        }
        // Stable: findings of one gate that are as bad stay in the gate's own order.
        findings.sort_by_key(|found| (!found.blocking, std::cmp::Reverse(found.severity)));
        let left_out = findings.len().saturating_sub(FINDINGS_MAX);
        findings.truncate(FINDINGS_MAX);
        Some(Self {
            branch: branch.to_owned(),
            commit: commit.clone(),
            round,
            findings,
            left_out: u32::try_from(left_out).unwrap_or(u32::MAX),
        })
    }
}

fn cut(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let mut end = bytes_max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(rule: &str, severity: Severity, blocking: bool) -> Finding {
        Finding {
            rule: rule.to_owned(),
            severity,
            message: "ë".repeat(9_000),
            path: Some("src/cart.rs".to_owned()),
            line: Some(12),
            help: None,
            blocking,
        }
    }

    fn noted(rule: &str, severity: Severity, blocking: bool) -> Noted {
        let entry = EntryId::new("review-verdict").unwrap();
        Noted::of(&entry, true, &finding(rule, severity, blocking))
    }

    fn commit() -> ObjectId {
        ObjectId::new("a".repeat(40)).unwrap()
    }

    #[test]
    fn worst_finding_comes_first_and_what_is_beyond_the_bound_is_counted() {
        let mut all = vec![noted("late", Severity::Low, false); 120];
        all.push(noted("advice", Severity::Critical, false));
        all.push(noted("bad", Severity::Medium, true));
        all.push(noted("worse", Severity::High, true));
        let review = RoundReview::of("orch/S-1", &commit(), 2, all).unwrap();
        let first: Vec<&str> = review.findings[..3]
            .iter()
            .map(|f| f.rule.as_str())
            .collect();
        assert_eq!(first, ["worse", "bad", "advice"]);
        assert_eq!((review.findings.len(), review.left_out), (100, 23));
        assert!(review.findings[0].message.len() <= 4_003);
        assert_eq!(RoundReview::of("orch/S-1", &commit(), 1, Vec::new()), None);
    }

    #[test]
    fn finding_of_a_gate_that_advises_blocks_nothing() {
        let entry = EntryId::new("coverage").unwrap();
        assert!(!Noted::of(&entry, false, &finding("x", Severity::High, true)).blocking);
    }

    #[test]
    fn only_a_plain_place_within_the_repository_is_one() {
        let at = |path: Option<&str>, line| {
            let mut noted = noted("x", Severity::Low, true);
            noted.path = path.map(str::to_owned);
            noted.line = line;
            noted.place().is_some()
        };
        assert!(at(Some("src/a b.rs"), Some(1)));
        for (path, line) in [
            (None, Some(1)),
            (Some("src/a.rs"), None),
            (Some("src/a.rs"), Some(0)),
            (Some("/etc/passwd"), Some(1)),
            (Some("../a"), Some(1)),
            (Some("a\nb"), Some(1)),
        ] {
            assert!(!at(path, line), "{path:?} {line:?}");
        }
    }
}
