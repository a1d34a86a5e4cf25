//! An agent works with its model and has no key: the host adds it outside, counts what is used, and ends what is too dear.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use orch_kit::{MessagesApi, World, sql};
use serde_json::{Value, json};

use crate::claude::with_claude;

/// The key of these tests; in two parts, so that what looks for it does not find itself.
const KEY: (&str, &str) = ("sk-test-kept", "outside-7c1f");
/// Variable of the host that holds it.
const VARIABLE: &str = "ORCH_TEST_MODEL_KEY";

fn key() -> String {
    [KEY.0, KEY.1].join("-")
}

/// The agent's gateway, with a price for each model.
fn with_gateway(world: &mut World, upstream: &str, models: &Value) {
    with_claude(world, json!({}));
    world.config["agents"]["claude"]["network"] = json!({"mode": "none"});
    world.config["agents"]["claude"]["gateway"] = json!({
        "key": {"env": VARIABLE},
        "upstream": upstream,
        "models": models,
    });
    world.write_config();
}

/// The host, with the key in its environment.
fn serve(command: &mut Command) -> &mut Command {
    command.env(VARIABLE, key())
}

/// Files below a folder in which the key stands.
fn files_with_key(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().filter_map(Result::ok) {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let bytes = std::fs::read(&path).unwrap_or_default();
                let key = key();
                if bytes
                    .windows(key.len())
                    .any(|window| window == key.as_bytes())
                {
                    found.push(path.display().to_string());
                }
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn agent_works_with_its_model_and_the_key_is_nowhere_inside() {
    let mut world = World::new();
    let agent = world.path("agent.sh").display().to_string();
    let seen = world.path("seen");
    std::fs::create_dir(&seen).unwrap();
    // What is lent keeps its owner, and on a host that runs as root agents are somebody else.
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(&seen, open).unwrap();
    let folder = seen.display().to_string();
    // What looks for it finds it where it is.
    std::fs::write(seen.join("decoy"), key()).unwrap();
    let api = MessagesApi::start(move |_| {
        // Everything that the agent's own tool can read is searched for the key, but for the decoy's folder, which may
        // lie below one of the others.
        let pattern = [KEY.0, KEY.1].join("[-]");
        format!(
            "if [ \"$ORCH_ROLE\" = analyst ]; then \
             for where in /proc/[0-9]*/environ /proc/[0-9]*/cmdline /home /tmp /run \"$HOME\" \"$PWD\" /orch {folder}/decoy; do \
             if grep -rqs --exclude-dir=seen -e '{pattern}' $where; then echo $where; fi; done > {folder}/found; \
             env > {folder}/env; fi; printf '' | {agent}"
        )
    })
    .await;
    let models = json!({"*": {"input": 3, "output": 15}});
    with_gateway(&mut world, api.base_url(), &models);
    world.config["agents"]["claude"]["sandbox"]["write"] = json!(["seen"]);
    world.write_config();
    let metered = "SELECT CAST(input_tokens > 0 AND output_tokens > 0 AND cost_usd > 0 AS TEXT) FROM runs WHERE id = 1";
    let calls = "SELECT DISTINCT host || ' ' || reached FROM connections WHERE run_id = 1 AND reached = 'allowed'";
    let (view, kept, world) = tokio::task::spawn_blocking(move || {
        let mut command = world.command(&["serve"]);
        serve(&mut command);
        let host = world.serve_by(command);
        let item = world.begin("Without a key");
        let view = world.follow(&item, |view| view["stage"] == "architecture");
        drop(host);
        let database = world.path("data/orch.db");
        let kept = [metered, calls].map(|query| sql::column(&database, query));
        (view, kept, world)
    })
    .await
    .unwrap();
    assert_eq!(api.keys(), [key()], "the host added it to every request");
    let found = std::fs::read_to_string(seen.join("found")).unwrap();
    let decoy = seen.join("decoy");
    assert_eq!(found, format!("{}\n", decoy.display()), "found inside");
    std::fs::remove_file(decoy).unwrap();
    let env = std::fs::read_to_string(seen.join("env")).unwrap();
    assert!(
        env.contains("ANTHROPIC_BASE_URL=http://127.0.0.1:"),
        "{env}"
    );
    assert!(!env.contains(&key()) && !env.contains(VARIABLE), "{env}");
    assert_eq!(files_with_key(&world.path(".")), Vec::<String>::new());
    let run = &view["runs"][0];
    assert_eq!(run["outcome"], "completed", "{view:#}");
    assert_eq!(kept, [["1"], ["127.0.0.1 allowed"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn run_whose_money_is_spent_is_ended_for_that_reason() {
    let mut world = World::new();
    let api = MessagesApi::start(|_| "sleep 100".to_owned()).await;
    // The first answer alone costs more than there is.
    let models = json!({"*": {"input": 100_000, "output": 100_000}});
    with_gateway(&mut world, api.base_url(), &models);
    world.config["budgets"] = json!({"run_usd": 0.5});
    world.write_config();
    let view = tokio::task::spawn_blocking(move || {
        let mut command = world.command(&["serve"]);
        serve(&mut command);
        let _host = world.serve_by(command);
        let item = world.begin("Too dear");
        world.follow(&item, |view| view["status"] == "blocked")
    })
    .await
    .unwrap();
    assert_eq!(view["runs"][0]["outcome"], "killed", "{view:#}");
    assert!(view["why"].as_str().unwrap().contains("budget"), "{view:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn model_that_is_not_listed_is_refused_and_told() {
    let mut world = World::new();
    let api = MessagesApi::start(|_| "true".to_owned()).await;
    with_gateway(&mut world, api.base_url(), &json!({"nobody-has-this": {}}));
    let asked = api.clone();
    let view = tokio::task::spawn_blocking(move || {
        let mut command = world.command(&["serve"]);
        serve(&mut command);
        let _host = world.serve_by(command);
        let item = world.begin("Another model");
        world.follow(&item, |view| {
            let denied = view["denied"].as_array().unwrap();
            denied.iter().any(|d| d["why"] == "model-not-listed")
        })
    })
    .await
    .unwrap();
    assert_eq!(asked.requests(), 0, "nothing was asked: {view:#}");
}

#[test]
fn doctor_asks_the_provider_with_the_key_and_says_what_it_came_to() {
    let answer = |status: &str| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let status = status.to_owned();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = [0; 4096];
            let count = std::io::Read::read(&mut stream, &mut bytes).unwrap();
            let asked = String::from_utf8_lossy(&bytes[..count]).into_owned();
            let text =
                format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
            std::io::Write::write_all(&mut stream, text.as_bytes()).unwrap();
            asked
        });
        format!("http://127.0.0.1:{port}")
    };
    for (upstream, expected) in [
        (answer("200 OK"), "holds"),
        (answer("401 Unauthorized"), "does-not-hold"),
        ("http://127.0.0.1:1".to_owned(), "not-enforced-here"),
    ] {
        let mut world = World::new();
        with_gateway(&mut world, &upstream, &json!({"*": {}}));
        let mut command = world.command(&["doctor", "--json"]);
        let done = serve(&mut command).output().unwrap();
        let seen: Value = serde_json::from_slice(&done.stdout).unwrap();
        let checks = seen["sandbox"].as_array().unwrap();
        let of = checks
            .iter()
            .find(|check| check["of"] == "gateway of claude");
        let of = of.unwrap_or_else(|| panic!("{seen:#}"));
        assert_eq!(of["answer"], expected, "{of:#}");
        let said = of.to_string();
        assert!(!said.contains(&key()), "{said}");
        assert_eq!(expected == "holds", of["remedy"].is_null(), "{of:#}");
    }
}
