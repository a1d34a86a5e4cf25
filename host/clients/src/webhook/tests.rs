//! Claims about deliveries as servers really send them. The bodies are in `tests/payloads`.

use std::path::PathBuf;

use orch_domain::id::{DoorName, IssueId, ObjectId, RepoName};
use orch_domain::port::webhook::{About, Arrived, Look, LookAt, NotAdmitted, WebhookSource};
use serde_json::Value;

use super::{SpeaksFor, Webhook, WebhookKind};
use crate::gitea::Places;
use crate::secret::SecretPlace;

const FORGEJO: &str = "hook-fixture-secret";
const PLANE: &str = "plane_wh_TEST0000000000000000000000000000";
const BY_HAND: &str = "gate-fixture-secret";

fn payload(name: &str) -> Vec<u8> {
    // Asked for when it runs: it may run from a copy of where it was built.
    let own = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    std::fs::read(PathBuf::from(own).join("../../tests/payloads").join(name)).unwrap()
}

/// A delivery: headers and body.
fn delivery(name: &str) -> (Vec<(String, String)>, Vec<u8>) {
    let all: Value = serde_json::from_slice(&payload("headers.json")).unwrap();
    let headers = all[name].as_object().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let headers = headers.map(|(name, value)| (name.clone(), text(value)));
    (headers.collect(), payload(name))
}

fn source(folder: &tempfile::TempDir, kind: WebhookKind, secrets: &[&str]) -> Webhook {
    let places = secrets.iter().enumerate().map(|(index, secret)| {
        let path = folder.path().join(format!("{index}"));
        std::fs::write(&path, format!("{secret}\r\n")).unwrap();
        SecretPlace::File(path)
    });
    let shop = RepoName::new("shop").unwrap();
    let speaks_for = SpeaksFor {
        repositories: [
            ("acme/demo".to_owned(), shop.clone()),
            ("acme/ledger".to_owned(), shop),
        ]
        .into(),
        places: Places::default(),
        tracker: (kind != WebhookKind::Gitea).then(|| DoorName::new("plane").unwrap()),
        projects: vec!["PROJECT".to_owned()],
    };
    Webhook::new(kind, places.collect(), speaks_for)
}

fn admitted(source: &Webhook, name: &str) -> (Result<String, NotAdmitted>, About) {
    let (headers, body) = delivery(name);
    let arrived = Arrived {
        headers: &headers,
        body: &body,
    };
    match source.admit(&arrived) {
        Ok(admitted) => (Ok(admitted.key), source.about(&admitted.event, &body)),
        Err(error) => (Err(error), About::Nothing),
    }
}

fn at(at: LookAt) -> About {
    let repo = RepoName::new("shop").unwrap();
    About::Look(Look::Repository { repo, at })
}

fn branch(name: &str) -> About {
    at(LookAt::Branch(name.to_owned()))
}

#[test]
fn event_of_a_real_forge_says_where_to_look() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(&folder, WebhookKind::Gitea, &["old", FORGEJO]);
    for (name, expected) in [
        ("create-branch", branch("orch/led-1")),
        ("delete-branch", branch("orch/many")),
        ("push-to-pull-branch", branch("orch/led-1")),
        ("push-after-merge", branch("main")),
        ("push-tag", About::Nothing),
        ("push-tag-deleted", About::Nothing),
        ("pull_request-opened", at(LookAt::PullRequest(1))),
        ("pull_request-synchronized", at(LookAt::PullRequest(1))),
        ("pull_request-edited-title", at(LookAt::PullRequest(1))),
        ("pull_request-label_updated", at(LookAt::PullRequest(1))),
        ("pull_request-closed-merged", at(LookAt::PullRequest(1))),
        ("pull_request_review-approved", at(LookAt::PullRequest(1))),
        ("pull_request_review-comment", at(LookAt::PullRequest(1))),
        ("pull_request-comment-created", at(LookAt::PullRequest(1))),
        ("issue_comment-created", About::Nothing),
        ("issues-opened", About::Nothing),
        (
            "repository-created-org-hook",
            About::Stranger("acme/temp".to_owned()),
        ),
    ] {
        let (key, about) = admitted(&source, &format!("forgejo-{name}.json"));
        assert_eq!(key.map(|key| key.len()), Ok(36), "{name}: a delivery id");
        assert_eq!(about, expected, "{name}");
    }
}

