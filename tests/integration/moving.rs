//! Whoever comes from the reference system: its environment file, its variables, its board.

use orch_kit::plane::{PLANE_BOT, PLANE_KEY, PROJECT, WORKSPACE};
use orch_kit::{Plane, World};
use serde_json::json;

#[test]
fn environment_file_becomes_a_configuration_that_holds_no_secret() {
    let world = World::new();
    world.write(
        ".env",
        "\u{feff}ORCH_TELEGRAM_BOT_TOKEN=7001:s3cret # the bot\r\nORCH_TELEGRAM_CHAT_ID=-1002\r\n\
         export ORCH_REAPER_INTERVAL_S=30\r\nORCH_PLANE_API_TOKEN=\"pl4ne\"\r\nORCH_REPOS_DIR=/repos\r\n",
        0o600,
    );
    let orch = |args: &[&str]| {
        let mut command = std::process::Command::new(orch_kit::world::orch_program());
        command.args(args).current_dir(world.path("."));
        let done = command.output().unwrap();
        let said = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8(said).unwrap())
    };
    let (ok, said) = orch(&["migrate-env", ".env", "--config", "moved.yaml"]);
    assert!(ok, "{said}");
    for part in [
        "carried over: ORCH_REAPER_INTERVAL_S",
        "not carried over: ORCH_REPOS_DIR",
        "orch tracker add plane",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let written = std::fs::read_to_string(world.path("moved.yaml")).unwrap();
    for secret in ["s3cret", "pl4ne"] {
        assert!(
            !written.contains(secret) && !said.contains(secret),
            "{secret}"
        );
    }
    let token = world.path("secrets/telegram-token");
    assert_eq!(std::fs::read_to_string(&token).unwrap(), "7001:s3cret\n");
    let mode = std::os::unix::fs::PermissionsExt::mode(&token.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    // Once more changes nothing that is there.
    let (ok, said) = orch(&["migrate-env", ".env", "--config", "moved.yaml"]);
    assert!(!ok && said.contains("is there already"), "{said}");
    let (ok, said) = orch(&["config", "show", "--config", "moved.yaml"]);
    assert!(ok && said.contains("interval_s: 30"), "{said}");
}

#[test]
fn move_that_was_cut_in_the_middle_is_made_again_and_another_secret_is_kept() {
    let world = World::new();
    world.write(
        ".env",
        "ORCH_TELEGRAM_BOT_TOKEN=7001:s3cret\nORCH_TELEGRAM_CHAT_ID=-1002\n",
        0o600,
    );
    // A try before was ended while it wrote.
    world.write("secrets/telegram-token", "7001:s3", 0o600);
    let orch = |args: &[&str]| {
        let mut command = std::process::Command::new(orch_kit::world::orch_program());
        command.args(args).current_dir(world.path("."));
        command.output().unwrap()
    };
    let done = orch(&["migrate-env", ".env", "--config", "moved.yaml"]);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let token = world.path("secrets/telegram-token");
    assert_eq!(std::fs::read_to_string(&token).unwrap(), "7001:s3cret\n");
    world.write("secrets/telegram-token", "7002:another\n", 0o600);
    let done = orch(&["migrate-env", ".env", "--config", "again.yaml"]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(
        !done.status.success() && said.contains("--secrets"),
        "{said}"
    );
    assert_eq!(std::fs::read_to_string(&token).unwrap(), "7002:another\n");
    let done = orch(&[
        "migrate-env",
        ".env",
        "--config",
        "again.yaml",
        "--secrets",
        "others",
    ]);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn variable_that_guarded_something_keeps_the_host_from_starting_unread() {
    let world = World::new();
    let mut command = world.command_without_images(&["serve"]);
    command.env("ORCH_SECURITY_GATE_ENABLED", "true");
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!done.status.success(), "{said}");
    assert!(
        said.contains("ORCH_SECURITY_GATE_ENABLED") && said.contains("extra_gates"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn board_is_found_by_names_and_written_down_by_ids() {
    let plane = Plane::start().await;
    let test = tokio::task::spawn_blocking(move || {
        let mut world = World::new();
        world.write("key", PLANE_KEY, 0o600);
        let key = world.path("key").display().to_string();
        let add = |more: &[&str]| {
            let base = [
                "tracker",
                "add",
                "plane",
                "--url",
                plane.url(),
                "--workspace",
                WORKSPACE,
                "--key-file",
                key.as_str(),
                "--project",
            ];
            [&base[..], more]
                .concat()
                .iter()
                .map(|s| (*s).to_owned())
                .collect::<Vec<_>>()
        };
        let args = |list: &[String]| -> Vec<String> { list.to_vec() };
        let refused = |world: &World, more: &[&str]| {
            let list = args(&add(more));
            let list: Vec<&str> = list.iter().map(String::as_str).collect();
            world.refused(&list)
        };
        assert!(refused(&world, &["XXX=shop"]).contains("it sees: LED"));
        assert!(refused(&world, &["LED=shpo"]).contains("no repository `shpo`"));
        let said = refused(&world, &["LED=shop"]);
        assert!(
            said.contains("Ready for Orch") && said.contains("--create"),
            "{said}"
        );
        assert_eq!(plane.board().states.len(), 5, "nothing is made unasked");
        // A key of somebody who also comments.
        world.config["people"] = json!({"ann": {"role": "approver", "plane": [PLANE_BOT]}});
        world.write_config();
        assert!(refused(&world, &["LED=shop"]).contains("who is `ann` here"));
        world.config["people"] = json!({});
        world.write_config();
        let list = add(&["LED=shop", "--create", "--write"]);
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        let added = world.json(&list);
        let states = &added["tracker"]["plane"]["plane"]["projects"][PROJECT]["states"];
        let done = plane.board().state("Done");
        assert_eq!(states["done"], done.as_str());
        assert_eq!(plane.board().states.len(), 12);
        let shown = world.json(&["config", "show"]);
        assert_eq!(shown["trackers"]["plane"]["plane"]["workspace"], WORKSPACE);
        assert!(refused(&world, &["LED=shop", "--write"]).contains("already"));
    });
    test.await.unwrap();
}
