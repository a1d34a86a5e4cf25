//! What the host says on pull requests, and what others say there: given once, and held to what it was given for.

use orch_domain::id::ObjectId;
use orch_domain::imports::ReviewState;
use orch_domain::port::PortFailure;
use orch_domain::port::forge::{Forge, LineRemark, NewReview};

use crate::forgejo::{Fault, OwnReview};
use crate::{BRANCH, lands, opened};

fn review(commit: &ObjectId) -> NewReview {
    NewReview {
        commit: commit.clone(),
        text: "Round 1".to_owned(),
        lines: vec![LineRemark {
            path: "src/cart.rs".to_owned(),
            line: 3,
            text: "a key".to_owned(),
        }],
    }
}

#[tokio::test]
async fn review_is_given_once_whatever_the_server_answers_to_it() {
    for fault in [None, Some(Fault::FailsAfterwards), Some(Fault::Cut)] {
        let (site, commit, number) = opened().await;
        if let Some(fault) = fault {
            site.fake.fail("POST /reviews", fault);
        }
        let mut receipts = Vec::new();
        for _ in 0..3 {
            let given = site
                .forge
                .post_review(BRANCH, &review(&commit), "r:1")
                .await;
            // A cut line is tried again by whoever delivers.
            match given {
                Ok(receipt) => receipts.push(receipt),
                Err(error) => assert_eq!(error.failure, PortFailure::Unavailable, "{error}"),
            }
        }
        assert!(receipts.len() >= 2, "{fault:?}");
        assert!(receipts.iter().all(|r| r.is_some() && *r == receipts[0]));
        let own = site.fake.own_reviews(number);
        assert_eq!(own.len(), 1, "{fault:?}: {own:?}");
        let OwnReview { text, lines } = &own[0];
        assert!(text.starts_with("Round 1"), "{text}");
        let expected = ("src/cart.rs".to_owned(), 3, "a key".to_owned());
        assert_eq!(lines, &[expected]);
        let next = site
            .forge
            .post_review(BRANCH, &review(&commit), "r:2")
            .await;
        assert!(next.expect("another round").is_some());
        assert_eq!(site.fake.own_reviews(number).len(), 2);
    }
}

#[tokio::test]
async fn review_of_what_has_no_pull_request_or_no_commit_is_no_success() {
    let (site, _, _) = opened().await;
    let absent = ObjectId::new("f".repeat(40)).expect("an id");
    let review = review(&absent);
    let none = site.forge.post_review("orch/none", &review, "r:1");
    let error = none.await.expect_err("there is none");
    assert_eq!(error.failure, PortFailure::NotFound, "{error}");
    let unknown = site.forge.post_review(BRANCH, &review, "r:1");
    let error = unknown.await.expect_err("nobody knows the commit");
    assert_eq!(error.failure, PortFailure::Unavailable, "{error}");
}

#[tokio::test]
async fn text_of_a_pull_request_follows_its_task_and_keeps_the_mark_of_the_host() {
    let (site, _, number) = opened().await;
    for _ in 0..2 {
        let described = site
            .forge
            .describe_pull_request(BRANCH, "SHOP-1: Cents", "At `review`.");
        assert_eq!(described.await, Ok(()));
    }
    let (title, body) = site.fake.pull_text(number);
    assert_eq!(title, "SHOP-1: Cents");
    assert!(
        body.starts_with("At `review`.") && body.ends_with("<!-- orch:task 1 -->"),
        "{body}"
    );
    assert_eq!(
        site.fake.requests("PATCH", "/pulls/"),
        1,
        "what is there already is left alone"
    );
    assert_eq!(
        site.forge
            .describe_pull_request("orch/none", "x", "y")
            .await,
        Ok(())
    );
}

#[tokio::test]
async fn pull_request_of_a_cancelled_task_is_closed_with_one_word_about_it() {
    let (site, commit, number) = opened().await;
    for _ in 0..2 {
        assert_eq!(
            site.forge.close_pull_request(BRANCH, "Cancelled.").await,
            Ok(())
        );
    }
    assert_eq!(site.fake.pull(number), ("closed".to_owned(), None));
    let comments = site.fake.comments(number);
    assert!(
        comments.len() == 1 && comments[0].starts_with("Cancelled."),
        "{comments:?}"
    );
    let described = site.forge.describe_pull_request(BRANCH, "later", "later");
    assert_eq!(described.await, Ok(()));
    assert_ne!(
        site.fake.pull_text(number).0,
        "later",
        "what is closed stays as it is"
    );
    lands(&site, &commit).await;
    assert_eq!(
        site.forge.close_pull_request(BRANCH, "Cancelled.").await,
        Ok(())
    );
}

#[tokio::test]
async fn approval_does_not_outlive_a_change_of_the_base_and_a_no_does() {
    let (site, commit, number) = opened().await;
    let approve = || {
        site.fake
            .review(number, "ann", "APPROVED", commit.as_str(), true)
    };
    let said = async || {
        let reviews = site.forge.reviews(number).await.expect("answered");
        let states: Vec<ReviewState> = reviews.into_iter().map(|r| r.state).collect();
        states
    };
    approve();
    assert_eq!(said().await, [ReviewState::Approved]);
    site.fake
        .review(number, "bob", "REQUEST_CHANGES", commit.as_str(), true);
    site.fake.retarget(number, "dev");
    site.fake.retarget(number, "main");
    assert_eq!(said().await, [ReviewState::ChangesRequested]);
    approve();
    assert_eq!(
        said().await,
        [ReviewState::ChangesRequested, ReviewState::Approved]
    );
}