#[test]
fn event_that_only_some_servers_send_is_known_too() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(&folder, WebhookKind::Gitea, &[BY_HAND]);
    let (key, about) = admitted(&source, "sample-gitea-status-success.json");
    assert!(key.is_ok());
    assert!(
        matches!(
            &about,
            About::Look(Look::Repository {
                at: LookAt::Commit(_),
                ..
            })
        ),
        "{about:?}"
    );
    let (key, about) = admitted(&source, "sample-gitea-workflow_run-completed.json");
    assert!(key.is_ok());
    assert_eq!(about, at(LookAt::PullRequest(77)));
}

#[test]
fn delivery_that_is_not_signed_by_a_secret_of_its_source_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(&folder, WebhookKind::Gitea, &[FORGEJO]);
    let (headers, body) = delivery("forgejo-push-after-merge.json");
    let answer = |headers: &[(String, String)], body: &[u8]| {
        let arrived = Arrived { headers, body };
        source.admit(&arrived).map(drop)
    };
    assert_eq!(answer(&headers, &body), Ok(()));
    let bad = Err(NotAdmitted::BadSignature);
    // One byte more, one less, or another in it: the same JSON written anew among them.
    let anew: Value = serde_json::from_slice(&body).unwrap();
    for changed in [
        [&body[..], b"\n"].concat(),
        body[..body.len() - 1].to_vec(),
        anew.to_string().into_bytes(),
        Vec::new(),
    ] {
        assert_eq!(answer(&headers, &changed), bad);
    }
    let with = |value: &str| -> Vec<(String, String)> {
        let signed = |name: &str| name.contains("signature");
        let one = headers.iter().map(|(name, old)| {
            let value = if signed(name) { value } else { old };
            (name.clone(), value.to_owned())
        });
        one.collect()
    };
    let right = headers.iter().find(|(n, _)| n == "x-gitea-signature");
    let right = right.unwrap().1.clone();
    assert_eq!(answer(&with(&right.to_uppercase()), &body), Ok(()));
    assert_eq!(answer(&with(&format!("sha256={right}")), &body), Ok(()));
    for wrong in [
        "",
        "sha256=",
        "sha1=6832",
        "x",
        &right[..62],
        &"0".repeat(64),
    ] {
        assert_eq!(answer(&with(wrong), &body), bad, "{wrong}");
    }
    let absent: Vec<_> = headers
        .iter()
        .filter(|(n, _)| !n.contains("signature"))
        .cloned()
        .collect();
    assert_eq!(answer(&absent, &body), bad);
    // A form's body has the JSON in it, and is signed over the JSON alone.
    for kind in ["application/x-www-form-urlencoded", "text/plain", ""] {
        let mut headers = headers.clone();
        headers.retain(|(name, _)| name != "content-type");
        headers.push(("content-type".to_owned(), kind.to_owned()));
        assert_eq!(answer(&headers, &body), Err(NotAdmitted::NotJson));
    }
    std::fs::remove_file(folder.path().join("0")).unwrap();
    assert_eq!(answer(&headers, &body), Err(NotAdmitted::NoSecret));
}

#[test]
fn event_without_a_name_is_known_by_its_type() {
    let headers = [("x-gitea-event", ""), ("x-gitea-event-type", "status")];
    let headers = headers.map(|(n, v)| (n.to_owned(), v.to_owned()));
    let arrived = Arrived {
        headers: &headers,
        body: b"",
    };
    assert_eq!(super::gitea::event(&arrived), "status");
}

