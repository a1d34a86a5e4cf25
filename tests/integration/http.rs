//! Who may ask over HTTP, and what the answers look like.

use std::fs;
use std::net::TcpListener;

use orch_kit::World;
use serde_json::{Value, json};

#[tokio::test]
async fn everything_but_health_needs_the_token_on_loopback_too() {
    let mut world = World::new();
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    world.config["http"] = json!({"listen": free.to_string()});
    world.write_config();
    let _host = world.serve();
    orch_kit::choose_tls();
    let client = reqwest::Client::new();
    let url = |path: &str| format!("http://{free}{path}");
    let get = async |path: &str, token: Option<&str>| {
        let mut request = client.get(url(path));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap()
    };
    assert_eq!(get("/health", None).await.status(), 200);
    for path in ["/status", "/queue", "/tasks", "/gates"] {
        assert_eq!(get(path, None).await.status(), 401, "{path}");
        assert_eq!(get(path, Some("wrong")).await.status(), 401, "{path}");
    }
    let approve = client
        .post(url("/tasks/SHOP-1/approve"))
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(approve.status(), 401);
    let made = world.json(&["token", "new", "ann", "--role", "viewer"]);
    let token = made["token"].as_str().unwrap().to_owned();
    let status: Value = get("/status", Some(&token)).await.json().await.unwrap();
    assert_eq!(status["repositories"], json!(["shop"]));
    let files = fs::read_dir(orch_kit::world::gates()).unwrap();
    let count = files
        .filter(|f| {
            f.as_ref()
                .unwrap()
                .path()
                .extension()
                .is_some_and(|e| e == "wasm")
        })
        .count();
    assert_eq!(status["gates"]["loaded"], count);
    let queue: Value = get("/queue", Some(&token)).await.json().await.unwrap();
    for key in [
        "counts",
        "max_concurrency",
        "poll_interval",
        "resilience",
        "reconcile",
        "reaper",
        "post_deploy",
        "transition_lease",
        "stop",
        "security",
        "recent",
    ] {
        assert!(!queue[key].is_null(), "`{key}` is missing: {queue:#}");
    }
    let missing = get("/tasks/NOPE-1", Some(&token)).await;
    assert_eq!(missing.status(), 404);
    let body: Value = missing.json().await.unwrap();
    assert_eq!(body["error"]["code"], "not-found");
}

