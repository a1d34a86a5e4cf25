//! A repository on a fake server, with the host's mirror of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use orch_clients::SecretPlace;
use orch_clients::gitea::{
    GiteaForge, GiteaForgeConfig, GiteaLanding, GiteaServer, GiteaServerConfig, GiteaSsh, Places,
};
use orch_conformance::Doing;
use orch_conformance::forge::ForgeSite;
use orch_domain::id::{ObjectId, RepoName, TaskId};
use orch_domain::port::forge::Forge;
use orch_process::git::{Git, Identity};

use crate::forgejo::Forgejo;

pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) fake: Forgejo,
    pub(crate) forge: GiteaForge,
    pub(crate) mirror: Git,
    pub(crate) base: ObjectId,
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
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(
        done.status.success(),
        "git {args:?}: {}",
        text(&done.stderr)
    );
    text(&done.stdout)
}

pub(crate) fn forge(folder: &Path, fake: &Forgejo, land: GiteaLanding) -> GiteaForge {
    forge_at(folder, &fake.url(), None, land)
}

/// The forge at an address, with the certificates of an authority.
pub(crate) fn forge_at(
    folder: &Path,
    url: &str,
    ca: Option<PathBuf>,
    land: GiteaLanding,
) -> GiteaForge {
    made(folder, url, (ca, None), land)
}

/// The forge with git by ssh.
pub(crate) fn forge_by_ssh(folder: &Path, fake: &Forgejo, ssh: GiteaSsh) -> GiteaForge {
    made(folder, &fake.url(), (None, Some(ssh)), GiteaLanding::Auto)
}

fn made(
    folder: &Path,
    url: &str,
    (ca, ssh): (Option<PathBuf>, Option<GiteaSsh>),
    land: GiteaLanding,
) -> GiteaForge {
    let token = folder.join("token");
    std::fs::write(&token, "fake-token-of-the-bot\n").expect("it works");
    let server = GiteaServer::new(GiteaServerConfig {
        name: "hub".to_owned(),
        url: format!("{url}/"),
        token: SecretPlace::File(token),
        ca,
        ssh,
    });
    let made = GiteaForge::new(GiteaForgeConfig {
        name: RepoName::new("shop").expect("it works"),
        server: server.expect("it works"),
        repo: "acme/shop".to_owned(),
        land,
        mirror: folder.join("mirror.git"),
        places: Places::default(),
    });
    made.expect("it works")
}

pub(crate) async fn site() -> Site {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    git(
        folder.path(),
        &["init", "--quiet", "--initial-branch=main", "seed"],
    );
    git(
        &at("seed"),
        &["commit", "--quiet", "--allow-empty", "-m", "A cart"],
    );
    std::fs::create_dir(at("acme")).expect("it works");
    git(
        folder.path(),
        &["clone", "--quiet", "--bare", "seed", "acme/shop.git"],
    );
    let fake = Forgejo::start(folder.path(), "acme/shop").await;
    fake.rule(|rules| rules.autodetect = true);
    let mirror = Git::at(at("mirror.git")).expect("it works");
    mirror.init().await.expect("a mirror");
    let forge = forge(folder.path(), &fake, GiteaLanding::Auto);
    forge.fetch().await.expect("it can be fetched");
    let base = git(&at("acme/shop.git"), &["rev-parse", "main"]);
    Site {
        base: ObjectId::new(base).expect("it works"),
        folder,
        fake,
        forge,
        mirror,
    }
}

impl Site {
    /// A merge of `base` with a commit of somebody else's.
    pub(crate) async fn merge(&self, base: &ObjectId, text: &str) -> ObjectId {
        let theirs = self.commit(&self.base, text).await;
        let tree = self.mirror.tree_of(&theirs).await.expect("it works");
        let who = Identity {
            name: "Ann".to_owned(),
            email: "ann@orch.invalid".to_owned(),
            at_s: 1_700_000_001,
        };
        let parents = [base, &theirs];
        let made = self.mirror.commit_on(&tree, &parents, "Merge", &who);
        made.await.expect("it works")
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
        TaskId(1)
    }

    fn commit<'a>(&'a self, parent: &'a ObjectId, text: &'a str) -> Doing<'a, ObjectId> {
        Box::pin(async move {
            let files = [("cart.txt".to_owned(), Some(text.as_bytes().to_vec()))];
            let tree = self.mirror.tree_with(parent, &files).await;
            let tree = tree.expect("it works");
            let who = Identity {
                name: "Orch".to_owned(),
                email: "orch@orch.invalid".to_owned(),
                at_s: 1_700_000_000,
            };
            let made = self.mirror.commit(&tree, parent, text, &who);
            made.await.expect("it works")
        })
    }

    fn has<'a>(&'a self, commit: &'a ObjectId) -> Doing<'a, bool> {
        Box::pin(async move {
            let found = self.mirror.resolve(commit.as_str()).await;
            found.expect("it works").is_some()
        })
    }

    fn foreign_push<'a>(&'a self, branch: &'a str, parent: &'a ObjectId) -> Doing<'a, ObjectId> {
        Box::pin(async move {
            let clone = tempfile::tempdir_in(self.folder.path()).expect("it works");
            git(clone.path(), &["clone", "--quiet", "../acme/shop.git", "."]);
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
            self.fake
                .tip(branch)
                .map(|t| ObjectId::new(t).expect("an id"))
        })
    }

    fn cut(&self) -> Doing<'_, ()> {
        Box::pin(async { self.fake.rule(|rules| rules.down = true) })
    }
}
