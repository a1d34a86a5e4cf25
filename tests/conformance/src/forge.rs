//! What every forge has to do.

use orch_domain::id::{ObjectId, TaskId};
use orch_domain::imports::CheckState;
use orch_domain::port::PortFailure;
use orch_domain::port::forge::{
    Forge, LandOutcome, NewPullRequest, PullRequestState, PushOutcome, Status,
};

use crate::Doing;

/// Makes a test of each case of a forge: `forge_conformance!(site)`, where `site` is an `async fn` that makes a fresh
/// [`ForgeSite`].
#[macro_export]
macro_rules! forge_conformance {
    ($make:path) => {
        $crate::cases! {
            forge, $make,
            [
                push_that_is_repeated_is_done,
                push_from_elsewhere_moves_nothing_and_says_where_the_branch_is,
                push_replaces_history_only_where_it_is_expected,
                branch_is_deleted_only_where_it_is_expected_and_gone_is_done,
                landing_moves_the_base_to_exactly_the_commit,
                landing_that_is_repeated_is_harmless_though_the_base_moved_on,
                landing_on_a_base_that_moved_is_refused_and_moves_nothing,
                commit_that_does_not_stand_on_the_base_never_lands,
                own_branches_are_listed_wherever_others_moved_them,
                fetch_brings_what_others_pushed,
                status_that_is_posted_last_counts_for_its_context,
                pull_request_is_opened_once_for_a_branch,
                pull_request_is_settled_once_with_the_commit_that_landed,
                pull_request_that_nothing_lands_from_is_closed,
                what_is_not_there_is_no_failure_of_the_forge,
                forge_that_does_not_answer_is_no_empty_one,
                name_that_could_be_an_option_is_refused,
            ]
        }
    };
}

/// A fresh repository on its forge, whose base branch is `main` with one commit, and a mirror of it.
pub trait ForgeSite: Sync {
    /// The port.
    fn forge(&self) -> &dyn Forge;

    /// Where `main` begins.
    fn base(&self) -> &ObjectId;

    /// A task whose change a pull request may be.
    fn task(&self) -> TaskId;

    /// Makes a commit in the host's mirror that differs from its parent by `text`.
    fn commit<'a>(&'a self, parent: &'a ObjectId, text: &'a str) -> Doing<'a, ObjectId>;

    /// Whether the host's mirror has a commit.
    fn has<'a>(&'a self, commit: &'a ObjectId) -> Doing<'a, bool>;

    /// Somebody else pushes a new commit on top of `parent`, which the forge has, to a branch; answers the commit.
    fn foreign_push<'a>(&'a self, branch: &'a str, parent: &'a ObjectId) -> Doing<'a, ObjectId>;

    /// Where a branch is, as somebody else sees it.
    fn tip<'a>(&'a self, branch: &'a str) -> Doing<'a, Option<ObjectId>>;

    /// The forge goes away, as in an outage.
    fn cut(&self) -> Doing<'_, ()>;
}

const BRANCH: &str = "orch/SHOP-1-1";

async fn pushed(site: &dyn ForgeSite, text: &str) -> ObjectId {
    let commit = site.commit(site.base(), text).await;
    let outcome = site.forge().push(BRANCH, &commit, None).await;
    assert_eq!(outcome, Ok(PushOutcome::Done));
    commit
}

fn absent() -> ObjectId {
    ObjectId::new("0123456789".repeat(4)).expect("40 digits are an object id")
}

/// A push whose answer was lost is made again.
pub async fn push_that_is_repeated_is_done(site: &dyn ForgeSite) {
    let first = pushed(site, "one").await;
    let again = site.forge().push(BRANCH, &first, None).await;
    assert_eq!(again, Ok(PushOutcome::Done));
    let second = site.commit(&first, "two").await;
    for _ in 0..2 {
        let outcome = site.forge().push(BRANCH, &second, Some(&first)).await;
        assert_eq!(outcome, Ok(PushOutcome::Done));
        assert_eq!(site.forge().tip(BRANCH).await, Ok(Some(second.clone())));
    }
    assert_eq!(site.tip(BRANCH).await, Some(second));
}

