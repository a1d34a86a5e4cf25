//! What programs that were not made for this host make of it: numbers before Prometheus, the description before
//! a tool that tries everything that it allows.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use orch_kit::{World, world};
use serde_json::json;

/// A host that listens, its address, and a token for a role.
fn listening(role: &str) -> (World, orch_kit::world::Orch, String, String) {
    let mut world = World::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    world.config["http"] = json!({"listen": address.to_string()});
    world.write_config();
    let host = world.serve();
    let made = world.json(&["token", "new", "machine", "--role", role]);
    let token = made["token"].as_str().unwrap().to_owned();
    (world, host, format!("http://{address}"), token)
}

fn packaging(name: &str) -> PathBuf {
    world::root().join("packaging/prometheus").join(name)
}

fn ran(command: &mut Command) -> String {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.output().unwrap_or_else(|error| {
        panic!("`{name}` is not installed ({error}); run `cargo xtask test`")
    });
    let said = [done.stdout, done.stderr].map(|out| String::from_utf8_lossy(&out).into_owned());
    assert!(done.status.success(), "{command:?}:\n{}", said.concat());
    said.concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_such_as_prometheus_takes_and_few() {
    let (world, _host, url, token) = listening("viewer");
    orch_kit::choose_tls();
    let client = reqwest::Client::new();
    let answer = client.get(format!("{url}/metrics")).bearer_auth(&token);
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    assert!(text.contains("orch_build_info{version="), "{text}");
    assert!(text.contains("orch_tasks{which=\"live\"} 0"), "{text}");
    let names: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    assert!((20..=60).contains(&names.len()), "{names:?}");
    let file = world.path("metrics");
    std::fs::write(&file, &text).unwrap();
    let open = std::fs::File::open(&file).unwrap();
    ran(Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::from(open)));
}

#[test]
fn shipped_alert_rules_hold_before_promtool() {
    ran(Command::new("promtool")
        .args(["check", "rules"])
        .arg(packaging("alerts.yaml")));
    ran(Command::new("promtool")
        .args(["test", "rules"])
        .arg(packaging("alerts_test.yaml")));
}

#[test]
fn nothing_that_the_description_allows_is_answered_otherwise_than_it_says() {
    let (world, _host, url, token) = listening("admin");
    world.begin("Discounts");
    let settings = "[checks.positive_data_acceptance]\n\
                    expected-statuses = [\"2xx\", \"401\", \"403\", \"404\", \"409\", \"413\", \"422\"]\n";
    std::fs::File::create(world.path("schemathesis.toml"))
        .and_then(|mut file| file.write_all(settings.as_bytes()))
        .unwrap();
    let said = ran(Command::new("schemathesis")
        .current_dir(world.path(""))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["run", &format!("{url}/openapi.json")])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "12",
        ])
        .args(["--seed", "1", "--no-color", "--request-timeout", "60"])
        .args(["--generation-database", "none"])
        // Whoever sends wrong tokens again and again is answered 429, as `http.rs` claims.
        .args(["--exclude-checks", "ignored_auth"]));
    assert!(
        said.contains(" passed") && !said.contains("FAILURES"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn order_with_a_key_is_carried_out_once_over_a_restart_too() {
    let (world, host, url, token) = listening("operator");
    orch_kit::choose_tls();
    let client = reqwest::Client::new();
    let order = async |key: &str, title: &str| {
        let request = client.post(format!("{url}/tasks")).bearer_auth(&token);
        let request = request.header("idempotency-key", key);
        let body = json!({"repo": "shop", "title": title});
        let answer = request.json(&body).send().await.unwrap();
        let again = answer.headers().contains_key("idempotent-replayed");
        let status = answer.status().as_u16();
        (
            status,
            again,
            answer.json::<serde_json::Value>().await.unwrap(),
        )
    };
    let (status, again, first) = order("one", "Discounts").await;
    assert_eq!((status, again), (200, false), "{first:#}");
    assert_eq!(order("one", "Discounts").await, (200, true, first.clone()));
    let (status, _, said) = order("one", "Vouchers").await;
    assert_eq!(
        (status, &said["code"]),
        (422, &json!("invalid")),
        "{said:#}"
    );
    assert_eq!(order("two words", "Discounts").await.0, 422);
    drop(host);
    let _host = world.serve();
    assert_eq!(order("one", "Discounts").await, (200, true, first));
    assert_eq!(world.json(&["task", "list"])["total"], 1);
    let (status, again, _) = order("two", "Discounts").await;
    assert_eq!((status, again), (200, false));
    assert_eq!(world.json(&["task", "list"])["total"], 2);
}
