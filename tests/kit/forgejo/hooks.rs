//! What follows from a push, and the webhooks that tell of it.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Forgejo, Hooks, held};

/// Branches and where they are.
pub(super) fn branches(fake: &Forgejo) -> BTreeMap<String, String> {
    let text = fake.git(&[
        "for-each-ref",
        "--format=%(objectname) %(refname)",
        "refs/heads/",
    ]);
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs
        .map(|(commit, name)| (name.to_owned(), commit.to_owned()))
        .collect()
}

/// Tells of what moved, and sees landings where the server looks for them.
pub(super) fn after_push(fake: &Forgejo, before: &BTreeMap<String, String>) {
    let now = branches(fake);
    let zeros = "0".repeat(40);
    for (name, commit) in &now {
        let old = before.get(name);
        if old == Some(commit) {
            continue;
        }
        if old.is_none() {
            let made = json!({"ref": name, "ref_type": "branch", "sha": commit});
            tell(fake, "create", made);
        }
        let old = old.unwrap_or(&zeros);
        fake.pushed(name.strip_prefix("refs/heads/").unwrap_or(name), commit);
        let moved = json!({"ref": name, "before": old, "after": commit});
        tell(fake, "push", moved);
        for number in open_of(fake, name) {
            super::answers::told(fake, number, "synchronized");
        }
    }
    for name in before.keys().filter(|name| !now.contains_key(*name)) {
        tell(fake, "delete", json!({"ref": name, "ref_type": "branch"}));
    }
    if now == *before || !held(&fake.0.rules).autodetect {
        return;
    }
    let open: Vec<(u64, String, String)> = held(&fake.0.pulls)
        .iter()
        .filter(|pull| pull.is_open && !pull.is_from_fork)
        .map(|pull| (pull.number, pull.head.clone(), pull.base.clone()))
        .collect();
    for (number, head, base) in open {
        let (Some(head), Some(base)) = (fake.tip(&head), fake.tip(&base)) else {
            continue;
        };
        if fake
            .try_git(&["merge-base", "--is-ancestor", &head, &base])
            .is_ok()
        {
            // The first merge above the head, whosever it is; the head itself where the base moved straight on.
            let above = format!("{head}..{base}");
            let args = [
                "rev-list",
                "--ancestry-path",
                "--merges",
                "--reverse",
                &above,
            ];
            let merges = fake.try_git(&args).unwrap_or_default();
            let named = merges.lines().next().unwrap_or(&head).trim();
            super::answers::merged(fake, number, named);
        }
    }
}

/// Open pull requests of a branch.
fn open_of(fake: &Forgejo, name: &str) -> Vec<u64> {
    let pulls = held(&fake.0.pulls);
    let open = pulls.iter().filter(|pull| {
        let is_of = name.strip_prefix("refs/heads/") == Some(pull.head.as_str());
        pull.is_open && !pull.is_from_fork && is_of
    });
    open.map(|pull| pull.number).collect()
}

/// Sends a webhook, as its mode says.
pub(super) fn tell(fake: &Forgejo, event: &'static str, mut body: Value) {
    let (mode, target) = {
        let rules = held(&fake.0.rules);
        (rules.hooks, rules.target.clone())
    };
    let listed = held(&fake.0.registered);
    let listed = listed.iter().filter(|hook| hook.is_active);
    let listed = listed.map(|hook| (hook.url.clone(), hook.secret.clone()));
    let targets: Vec<(String, String)> = target.into_iter().chain(listed).collect();
    if targets.is_empty() {
        return;
    }
    let times = match mode {
        Hooks::Sent => 1,
        Hooks::Lost => return,
        Hooks::Doubled => 3,
    };
    let (id, name) = {
        let rules = held(&fake.0.rules);
        let now = rules.renamed_to.clone();
        (
            rules.repository_id,
            now.unwrap_or_else(|| fake.0.repo.clone()),
        )
    };
    let told_as = held(&fake.0.rules).told_as.clone();
    body["repository"] = match told_as {
        Some((name, url)) => {
            json!({"id": id, "full_name": name, "html_url": url, "clone_url": url})
        }
        None => json!({"id": id, "full_name": name}),
    };
    body["sender"] = json!({"login": super::BOT});
    let number = {
        let mut deliveries = held(&fake.0.deliveries);
        *deliveries += 1;
        *deliveries
    };
    let text = serde_json::to_string_pretty(&body).expect("it is JSON");
    for (url, secret) in targets {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key will do");
        mac.update(text.as_bytes());
        let signature = mac.finalize().into_bytes();
        let signature: String = signature.iter().map(|b| format!("{b:02x}")).collect();
        let text = text.clone();
        fake.0.runtime.spawn(async move {
            for _ in 0..times {
                let request = reqwest::Client::new()
                    .post(&url)
                    .header("content-type", "application/json")
                    .header("x-forgejo-delivery", format!("delivery-{number}"))
                    .header("x-forgejo-event", event)
                    .header("x-forgejo-signature", &signature)
                    .body(text.clone());
                // It is never sent again.
                request.send().await.ok();
            }
        });
    }
}
