//! What does the artefact tell of the audit beyond its findings?

use std::fmt::Write as _;

use crate::dependencies::Audit;
use crate::secrets::Secrets;
use crate::text::counted;

/// Most unaudited entries, manifests or reasons that are named; all are counted.
const NAMED_MAX: usize = 100;

/// Body of the artefact.
pub(crate) fn body(secrets: &Secrets, audit: &Audit) -> String {
    let mut text = secrets.report();
    text.push_str("\n### Dependencies\n\n");
    if audit.manifests.is_empty() && audit.degraded.is_empty() {
        text.push_str("There is no manifest, so there was nothing to audit.\n");
    }
    let manifests = audit.manifests.iter().map(|(path, count)| {
        let packages = counted(*count, "package", "packages");
        format!("`{path}`: {packages} at a known version")
    });
    list(&mut text, manifests.collect());
    if !audit.manifests.is_empty() {
        // Writing to a String cannot fail.
        writeln!(
            text,
            "\nKnown vulnerabilities: {} blocking, {} not blocking, {} that the base has already.",
            audit.blocking, audit.warning, audit.preexisting
        )
        .ok();
    }
    if audit.hidden > 0 {
        let hidden = counted(audit.hidden, "finding is", "findings are");
        writeln!(text, "\n{hidden} not listed.").ok();
    }
    if !audit.degraded.is_empty() {
        text.push_str("\n**The audit is not complete:**\n\n");
        list(&mut text, audit.degraded.clone());
    }
    text.push_str("\n### Unaudited\n\n");
    if audit.unaudited.is_empty() {
        text.push_str("Every entry of the manifests names a version.\n");
    } else {
        let entries = audit.unaudited.len();
        let entries = counted(entries, "entry cannot", "entries cannot");
        writeln!(text, "{entries} be looked up:\n").ok();
        let entries = audit.unaudited.iter().map(|entry| format!("`{entry}`"));
        list(&mut text, entries.collect());
    }
    text
}

/// A list of at most [`NAMED_MAX`] items.
fn list(text: &mut String, items: Vec<String>) {
    for item in items.iter().take(NAMED_MAX) {
        writeln!(text, "- {item}").ok();
    }
    if items.len() > NAMED_MAX {
        writeln!(text, "- and {} more", items.len() - NAMED_MAX).ok();
    }
}
