//! Who may do what, how the host knows who it is, and what a decision is bound to.

use std::net::{SocketAddr, TcpListener};

use orch_kit::{World, sql, until};
use serde_json::{Value, json};

/// A world whose host listens, and its address.
fn listening() -> (World, SocketAddr) {
    let mut world = World::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    world.config["http"] = json!({"listen": address.to_string()});
    world.write_config();
    (world, address)
}

/// A person who asks over HTTP.
struct Person {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    address: SocketAddr,
    token: String,
}

impl Person {
    fn with(address: SocketAddr, token: &str) -> Self {
        orch_kit::choose_tls();
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        Self {
            runtime: runtime.enable_all().build().unwrap(),
            client: reqwest::Client::new(),
            address,
            token: token.to_owned(),
        }
    }

    fn of(world: &World, address: SocketAddr, name: &str, role: &str) -> Self {
        let made = world.json(&["token", "new", name, "--role", role, "--expires", "90d"]);
        assert_eq!(made["role"], role);
        Self::with(address, made["token"].as_str().unwrap())
    }

    /// Status and answer.
    fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("http://{}{path}", self.address);
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.json().await.unwrap())
        })
    }
}

#[test]
fn each_role_may_do_what_its_endpoints_take_and_nothing_more() {
    let (world, address) = listening();
    let _host = world.serve();
    world.json(&["pause", "lane:agents"]);
    let item = world.begin("Guarded");
    let roles = ["viewer", "operator", "approver", "admin"];
    let people = roles.map(|role| Person::of(&world, address, &format!("{role}-ann"), role));
    let (approve, stop) = (
        format!("/tasks/{item}/approve"),
        format!("/tasks/{item}/stop"),
    );
    let calls = [
        ("GET", "/tasks", None, 0),
        ("GET", "/me", None, 0),
        (
            "POST",
            "/tasks",
            Some(json!({"repo": "shop", "title": "x"})),
            1,
        ),
        ("POST", "/pauses", Some(json!({"scope": "repo:shop"})), 1),
        (
            "POST",
            "/pauses/release",
            Some(json!({"scope": "repo:shop"})),
            1,
        ),
        ("POST", approve.as_str(), Some(json!({})), 2),
        ("POST", "/gates/lock", Some(json!({})), 3),
        ("GET", "/tokens", None, 3),
        (
            "POST",
            "/tokens",
            Some(json!({"person": "eve", "role": "admin"})),
            3,
        ),
        ("POST", stop.as_str(), Some(json!({})), 1),
    ];
    for (method, path, body, least) in calls {
        for (at, person) in people.iter().enumerate() {
            // What is done already, or fits the task in no state, is refused for that.
            let (status, said) = person.ask(method, path, body.clone());
            assert_eq!(status == 403, at < least, "{} {path}: {said}", roles[at]);
            if at < least {
                assert_eq!(said["error"]["code"], "forbidden", "{said}");
                assert!(said["error"]["remedy"].is_string(), "{said}");
            }
        }
    }
    let (_, me) = people[2].ask("GET", "/me", None);
    assert_eq!(
        me,
        json!({"person": "approver-ann", "role": "approver", "channel": "token"})
    );
    let by = json!({"title": "x", "repo": "shop", "author": "somebody else"});
    let (status, said) = people[1].ask("POST", "/tasks", Some(by));
    assert_eq!(status, 422, "{said}");
    let author = "SELECT author FROM tasks ORDER BY id DESC LIMIT 1";
    let authors = sql::column(&world.path("data/orch.db"), author);
    assert_eq!(authors, ["admin-ann"]);
}

#[test]
fn token_that_is_revoked_expired_or_guessed_opens_nothing_and_is_kept_nowhere() {
    let (world, address) = listening();
    let _host = world.serve();
    let ann = Person::of(&world, address, "ann", "operator");
    let bob = Person::of(&world, address, "bob", "operator");
    let eve = Person::of(&world, address, "eve", "operator");
    let status = |person: &Person| person.ask("GET", "/tasks", None).0;
    for person in [&ann, &bob, &eve] {
        assert_eq!(status(person), 200);
    }
    world.json(&["token", "revoke", "bob"]);
    let over = "UPDATE tokens SET expires_ms = 1 WHERE person = 'eve'";
    assert_eq!(sql::execute(&world.path("data/orch.db"), over), 1);
    assert_eq!((status(&bob), status(&eve)), (401, 401));
    let states: Vec<Value> = world.json(&["token", "list"])["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["state"].clone())
        .collect();
    assert_eq!(states, ["counts", "revoked", "expired"]);
    assert!(
        world
            .refused(&["token", "revoke", "bob"])
            .contains("no token")
    );
    let secret = ann.token.rsplit('_').next().unwrap();
    for file in ["data/orch.db", "data/orch.db-wal", "host.log"] {
        let bytes = std::fs::read(world.path(file)).unwrap();
        let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!found, "{file}");
    }
    let guess = Person::with(address, &format!("orch_1_{}", "0".repeat(64)));
    let mut last = 401;
    for _ in 0..40 {
        last = status(&guess);
    }
    assert_eq!(last, 429, "wrong tokens are counted");
    assert_eq!(status(&ann), 200, "a right one goes on beside them");
}

