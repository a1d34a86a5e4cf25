//! A repository on a Gitea or Forgejo server does what every forge has to do, and lands what was tested whatever the
//! server answers.

use orch_clients::gitea::GiteaLanding;
use orch_conformance::forge::ForgeSite;
use orch_domain::id::{ObjectId, TaskId};
use orch_domain::imports::{CheckState, ReviewState};
use orch_domain::port::PortFailure;
use orch_domain::port::forge::{
    Forge, LandOutcome, NewPullRequest, PullRequestState, PushOutcome, Status,
};

#[expect(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the kit has more than these tests need"
)]
#[path = "../../../tests/kit/forgejo.rs"]
mod forgejo;
#[path = "gitea/issues.rs"]
mod issues;
#[path = "gitea/registered.rs"]
mod registered;
#[path = "gitea/requests.rs"]
mod requests;
#[path = "gitea/site.rs"]
mod site;
#[path = "gitea/ssh.rs"]
mod ssh;
#[path = "gitea/tls.rs"]
mod tls;

use forgejo::{Fault, Forgejo};
use site::{Site, forge, site};

mod conformance {
    orch_conformance::forge_conformance!(super::site::site);
}

const BRANCH: &str = "orch/SHOP-1-1";

/// A site with a pushed commit and its pull request.
async fn opened() -> (Site, ObjectId, u64) {
    let site = site().await;
    let commit = site.commit(&site.base, "one").await;
    let pushed = site.forge.push(BRANCH, &commit, None).await;
    assert_eq!(pushed, Ok(PushOutcome::Done));
    let number = site.forge.open_pull_request(&request("Discount")).await;
    (site, commit, number.expect("opened"))
}

fn request(title: &str) -> NewPullRequest {
    NewPullRequest {
        task: TaskId(1),
        branch: BRANCH.to_owned(),
        base: "main".to_owned(),
        title: title.to_owned(),
    }
}

async fn lands(site: &Site, commit: &ObjectId) {
    let outcome = site.forge.land("main", commit, &site.base).await;
    assert_eq!(outcome, Ok(LandOutcome::Landed));
    assert_eq!(site.tip("main").await.as_ref(), Some(commit));
}

#[tokio::test]
async fn landing_where_the_host_may_not_push_is_the_servers_own_fast_forward() {
    let (site, commit, number) = opened().await;
    site.fake.rule(|rules| {
        rules.may_push = false;
        rules.checking = 1;
    });
    lands(&site, &commit).await;
    assert_eq!(
        site.fake.requests("POST", "/merge"),
        2,
        "it was checking at first"
    );
    assert_eq!(
        site.fake.pull(number),
        ("merged".to_owned(), Some(commit.to_string()))
    );
    assert_eq!(site.forge.mark_merged(BRANCH, &commit).await, Ok(()));
    assert_eq!(site.fake.comments(number), Vec::<String>::new());
}

#[tokio::test]
async fn merge_that_failed_broke_off_or_was_forgotten_after_it_moved_the_base_has_landed() {
    for fault in [Fault::FailsAfterwards, Fault::Cut, Fault::HalfMerged] {
        let (site, commit, number) = opened().await;
        site.fake.rule(|rules| {
            rules.may_push = false;
            rules.autodetect = false;
            rules.manual = fault == Fault::Cut;
        });
        site.fake.fail("POST /merge", fault);
        lands(&site, &commit).await;
        assert_eq!(site.fake.requests("POST", "/merge"), 1, "{fault:?}");
        assert_eq!(site.forge.mark_merged(BRANCH, &commit).await, Ok(()));
        let found = site.forge.pull_request(BRANCH).await.expect("answered");
        let state = PullRequestState::Merged {
            commit: commit.clone(),
        };
        assert_eq!(found.map(|f| f.state), Some(state), "{fault:?}");
        assert_ne!(site.fake.pull(number).0, "open", "{fault:?}");
    }
}

#[tokio::test]
async fn merge_that_failed_and_moved_nothing_is_an_outage_and_one_that_is_refused_says_so() {
    let (site, commit, _) = opened().await;
    site.fake.rule(|rules| rules.may_push = false);
    site.fake.fail("POST /merge", Fault::FailsBefore);
    let error = site
        .forge
        .land("main", &commit, &site.base)
        .await
        .expect_err("an outage");
    assert_eq!(error.failure, PortFailure::Unavailable);
    assert_eq!(site.tip("main").await.as_ref(), Some(&site.base));
    let other = site.commit(&site.base, "without a pull request").await;
    let pushed = site.forge.push("orch/SHOP-2-1", &other, None).await;
    assert_eq!(pushed, Ok(PushOutcome::Done));
    let refused = site.forge.land("main", &other, &site.base).await;
    assert!(
        matches!(&refused, Ok(LandOutcome::Refused { why }) if why.contains("may not push")),
        "{refused:?}"
    );
    let mine = forge(site.folder.path(), &site.fake, GiteaLanding::Push);
    let refused = mine.land("main", &commit, &site.base).await;
    assert!(
        matches!(&refused, Ok(LandOutcome::Refused { why }) if why.contains("protection")),
        "{refused:?}"
    );
    assert_eq!(site.tip("main").await.as_ref(), Some(&site.base));
}