/// Somebody else's commit is never overwritten by a wrong expectation.
pub async fn push_from_elsewhere_moves_nothing_and_says_where_the_branch_is(site: &dyn ForgeSite) {
    let first = pushed(site, "one").await;
    let foreign = site.foreign_push(BRANCH, &first).await;
    let second = site.commit(&first, "two").await;
    let moved = Ok(PushOutcome::Moved {
        actual: Some(foreign.clone()),
    });
    for expected in [None, Some(&first), Some(site.base())] {
        assert_eq!(site.forge().push(BRANCH, &second, expected).await, moved);
    }
    assert_eq!(site.tip(BRANCH).await, Some(foreign));
    // A branch that is expected and gone is not made anew.
    let outcome = site.forge().push("orch/gone", &second, Some(&first)).await;
    assert_eq!(outcome, Ok(PushOutcome::Moved { actual: None }));
    assert_eq!(site.tip("orch/gone").await, None);
}

/// A branch may be rewritten, from a known place only.
pub async fn push_replaces_history_only_where_it_is_expected(site: &dyn ForgeSite) {
    let first = pushed(site, "one").await;
    let other = site.commit(site.base(), "other").await;
    let outcome = site.forge().push(BRANCH, &other, Some(&first)).await;
    assert_eq!(outcome, Ok(PushOutcome::Done));
    assert_eq!(site.tip(BRANCH).await, Some(other.clone()));
    let outcome = site.forge().push(BRANCH, &first, Some(&first)).await;
    assert!(
        matches!(&outcome, Ok(PushOutcome::Moved { actual: Some(at) }) if *at == other),
        "{outcome:?}"
    );
}

/// Deleting twice deletes once, and what somebody added is kept.
pub async fn branch_is_deleted_only_where_it_is_expected_and_gone_is_done(site: &dyn ForgeSite) {
    let first = pushed(site, "one").await;
    let outcome = site.forge().delete_branch(BRANCH, site.base()).await;
    let actual = Some(first.clone());
    assert_eq!(outcome, Ok(PushOutcome::Moved { actual }));
    assert_eq!(site.tip(BRANCH).await, Some(first.clone()));
    for _ in 0..2 {
        let outcome = site.forge().delete_branch(BRANCH, &first).await;
        assert_eq!(outcome, Ok(PushOutcome::Done));
        assert_eq!(site.tip(BRANCH).await, None);
    }
}

/// What landed is the tested commit and no other.
pub async fn landing_moves_the_base_to_exactly_the_commit(site: &dyn ForgeSite) {
    let commit = pushed(site, "one").await;
    let outcome = site.forge().land("main", &commit, site.base()).await;
    assert_eq!(outcome, Ok(LandOutcome::Landed));
    assert_eq!(site.tip("main").await, Some(commit.clone()));
    assert_eq!(site.forge().tip("main").await, Ok(Some(commit)));
}

/// A landing whose answer was lost is made again, whatever came after it.
pub async fn landing_that_is_repeated_is_harmless_though_the_base_moved_on(site: &dyn ForgeSite) {
    let commit = pushed(site, "one").await;
    for _ in 0..2 {
        let outcome = site.forge().land("main", &commit, site.base()).await;
        assert_eq!(outcome, Ok(LandOutcome::Landed));
        assert_eq!(site.tip("main").await, Some(commit.clone()));
    }
    let after = site.foreign_push("main", &commit).await;
    let outcome = site.forge().land("main", &commit, site.base()).await;
    assert_eq!(outcome, Ok(LandOutcome::Landed));
    assert_eq!(site.tip("main").await, Some(after));
}

/// What was tested on another base does not land.
pub async fn landing_on_a_base_that_moved_is_refused_and_moves_nothing(site: &dyn ForgeSite) {
    let commit = pushed(site, "one").await;
    let foreign = site.foreign_push("main", site.base()).await;
    let moved = Ok(LandOutcome::BaseMoved {
        actual: Some(foreign.clone()),
    });
    let outcome = site.forge().land("main", &commit, site.base()).await;
    assert_eq!(outcome, moved);
    assert_eq!(site.tip("main").await, Some(foreign));
    let outcome = site.forge().land("nowhere", &commit, site.base()).await;
    assert_eq!(outcome, Ok(LandOutcome::BaseMoved { actual: None }));
    assert_eq!(site.tip("nowhere").await, None);
}

