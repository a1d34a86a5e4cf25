//! Sites of the clients' tests: the kit's fakes with a client to each.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use orch_clients::SecretPlace;
use orch_clients::notify::{Telegram, TelegramSetup};
use orch_clients::plane::{Plane, PlaneProject, PlaneSetup};
use orch_conformance::Doing;
use orch_conformance::notifier::NotifierSite;
use orch_conformance::tracker::TrackerSite;
use orch_domain::id::{IssueId, ItemPrefix, RepoName};
use orch_domain::issue::TrackerState;
use orch_domain::port::PortAnswer;
use orch_domain::port::notifier::Notifier;
use orch_domain::port::tracker::{Intents, Tracker};
use orch_kit::plane::{PLANE_KEY, PROJECT, PlaneFault, WORKSPACE};
use orch_kit::telegram::{CHAT, TOKEN};

/// A user of Plane.
pub(crate) const ANN: &str = "9d017e26-81b7-4317-a5e1-c0fbe2612e01";
/// And another.
pub(crate) const EVE: &str = "9d017e26-81b7-4317-a5e1-c0fbe2612e66";
/// A user of Telegram.
pub(crate) const ANN_CHATS: i64 = 700_100;

/// A file with a secret.
fn secret(folder: &std::path::Path, text: &str) -> SecretPlace {
    let path = folder.join("secret");
    std::fs::write(&path, text).expect("files can be written");
    SecretPlace::File(path)
}

pub(crate) struct Chat {
    _folder: tempfile::TempDir,
    pub(crate) server: orch_kit::Telegram,
    pub(crate) telegram: Telegram,
}

pub(crate) async fn chat() -> Chat {
    let server = orch_kit::Telegram::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let setup = TelegramSetup {
        url: server.url().to_owned(),
        token: secret(folder.path(), TOKEN),
        chat: CHAT,
        topic: Some(5),
        poll_s: 0,
    };
    let telegram = Telegram::new("chat", setup).expect("a client");
    Chat {
        _folder: folder,
        server,
        telegram,
    }
}

impl NotifierSite for Chat {
    fn notifier(&self) -> &dyn Notifier {
        &self.telegram
    }

    fn read(&self) -> String {
        let messages = self.server.messages();
        messages.iter().map(|m| m.text.clone() + "\n").collect()
    }
}

/// Notes of intents in memory.
#[derive(Debug, Default)]
struct Notes(Mutex<HashMap<String, String>>);

impl Intents for Notes {
    fn begin<'a>(&'a self, key: &'a str, since: &'a str) -> PortAnswer<'a, Option<String>> {
        Box::pin(async move {
            let mut notes = self.0.lock().expect("no panic under the lock");
            let before = notes.get(key).cloned();
            notes.entry(key.to_owned()).or_insert(since.to_owned());
            Ok(before)
        })
    }
}

pub(crate) struct Workspace {
    pub(crate) server: orch_kit::Plane,
    pub(crate) plane: Plane,
    pub(crate) items: [String; 2],
    pub(crate) entry: String,
    pub(crate) states: BTreeMap<TrackerState, String>,
    notes: Arc<Notes>,
    folder: tempfile::TempDir,
}

impl Workspace {
    /// Another client of the same host, as after a restart.
    pub(crate) fn restarted(&self) -> Plane {
        client(
            self.folder.path(),
            &self.server,
            &self.entry,
            &self.states,
            self.notes.clone(),
            6_000,
        )
    }

    /// Puts another key in the place of the host's.
    pub(crate) fn put_key(&self, key: &str) {
        secret(self.folder.path(), key);
    }

    pub(crate) fn issue(&self, item: &str) -> IssueId {
        IssueId::new(format!("{PROJECT}/{item}")).expect("an id")
    }
}

fn client(
    folder: &std::path::Path,
    server: &orch_kit::Plane,
    entry: &str,
    states: &BTreeMap<TrackerState, String>,
    notes: Arc<Notes>,
    calls_per_minute: u32,
) -> Plane {
    let project = PlaneProject {
        repo: RepoName::new("shop").expect("a name"),
        prefix: ItemPrefix::new("LED").expect("a prefix"),
        entry: entry.to_owned(),
        states: states.clone(),
    };
    let setup = PlaneSetup {
        url: server.url().to_owned(),
        workspace: WORKSPACE.to_owned(),
        key: secret(folder, PLANE_KEY),
        projects: BTreeMap::from([(PROJECT.to_owned(), project)]),
        calls_per_minute,
        people: BTreeMap::from([(ANN.to_owned(), "ann".to_owned())]),
    };
    Plane::new("board", setup, notes).expect("a client")
}

pub(crate) async fn plane() -> Workspace {
    workspace(6_000).await
}

pub(crate) async fn workspace(calls_per_minute: u32) -> Workspace {
    let server = orch_kit::Plane::start().await;
    let (items, entry, states) = {
        let mut board = server.board();
        board.step(3);
        let todo = board.state("Todo");
        let entry = board.add_state("Ready for Orch", "unstarted");
        let states: BTreeMap<TrackerState, String> = TrackerState::ALL
            .into_iter()
            .map(|state| (state, board.add_state(state.as_str(), "started")))
            .collect();
        let items = ["One", "Two"].map(|name| board.add_item(ANN, name, "<p>x</p>", &todo));
        (items, entry, states)
    };
    let notes = Arc::new(Notes::default());
    let folder = tempfile::tempdir().expect("a folder");
    let plane = client(
        folder.path(),
        &server,
        &entry,
        &states,
        notes.clone(),
        calls_per_minute,
    );
    Workspace {
        server,
        plane,
        items,
        entry,
        states,
        notes,
        folder,
    }
}

impl TrackerSite for Workspace {
    fn tracker(&self) -> &dyn Tracker {
        &self.plane
    }

    fn issues(&self) -> [IssueId; 2] {
        [self.issue(&self.items[0]), self.issue(&self.items[1])]
    }

    fn absent(&self) -> IssueId {
        self.issue("00000000-0000-4000-8000-ffffffffffff")
    }

    fn moved_by<'a>(
        &'a self,
        who: &'a str,
        issue: &'a IssueId,
        state: TrackerState,
    ) -> Doing<'a, ()> {
        Box::pin(async move {
            let (_, item) = issue.as_str().split_once('/').expect("an id");
            let mut board = self.server.board();
            board.move_item(who, item, &self.states[&state]);
        })
    }

    fn commented_by<'a>(
        &'a self,
        who: &'a str,
        issue: &'a IssueId,
        text: &'a str,
    ) -> Doing<'a, ()> {
        Box::pin(async move {
            let (_, item) = issue.as_str().split_once('/').expect("an id");
            let mut board = self.server.board();
            board.comment(who, item, &format!("<p>{text}</p>"));
        })
    }

    fn cut(&self) -> Doing<'_, ()> {
        Box::pin(async { self.server.board().fail(PlaneFault::Down) })
    }
}