/// Keys of an object, sorted.
fn keys(of: &Value) -> Vec<&str> {
    let object = of.as_object().expect("an object");
    let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn queue_has_a_block_for_each_mechanism_and_no_other_key() {
    let world = World::new();
    let _host = world.serve();
    let queue = world.json(&["queue"]);
    let blocks = [
        "alerts",
        "counts",
        "landed",
        "max_concurrency",
        "poll_interval",
        "post_deploy",
        "reaper",
        "recent",
        "reconcile",
        "resilience",
        "security",
        "stop",
        "transition_lease",
    ];
    assert_eq!(keys(&queue), blocks);
    let reaper = [
        "enabled",
        "interval",
        "last_reaped",
        "last_run_ts",
        "lease_reclaimed_total",
        "reaped_total",
    ];
    assert_eq!(keys(&queue["reaper"]), reaper);
    let states = ["cancelled", "dead", "done", "ready", "running", "scheduled"];
    assert_eq!(keys(&queue["counts"]), states);
}

/// A request over the socket, as any program would write it: status and answer.
fn ask(world: &World, head: &str, body: &str) -> (u16, Value) {
    use std::io::{Read, Write};
    let mut socket = std::os::unix::net::UnixStream::connect(world.path("data/orch.sock")).unwrap();
    let length = body.len();
    let request = format!(
        "{head}\r\nhost: orch\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, serde_json::from_str(body).unwrap())
}

#[test]
fn refusal_says_what_is_wrong_and_what_would_help() {
    let world = World::new();
    let _host = world.serve();
    let json = "content-type: application/json";
    let large = json!({"repo": "shop", "title": "x", "body": "a".repeat(1 << 20)}).to_string();
    let cases = [
        (
            "POST /tasks",
            json,
            large.as_str(),
            413,
            "too-large",
            "512 KiB",
        ),
        ("GET /nothing", json, "", 404, "not-found", "`/nothing`"),
        ("GET /gc", json, "", 405, "method-not-allowed", "GET"),
        ("GET /tasks?limt=2", json, "", 422, "invalid", "limt"),
        ("GET /tasks?limit=501", json, "", 422, "invalid", "1 to 500"),
        ("GET /tasks?after=x", json, "", 422, "invalid", "`x`"),
        ("GET /queue/jobs?after=x", json, "", 422, "invalid", "`x`"),
        (
            "GET /costs?by=moon&days=1",
            json,
            "",
            422,
            "invalid",
            "moon",
        ),
        ("POST /tasks", json, "{", 422, "invalid", "EOF"),
        (
            "POST /tasks",
            json,
            r#"{"repo": "shop"}"#,
            422,
            "invalid",
            "title",
        ),
        ("POST /tasks", "accept: */*", "{}", 422, "invalid", "JSON"),
        ("GET /evaluations/x", json, "", 422, "invalid", "number"),
        ("GET /tasks/NOPE-1", json, "", 404, "not-found", "NOPE-1"),
    ];
    for (line, header, body, status, code, text) in cases {
        let (was, said) = ask(&world, &format!("{line} HTTP/1.1\r\n{header}"), body);
        let error = &said["error"];
        assert_eq!(
            (was, &error["code"]),
            (status, &json!(code)),
            "{line}: {said}"
        );
        let words = error.to_string();
        assert!(words.contains(text), "{line}: {said}");
    }
}

#[test]
fn lists_come_in_pages_that_say_how_much_there_is() {
    let world = World::new();
    let _host = world.serve();
    world.json(&["pause", "lane:agents"]);
    let items: Vec<String> = (0..5).map(|n| world.begin(&format!("Task {n}"))).collect();
    let newest_first: Vec<String> = items.iter().rev().cloned().collect();
    for list in [&["task", "list"], &["issue", "list"]] {
        let (mut seen, mut after) = (Vec::new(), None::<String>);
        loop {
            let mut args = [&list[..], &["--limit", "2"]].concat();
            args.extend(after.iter().flat_map(|after| ["--after", after.as_str()]));
            let page = world.json(&args);
            assert_eq!(page["total"], 5, "{page:#}");
            for row in page["items"].as_array().unwrap() {
                seen.push(row["work_item"].as_str().unwrap().to_owned());
            }
            let Some(next) = page["next"].as_str() else {
                break;
            };
            after = Some(next.to_owned());
        }
        assert_eq!(seen, newest_first, "{list:?}");
    }
    let said = String::from_utf8(world.orch(&["task", "list", "--limit", "2"]).stdout).unwrap();
    assert!(said.contains("showing 2 of 5"), "{said}");
}

#[test]
fn queue_shows_what_comes_next_before_what_came_last() {
    let world = World::new();
    let _host = world.serve();
    world.json(&["pause", "lane:agents"]);
    let (first, second) = (world.begin("First"), world.begin("Second"));
    let third = world.begin("Third");
    world.json(&["task", "priority", &third, "1"]);
    let page = || String::from_utf8(world.orch(&["queue", "--limit", "2"]).stdout).unwrap();
    let shown = orch_kit::until("all wait", || {
        Some(page()).filter(|page| page.contains("showing 2 of 3"))
    });
    let at = |item: &str| shown.find(item);
    assert!(at(&third).unwrap() < at(&first).unwrap(), "{shown}");
    assert_eq!(at(&second), None, "{shown}");
    assert!(shown.contains("holds `lane:agents` back"), "{shown}");
    let next = shown.split("`--after ").nth(1).unwrap();
    let next = next.split('`').next().unwrap();
    let rest = String::from_utf8(world.orch(&["queue", "--after", next]).stdout).unwrap();
    assert!(rest.contains(&second) && !rest.contains(&first), "{rest}");
}

#[test]
fn what_the_host_keeps_is_readable_by_nobody_else() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let _host = world.serve();
    for name in ["data/orch.sock", "data/orch.db", "data/orch.db-wal"] {
        let mode = fs::metadata(world.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
}
