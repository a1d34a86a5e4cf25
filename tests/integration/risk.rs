//! How risky a change is decides which gates are asked, and who works on it.

use orch_kit::World;
use orch_kit::world::AGENT;
use serde_json::{Value, json};

/// An agent whose developer does as the title of the task says.
fn agent(world: &World) {
    let by_title = r#"say "changing cart.sh"
    if printf '%s' "$prompt" | grep -q 'Only words'; then
        echo 'Prices are whole numbers.' >> README.md
        done_with "words written"
    fi
    mkdir -p .github/workflows
    echo 'on: []' > .github/workflows/test.yml"#;
    let agent = AGENT.replace("say \"changing cart.sh\"", by_title);
    assert_ne!(agent, AGENT);
    world.write("agent.sh", &agent, 0o755);
}

fn ended(view: &Value) -> bool {
    view["status"] == "ended" || view["status"] == "blocked"
}

fn verdict<'a>(view: &'a Value, entry: &str) -> &'a Value {
    let verdicts = view["verdicts"].as_array().unwrap();
    let of_entry = |verdict: &&Value| verdict["entry"] == entry;
    verdicts.iter().rev().find(of_entry).unwrap()
}

fn reviewer(view: &Value) -> &Value {
    let runs = view["runs"].as_array().unwrap();
    let run = runs.iter().find(|run| run["role"] == "reviewer").unwrap();
    &run["agent"]
}

/// A host that asks `protected-paths` of changes that are no mere documents, and has others review those that are high.
fn world() -> World {
    let mut world = World::new();
    agent(&world);
    world.call_me("ann", "approver");
    world.config["pipeline"] = json!({
        "analysis": [],
        "architecture": [],
        "development": ["run developer", "gate ci-green"],
        "review": ["run reviewer", "gate protected-paths"],
        "testing": [],
        "deploy-staging": ["work merge-prepare", "gate merge", "work land"],
        "deploy": [],
    });
    world.config["gates"] = json!({"protected-paths": {"from_risk": "medium"}});
    world.config["agents"]["careful"] = world.config["agents"]["script"].clone();
    world.config["roles"]["reviewer"] =
        json!({"agent": "script", "by_risk": {"high": {"agent": "careful"}}});
    world.write_config();
    world
}

/// A risky change presses more than its stage alone, and what guards the repository is marked in the difference.
fn risk_is_shown_where_people_decide(world: &World, item: &str) {
    let inbox = world.json(&["inbox"]);
    let items = inbox["items"].as_array().unwrap();
    let waits = items
        .iter()
        .find(|waits| waits["task"]["work_item"] == item);
    let waits = waits.unwrap_or_else(|| panic!("it waits: {inbox:#}"));
    assert_eq!(
        (&waits["risk"], &waits["task"]["risk"]),
        (&json!("high"), &json!("high"))
    );
    let diff = world.json(&["task", "diff", item]);
    let files = diff["files"].as_array().unwrap();
    let protected = |path: &str| {
        let file = files.iter().find(|file| file["path"] == path);
        file.unwrap_or_else(|| panic!("{path}: {diff:#}"))["is_protected"].clone()
    };
    assert_eq!(protected(".github/workflows/test.yml"), true);
    assert_eq!(protected("cart.sh"), false);
}

#[test]
fn gate_is_asked_from_its_tier_on_and_a_riskier_change_has_another_reviewer() {
    let world = world();
    let _host = world.serve();

    let item = world.begin("Only words");
    let words = world.follow(&item, ended);
    assert_eq!(words["stage"], "done", "{words:#}");
    assert_eq!(
        words["risk"],
        json!({"tier": "low", "reasons": [{"why": "documents", "count": 1}], "more": 0})
    );
    let judged = verdict(&words, "protected-paths");
    assert_eq!(judged["decision"], "not-applicable", "{judged:#}");
    assert_eq!(judged["not_asked_below"], "medium");
    assert_eq!(
        judged["summary"],
        "not asked: the risk is low, and it is asked from medium on"
    );
    // An entry that says nothing is asked of every change.
    let ci = verdict(&words, "ci-green");
    assert_eq!(
        (&ci["decision"], &ci["risk"]),
        (&json!("pass"), &json!("low"))
    );
    assert_eq!(ci["not_asked_below"], Value::Null);
    assert_eq!(reviewer(&words), "script");

    let item = world.begin("Weaken CI");
    let mut waited = false;
    let weakened = world.follow(&item, |view| {
        if view["status"] == "waiting" && view["step"] == "protected-paths" {
            if !waited {
                risk_is_shown_where_people_decide(&world, &item);
            }
            waited = true;
            // Refused if an approval before is still on its way: the next look decides.
            world.orch(&["task", "approve", &item]);
        }
        ended(view)
    });
    assert_eq!(weakened["stage"], "done", "{weakened:#}");
    assert!(waited, "the gate was asked: {weakened:#}");
    assert_eq!(weakened["risk"]["tier"], "high");
    assert_eq!(
        weakened["risk"]["reasons"][0],
        json!({"why": "guard", "path": ".github/workflows/test.yml"})
    );
    let judged = verdict(&weakened, "protected-paths");
    assert_eq!(judged["not_asked_below"], Value::Null);
    assert_eq!(judged["risk"], "high");
    assert_eq!(reviewer(&weakened), "careful");
    // A gate that was not asked of a change has not judged it.
    let stats = world.json(&["gate", "stats"]);
    let rows = stats["items"].as_array().unwrap();
    let row = rows.iter().find(|row| row["entry"] == "protected-paths");
    assert_eq!(row.unwrap()["changes"], 1, "{stats:#}");
    let shown = world.orch(&["task", "show", &item]);
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(
        shown.contains("  risk        high (guard .github/workflows/test.yml, "),
        "{shown}"
    );
}

#[test]
fn deploy_of_a_change_of_low_risk_is_approved_by_nobody_and_one_of_high_risk_is() {
    let mut world = world();
    world.config["pipeline"]["deploy-staging"] = json!([
        "work staging",
        "approval",
        "work merge-prepare",
        "gate merge",
        "work land"
    ]);
    world.config["deploy_approval"] = json!({"from_risk": "medium"});
    world.config["gates"]["protected-paths"]["mode"] = json!("advise");
    world.write_config();
    let _host = world.serve();
    // Nobody approves here: `until` only looks.
    let settled = |item: &str| {
        orch_kit::until("it has come to an end, or asks", || {
            let view = world.task(item);
            let asks = view["status"] == "awaiting-approval";
            (asks || ended(&view)).then_some(view)
        })
    };
    let words = settled(&world.begin("Only words"));
    assert_eq!(words["stage"], "done", "{words:#}");
    let weighed = |item: &str| {
        let log = world.log();
        let of = format!("work_item={item} event=\"approval-weighed\"");
        log.lines().filter(|line| line.contains(&of)).count()
    };
    assert_eq!(weighed("SHOP-1"), 1, "once for a code");
    assert!(
        world
            .log()
            .contains("nobody is asked about the deploy task.id=1 tier=low")
    );
    assert_eq!(words["decisions"], json!([]), "nobody decided");
    let risky = settled(&world.begin("Discounts"));
    assert_eq!(risky["status"], "awaiting-approval", "{risky:#}");
    assert_eq!(weighed("SHOP-2"), 1);
    assert_eq!(risky["risk"]["tier"], "high");
    world.json(&["task", "approve", "SHOP-2"]);
    let landed = orch_kit::until("it ends", || Some(world.task("SHOP-2")).filter(ended));
    assert_eq!(landed["stage"], "done", "{landed:#}");
}
