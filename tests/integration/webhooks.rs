//! Webhooks come in signed, are kept before they are answered, and say where to look.

use std::net::{SocketAddr, TcpListener};

use orch_kit::{Orch, World, sql, until};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

/// A world that would not look by itself for an hour, with two sources of webhooks: one that signs, and one that is
/// believed as it is.
fn world() -> (World, SocketAddr) {
    let mut world = World::new();
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    world.config["http"] = json!({"listen": free.to_string()});
    world.config["reconcile"] = json!({"interval_s": 3600, "grace_s": 3600});
    // Editors end a file with a line end.
    world.write("hook.secret", "hook-fixture-secret\r\n", 0o600);
    world.config["webhooks"] = json!({
        "gitea": {"kind": "gitea", "secrets": [{"file": "hook.secret"}], "repositories": ["shop"]},
        "ci": {"kind": "generic", "unsigned": true, "repositories": ["shop"]},
    });
    world.write(
        "seed/.orch.yaml",
        "ci:\n  test: tests/run.sh\nrequired_contexts: [local/ci, somebody/else]\n",
        0o644,
    );
    world.push_seed("Ask for a second status");
    world.write_config();
    (world, free)
}

/// A delivery as a server sent it.
fn recorded(client: &Client, url: &str, name: &str) -> RequestBuilder {
    let folder = orch_kit::world::root().join("tests/payloads");
    let headers = std::fs::read(folder.join("headers.json")).unwrap();
    let headers: Value = serde_json::from_slice(&headers).unwrap();
    let body = std::fs::read(folder.join(name)).unwrap();
    let mut request = client.post(url).body(body);
    for (name, value) in headers[name].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    request
}

fn deliveries(world: &World) -> Vec<String> {
    let question =
        "SELECT source || ' ' || event || ' ' || state FROM deliveries ORDER BY received_ms, rowid";
    sql::column(&world.path("data/orch.db"), question)
}

fn block(world: &World) -> Value {
    let made = world.json(&["token", "new", "ann", "--role", "viewer"]);
    let token = made["token"].as_str().unwrap();
    let ask = async {
        let url = format!(
            "http://{}/status",
            world.config["http"]["listen"].as_str().unwrap()
        );
        let asked = Client::new().get(url).bearer_auth(token).send().await;
        asked.unwrap().json::<Value>().await.unwrap()
    };
    run(ask)["webhooks"].clone()
}

fn run<T>(doing: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(doing)
}

fn statuses(requests: Vec<RequestBuilder>) -> Vec<u16> {
    run(async {
        let mut statuses = Vec::new();
        for request in requests {
            statuses.push(request.send().await.unwrap().status().as_u16());
        }
        statuses
    })
}

fn start() -> (World, Orch, Client, String) {
    let (world, address) = world();
    orch_kit::choose_tls();
    let host = world.serve();
    let client = Client::builder().no_proxy().build().unwrap();
    (world, host, client, format!("http://{address}/webhook"))
}

#[test]
fn delivery_is_kept_once_if_its_signature_is_right_and_not_at_all_otherwise() {
    let (world, _host, client, url) = start();
    let gitea = format!("{url}/gitea");
    let push = || recorded(&client, &gitea, "forgejo-push-after-merge.json");
    let opened = || recorded(&client, &gitea, "forgejo-pull_request-opened.json");
    let forged = push().body("{\"repository\": {\"full_name\": \"shop\"}}");
    let unsigned = client
        .post(&gitea)
        .header("content-type", "application/json")
        .body("{}");
    let form = client
        .post(&gitea)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("payload=%7B%7D");
    let large = client.post(&gitea).body(vec![b' '; 1024 * 1024 + 1]);
    let other = recorded(
        &client,
        &format!("{url}/other"),
        "forgejo-push-after-merge.json",
    );
    let look = client.get(&gitea);
    let asked = vec![
        push(),
        push(),
        opened(),
        forged,
        unsigned,
        form,
        large,
        other,
        look,
    ];
    let expected = [202, 202, 202, 401, 401, 415, 413, 404, 405];
    assert_eq!(statuses(asked), expected);
    // The repository of these is none that the source speaks for.
    let kept = ["gitea push stranger", "gitea pull_request stranger"];
    until("they are looked into", || {
        (deliveries(&world) == kept).then_some(())
    });
    let counts = &block(&world)["gitea"];
    let of = |key: &str| counts[key].as_u64().unwrap();
    assert_eq!(
        [
            of("accepted"),
            of("doubled"),
            of("refused"),
            of("strangers"),
            of("dead")
        ],
        [2, 1, 2, 2, 0],
        "{counts}"
    );
}

#[test]
fn flood_of_forged_deliveries_changes_nothing_and_lets_the_honest_in() {
    let (world, _host, client, url) = start();
    let gitea = format!("{url}/gitea");
    let forged = || {
        client
            .post(&gitea)
            .header("content-type", "application/json")
            .body("{}")
    };
    let answers = statuses((0..100).map(|_| forged()).collect());
    assert_eq!((answers[0], answers[99]), (401, 429));
    let honest = recorded(&client, &gitea, "forgejo-push-after-merge.json");
    assert_eq!(statuses(vec![honest]), [202]);
    until("it is looked into", || {
        (deliveries(&world) == ["gitea push stranger"]).then_some(())
    });
    assert_eq!(block(&world)["gitea"]["refused"], 100);
}

#[test]
fn push_that_a_webhook_tells_of_is_acted_on_at_once_and_a_delivery_that_nobody_can_read_is_dead() {
    let (world, _host, client, url) = start();
    let item = world.begin("Told of a push");
    world.follow(&item, |view| {
        view["step"] == "ci-green" && view["status"] == "waiting"
    });
    let branch = world.task(&item)["branch"].as_str().unwrap().to_owned();
    world.git(".", &["clone", "--quiet", "-b", &branch, "shop.git", "ann"]);
    let who = ["-c", "user.name=Ann", "-c", "user.email=ann@orch.invalid"];
    let commit = ["commit", "--quiet", "--allow-empty", "-m", "By Ann"];
    world.git("ann", &[&who[..], &commit[..]].concat());
    world.git("ann", &["push", "--quiet", "origin", "HEAD"]);
    let pushed = world.git("ann", &["rev-parse", "HEAD"]);
    let hint = |body: String| {
        let url = format!("{url}/ci");
        client
            .post(url)
            .header("content-type", "application/json")
            .body(body)
    };
    let told = json!({"repository": "shop", "branch": branch}).to_string();
    let dead = r#"{"repository": []}"#.to_owned();
    assert_eq!(
        statuses(vec![hint(dead), hint(told.clone()), hint(told)]),
        [202; 3]
    );
    until("the push is seen", || {
        (world.task(&item)["head"] == pushed.as_str()).then_some(())
    });
    assert_eq!(deliveries(&world), ["ci  dead", "ci  looked"]);
    assert_eq!(block(&world)["ci"]["doubled"], 1);
}

#[test]
fn host_does_not_start_without_the_secret_of_a_source() {
    let (world, _address) = world();
    std::fs::write(world.path("hook.secret"), "\n").unwrap();
    let refused = world.refused(&["serve"]);
    assert!(
        refused.contains("webhooks.gitea") && refused.contains("empty"),
        "{refused}"
    );
}
