//! What is seen of work while it goes on and afterwards: logs, differences, and what waits for a person.

use std::fs;
use std::process::Stdio;

use orch_kit::World;
use orch_kit::world::{AGENT, until};
use serde_json::{Value, json};

/// A world whose agent says `one`, waits for a file, says `two` and goes on as the scripted one.
fn patient() -> World {
    let world = World::new();
    let go = world.path("go").display().to_string();
    let worker = world.path("worker.sh").display().to_string();
    world.write("worker.sh", AGENT, 0o755);
    let script = format!(
        "#!/bin/sh\necho one\nwhile [ ! -e {go} ]; do sleep 0.05; done\necho two\nexec {worker}\n"
    );
    world.write("agent.sh", &script, 0o755);
    world
}

#[test]
fn log_is_followed_to_the_end_of_the_run_and_read_by_range_afterwards() {
    let world = patient();
    let _host = world.serve();
    let item = world.begin("Discounts");
    until("the run has said something", || {
        let list = world.json(&["task", "list"]);
        (list["items"][0]["activity"]["text"] == "one").then_some(())
    });
    let view = world.task(&item);
    assert_eq!(view["activity"]["kind"], "output", "{view:#}");
    assert_eq!(view["runs"][0]["activity"]["text"], "one");
    let out = fs::File::create(world.path("followed")).unwrap();
    let mut follower = world
        .command(&["task", "log", &item, "--follow"])
        .stdout(Stdio::from(out))
        .spawn()
        .unwrap();
    let followed = || fs::read_to_string(world.path("followed")).unwrap();
    until("the follower has caught up", || {
        followed().contains("one\n").then_some(())
    });
    fs::write(world.path("go"), "").unwrap();
    assert!(follower.wait().unwrap().success(), "it ends with the run");
    let text = followed();
    assert!(text.starts_with("one\ntwo\n"), "{text}");
    assert!(text.contains("analysis written"), "{text}");
    let run = world.task(&item)["runs"][0]["id"].to_string();
    let range = world.json(&["task", "log", &item, "--run", &run, "--line", "2"]);
    assert_eq!(
        (&range["first_line"], &range["ended"]),
        (&2.into(), &true.into())
    );
    assert_eq!(range["lines"][0]["text"], "two");
    assert_eq!(range["lines"][0]["at"], 4);
    assert_eq!(range["total_lines"], 4, "{range:#}");
    let found = world.json(&["task", "log", &item, "--run", &run, "--search", "TWO"]);
    assert_eq!(found["lines"].as_array().unwrap().len(), 1, "{found:#}");
    assert_eq!(
        (&found["lines"][0]["number"], &found["lines"][0]["text"]),
        (&2.into(), &"two".into())
    );
    let said = world.refused(&["task", "log", &item, "--search", ""]);
    assert!(said.contains("1 to 200 characters"), "{said}");
    let told = world.json(&["task", "log", &item, "--run", &run, "--source", "prompt"]);
    let told = told["lines"].as_array().unwrap().iter();
    let told: Vec<&str> = told.map(|line| line["text"].as_str().unwrap()).collect();
    let folder = world.task(&item)["runs"][0]["folder"].clone();
    let sent = fs::read_to_string(format!("{}/prompt.md", folder.as_str().unwrap())).unwrap();
    assert_eq!(told, sent.lines().collect::<Vec<_>>(), "as it was sent");
    assert!(sent.contains("Discounts"), "{sent}");
    let said = world.refused(&["task", "log", &item, "--run", "999"]);
    assert!(
        said.contains("has no run 999") && said.contains("orch task show"),
        "{said}"
    );
}

/// A command line that streams numbered events until a file is there, does the work of its role and ends.
const STREAM: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then echo "2.0.0 (Claude Code)"; exit 0; fi
prompt=$(cat)
say() { printf '{"type":"assistant","message":{"id":"%s","content":[{"type":"text","text":"%s"}]}}\n' "$1" "$1"; }
echo '{"type":"system","subtype":"init","session_id":"s","model":"m"}'
n=0
while [ ! -e @GO ]; do n=$((n + 1)); say "line $n"; sleep 0.05; done
printf '%s' "$prompt" | @WORKER > /dev/null
say "the end"
echo '{"type":"result","subtype":"success","is_error":false,"session_id":"s","result":"done","total_cost_usd":0.01,"num_turns":1,"duration_ms":1,"usage":{"input_tokens":1,"output_tokens":1}}'
"#;