/// A landing is a fast-forward, even where the base is where it was expected.
pub async fn commit_that_does_not_stand_on_the_base_never_lands(site: &dyn ForgeSite) {
    let commit = pushed(site, "one").await;
    let foreign = site.foreign_push("main", site.base()).await;
    for refused in [&commit, &absent()] {
        let outcome = site.forge().land("main", refused, &foreign).await;
        assert!(
            matches!(&outcome, Ok(LandOutcome::Refused { why }) if !why.is_empty()),
            "{outcome:?}"
        );
        assert_eq!(site.tip("main").await, Some(foreign.clone()));
    }
}

/// The reconciler sees pushes of others in the list of tips.
pub async fn own_branches_are_listed_wherever_others_moved_them(site: &dyn ForgeSite) {
    assert_eq!(site.forge().tips().await, Ok([].into()));
    let first = pushed(site, "one").await;
    let tips = |at: &ObjectId| Ok([(BRANCH.to_owned(), at.clone())].into());
    assert_eq!(site.forge().tips().await, tips(&first));
    let foreign = site.foreign_push(BRANCH, &first).await;
    // A name that only begins like the host's own is none of them.
    site.foreign_push("orchard", site.base()).await;
    assert_eq!(site.forge().tips().await, tips(&foreign));
}

/// What others pushed can be read in the mirror after a fetch.
pub async fn fetch_brings_what_others_pushed(site: &dyn ForgeSite) {
    let foreign = site.foreign_push("main", site.base()).await;
    // The steps of several tasks fetch whenever they like.
    let both = futures_util::future::join(site.forge().fetch(), site.forge().fetch()).await;
    assert_eq!(both, (Ok(()), Ok(())));
    assert!(site.has(&foreign).await);
}

fn status(context: &str, state: CheckState, description: &str) -> Status {
    Status {
        context: context.to_owned(),
        state,
        description: description.to_owned(),
        url: None,
        is_skipped: false,
        reporter: None,
        at_ms: None,
    }
}

/// A status replaces the one before of the same context and commit, and no other.
pub async fn status_that_is_posted_last_counts_for_its_context(site: &dyn ForgeSite) {
    let (first, forge) = (pushed(site, "one").await, site.forge());
    assert_eq!(forge.statuses(&first).await, Ok(Vec::new()));
    for (context, state, text) in [
        ("orch/ci", CheckState::Pending, "queued"),
        ("orch/gates", CheckState::Pending, "two gates to go"),
        ("orch/ci", CheckState::Failure, "exit code 1"),
        ("orch/ci", CheckState::Success, "exit code 0"),
    ] {
        let posted = forge
            .post_status(&first, &status(context, state, text))
            .await;
        assert_eq!(posted, Ok(()));
    }
    let found = forge.statuses(&first).await.expect("answered");
    let found: Vec<(&str, CheckState, &str)> = found
        .iter()
        .map(|s| (s.context.as_str(), s.state, s.description.as_str()))
        .collect();
    let expected = [
        ("orch/ci", CheckState::Success, "exit code 0"),
        ("orch/gates", CheckState::Pending, "two gates to go"),
    ];
    assert_eq!(found, expected);
    assert_eq!(forge.statuses(site.base()).await, Ok(Vec::new()));
}

fn request(site: &dyn ForgeSite) -> NewPullRequest {
    NewPullRequest {
        task: site.task(),
        branch: BRANCH.to_owned(),
        base: "main".to_owned(),
        title: "SHOP-1: Discount".to_owned(),
    }
}

/// Opening whose answer was lost is done again and finds the first.
pub async fn pull_request_is_opened_once_for_a_branch(site: &dyn ForgeSite) {
    let (first, forge) = (pushed(site, "one").await, site.forge());
    assert_eq!(forge.pull_request(BRANCH).await, Ok(None));
    let request = request(site);
    let number = forge.open_pull_request(&request).await.expect("opened");
    assert_eq!(forge.open_pull_request(&request).await, Ok(number));
    let found = forge.pull_request(BRANCH).await.expect("answered");
    let found = found.expect("it is open");
    assert_eq!(
        (found.number, found.state, found.head),
        (number, PullRequestState::Open, Some(first.clone()))
    );
    assert_eq!(forge.reviews(number).await, Ok(Vec::new()));
    let foreign = site.foreign_push(BRANCH, &first).await;
    let found = forge.pull_request(BRANCH).await.expect("answered");
    assert_eq!(found.expect("it is open").head, Some(foreign));
}