#[test]
fn old_token_file_is_an_admin_called_host_until_it_is_gone() {
    let (world, address) = listening();
    std::fs::create_dir(world.path("data")).unwrap();
    world.write("data/token", &"ab".repeat(32), 0o600);
    let _host = world.serve();
    assert!(
        world.log().contains("is admin under the name `host`"),
        "{}",
        world.log()
    );
    let old = Person::with(address, &"ab".repeat(32));
    let (status, me) = old.ask("GET", "/me", None);
    assert_eq!(status, 200);
    assert_eq!(
        me,
        json!({"person": "host", "role": "admin", "channel": "token-file"})
    );
    let doctor = world.json(&["doctor"]);
    assert!(
        doctor["advice"].to_string().contains("orch token new"),
        "{doctor:#}"
    );
    std::fs::remove_file(world.path("data/token")).unwrap();
    assert_eq!(old.ask("GET", "/me", None).0, 401);
}

#[test]
fn user_of_the_socket_is_the_person_that_the_configuration_says() {
    let mut world = World::new();
    let _host = world.serve();
    let me = world.json(&["whoami"]);
    assert_eq!(
        (&me["role"], &me["channel"]),
        (&json!("admin"), &json!("socket"))
    );
    world.call_me_now("ann", "viewer");
    let said = world.refused(&["task", "new", "--repo", "shop", "--title", "x"]);
    assert!(
        said.contains("`ann` is `viewer`, and this takes `operator`"),
        "{said}"
    );
    world.call_me_now("ann", "operator");
    world.begin("Allowed");
    let said = world.refused(&["token", "new", "bob", "--role", "admin"]);
    assert!(said.contains("takes `admin`"), "{said}");
    let known = world.json(&["doctor"])["people"].to_string();
    assert!(
        known.contains(r#""name":"ann","role":"operator""#),
        "{known}"
    );
}

#[test]
fn list_of_approvers_from_before_still_keeps_everybody_else_from_approving() {
    let mut world = World::new();
    world.config["approvers"] = json!(["ann"]);
    world.write_config();
    let _host = world.serve();
    assert!(
        world
            .log()
            .contains("people: {ann: {role: approver, local: [ann]}}")
    );
    let item = world.begin("Listed");
    let asks = || {
        let view = world.task(&item);
        (view["step"] == "analysis-approved" && view["status"] == "waiting").then_some(())
    };
    until("the analysis waits for a person", asks);
    let said = world.refused(&["task", "approve", &item]);
    assert!(said.contains("not among `approvers`"), "{said}");
    world.call_me_now("ann", "approver");
    world.json(&["task", "approve", &item]);
}

#[test]
fn decision_is_bound_to_what_was_seen_and_signed_with_person_way_and_time() {
    let mut world = World::new();
    world.call_me("ann", "approver");
    let _host = world.serve();
    let item = world.begin("Looked at");
    let view = world.follow(&item, |view| {
        // Only the analysis is approved on the way.
        view["status"] == "awaiting-approval"
    });
    let (head, tree) = (
        view["head"].as_str().unwrap(),
        view["code_tree"].as_str().unwrap(),
    );
    let said = world.refused(&["task", "approve", &item, "--seen", &"0".repeat(40)]);
    assert!(
        said.contains("has moved since") && said.contains(tree),
        "{said}"
    );
    let said = world.refused(&["task", "reject", &item, "--comment", "no", "--seen", "main"]);
    assert!(said.contains("names no commit"), "{said}");
    assert_eq!(world.task(&item)["status"], "awaiting-approval");
    world.json(&["task", "approve", &item, "--seen", tree]);
    let done = until("it is done", || {
        let view = world.task(&item);
        (view["stage"] == "done").then_some(view)
    });
    let decisions = done["decisions"].as_array().unwrap();
    let signed: Vec<_> = decisions
        .iter()
        .map(|d| {
            (
                d["what"].as_str().unwrap(),
                d["person"].as_str().unwrap(),
                d["channel"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(signed, [("approved", "ann", "socket"); 2]);
    assert_eq!(decisions[1]["head"], head);
    assert!(decisions.iter().all(|d| d["at"].is_string()));
}
