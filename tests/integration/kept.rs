//! What can be taken along of a task: the log of a run as a file, and what the roles wrote down.

use orch_kit::World;
use orch_kit::browser::Browser;
use orch_kit::world::{AGENT, until};
use serde_json::{Value, json};

/// What an agent says that would like to be a page.
const PAGE: &str = "<!doctype html><script>window.hacked=1</script>";

/// A world whose agent shouts on its output, and writes an analysis that would like to be more than text.
fn shouting() -> World {
    let world = World::new();
    let script = AGENT
        .replacen("prompt=$(cat)", &format!("prompt=$(cat)\nprintf '%s\\n' '{PAGE}'"), 1)
        .replacen(
            "# Why\n",
            "# Why\n\n<img src=x onerror=window.hacked=2>\n\n![pixel](https://evil.example/p.png) [go](javascript:window.hacked=3)\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n",
            1,
        );
    world.write("agent.sh", &script, 0o755);
    world
}

fn analysed(world: &World) -> String {
    let item = world.begin("Discounts");
    until("its analysis waits", || {
        (world.task(&item)["step"] == "analysis-approved").then_some(())
    });
    item
}

#[tokio::test]
async fn log_of_a_run_is_kept_as_a_file_of_plain_text_by_whoever_may_look() {
    let mut world = shouting();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    world.config["http"] = json!({"listen": address.to_string()});
    world.write_config();
    let _host = world.serve();
    let item = analysed(&world);
    orch_kit::choose_tls();
    let client = reqwest::Client::new();
    let url = |path: &str| format!("http://{address}/tasks/{item}/runs/{path}");
    let made = world.json(&["token", "new", "eve", "--role", "viewer"]);
    let token = made["token"].as_str().unwrap();
    let get = async |path: &str| {
        let asked = client.get(url(path)).bearer_auth(token).send();
        asked.await.unwrap()
    };
    let nobody = client.get(url("1/raw")).send().await.unwrap();
    assert_eq!(nobody.status(), 401);
    let answer = get("latest/raw?source=stdout").await;
    assert_eq!(answer.status(), 200);
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(header("x-content-type-options"), "nosniff");
    let name = format!("attachment; filename=\"{item}-run-1-stdout.txt\"");
    assert_eq!(header("content-disposition"), name);
    let size: usize = header("content-length").parse().unwrap();
    let text = answer.text().await.unwrap();
    assert_eq!(text.len(), size);
    let folder = world.task(&item)["runs"][0]["folder"]
        .as_str()
        .unwrap()
        .to_owned();
    let written = std::fs::read_to_string(world.path(&folder).join("stdout.raw")).unwrap();
    assert_eq!(text, written);
    assert!(text.starts_with(PAGE), "{text}");
    for (path, status) in [
        ("99/raw", 404),
        ("1/raw?source=launch", 422),
        ("x/raw", 422),
    ] {
        let answer = get(path).await;
        assert_eq!(answer.status(), status, "{path}");
        let body: Value = answer.json().await.unwrap();
        assert!(body["detail"].is_string(), "{body}");
    }
}

#[test]
fn artefacts_are_listed_with_their_owners_and_shown_as_what_they_say() {
    let mut world = shouting();
    let browser = Browser::of(&mut world);
    let _host = world.serve();
    let item = analysed(&world);
    let list = world.json(&["task", "artefacts", &item]);
    let owner = |name: &str| {
        let items = list["items"].as_array().unwrap();
        let one = items.iter().find(|one| one["name"] == name);
        one.unwrap_or_else(|| panic!("{name}: {list:#}"))["owner"].clone()
    };
    assert_eq!(owner("00-business-request.md"), Value::Null);
    assert_eq!(owner("01-brd.md"), "analyst");
    let shown = world.json(&["task", "artefact", &item, "01-brd.md"]);
    let text = shown["text"].as_str().unwrap();
    assert!(
        text.contains("<img src=x onerror"),
        "as it was written: {text}"
    );
    let said = world.refused(&["task", "artefact", &item, "../../../README.md"]);
    assert!(said.contains("has no artefact"), "{said}");
    let at = |query: &str| format!("/ui/tasks/{item}/artefacts{query}");
    let pages = json!({
        "artefact": at("?name=01-brd.md"), "artefact-plain": at("?name=01-brd.md&plain=true"),
        "artefact-yaml": at("?name=04-test-plan.yaml"), "artefacts": at(""),
        "run-file": format!("/ui/tasks/{item}/runs/latest?source=stdout"),
        "run-prompt": format!("/ui/tasks/{item}/runs/latest?source=prompt"),
        "run-search": format!("/ui/tasks/{item}/runs/latest?source=stdout&find=%3C!DOCTYPE"),
    });
    let as_text = ["<img src=x onerror=window.hacked=2>"];
    let shown = json!({
        "artefact": [as_text[0], "[https://evil.example/p.png] pixel", "[javascript:window.hacked=3] go"],
        "artefact-plain": as_text, "run-file": [PAGE],
        "run-prompt": ["Prompt as sent", "Held by"], "run-search": [PAGE],
    });
    let steps = json!([
        ["hostile", {"pages": pages, "shown": shown}],
        ["look", {"pages": pages}],
        ["keep", {"address": format!("/ui/tasks/{item}/runs/latest?source=stdout"), "begins": PAGE}],
    ]);
    browser.takes(&world, "kept", &steps, |word| panic!("`{word}`?"));
}
