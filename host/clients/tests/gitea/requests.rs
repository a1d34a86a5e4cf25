//! What the host says on pull requests, and what others say there: given once, and held to what it was given for.

use orch_clients::gitea::GiteaLanding;
use orch_domain::id::ObjectId;
use orch_domain::imports::ReviewState;
use orch_domain::port::PortFailure;
use orch_domain::port::forge::{Forge, LineRemark, NewReview, PullRequestState};

use crate::forgejo::{Fault, OwnReview};
use crate::site::forge;
use crate::{BRANCH, lands, opened, request};

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

#[tokio::test]
async fn own_words_and_requests_are_known_by_the_account_when_it_is_called_otherwise() {
    let (site, commit, number) = opened().await;
    let review = review(&commit);
    let given = site.forge.post_review(BRANCH, &review, "r:1").await;
    given.expect("given");
    let ended = site.forge.close_pull_request(BRANCH, "Cancelled.");
    assert_eq!(ended.await, Ok(()));
    site.fake.set_open(number, true);
    site.fake.rename_bot("orch-robot");
    // Somebody else has the old name now, and uses it.
    let theirs = site.fake.open("mallory", "other", "main");
    let again = forge(site.folder.path(), &site.fake, GiteaLanding::Auto);
    for forge in [&site.forge, &again] {
        let given = forge.post_review(BRANCH, &review, "r:1").await;
        assert!(given.expect("it is there").is_some());
        let found = forge.pull_request(BRANCH).await.expect("answered");
        assert_eq!(found.map(|found| found.number), Some(number));
        let ended = forge.close_pull_request(BRANCH, "Cancelled.").await;
        assert_eq!(ended, Ok(()));
    }
    assert_eq!(site.fake.own_reviews(number).len(), 1);
    assert_eq!(site.fake.comments(number).len(), 1);
    assert_eq!(site.fake.pull(theirs).0, "open");
}

#[tokio::test]
async fn host_whose_token_is_another_accounts_from_now_on_asks_whose_it_is() {
    let (site, commit, number) = opened().await;
    let found = site.forge.pull_request(BRANCH).await.expect("answered");
    assert_eq!(found.map(|found| found.number), Some(number));
    let asked = site.fake.requests("GET", "/user");
    assert_eq!(asked, 1, "once for a token");
    std::fs::write(site.folder.path().join("token"), "another").expect("written");
    site.fake.rule(|rules| rules.token = "another".to_owned());
    lands(&site, &commit).await;
    assert_eq!(site.forge.mark_merged(BRANCH, &commit).await, Ok(()));
    assert_eq!(site.fake.requests("GET", "/user"), 2);
}

#[tokio::test]
async fn request_of_a_branch_is_the_one_with_the_hosts_mark_whatever_else_has_its_name() {
    let (site, commit, number) = opened().await;
    site.fake.open("orch-bot", BRANCH, "release");
    site.fake.open("ann", BRANCH, "release");
    site.fake
        .open_from_fork("orch-bot", BRANCH, "main", commit.as_str());
    site.fake.set_open(number, false);
    // A host that was started again remembers no number.
    let again = forge(site.folder.path(), &site.fake, GiteaLanding::Auto);
    let found = again.pull_request(BRANCH).await.expect("answered");
    let found = found.expect("it is there");
    assert_eq!(
        (found.number, found.state),
        (number, PullRequestState::Closed)
    );
}

#[tokio::test]
async fn request_that_somebody_aimed_elsewhere_is_found_and_no_second_one_opened() {
    let (site, _, number) = opened().await;
    site.fake.retarget(number, "release");
    let again = forge(site.folder.path(), &site.fake, GiteaLanding::Auto);
    let opened = again.open_pull_request(&request("Discount")).await;
    assert_eq!(opened, Ok(number));
    assert_eq!(site.fake.pulls(), 1);
}