#[test]
fn events_go_on_while_the_host_is_dead_and_none_is_lost_or_doubled() {
    let mut world = World::new();
    let path = |name: &str| world.path(name).display().to_string();
    let script = STREAM.replace("@GO", &path("go"));
    let script = script.replace("@WORKER", &path("worker.sh"));
    world.write("worker.sh", AGENT, 0o755);
    world.write("agent.sh", &script, 0o755);
    world.config["preflight"] = json!({"check_auth": false});
    world.config["agents"] = json!({"streaming": {
        "driver": "claude", "program": "./agent.sh", "env": {"ANTHROPIC_API_KEY": "dummy"},
        "sandbox": {"write": ["."]},
    }});
    world.config["roles"]["default"]["agent"] = json!("streaming");
    world.write_config();
    let host = world.serve();
    let item = world.begin("Discounts");
    until("the run has told of something", || {
        let list = world.json(&["task", "list"]);
        (list["items"][0]["activity"]["kind"] == "says").then_some(())
    });
    let folder = world.task(&item)["runs"][0]["folder"].clone();
    let events = world.path(folder.as_str().unwrap()).join("events.ndjson");
    let told = || fs::read_to_string(&events).unwrap().lines().count();
    drop(host);
    let before = told();
    until("it is told of without a host", || {
        (told() > before + 3).then_some(())
    });
    let _host = world.serve();
    fs::write(world.path("go"), "").unwrap();
    let view = until("the run is taken in", || {
        let view = world.task(&item);
        (view["step"] == "analysis-approved").then_some(view)
    });
    assert_eq!(view["runs"].as_array().unwrap().len(), 1, "{view:#}");
    assert_eq!(view["runs"][0]["outcome"], "completed", "{view:#}");
    let text = fs::read_to_string(&events).unwrap();
    let said: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["kind"] == "says")
        .map(|event| event["text"].as_str().unwrap().to_owned())
        .collect();
    let mut expected: Vec<String> = (1..said.len()).map(|n| format!("line {n}")).collect();
    expected.push("the end".to_owned());
    assert_eq!(said, expected);
    let range = world.json(&["task", "log", &item, "--run", "1", "--line", "2"]);
    assert_eq!(range["lines"][0]["text"], "line 2", "{range:#}");
    assert_eq!(range["ended"], true);
}

#[test]
fn inbox_holds_what_waits_for_a_person_with_what_can_be_done_until_it_is_decided() {
    let world = World::new();
    let _host = world.serve();
    assert_eq!(world.json(&["inbox"])["total"], 0);
    let item = world.begin("Discounts");
    let waiting = until("the analysis waits for a person", || {
        let inbox = world.json(&["inbox"]);
        (inbox["total"] == 1).then(|| inbox["items"][0].clone())
    });
    assert_eq!(waiting["task"]["work_item"], item.as_str(), "{waiting:#}");
    assert_eq!(
        (&waiting["wanted"], &waiting["risk"]),
        (&"decision".into(), &"low".into())
    );
    assert!(waiting["deadline_ms"].as_i64() > waiting["since_ms"].as_i64());
    // What it says can be done is done as it stands.
    let choice = waiting["choices"][0]["command"].as_array().unwrap().clone();
    let choice: Vec<&str> = choice.iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(choice, ["task", "approve", &format!("shop:{item}")]);
    world.json(&choice);
    until("nothing waits any more", || {
        (world.json(&["inbox"])["total"] == 0).then_some(())
    });
}

#[test]
fn difference_is_shown_in_all_and_for_each_round() {
    let world = World::new();
    let _host = world.serve();
    // Held back, so that there is surely no commit yet.
    world.json(&["pause", "lane:agents"]);
    let item = world.begin("Discounts");
    let said = world.refused(&["task", "diff", &item]);
    assert!(said.contains("no commit yet"), "{said}");
    world.json(&["unpause", "lane:agents"]);
    world.follow(&item, |view| view["status"] == "ended");
    let all = world.json(&["task", "diff", &item]);
    let file = |diff: &Value, path: &str| {
        let files = diff["files"].as_array().unwrap();
        files.iter().find(|file| file["path"] == path).cloned()
    };
    let cart = file(&all, "cart.sh").expect("it was changed");
    assert_eq!(cart["change"], "changed", "{cart:#}");
    let added = |file: &Value| {
        let hunks = file["hunks"].as_array().unwrap().clone();
        let lines = hunks
            .into_iter()
            .flat_map(|hunk| hunk["lines"].as_array().unwrap().clone());
        lines.filter(|line| line["change"] == "added").count()
    };
    assert_eq!(cart["added"], added(&cart), "{cart:#}");
    let cases = file(&all, "tests/cases/discount.txt").expect("it came");
    assert_eq!(cases["change"], "added");
    // The second round of the developer adds the check that the review missed, and nothing of the first.
    let rounds = all["rounds"].as_array().unwrap();
    let of_round = |round: &Value| {
        let number = round["number"].to_string();
        world.json(&["task", "diff", &item, "--round", &number])
    };
    let changed: Vec<usize> = rounds
        .iter()
        .filter_map(|round| Some(added(&file(&of_round(round), "cart.sh")?)))
        .collect();
    assert_eq!(changed.len(), 2, "two rounds changed the code: {rounds:#?}");
    assert!(changed[1] < changed[0] && changed[1] > 0, "{changed:?}");
    let said = world.refused(&["task", "diff", &item, "--round", "99"]);
    assert!(said.contains("has no round 99"), "{said}");
}
