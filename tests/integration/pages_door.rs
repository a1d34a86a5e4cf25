//! Who comes in at the pages, who may order there, and what no other page can have a browser do.

use orch_kit::{World, until};
use reqwest::header::{COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, Response, StatusCode, redirect};
use serde_json::{Value, json};

struct Pages {
    client: Client,
    base: String,
}

impl Pages {
    fn of(world: &mut World) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        world.config["http"] = json!({"listen": address.to_string()});
        world.write_config();
        orch_kit::choose_tls();
        let client = Client::builder().redirect(redirect::Policy::none());
        Self {
            client: client.build().unwrap(),
            base: format!("http://{address}"),
        }
    }

    async fn get(&self, path: &str, cookie: &str) -> Response {
        let url = format!("{}{path}", self.base);
        let request = self.client.get(url).header(COOKIE, cookie);
        request.send().await.unwrap()
    }

    async fn post(
        &self,
        path: &str,
        cookie: &str,
        origin: &str,
        form: &[(&str, &str)],
    ) -> Response {
        let request = self.client.post(format!("{}{path}", self.base));
        let request = request.header(COOKIE, cookie).header(ORIGIN, origin);
        let body: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={}", value.replace(' ', "+")))
            .collect();
        let kind = "application/x-www-form-urlencoded";
        let request = request.header("content-type", kind).body(body.join("&"));
        request.send().await.unwrap()
    }

    /// Logs in by a token: the cookie, as a browser sends it.
    async fn log_in(&self, token: &str) -> String {
        let answer = self
            .post("/ui/login", "", &self.base, &[("token", token)])
            .await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        cookie(&answer)
    }

    /// What forms of this session carry.
    async fn csrf(&self, cookie: &str) -> String {
        let page = self.get("/ui/inbox", cookie).await.text().await.unwrap();
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("a form");
        rest.split('"').next().unwrap().to_owned()
    }
}

fn cookie(answer: &Response) -> String {
    let set = answer.headers()[SET_COOKIE].to_str().unwrap();
    assert!(
        set.contains("HttpOnly") && set.contains("SameSite=Strict"),
        "{set}"
    );
    set.split(';').next().unwrap().to_owned()
}

fn location(answer: &Response) -> &str {
    answer.headers()[LOCATION].to_str().unwrap()
}

