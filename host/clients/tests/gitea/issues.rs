//! Issues of a repository on a server as a tracker: what every tracker has to do, and what is special of these.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use orch_clients::SecretPlace;
use orch_clients::gitea::{
    GiteaIssues, GiteaIssuesSetup, GiteaServer, GiteaServerConfig, IssuesOf, Places,
};
use orch_conformance::Doing;
use orch_conformance::tracker::TrackerSite;
use orch_domain::id::{IssueId, ItemPrefix, RepoName};
use orch_domain::issue::TrackerState;
use orch_domain::port::PortAnswer;
use orch_domain::port::tracker::{Intents, Tracker, Voice};

use crate::forgejo::{BOT, Fault, Forgejo};

mod conformance {
    orch_conformance::tracker_conformance!(super::board);
}

/// Notes in memory.
#[derive(Debug, Default)]
struct Notes(Mutex<BTreeMap<String, String>>);

impl Intents for Notes {
    fn begin<'a>(&'a self, key: &'a str, since: &'a str) -> PortAnswer<'a, Option<String>> {
        Box::pin(async move {
            let mut notes = self.0.lock().expect("no panic under the lock");
            let before = notes.get(key).cloned();
            if before.is_none() {
                notes.insert(key.to_owned(), since.to_owned());
            }
            Ok(before)
        })
    }
}

struct Board {
    folder: tempfile::TempDir,
    fake: Forgejo,
    notes: Arc<Notes>,
    tracker: GiteaIssues,
    numbers: [u64; 2],
}

fn client(folder: &std::path::Path, fake: &Forgejo, notes: Arc<Notes>) -> GiteaIssues {
    let token = folder.join("token");
    std::fs::write(&token, "fake-token-of-the-bot\n").expect("it works");
    let server = GiteaServer::new(GiteaServerConfig {
        name: "hub".to_owned(),
        url: fake.url(),
        token: SecretPlace::File(token),
        ca: None,
        ssh: None,
    });
    let shop = IssuesOf {
        repo: "acme/shop".to_owned(),
        prefix: ItemPrefix::new("SHOP").expect("a prefix"),
    };
    let setup = GiteaIssuesSetup {
        server: server.expect("it works"),
        repositories: BTreeMap::from([(RepoName::new("shop").expect("a name"), shop)]),
        places: Places::default(),
    };
    GiteaIssues::new("board", setup, notes)
}

async fn board() -> Board {
    let folder = tempfile::tempdir().expect("a folder");
    let bare = folder.path().join("acme/shop.git");
    std::fs::create_dir_all(&bare).expect("it works");
    let made = std::process::Command::new("git")
        .args(["init", "--quiet", "--bare", "--initial-branch=main"])
        .arg(&bare)
        .status();
    assert!(made.expect("git is installed").success());
    let fake = Forgejo::start(folder.path(), "acme/shop").await;
    let numbers = ["One", "Two"].map(|title| fake.issue("ann", title, "as it is said"));
    let notes = Arc::new(Notes::default());
    let tracker = client(folder.path(), &fake, notes.clone());
    tracker.make_labels().await.expect("it works");
    Board {
        folder,
        fake,
        notes,
        tracker,
        numbers,
    }
}

impl Board {
    fn issue(&self, number: u64) -> IssueId {
        IssueId::new(format!("shop/{number}")).expect("an id")
    }
}

impl TrackerSite for Board {
    fn tracker(&self) -> &dyn Tracker {
        &self.tracker
    }

    fn issues(&self) -> [IssueId; 2] {
        self.numbers.map(|number| self.issue(number))
    }

    fn absent(&self) -> IssueId {
        self.issue(9_999)
    }

    fn moved_by<'a>(
        &'a self,
        who: &'a str,
        issue: &'a IssueId,
        state: TrackerState,
    ) -> Doing<'a, ()> {
        Box::pin(async move {
            let (_, number) = issue.as_str().split_once('/').expect("an id");
            let number = number.parse().expect("a number");
            self.fake.put_label(who, number, &format!("orch/{state}"));
        })
    }

    fn commented_by<'a>(
        &'a self,
        who: &'a str,
        issue: &'a IssueId,
        text: &'a str,
    ) -> Doing<'a, ()> {
        Box::pin(async move {
            let (_, number) = issue.as_str().split_once('/').expect("an id");
            self.fake
                .comment_issue(who, number.parse().expect("a number"), text);
        })
    }

    fn account(&self, who: &str) -> String {
        Forgejo::account(who).to_string()
    }

    fn cut(&self) -> Doing<'_, ()> {
        Box::pin(async { self.fake.rule(|rules| rules.down = true) })
    }
}

