//! The fake forge speaks as servers do: their own published client takes its answers, by its own types.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use orch_kit::forgejo::Forgejo;
use orch_kit::{World, world};

/// Folder in which the client and the checker of its types are installed.
fn packages() -> PathBuf {
    let installed = world::root().join(".tools/npm");
    let path = std::env::var_os("ORCH_TEST_GITEA_JS").map_or(installed, PathBuf::from);
    for name in ["gitea-js", "typescript"] {
        assert!(
            path.join("node_modules").join(name).exists(),
            "`{name}` is not installed; run `cargo xtask test`"
        );
    }
    path
}

/// What the client and the checker say of a server.
fn said_of(url: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let done = Command::new("node")
        .arg(world::root().join("tests/kit/gitea.mjs"))
        .arg(packages())
        .arg(folder.path())
        .args([url, "fake-token-of-the-bot", "acme", "shop"])
        .output()
        .expect("node is installed");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&done.stdout) + &text(&done.stderr);
    (done.status.success(), said)
}

#[test]
fn answers_of_the_fake_forge_are_taken_by_the_servers_own_client() {
    orch_kit::choose_tls();
    let world = World::new();
    fs::create_dir(world.path("forge")).unwrap();
    let clone = [
        "clone",
        "--quiet",
        "--bare",
        "shop.git",
        "forge/acme/shop.git",
    ];
    world.git(".", &clone);
    world.git("forge/acme/shop.git", &["branch", "orch/SHOP-1-1", "main"]);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let fake = runtime.block_on(Forgejo::start(&world.path("forge"), "acme/shop"));
    fake.rule(|rules| rules.admin = true);
    let head = fake.tip("main").unwrap();
    let number = fake.open("ann", "orch/SHOP-1-1", "main");
    fake.review(number, "ann", "APPROVED", &head, true);
    fake.post_status(&head, "their/ci", "pending", "ci-bot");
    let issue = fake.issue("ann", "Round to cents", "Please.");
    fake.put_label("ann", issue, "orch/start");
    fake.assign("ann", issue, "ann");
    fake.comment_issue("ann", issue, "to the nearest");
    let (fits, said) = said_of(&fake.url());
    assert!(fits, "{said}");
    assert!(said.contains("answers fit"), "{said}");
}
