//! The local forge and tracker do what every forge and tracker has to do.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use orch_conformance::Doing;
use orch_conformance::forge::ForgeSite;
use orch_conformance::tracker::TrackerSite;
use orch_domain::id::{IssueId, ObjectId, RepoName, TaskId, WorkItem};
use orch_domain::issue::TrackerState;
use orch_domain::port::forge::Forge;
use orch_domain::port::tracker::Tracker;
use orch_local::{LocalForge, LocalForgeConfig, LocalTracker, Now};
use orch_process::git::{Git, Identity};
use orch_store::{NewTask, Owner, Store};

struct Site {
    folder: tempfile::TempDir,
    store: Store,
    forge: LocalForge,
    tracker: LocalTracker,
    mirror: Git,
    base: ObjectId,
    tasks: [TaskId; 2],
}

impl Site {
    fn bare(&self) -> PathBuf {
        self.folder.path().join("shop.git")
    }

    /// Runs a statement behind the store's back.
    async fn execute(&self, sql: &'static str) {
        let path = self.folder.path().join("orch.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let conn = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await;
        let done = sqlx::query(sql)
            .execute(&mut conn.expect("connected"))
            .await;
        done.expect("carried out");
    }
}

fn git(folder: &Path, args: &[&str]) -> String {
    let who = ["-c", "user.name=Ann", "-c", "user.email=ann@orch.invalid"];
    let done = Command::new("git")
        .args(who)
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git is installed");
    assert!(
        done.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

fn now_ms() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn task_of(issue: &IssueId) -> TaskId {
    TaskId(issue.as_str().parse().expect("a number"))
}

async fn task(store: &Store, item: &str) -> TaskId {
    let new = NewTask {
        work_item: WorkItem::new(item).expect("it works"),
        repo: RepoName::new("shop").expect("it works"),
        title: "Discount".to_owned(),
        body: String::new(),
        author: "ann".to_owned(),
        branch: format!("orch/{item}-1"),
        base_branch: "main".to_owned(),
        config: "{}".to_owned(),
        config_digest: "d".to_owned(),
        rework_rounds_max: 3,
    };
    let made = store.write(|tx| Box::pin(async move { tx.insert_task(new, 1).await }));
    made.await.expect("accepted").id
}

async fn site() -> Site {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let store = Store::open(&at("orch.db"), Owner("me".to_owned()))
        .await
        .expect("it works");
    git(
        folder.path(),
        &["init", "--quiet", "--initial-branch=main", "seed"],
    );
    let commit = ["commit", "--quiet", "--allow-empty", "-m", "A cart"];
    git(&at("seed"), &commit);
    git(
        folder.path(),
        &["clone", "--quiet", "--bare", "seed", "shop.git"],
    );
    let mirror = Git::at(at("mirror.git")).expect("it works");
    mirror.init().await.expect("a mirror");
    let now: Now = Arc::new(now_ms);
    let forge = LocalForge::new(LocalForgeConfig {
        upstream: None,
        base: "main".to_owned(),
        name: RepoName::new("shop").expect("it works"),
        path: at("shop.git"),
        mirror: at("mirror.git"),
        store: store.clone(),
        now: now.clone(),
    })
    .expect("it works");
    forge.fetch().await.expect("it works");
    let base = git(&at("shop.git"), &["rev-parse", "main"]);
    let tasks = [task(&store, "SHOP-1").await, task(&store, "SHOP-2").await];
    Site {
        tracker: LocalTracker::new(store.clone(), now),
        base: ObjectId::new(base).expect("it works"),
        folder,
        store,
        forge,
        mirror,
        tasks,
    }
}

impl ForgeSite for Site {
    fn forge(&self) -> &dyn Forge {
        &self.forge
    }

    fn base(&self) -> &ObjectId {
        &self.base
    }

    fn task(&self) -> TaskId {
        self.tasks[0]
    }

    fn commit<'a>(&'a self, parent: &'a ObjectId, text: &'a str) -> Doing<'a, ObjectId> {
        Box::pin(async move {
            let files = [("cart.txt".to_owned(), Some(text.as_bytes().to_vec()))];
            let tree = self
                .mirror
                .tree_with(parent, &files)
                .await
                .expect("it works");
            let who = Identity {
                name: "Orch".to_owned(),
                email: "orch@orch.invalid".to_owned(),
                at_s: 1_700_000_000,
            };
            self.mirror
                .commit(&tree, parent, text, &who)
                .await
                .expect("it works")
        })
    }

    fn has<'a>(&'a self, commit: &'a ObjectId) -> Doing<'a, bool> {
        Box::pin(async move {
            self.mirror
                .resolve(commit.as_str())
                .await
                .expect("it works")
                .is_some()
        })
    }

    fn foreign_push<'a>(&'a self, branch: &'a str, parent: &'a ObjectId) -> Doing<'a, ObjectId> {
        Box::pin(async move {
            let clone = tempfile::tempdir_in(self.folder.path()).expect("it works");
            git(clone.path(), &["clone", "--quiet", "../shop.git", "."]);
            git(
                clone.path(),
                &["checkout", "--quiet", "--detach", parent.as_str()],
            );
            git(
                clone.path(),
                &["commit", "--quiet", "--allow-empty", "-m", "By Ann"],
            );
            let to = format!("HEAD:refs/heads/{branch}");
            git(clone.path(), &["push", "--quiet", "origin", &to]);
            ObjectId::new(git(clone.path(), &["rev-parse", "HEAD"])).expect("it works")
        })
    }

    fn tip<'a>(&'a self, branch: &'a str) -> Doing<'a, Option<ObjectId>> {
        Box::pin(async move {
            let name = format!("refs/heads/{branch}");
            let tip = git(
                &self.bare(),
                &["for-each-ref", "--format=%(objectname)", &name],
            );
            ObjectId::new(tip).ok()
        })
    }

    fn cut(&self) -> Doing<'_, ()> {
        Box::pin(async {
            std::fs::rename(self.bare(), self.folder.path().join("away")).expect("it works")
        })
    }
}

