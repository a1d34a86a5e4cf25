//! Is a secret that the base has told from one that the branch brings?

use orch_kit::{Osv, World};
use serde_json::Value;

use super::{Branch, assert_leaks, configure, key};

fn old_key() -> String {
    format!("AKIA{}", "ZZTPWN5RHHFQZAL3")
}

/// A pass with the remark that the base has it already, without the secret.
fn assert_remark(judged: &Value, why: &str) {
    let artefact = judged["artefact"].as_str().unwrap();
    assert_eq!(judged["decision"], "pass", "{why}: {judged:#}");
    assert!(artefact.contains("secrets_found: 0"), "{why}: {artefact}");
    assert!(
        artefact.contains("the base has it already"),
        "{why}: {artefact}"
    );
    assert!(
        !judged.to_string().contains(&old_key()[4..]),
        "{why}: the key is shown"
    );
}

/// A world whose base has a secret in `samples/conf.ini`.
async fn world() -> (World, Osv) {
    let mut world = World::new();
    let feed = Osv::start().await;
    let text = format!("[a]\naws_access_key_id = \"{}\"\nregion = x\n", old_key());
    world.write("seed/samples/conf.ini", &text, 0o644);
    world.push_seed("An old secret");
    configure(&mut world, feed.base_url());
    (world, feed)
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_that_the_base_has_already_is_a_remark() {
    let (world, _feed) = world().await;
    tokio::task::spawn_blocking(move || {
        let line = format!("aws_access_key_id = \"{}\"\n", old_key());
        let edited = format!("[a]\n{line}region = y\n");
        let judged = Branch::of(&world)
            .commit(&[("samples/conf.ini", &edited)])
            .judge();
        assert_remark(&judged, "another line is edited");
        let moved = format!("\n\n# moved\n[a]\n    {line}");
        let judged = Branch::of(&world)
            .commit(&[("samples/conf.ini", &moved)])
            .judge();
        assert_remark(&judged, "its line is moved and indented");
        let judged = Branch::of(&world)
            .commit(&[("demo/other.ini", &edited)])
            .remove("samples/conf.ini")
            .judge();
        assert_remark(&judged, "the file is renamed");
        let judged = Branch::of(&world)
            .commit(&[("samples/conf.ini", &edited)])
            .commit(&[("samples/conf.ini", "[a]\n")])
            .judge();
        assert_remark(&judged, "it is edited, and then removed");
        // What the branch itself brings blocks beside it.
        let both = format!("{edited}other = \"{}\"\n", key());
        let judged = Branch::of(&world)
            .commit(&[("samples/conf.ini", &both)])
            .judge();
        assert_leaks(&judged, "a new one beside it");
        assert!(
            judged["artefact"]
                .as_str()
                .unwrap()
                .contains("secrets_found: 1"),
            "{judged:#}"
        );
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_merge_of_the_base_brings_is_not_the_branchs() {
    let (world, _feed) = world().await;
    tokio::task::spawn_blocking(move || {
        let who = ["-c", "user.name=Ann", "-c", "user.email=ann@orch.invalid"];
        let merge = |world: &World| {
            let merge = ["merge", "--quiet", "--no-ff", "-m", "Catch up", "main"];
            world.git("seed", &[&who[..], &merge].concat());
        };
        world.git("seed", &["checkout", "--quiet", "-B", "work", "main~1"]);
        world.write("seed/own.txt", "own\n", 0o644);
        world.commit_seed("Own");
        merge(&world);
        let branch = Branch { world: &world };
        let judged = branch.judge();
        assert_eq!(judged["decision"], "pass", "{judged:#}");
        let artefact = judged["artefact"].as_str().unwrap();
        assert!(artefact.contains("secrets_found: 0"), "{artefact}");
        // A file that both sides changed holds lines of the base.
        world.git("seed", &["checkout", "--quiet", "-B", "work", "main~1"]);
        let own = "[a]\n\nregion = x\n\n\n\n[b]\nown = 1\n";
        world.write("seed/samples/conf.ini", own, 0o644);
        world.commit_seed("Own");
        let both = format!(
            "[a]\naws_access_key_id = \"{}\"\nregion = x\n\n\n\n[b]\nown = 1\n",
            old_key()
        );
        let mut ours = vec![
            "merge",
            "--quiet",
            "--no-ff",
            "--no-commit",
            "-X",
            "ours",
            "main",
        ];
        ours.splice(0..0, who);
        world.git("seed", &ours);
        world.write("seed/samples/conf.ini", &both, 0o644);
        world.commit_seed("Catch up");
        assert_remark(&branch.judge(), "both sides changed the file");
        // What the merge itself adds is the branch's.
        world.git("seed", &["checkout", "--quiet", "-B", "work", "main~1"]);
        world.write("seed/own.txt", "own\n", 0o644);
        world.commit_seed("Own");
        let mut merge = vec!["merge", "--quiet", "--no-ff", "--no-commit", "main"];
        merge.splice(0..0, who);
        world.git("seed", &merge);
        let leak = format!("aws_access_key_id = \"{}\"\n", key());
        world.write("seed/evil.ini", &leak, 0o644);
        world.commit_seed("Catch up");
        assert_leaks(&branch.judge(), "added by the merge");
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_secrets_are_counted_and_not_taken_for_a_missing_report() {
    let (world, _feed) = world().await;
    tokio::task::spawn_blocking(move || {
        let letters = |mut number: usize| -> String {
            let mut text = String::new();
            for _ in 0..16 {
                text.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[number % 32]));
                number = number / 32 + (number % 7) * 1_000_003;
            }
            text
        };
        let many: String = (0..20_000)
            .map(|line| format!("k{line} = \"AKIA{}\"\n", letters(line * 7919 + 13)))
            .collect();
        let judged = Branch::of(&world).commit(&[("keys.ini", &many)]).judge();
        assert_eq!(judged["decision"], "fail", "{judged:#}");
        let artefact = judged["artefact"].as_str().unwrap();
        let count = artefact
            .lines()
            .find_map(|line| line.strip_prefix("secrets_found: "));
        let count: usize = count.unwrap().parse().unwrap();
        assert!(count > 2_000, "{count}");
    })
    .await
    .unwrap();
}