#[tokio::test]
async fn label_or_assignment_asks_for_a_task_in_the_name_of_whoever_put_it_there() {
    let board = board().await;
    let [labelled, assigned] = board.numbers;
    assert_eq!(board.tracker.entries(10).await.expect("answered"), []);
    board.fake.put_label("ann", labelled, "orch/start");
    board.fake.assign("bob", assigned, BOT);
    let entries = board.tracker.entries(10).await.expect("answered");
    let seen: Vec<(&str, &str, String)> = entries
        .iter()
        .map(|e| (e.work_item.as_str(), e.title.as_str(), e.by.clone()))
        .collect();
    assert_eq!(
        seen,
        [
            (
                format!("SHOP-{labelled}").as_str(),
                "One",
                board.account("ann")
            ),
            (
                format!("SHOP-{assigned}").as_str(),
                "Two",
                board.account("bob")
            ),
        ]
    );
    assert!(
        entries.iter().all(|e| e.changed_by.is_empty()),
        "{entries:?}"
    );
    // What the host shows drives the wish out: it is begun once.
    let issue = board.issue(labelled);
    let moved = board
        .tracker
        .set_state(&issue, TrackerState::InProgress, "k");
    moved.await.expect("moved");
    assert_eq!(
        board.fake.issue_state(labelled),
        (vec!["orch/in-progress".to_owned()], false)
    );
    let other = board.issue(assigned);
    let moved = board
        .tracker
        .set_state(&other, TrackerState::InProgress, "k");
    moved.await.expect("moved");
    assert_eq!(board.tracker.entries(10).await.expect("answered"), []);
}

#[tokio::test]
async fn text_that_was_changed_after_somebody_asked_names_its_author_too() {
    let board = board().await;
    let number = board.fake.issue("mallory", "Three", "harmless");
    board.fake.put_label("ann", number, "orch/start");
    let before = board.tracker.entries(10).await.expect("answered");
    assert_eq!(before[0].changed_by, Vec::<String>::new());
    board.fake.rewrite(number, "not harmless");
    let after = board.tracker.entries(10).await.expect("answered");
    assert_eq!(after[0].text, "not harmless");
    assert_eq!(after[0].changed_by, [board.account("mallory")]);
}

#[tokio::test]
async fn issue_that_somebody_closes_stops_and_the_host_closes_what_is_done() {
    let board = board().await;
    let [first, second] = board.numbers;
    let issue = board.issue(first);
    let done = board.tracker.set_state(&issue, TrackerState::Done, "k");
    done.await.expect("moved");
    assert_eq!(
        board.fake.issue_state(first),
        (vec!["orch/done".to_owned()], true)
    );
    board.fake.close_issue("ann", second);
    let moves = board.tracker.moves(0, 10).await.expect("answered");
    let seen: Vec<(&str, TrackerState)> =
        moves.iter().map(|m| (m.issue.as_str(), m.state)).collect();
    let ids = [first, second].map(|number| format!("shop/{number}"));
    assert_eq!(
        seen,
        [
            (ids[0].as_str(), TrackerState::Done),
            (ids[1].as_str(), TrackerState::Stopped)
        ]
    );
}

#[tokio::test]
async fn what_the_server_did_and_answered_500_to_is_done_once_by_a_host_that_starts_anew() {
    let board = board().await;
    let issue = board.issue(board.numbers[0]);
    board.fake.fail("POST /labels", Fault::FailsAfterwards);
    let lost = board
        .tracker
        .set_state(&issue, TrackerState::NeedsInput, "ask");
    lost.await.expect_err("the answer is lost");
    board
        .fake
        .put_label("ann", board.numbers[0], "orch/approved");
    let again = client(board.folder.path(), &board.fake, board.notes.clone());
    let shown = again
        .set_state(&issue, TrackerState::NeedsInput, "ask")
        .await;
    shown.expect("it was done before");
    assert_eq!(again.state(&issue).await, Ok(Some(TrackerState::Approved)));
    board.fake.fail("POST /comments", Fault::FailsAfterwards);
    for tracker in [&board.tracker, &again] {
        let written = tracker.comment(&issue, Voice::Host, "one", "c").await;
        written.expect("it stands there");
    }
    assert_eq!(again.comments(&issue).await.expect("answered").len(), 1);
}

#[tokio::test]
async fn issue_is_deleted_only_where_its_repository_is_shown() {
    let board = board().await;
    let issue = board.issue(board.numbers[0]);
    assert_eq!(board.tracker.is_deleted(&issue).await, Ok(false));
    board.fake.delete_issue(board.numbers[0]);
    assert_eq!(board.tracker.is_deleted(&issue).await, Ok(true));
    board.fake.rule(|rules| rules.token = "another".to_owned());
    board
        .tracker
        .is_deleted(&issue)
        .await
        .expect_err("nobody knows");
}

#[tokio::test]
async fn assignment_to_the_hosts_account_counts_though_it_is_called_otherwise_now() {
    let board = board().await;
    let [_, assigned] = board.numbers;
    assert_eq!(board.tracker.entries(10).await.expect("answered"), []);
    board.fake.rename_bot("orch-robot");
    board.fake.assign("bob", assigned, BOT);
    let entries = board.tracker.entries(10).await.expect("answered");
    let seen: Vec<&str> = entries.iter().map(|e| e.work_item.as_str()).collect();
    assert_eq!(seen, [format!("SHOP-{assigned}")]);
}
