//! Evaluations that are made again: the verdict of then from what the host answered then, and what another gate
//! would have said.

use std::fs;

use orch_kit::World;
use orch_kit::world::gates;
use serde_json::Value;

/// Numbers, entries and decisions of a finished task's verdicts that judged anew.
fn judged(world: &World) -> Vec<(String, String, String)> {
    let item = world.begin("Greeting");
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
    let text = |verdict: &Value, key: &str| {
        let value = &verdict[key];
        value.as_str().map_or(value.to_string(), str::to_owned)
    };
    view["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|v| v["reused"] == false && v["decision"] != "inconclusive")
        .map(|v| (text(v, "evaluation"), text(v, "entry"), text(v, "decision")))
        .collect()
}

#[test]
fn replay_gives_the_identical_verdict_and_a_backtest_says_what_would_change() {
    let world = World::new();
    let host = world.serve();
    let judged = judged(&world);
    let decisions: Vec<&str> = judged.iter().map(|(.., d)| d.as_str()).collect();
    assert!(
        ["pass", "fail", "wait"]
            .iter()
            .all(|d| decisions.contains(d)),
        "{decisions:?}"
    );
    for (number, entry, decision) in &judged {
        let again = world.json(&["gate", "replay", number]);
        assert_eq!(again["identical"], true, "{entry}: {again:#}");
        assert_eq!(again["is"], decision.as_str(), "{entry}");
    }
    // The work is on the base now and the host is gone; what was recorded answers all the same.
    drop(host);
    let (number, ..) = judged
        .iter()
        .find(|(_, entry, _)| entry == "review-verdict")
        .unwrap();
    assert_eq!(world.json(&["gate", "replay", number])["identical"], true);

    let same = world.path("candidate.wasm");
    fs::copy(gates().join("review.wasm"), &same).unwrap();
    let same = same.display().to_string();
    let result = world.json(&[
        "gate", "backtest", &same, "--gate", "review", "--last", "20",
    ]);
    assert_eq!(result["changed"], 0, "{result:#}");
    assert!(result["evaluations"].as_u64().unwrap() >= 2, "{result:#}");

    let other = gates().join("tests.wasm").display().to_string();
    let output = world.orch(&["gate", "backtest", &other, "--gate", "review"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("verdicts of `review` would change") && text.contains("inconclusive"),
        "{text}"
    );
    let output = world.orch(&["gate", "replay", number, "--gate", &other]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("another gate, another verdict"), "{text}");
}

#[test]
fn what_cannot_be_replayed_is_refused_with_the_reason() {
    let world = World::new();
    let none_yet = world.refused(&["gate", "replay", "4711"]);
    assert!(
        none_yet.contains("start it with `orch serve`"),
        "{none_yet}"
    );
    let _host = world.serve();
    let missing = world.refused(&["gate", "replay", "4711"]);
    assert!(missing.contains("there is no evaluation 4711"), "{missing}");
    let none = world.refused(&["gate", "backtest", "x.wasm", "--gate", "review"]);
    assert!(
        none.contains("no evaluation of gate `review` is recorded"),
        "{none}"
    );
    let many = world.refused(&["gate", "backtest", "x.wasm", "--last", "5000"]);
    assert!(many.contains("from 1 to 1000"), "{many}");
}
