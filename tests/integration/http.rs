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
        .json(&json!({"by": "x"}))
        .send()
        .await
        .unwrap();
    assert_eq!(approve.status(), 401);
    let token = fs::read_to_string(world.path("data/token")).unwrap();
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

#[test]
fn what_the_host_keeps_is_readable_by_nobody_else() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let _host = world.serve();
    for name in [
        "data/token",
        "data/orch.sock",
        "data/orch.db",
        "data/orch.db-wal",
    ] {
        let mode = fs::metadata(world.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
}