#[test]
fn delivery_of_a_wrong_shape_is_unreadable_and_nothing_worse() {
    let folder = tempfile::tempdir().unwrap();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for kind in [WebhookKind::Gitea, WebhookKind::Plane, WebhookKind::Generic] {
        let source = source(&folder, kind, &["x"]);
        for body in [
            "",
            "[]",
            "null",
            "{",
            "\u{0}",
            r#"{"repository": []}"#,
            r#"{"repository": {"full_name": 7}}"#,
            r#"{"data": 7, "repository": {"full_name": null}}"#,
            deep.as_str(),
        ] {
            match source.about("push", body.as_bytes()) {
                About::Unreadable(_) | About::Nothing | About::Stranger(_) => {}
                look @ About::Look(_) => panic!("{body}: {look:?}"),
            }
        }
    }
    let gitea = source(&folder, WebhookKind::Gitea, &["x"]);
    let null = r#"{"repository": {"full_name": "acme/demo"}, "pull_request": null}"#;
    assert_eq!(gitea.about("pull_request", null.as_bytes()), About::Nothing);
}

#[test]
fn issue_tracker_names_the_issue_of_an_issue_and_of_a_comment() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = source(&folder, WebhookKind::Plane, &[PLANE, BY_HAND]);
    for (name, of) in [
        ("plane-issue-created-apikey", "id"),
        ("plane-issue-state-changed-ui", "id"),
        ("plane-comment-created-ui", "issue"),
    ] {
        let file = format!("{name}.json");
        let data: Value = serde_json::from_slice(&payload(&file)).unwrap();
        let text = |key: &str| data["data"][key].as_str().unwrap().to_owned();
        source.speaks_for.projects = vec!["another".to_owned()];
        assert_eq!(admitted(&source, &file).1, About::Stranger(text("project")));
        source.speaks_for.projects = vec![text("project")];
        let (key, about) = admitted(&source, &file);
        assert!(key.unwrap().starts_with("sha256:"), "{name}");
        let issue = format!("{}/{}", text("project"), text(of));
        let look = Look::Tracker {
            tracker: DoorName::new("plane").unwrap(),
            issue: Some(IssueId::new(issue).unwrap()),
        };
        assert_eq!(about, About::Look(look), "{name}");
    }
    assert!(
        admitted(&source, "sample-plane-v2-workitem-updated.json")
            .0
            .is_ok()
    );
}

#[test]
fn delivery_that_a_tracker_sends_again_under_another_id_has_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(&folder, WebhookKind::Plane, &[PLANE]);
    let key = |name: &str| admitted(&source, name).0.unwrap();
    let (first, second) = ("plane-retry-attempt-1.json", "plane-retry-attempt-2.json");
    assert_ne!(delivery(first).0, delivery(second).0, "their ids differ");
    assert_eq!(key(first), key(second));
}

#[test]
fn anything_that_signs_a_few_words_is_a_source() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(
        &folder,
        WebhookKind::Generic,
        &["It's a Secret to Everybody"],
    );
    let body = b"Hello, World!";
    let headers = [
        ("content-type", "application/json"),
        (
            "x-hub-signature-256",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ),
    ];
    let headers = headers.map(|(n, v)| (n.to_owned(), v.to_owned()));
    let arrived = Arrived {
        headers: &headers,
        body,
    };
    assert!(
        source.admit(&arrived).is_ok(),
        "the vector that is documented"
    );
    let sha = "1".repeat(40);
    for (body, expected) in [
        (
            r#"{"repository": "Acme/Demo"}"#.to_owned(),
            at(LookAt::Everything),
        ),
        (
            r#"{"repository": "acme/demo", "branch": "main"}"#.to_owned(),
            branch("main"),
        ),
        (
            format!(r#"{{"repository": "acme/demo", "commit": "{sha}"}}"#),
            at(LookAt::Commit(ObjectId::new(sha.clone()).unwrap())),
        ),
        (
            r#"{"repository": "x"}"#.to_owned(),
            About::Stranger("x".to_owned()),
        ),
    ] {
        assert_eq!(source.about("", body.as_bytes()), expected, "{body}");
    }
}