fn token(world: &World, person: &str, role: &str) -> String {
    let made = world.json(&["token", "new", person, "--role", role]);
    made["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn board_shows_what_its_address_asks_for() {
    let mut world = World::new();
    world.call_me("ann", "admin");
    let pages = Pages::of(&mut world);
    let _host = world.serve();
    let item = world.begin("Discounts");
    until("it waits for a person", || {
        let task = world.task(&item);
        (task["step"] == "analysis-approved" && task["status"] == "waiting").then_some(())
    });
    let session = pages.log_in(&token(&world, "bob", "viewer")).await;
    let card = format!("id=\"card-{item}\"");
    for (query, is_shown) in [
        ("", true),
        ("?stage=analysis&agent=script&person=ann&held=person", true),
        ("?stage=review", false),
        ("?agent=careful", false),
        ("?person=eve", false),
    ] {
        let page = pages.get(&format!("/ui/board{query}"), &session).await;
        let page = page.text().await.unwrap();
        assert_eq!(page.contains(&card), is_shown, "{query}: {page}");
    }
    let page = pages
        .get("/ui/board?stage=analysis&agent=script", &session)
        .await;
    let page = page.text().await.unwrap();
    for chosen in ["<option selected>analysis", "<option selected>script"] {
        assert!(page.contains(chosen), "the choice stands: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn link_of_the_socket_logs_in_once_and_a_token_does_until_it_is_revoked() {
    let mut world = World::new();
    let pages = Pages::of(&mut world);
    let _host = world.serve();
    let outside = pages.get("/ui/board?repo=shop", "").await;
    assert_eq!(outside.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        location(&outside),
        "/ui/login?back=%2Fui%2Fboard%3Frepo%3Dshop"
    );
    assert_eq!(
        pages.get("/ui/live", "").await.status(),
        StatusCode::UNAUTHORIZED
    );

    let link = world.json(&["open"])["url"].as_str().unwrap().to_owned();
    let path = link.strip_prefix(&pages.base).unwrap();
    let head = pages.client.head(&link).send().await.unwrap();
    assert_eq!(
        head.status(),
        StatusCode::OK,
        "a look at the link uses nothing up"
    );
    let entered = pages.get(path, "").await;
    assert_eq!(entered.status(), StatusCode::OK);
    let session = cookie(&entered);
    assert_eq!(
        pages.get("/ui/inbox", &session).await.status(),
        StatusCode::OK
    );
    let again = pages.get(path, "").await;
    assert_eq!(again.status(), StatusCode::FORBIDDEN);
    assert!(again.text().await.unwrap().contains("worked before"));

    let ann = token(&world, "ann", "viewer");
    let of_ann = pages.log_in(&ann).await;
    let page = pages.get("/ui/inbox", &of_ann).await.text().await.unwrap();
    assert!(page.contains("You are <b>ann</b>, <b>viewer</b>"), "{page}");
    assert!(!page.contains(&ann), "a page never holds the token");
    world.json(&["token", "revoke", "ann"]);
    let after = pages.get("/ui/inbox", &of_ann).await;
    assert_eq!(
        after.status(),
        StatusCode::SEE_OTHER,
        "it ends with its token"
    );

    let csrf = pages.csrf(&session).await;
    let left = pages
        .post("/ui/logout", &session, &pages.base, &[("csrf", &csrf)])
        .await;
    assert_eq!(location(&left), "/ui/login");
    let after = pages.get("/ui/inbox", &session).await;
    assert_eq!(after.status(), StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_page_and_no_other_name_reaches_the_pages() {
    let mut world = World::new();
    let pages = Pages::of(&mut world);
    let _host = world.serve();
    let session = pages.log_in(&token(&world, "ann", "admin")).await;
    let csrf = pages.csrf(&session).await;
    let form = [("csrf", csrf.as_str()), ("scope", "lane:agents")];
    let paused = || world.json(&["queue"])["resilience"]["pauses"].clone();
    for (origin, csrf) in [
        ("http://evil.example", csrf.as_str()),
        ("null", csrf.as_str()),
        (pages.base.as_str(), "00"),
        (pages.base.as_str(), ""),
    ] {
        let form = [("csrf", csrf), ("scope", "lane:agents")];
        let answer = pages.post("/ui/pauses", &session, origin, &form).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{origin} {csrf}");
        assert_eq!(paused(), json!([]), "{origin} {csrf}");
    }
    let done = pages.post("/ui/pauses", &session, &pages.base, &form).await;
    assert_eq!(done.status(), StatusCode::SEE_OTHER);
    assert_eq!(paused()[0]["by"], "ann");

    // A name of somebody else's that leads to this address.
    let url = format!("{}/ui/inbox", pages.base);
    let other = pages.client.get(url).header(COOKIE, &session);
    let other = other.header(HOST, "evil.example:80").send().await.unwrap();
    assert_eq!(other.status(), StatusCode::FORBIDDEN);

    let page = pages.get("/ui/inbox", &session).await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    for part in [
        "default-src 'self'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.headers()["cache-control"], "no-store");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
}

#[tokio::test(flavor = "multi_thread")]
async fn role_decides_what_somebody_sees_to_order_and_what_they_may() {
    let mut world = World::new();
    let pages = Pages::of(&mut world);
    let _host = world.serve();
    let item = world.begin("Discounts");
    until("it waits for a person", || {
        (world.task(&item)["step"] == "analysis-approved").then_some(())
    });
    let path = format!("/ui/tasks/{item}");
    let approve = format!("{path}/approve");
    for (role, may) in [("viewer", false), ("operator", false), ("approver", true)] {
        let session = pages.log_in(&token(&world, role, role)).await;
        let page = pages.get(&path, &session).await.text().await.unwrap();
        assert_eq!(
            page.contains(&format!("action=\"{approve}\"")),
            may,
            "{role}"
        );
        assert_eq!(page.contains("/stop\""), role != "viewer", "{role}");
        let csrf = pages.csrf(&session).await;
        let answer = pages
            .post(&approve, &session, &pages.base, &[("csrf", &csrf)])
            .await;
        let expected = if may {
            StatusCode::SEE_OTHER
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(answer.status(), expected, "{role}");
        let decided = || world.task(&item)["decisions"].as_array().unwrap().len();
        if may {
            until("it is decided", || (decided() == 1).then_some(()));
        }
        assert_eq!(decided(), usize::from(may), "{role}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn decision_about_other_code_than_was_shown_is_refused_with_the_reason() {
    let mut world = World::new();
    let pages = Pages::of(&mut world);
    let _host = world.serve();
    let item = world.begin("Discounts");
    until("it waits for a person", || {
        (world.task(&item)["step"] == "analysis-approved").then_some(())
    });
    let session = pages.log_in(&token(&world, "ann", "approver")).await;
    let csrf = pages.csrf(&session).await;
    let seen = "0".repeat(40);
    let form = [("csrf", csrf.as_str()), ("seen", seen.as_str())];
    let path = format!("/ui/tasks/{item}/approve");
    let answer = pages.post(&path, &session, &pages.base, &form).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let page = answer.text().await.unwrap();
    assert!(page.contains("That was not done"), "{page}");
    assert_eq!(world.task(&item)["decisions"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_tells_about_what_something_happened_and_never_what() {
    let mut world = World::new();
    let pages = Pages::of(&mut world);
    let _host = world.serve();
    world.json(&["pause", "lane:agents"]);
    let session = pages.log_in(&token(&world, "ann", "viewer")).await;
    let mut stream = pages.get("/ui/live?after=0", &session).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let item = world.begin("A secret title");
    let mut said = String::new();
    while !said.contains(&format!("\"topic\":\"{item}\"")) {
        let chunk = stream.chunk().await.unwrap().expect("it goes on");
        said.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(!said.contains("secret"), "{said}");
    let topics = said.lines().filter_map(|line| line.strip_prefix("data: "));
    for data in topics.filter(|data| *data != "{}") {
        let data: Value = serde_json::from_str(data).unwrap();
        let names: Vec<&String> = data.as_object().unwrap().keys().collect();
        assert_eq!(names, ["revision", "topic"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn host_behind_a_proxy_is_found_at_its_origin_alone() {
    let mut world = World::new();
    let pages = Pages::of(&mut world);
    world.config["http"]["origin"] = json!("https://orch.example.org");
    world.write_config();
    let _host = world.serve();
    let link = world.json(&["open"])["url"].as_str().unwrap().to_owned();
    let path = link.strip_prefix("https://orch.example.org").unwrap();
    let at = |path: &str, host: &'static str| {
        let url = format!("{}{path}", pages.base);
        pages.client.get(url).header(HOST, host).send()
    };
    let astray = at("/ui/inbox", "127.0.0.1").await.unwrap();
    assert_eq!(astray.status(), StatusCode::MISDIRECTED_REQUEST);
    let entered = at(path, "orch.example.org").await.unwrap();
    assert_eq!(entered.status(), StatusCode::OK);
    let set = entered.headers()[SET_COOKIE].to_str().unwrap();
    assert!(set.starts_with("__Host-orch-session="), "{set}");
    assert!(set.contains("; Secure") && set.contains("Path=/;"), "{set}");
}

#[test]
fn host_without_an_address_says_how_to_have_pages() {
    let world = World::new();
    let _host = world.serve();
    let said = world.refused(&["open"]);
    assert!(
        said.contains("listens nowhere") && said.contains("http.listen"),
        "{said}"
    );
}