/// A landing is told to its pull request; told again, it changes nothing, and another commit is refused.
pub async fn pull_request_is_settled_once_with_the_commit_that_landed(site: &dyn ForgeSite) {
    let (commit, forge) = (pushed(site, "one").await, site.forge());
    let number = forge.open_pull_request(&request(site)).await;
    let number = number.expect("opened");
    let landed = forge.land("main", &commit, site.base()).await;
    assert_eq!(landed, Ok(LandOutcome::Landed));
    for _ in 0..2 {
        assert_eq!(forge.mark_merged(BRANCH, &commit).await, Ok(()));
        let found = forge.pull_request(BRANCH).await.expect("answered");
        let found = found.expect("it stays");
        let state = PullRequestState::Merged {
            commit: commit.clone(),
        };
        assert_eq!((found.number, found.state), (number, state));
    }
    let other = forge.mark_merged(BRANCH, site.base()).await;
    let failure = other.expect_err("it has landed as another").failure;
    assert_eq!(failure, PortFailure::Refused);
}

/// A pull request whose task was cancelled ends; told again, or after a landing, nothing changes.
pub async fn pull_request_that_nothing_lands_from_is_closed(site: &dyn ForgeSite) {
    let (commit, forge) = (pushed(site, "one").await, site.forge());
    let number = forge.open_pull_request(&request(site)).await;
    let number = number.expect("opened");
    for _ in 0..2 {
        assert_eq!(forge.close_pull_request(BRANCH, "Cancelled").await, Ok(()));
        let found = forge.pull_request(BRANCH).await.expect("answered");
        let found = found.expect("it stays");
        assert_eq!(
            (found.number, found.state),
            (number, PullRequestState::Closed)
        );
    }
    let deleted = forge.delete_branch(BRANCH, &commit).await;
    assert_eq!(deleted, Ok(PushOutcome::Done));
    assert_eq!(forge.close_pull_request(BRANCH, "Cancelled").await, Ok(()));
    assert_eq!(
        forge.close_pull_request("orch/none", "Cancelled").await,
        Ok(())
    );
}

/// Absent is an answer, or a failure of the one thing that was named: never of the whole forge.
pub async fn what_is_not_there_is_no_failure_of_the_forge(site: &dyn ForgeSite) {
    let forge = site.forge();
    assert_eq!(forge.check().await, Ok(()));
    assert_eq!(forge.tip("orch/none").await, Ok(None));
    assert_eq!(forge.pull_request("orch/none").await, Ok(None));
    assert_eq!(forge.statuses(&absent()).await, Ok(Vec::new()));
    let unsettled = forge.mark_merged("orch/none", site.base()).await;
    let unread = forge.reviews(4_000_000_000).await.map(drop);
    for answer in [unsettled, unread] {
        let error = answer.expect_err("there is none");
        assert_eq!(error.failure, PortFailure::NotFound, "{error}");
    }
}

/// An outage shows as one: nothing is taken for deleted.
pub async fn forge_that_does_not_answer_is_no_empty_one(site: &dyn ForgeSite) {
    let (commit, forge) = (pushed(site, "one").await, site.forge());
    site.cut().await;
    let base = site.base();
    let answers = [
        forge.check().await,
        forge.fetch().await,
        forge.tips().await.map(drop),
        forge.tip(BRANCH).await.map(drop),
        forge.push(BRANCH, base, Some(&commit)).await.map(drop),
        forge.delete_branch(BRANCH, &commit).await.map(drop),
        forge.land("main", &commit, base).await.map(drop),
    ];
    for (index, answer) in answers.into_iter().enumerate() {
        let error = answer.expect_err(&format!("question {index} cannot be answered"));
        assert_eq!(error.failure, PortFailure::Unavailable, "{index}: {error}");
        assert!(!error.source.is_empty() && !error.reason.is_empty());
    }
}

/// A branch's name never becomes an option or a way out of the branches.
pub async fn name_that_could_be_an_option_is_refused(site: &dyn ForgeSite) {
    let (commit, forge) = (pushed(site, "one").await, site.forge());
    for bad in ["--upload-pack=x", "a..b", "a b", "a:b", ""] {
        let answers = [
            forge.tip(bad).await.map(drop),
            forge.push(bad, &commit, None).await.map(drop),
            forge.delete_branch(bad, &commit).await.map(drop),
            forge.land(bad, &commit, site.base()).await.map(drop),
        ];
        for answer in answers {
            let error = answer.expect_err(bad);
            assert_eq!(error.failure, PortFailure::Refused, "{bad}: {error}");
        }
    }
}