#[tokio::test]
async fn merge_that_a_hook_refuses_is_refused_in_its_words_and_no_outage() {
    let (site, commit, _) = opened().await;
    for (status, says) in [
        (
            409,
            "PushRejected with remote message: no pushes on a Friday",
        ),
        (
            405,
            "not allowed to merge [reason: Changed protected files]",
        ),
        (422, "unprocessable"),
    ] {
        site.fake.rule(|rules| {
            rules.denies = Some(("main".to_owned(), "no pushes on a Friday".to_owned()));
            rules.refuses_merge = Some((status, says.to_owned()));
        });
        let refused = site.forge.land("main", &commit, &site.base).await;
        assert!(
            matches!(&refused, Ok(LandOutcome::Refused { why }) if why.contains(says)),
            "{refused:?}"
        );
    }
    site.fake.rule(|rules| {
        rules.denies = None;
        rules.refuses_merge = None;
    });
    lands(&site, &commit).await;
}

#[tokio::test]
async fn push_that_a_hook_refuses_for_a_moment_is_done() {
    let (site, commit, _) = opened().await;
    let denies = |says: Option<&str>| {
        site.fake.rule(|rules| {
            rules.denies = says.map(|says| (BRANCH.to_owned(), says.to_owned()));
        });
    };
    denies(Some("Internal Server Error"));
    site.fake.meanwhile_pushed(BRANCH, |_| {});
    site.fake
        .meanwhile_pushed(BRANCH, |fake| fake.rule(|rules| rules.denies = None));
    let next = site.commit(&commit, "two").await;
    let pushed = site.forge.push(BRANCH, &next, Some(&commit)).await;
    assert_eq!(pushed, Ok(PushOutcome::Done));
    denies(Some("Forgejo: Not allowed"));
    let last = site.commit(&next, "three").await;
    let refused = site.forge.push(BRANCH, &last, Some(&next)).await;
    assert!(
        matches!(&refused, Ok(PushOutcome::Refused { why }) if why.contains("Not allowed")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn landing_that_the_server_shows_as_a_later_merge_is_settled() {
    let (site, commit, number) = opened().await;
    site.fake.rule(|rules| rules.autodetect = false);
    lands(&site, &commit).await;
    // Before the server looks, somebody merges something else.
    let merge = site.merge(&commit, "somebody else's").await;
    site.fake.rule(|rules| rules.autodetect = true);
    let pushed = site.forge.push("main", &merge, Some(&commit)).await;
    assert_eq!(pushed, Ok(PushOutcome::Done));
    let shown = ("merged".to_owned(), Some(merge.to_string()));
    assert_eq!(site.fake.pull(number), shown);
    assert_eq!(site.forge.mark_merged(BRANCH, &commit).await, Ok(()));
}

#[tokio::test]
async fn pull_request_whose_branch_moved_on_while_it_landed_stays_open_with_a_word() {
    for manual in [false, true] {
        let (site, commit, number) = opened().await;
        site.fake.rule(|rules| {
            rules.autodetect = false;
            rules.manual = manual;
        });
        lands(&site, &commit).await;
        let later = site.commit(&commit, "pushed too late").await;
        let pushed = site.forge.push(BRANCH, &later, Some(&commit)).await;
        assert_eq!(pushed, Ok(PushOutcome::Done));
        for _ in 0..2 {
            assert_eq!(site.forge.mark_merged(BRANCH, &commit).await, Ok(()));
        }
        assert_eq!(site.fake.pull(number).0, "open");
        let comments = site.fake.comments(number);
        assert!(
            comments.len() == 1 && comments[0].contains(later.as_str()),
            "{comments:?}"
        );
    }
}

#[tokio::test]
async fn landing_that_the_server_does_not_see_closes_its_pull_request_with_one_word_about_it() {
    let (site, commit, number) = opened().await;
    site.fake.rule(|rules| rules.autodetect = false);
    lands(&site, &commit).await;
    assert_eq!(site.fake.pull(number).0, "open", "nobody told it");
    // The comment is stored, and the answer says that it is not.
    assert_eq!(site.forge.mark_merged(BRANCH, &commit).await, Ok(()));
    assert_eq!(site.forge.mark_merged(BRANCH, &commit).await, Ok(()));
    assert_eq!(site.fake.pull(number), ("closed".to_owned(), None));
    let comments = site.fake.comments(number);
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(comments[0].contains(commit.as_str()));
    let found = site
        .forge
        .pull_request(BRANCH)
        .await
        .expect("answered")
        .expect("it stays");
    assert_eq!(found.state, PullRequestState::Merged { commit });
    let other = site.forge.mark_merged(BRANCH, &site.base).await;
    assert_eq!(
        other.expect_err("landed as another").failure,
        PortFailure::Refused
    );
}

#[tokio::test]
async fn pull_request_is_opened_once_though_the_answer_was_lost_and_never_a_strangers() {
    for fault in [Fault::FailsAfterwards, Fault::Cut] {
        let site = site().await;
        let commit = site.commit(&site.base, "one").await;
        assert_eq!(
            site.forge.push(BRANCH, &commit, None).await,
            Ok(PushOutcome::Done)
        );
        site.fake.fail("POST /pulls", fault);
        let first = site
            .forge
            .open_pull_request(&request("Discount [skip ci]"))
            .await;
        // A connection that was cut says nothing: whoever asked asks again.
        let number = match first {
            Ok(number) => number,
            Err(error) => {
                assert_eq!(error.failure, PortFailure::Unavailable);
                site.forge
                    .open_pull_request(&request("Discount"))
                    .await
                    .expect("found")
            }
        };
        assert_eq!((number, site.fake.pulls()), (1, 1), "{fault:?}");
    }
    let site = site().await;
    let commit = site.commit(&site.base, "one").await;
    assert_eq!(
        site.forge.push(BRANCH, &commit, None).await,
        Ok(PushOutcome::Done)
    );
    site.fake.open("mallory", BRANCH, "main");
    let refused = site.forge.open_pull_request(&request("Discount")).await;
    assert_eq!(
        refused.expect_err("it is mallory's").failure,
        PortFailure::Obstructed
    );
    assert_eq!(site.forge.pull_request(BRANCH).await, Ok(None));
}

#[tokio::test]
async fn pull_request_is_found_though_it_is_on_a_later_page() {
    let (site, ..) = opened().await;
    for index in 0..70 {
        site.fake.open("mallory", &format!("other-{index}"), "main");
    }
    // A host that was started again remembers no number.
    let again = forge(site.folder.path(), &site.fake, GiteaLanding::Auto);
    let found = again.pull_request(BRANCH).await.expect("answered");
    assert_eq!(found.map(|f| f.number), Some(1));
}

fn status(context: &str, state: CheckState) -> Status {
    Status {
        context: context.to_owned(),
        state,
        description: "so it is".to_owned(),
        url: None,
        is_skipped: false,
        reporter: None,
        at_ms: None,
    }
}

#[tokio::test]
async fn statuses_are_read_over_all_pages_by_their_reporter_and_no_word_but_success_is_one() {
    let (site, commit, _) = opened().await;
    site.fake
        .post_status(commit.as_str(), "ci/last", "failure", "ci-bot");
    for index in 0..70 {
        site.fake
            .post_status(commit.as_str(), &format!("ci/{index}"), "success", "ci-bot");
    }
    for (context, word) in [("odd/1", "skipped"), ("odd/2", "Success"), ("odd/3", "")] {
        site.fake
            .post_status(commit.as_str(), context, word, "mallory");
    }
    let all = site.forge.statuses(&commit).await.expect("answered");
    assert_eq!(all.len(), 74);
    let of = |context: &str| {
        all.iter()
            .find(|s| s.context == context)
            .expect("it is there")
    };
    assert_eq!(of("ci/last").state, CheckState::Failure);
    let ci_bot = Forgejo::account("ci-bot").to_string();
    assert_eq!(of("ci/69").reporter, Some(ci_bot));
    for odd in ["odd/1", "odd/2", "odd/3"] {
        assert_eq!(of(odd).state, CheckState::None, "{odd}");
        assert_eq!(of(odd).is_skipped, odd == "odd/1");
    }
}

#[tokio::test]
async fn status_that_was_written_though_the_answer_failed_is_posted() {
    let (site, commit, _) = opened().await;
    let green = status("orch/ci", CheckState::Success);
    site.fake.fail("POST /statuses", Fault::FailsAfterwards);
    assert_eq!(site.forge.post_status(&commit, &green).await, Ok(()));
    assert_eq!(site.fake.statuses(commit.as_str()).len(), 1);
    let absent = ObjectId::new("0123456789".repeat(4)).expect("an id");
    let error = site
        .forge
        .post_status(&absent, &green)
        .await
        .expect_err("nobody has it");
    assert_eq!(error.failure, PortFailure::Unavailable);
}

#[tokio::test]
async fn review_is_of_a_commit_and_says_whether_it_counts() {
    let (site, commit, number) = opened().await;
    site.fake
        .review(number, "ann", "APPROVED", commit.as_str(), true);
    site.fake
        .review(number, "mallory", "APPROVED", site.base.as_str(), false);
    site.fake.review(number, "bob", "REQUEST_REVIEW", "", true);
    let reviews = site.forge.reviews(number).await.expect("answered");
    let seen: Vec<_> = reviews
        .iter()
        .map(|r| (r.author.as_str(), r.state, r.commit.clone(), r.is_official))
        .collect();
    let expected = [
        ("ann", ReviewState::Approved, Some(commit), true),
        (
            "mallory",
            ReviewState::Approved,
            Some(site.base.clone()),
            false,
        ),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn question_is_asked_again_when_a_proxy_answers_for_the_server() {
    let (site, commit, _) = opened().await;
    site.fake.fail("GET /status", Fault::FailsBefore);
    site.fake.fail("GET /status", Fault::Cut);
    assert_eq!(site.forge.statuses(&commit).await, Ok(Vec::new()));
    site.fake.fail("GET /status", Fault::Limited);
    let error = site.forge.statuses(&commit).await.expect_err("too many");
    let PortFailure::RateLimited { until_ms: Some(_) } = error.failure else {
        panic!("{error:?}");
    };
}

#[tokio::test]
async fn what_a_person_has_to_mend_is_said_with_what_would_help_and_without_the_token() {
    let (site, commit, _) = opened().await;
    let secret = "fake-token-of-the-bot";
    let next = site.commit(&commit, "two").await;
    let answers = async || {
        let pushed = site
            .forge
            .push(BRANCH, &next, Some(&commit))
            .await
            .map(drop);
        [site.forge.check().await, site.forge.fetch().await, pushed]
    };
    let each = async |failure: PortFailure, remedy: &str| {
        for (index, answer) in answers().await.into_iter().enumerate() {
            let error = answer.expect_err(remedy);
            let text = format!("{error} {error:?}");
            assert_eq!(error.failure, failure, "{index}: {text}");
            assert!(text.contains(remedy), "{index}: {text}");
            assert!(
                !text.contains(secret) && !text.contains("ZmFrZS10b2tlb"),
                "{text}"
            );
        }
    };
    site.fake.rule(|rules| rules.token = "another".to_owned());
    each(PortFailure::Unauthorised, "forges.hub.token").await;
    // A token that was replaced is in force at once.
    std::fs::write(site.folder.path().join("token"), "another").expect("written");
    assert_eq!(site.forge.check().await, Ok(()));
    site.fake.rule(|rules| rules.archived = true);
    let archived = site.forge.check().await.expect_err("archived");
    assert!(archived.reason.contains("archive"), "{archived}");
    site.fake.rule(|rules| {
        rules.archived = false;
        rules.renamed_to = Some("acme/store".to_owned());
    });
    assert_eq!(
        site.forge.check().await,
        Ok(()),
        "it is followed by its number"
    );
    // Nobody who never saw it can know which it was.
    let noted = site.folder.path().join("mirror.git/orch-repository.json");
    std::fs::remove_file(noted).expect("it is kept beside the mirror");
    let anew = forge(site.folder.path(), &site.fake, GiteaLanding::Auto);
    std::fs::write(site.folder.path().join("token"), "another").expect("written");
    let moved = anew.check().await.expect_err("renamed");
    assert!(moved.reason.contains("acme/store"), "{moved}");
    assert_eq!(moved.failure, PortFailure::Unavailable);
    std::fs::remove_file(site.folder.path().join("token")).expect("removed");
    let error = site.forge.check().await.expect_err("no token");
    assert_eq!(error.failure, PortFailure::Unauthorised, "{error}");
}

#[tokio::test]
async fn server_that_does_not_answer_is_left_alone_for_a_while() {
    let (site, commit, _) = opened().await;
    site.fake.rule(|rules| rules.down = true);
    for _ in 0..3 {
        let error = site.forge.statuses(&commit).await.expect_err("down");
        assert_eq!(error.failure, PortFailure::Unavailable);
    }
    let asked = site.fake.all_requests().len();
    let error = site.forge.statuses(&commit).await.expect_err("left alone");
    assert!(error.reason.contains("left alone"), "{error}");
    assert_eq!(site.fake.all_requests().len(), asked);
}
