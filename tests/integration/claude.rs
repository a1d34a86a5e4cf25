//! The real agent command line, end to end, against a fake of its provider on loopback.

use std::path::PathBuf;

use orch_kit::{MessagesApi, World};
use serde_json::json;

fn claude() -> PathBuf {
    let installed = orch_kit::world::root().join(".tools/npm/node_modules/.bin/claude");
    let path = std::env::var_os("ORCH_TEST_CLAUDE").map_or(installed, PathBuf::from);
    assert!(
        path.exists(),
        "the agent command line is not installed; run `cargo xtask test`"
    );
    path
}

pub(crate) fn with_claude(world: &mut World, env: serde_json::Value) {
    // The fake of the provider has the work done by a script, which is no part of the program.
    world.config["agents"] = json!({"claude": {
        "driver": "claude",
        "program": claude(),
        "env": env,
        "sandbox": {"read": ["agent.sh"]},
    }});
    world.config["roles"] = json!({"default": {"agent": "claude", "limits": {"timeout_s": 100}}});
    world.write_config();
}

#[tokio::test(flavor = "multi_thread")]
async fn real_command_line_carries_a_task_from_analysis_to_done() {
    let mut world = World::new();
    let agent = world.path("agent.sh").display().to_string();
    // The provider's answer to each role is to do its work with the Bash tool; the developer's second round
    // needs the findings, which only the prompt can have brought.
    let api = MessagesApi::start(move |prompt| {
        let finding = "src: review, the discount is not checked";
        let findings = if prompt.contains(finding) {
            finding
        } else {
            ""
        };
        format!("printf '%s' '{findings}' | {agent}")
    })
    .await;
    with_claude(
        &mut world,
        json!({"ANTHROPIC_BASE_URL": api.base_url(), "ANTHROPIC_API_KEY": "dummy"}),
    );
    let view = tokio::task::spawn_blocking(move || {
        let _host = world.serve();
        let item = world.begin("Discounts");
        let view = world.follow(&item, |view| view["status"] == "ended");
        assert_told(&world, &item, &view);
        view
    })
    .await
    .unwrap();
    assert_eq!(view["stage"], "done");
    assert_eq!(
        view["rework_rounds"], 1,
        "the findings reached the second round"
    );
    assert!(
        api.requests() >= 14,
        "seven runs, two requests each: {}",
        api.requests()
    );
    let runs = view["runs"].as_array().unwrap();
    let agents = runs.iter().filter(|r| r["agent"] == "claude").count();
    assert_eq!(agents, 7, "{runs:#?}");
    assert!(
        runs.iter().all(|r| r["outcome"] == "completed"),
        "{runs:#?}"
    );
}

/// What the command line did is told event by event, in words in the log, and as what was done last.
fn assert_told(world: &World, item: &str, view: &serde_json::Value) {
    let runs = view["runs"].as_array().unwrap();
    // The hook that deploys has a run too.
    for run in runs.iter().filter(|run| run["agent"] == "claude") {
        let folder = PathBuf::from(run["folder"].as_str().unwrap());
        let events = std::fs::read_to_string(folder.join("events.ndjson")).unwrap();
        let kinds: Vec<String> = events
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|event| event["kind"].as_str().unwrap().to_owned())
            .collect();
        for kind in ["calls-tool", "tool-ended", "says", "tokens"] {
            assert!(kinds.iter().any(|k| k == kind), "{kind} of {kinds:?}");
        }
        assert_eq!(run["activity"]["kind"], "says", "{run:#}");
        assert_eq!(run["activity"]["text"], "The work is done.");
        let id = run["id"].to_string();
        let log = world.json(&["task", "log", item, "--run", &id]);
        let lines = log["lines"].as_array().unwrap();
        let said = |what: &str| {
            lines
                .iter()
                .any(|l| l["text"].as_str().unwrap().starts_with(what))
        };
        assert!(said("> Bash printf") && said("< Bash ended:"), "{log:#}");
        assert_eq!(log["total_lines"], lines.len(), "it is sealed");
    }
}

#[test]
fn logged_out_command_line_is_told_from_a_failed_one() {
    let mut world = World::new();
    // Nobody looked before: what the command line itself says is told from a failure.
    world.config["preflight"] = json!({"check_auth": false});
    with_claude(&mut world, json!({}));
    let _host = world.serve();
    let item = world.begin("Logged out");
    let view = world.follow(&item, |view| {
        view["why"].as_str().unwrap().contains("is logged out")
    });
    assert_eq!(view["status"], "active", "{view:#}");
    assert_eq!(view["runs"][0]["outcome"], "auth_required", "{view:#}");
    assert_eq!(
        view["runs"].as_array().unwrap().len(),
        1,
        "asking again would not help"
    );
    assert_eq!(view["rework_rounds"], 0);
}
