//! Does the host read a role's verdict as the gate does?
//!
//! A gate is a program that may be wrong. What a role claims in its artefact the host reads as well, and a pass that
//! it cannot read in the very words of the artefact is none.

use orch_domain::artefact::{self, REVIEW, TEST_REPORT};
use orch_domain::id::ObjectId;
use orch_domain::pipeline::Entry;
use orch_process::git::{Blob, Git};
use orch_store::TaskRecord;

/// What a role says in the frontmatter of its artefact when its answer is yes.
struct Claim {
    /// The entry that asks.
    entry: &'static str,
    artefact: &'static str,
    key: &'static str,
    yes: &'static str,
}

const CLAIMS: [Claim; 2] = [
    Claim {
        entry: "review-verdict",
        artefact: REVIEW,
        key: "verdict",
        yes: "APPROVED",
    },
    Claim {
        entry: "tests-passed",
        artefact: TEST_REPORT,
        key: "result",
        yes: "PASS",
    },
];

/// Why the host does not read what a pass of this entry claims; none if it does, or if no artefact claims it.
pub(super) async fn contradiction(
    git: &Git,
    head: &ObjectId,
    record: &TaskRecord,
    entry: &Entry,
) -> anyhow::Result<Option<String>> {
    let Some(claim) = CLAIMS.iter().find(|c| c.entry == entry.id.as_str()) else {
        return Ok(None);
    };
    let item = &record.task.work_item;
    let path = format!("{}/{}", artefact::folder(item), claim.artefact);
    let most = u64::try_from(orch_frontmatter::BYTES_MAX).unwrap_or(u64::MAX);
    let read = match git.read(head, &path, most).await? {
        Blob::Text(text) => claims(claim, &text, item.as_str()),
        Blob::Missing => Err("it is not there".to_owned()),
        Blob::TooLarge(bytes) => Err(format!("it has {bytes} bytes")),
        Blob::NotText => Err("it is no text".to_owned()),
    };
    Ok(read.err().map(|why| {
        format!(
            "the gate passes, but the host does not read `{}: {}` in {}: {why}",
            claim.key, claim.yes, claim.artefact
        )
    }))
}

/// Whether the text says yes about this work item; if not, what it says.
fn claims(claim: &Claim, text: &str, item: &str) -> Result<(), String> {
    let document = orch_frontmatter::parse(text).map_err(|e| e.to_string())?;
    let keys = &document.mapping;
    let of = keys.get("work_item_id").and_then(|v| v.to_scalar_text());
    if of.as_deref() != Some(item) {
        return Err(format!(
            "it is about work item `{}`",
            of.unwrap_or_default()
        ));
    }
    match keys.text(claim.key) {
        Some(said) if said == claim.yes => Ok(()),
        Some(said) => Err(format!("it says `{said}`")),
        None => Err(format!("it has no text under `{}`", claim.key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Result<(), String> {
        let claim = CLAIMS.iter().find(|c| c.entry == "review-verdict");
        claims(claim.unwrap(), text, "SHOP-1")
    }

    #[test]
    fn only_the_very_word_about_the_very_item_is_a_yes() {
        let yes = "---\nwork_item_id: SHOP-1\nverdict: APPROVED\n---\nfine\n";
        assert_eq!(said(yes), Ok(()));
        for (text, word) in [
            (
                "---\nwork_item_id: SHOP-1\nverdict: REQUEST_CHANGES\n---\n",
                "REQUEST_CHANGES",
            ),
            (
                "---\nwork_item_id: SHOP-2\nverdict: APPROVED\n---\n",
                "SHOP-2",
            ),
            ("---\nwork_item_id: SHOP-1\n---\n", "no text under"),
            ("verdict: APPROVED\n", ""),
            (
                "---\nwork_item_id: SHOP-1\nverdict: APPROVED\nverdict: APPROVED\n---\n",
                "verdict",
            ),
        ] {
            let why = said(text).unwrap_err();
            assert!(why.contains(word), "{text}: {why}");
        }
    }
}