impl TrackerSite for Site {
    fn tracker(&self) -> &dyn Tracker {
        &self.tracker
    }

    fn issues(&self) -> [IssueId; 2] {
        self.tasks
            .map(|task| IssueId::new(task.to_string()).expect("it works"))
    }

    fn absent(&self) -> IssueId {
        IssueId::new("4711").expect("it works")
    }

    fn moved_by<'a>(
        &'a self,
        who: &'a str,
        issue: &'a IssueId,
        state: TrackerState,
    ) -> Doing<'a, ()> {
        Box::pin(async move {
            let (task, who) = (task_of(issue), who.to_owned());
            let now = now_ms();
            let moved = self.store.write(move |tx| {
                Box::pin(async move { tx.move_issue(task, state, &who, now).await })
            });
            moved.await.expect("moved");
        })
    }

    fn commented_by<'a>(
        &'a self,
        who: &'a str,
        issue: &'a IssueId,
        text: &'a str,
    ) -> Doing<'a, ()> {
        Box::pin(async move {
            let task = task_of(issue);
            let (who, text) = (who.to_owned(), text.to_owned());
            let now = now_ms();
            let written = self.store.write(move |tx| {
                Box::pin(async move {
                    let id = format!("by-{who}-{text}");
                    tx.add_comment(task, &id, &who, &text, now).await
                })
            });
            written.await.expect("written");
        })
    }

    fn cut(&self) -> Doing<'_, ()> {
        Box::pin(async {
            self.execute("DROP TABLE issue_moves").await;
            self.execute("DROP TABLE issue_comments").await;
        })
    }
}

mod forge {
    orch_conformance::forge_conformance!(super::site);
}

mod tracker {
    orch_conformance::tracker_conformance!(super::site);
}
