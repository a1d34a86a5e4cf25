//! Whether an agent may start: a missing login or a failing provider holds work back and uses nothing up.

use orch_kit::{World, until};
use serde_json::{Value, json};

use crate::claude::with_claude;

fn resilience(world: &World) -> Value {
    world.json(&["queue"])["resilience"].clone()
}

/// The task once it says that it waits, with why.
fn held(world: &World, item: &str, words: &str) -> Value {
    until("the task says why it waits", || {
        let view = world.task(item);
        let why = view["why"].as_str().unwrap().to_owned();
        why.contains(words).then_some(view)
    })
}

#[test]
fn agent_without_a_login_waits_and_starts_once_it_is_logged_in() {
    let mut world = World::new();
    with_claude(
        &mut world,
        json!({"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}),
    );
    world.config["agents"]["claude"]["home"] = json!(world.path("home"));
    world.write_config();
    let _host = world.serve();
    let (first, second) = (world.begin("First"), world.begin("Second"));
    for item in [&first, &second] {
        let view = held(&world, item, "login file");
        assert_eq!(view["status"], "active", "{view:#}");
        assert!(view["runs"].as_array().unwrap().is_empty(), "{view:#}");
    }
    let known = &resilience(&world)["preflight"]["claude"];
    assert_eq!(known["ok"], false, "{known:#}");
    let told = || {
        let log = world.log();
        log.matches("ALERT: agent `claude` cannot start").count()
    };
    until("a person is told", || (told() > 0).then_some(()));
    assert_eq!(told(), 1, "told once for all tasks\n{}", world.log());
    // A login that is about to expire is none.
    let login = |expires: i64| {
        let file = json!({"claudeAiOauth": {"accessToken": "dummy", "expiresAt": expires}});
        world.write("home/.claude/.credentials.json", &file.to_string(), 0o600);
    };
    login(1_000);
    held(&world, &first, "expire");
    login(9_000_000_000_000);
    until("the agent is started", || {
        let runs = world.task(&first)["runs"].as_array().unwrap().len();
        (runs == 1).then_some(())
    });
}

#[test]
fn login_that_was_refused_holds_every_task_back_and_is_told_once() {
    let mut world = World::new();
    let login = "home/.claude/.credentials.json";
    world.write(login, "{\"revoked\": true}", 0o644);
    let home = json!(world.path("home"));
    let script = &mut world.config["agents"]["script"];
    script["home"] = home;
    script["exit_codes"] = json!({"41": "auth_required"});
    // Keys are numbers here, which JSON cannot write.
    let config = world.config.to_string().replace("\"41\":", "41: ");
    world.write("orch.yaml", &config, 0o644);
    let refuses = "#!/bin/sh\nif grep -q revoked \"$HOME/.claude/.credentials.json\"; then cat > /dev/null; exit 41; fi\n";
    let agent = orch_kit::world::AGENT.replacen("#!/bin/sh\n", refuses, 1);
    assert_ne!(agent, orch_kit::world::AGENT);
    world.write("agent.sh", &agent, 0o755);
    let _host = world.serve();
    let first = world.begin("First");
    let view = held(&world, &first, "is logged out");
    assert_eq!(view["status"], "active", "{view:#}");
    assert_eq!(view["runs"][0]["outcome"], "auth_required", "{view:#}");
    let second = world.begin("Second");
    let view = held(&world, &second, "is logged out");
    assert!(view["runs"].as_array().unwrap().is_empty(), "{view:#}");
    let alerts = world.json(&["alerts"]);
    assert_eq!(alerts["total"], 1, "one for all: {alerts:#}");
    assert_eq!(alerts["items"][0]["kind"], "launch-refused", "{alerts:#}");
    world.write(login, "{}", 0o644);
    for item in [&first, &second] {
        let view = world.follow(item, |view| view["stage"] == "architecture");
        assert_eq!(view["rework_rounds"], 0, "{view:#}");
    }
}

#[test]
fn provider_that_fails_again_and_again_is_left_alone_for_a_while() {
    let mut world = World::new();
    world.config["rules"]["infra_failures_max"] = json!(5);
    world.write_config();
    let agent = "#!/bin/sh\ncat > /dev/null\necho '{\"is_error\":true,\"result\":\"API Error: overloaded_error\"}'\n";
    world.write("agent.sh", agent, 0o755);
    let _host = world.serve();
    let item = world.begin("Overloaded");
    let view = held(&world, &item, "failed several times in a row");
    assert_eq!(view["status"], "active");
    let runs = view["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 3, "{view:#}");
    assert!(runs.iter().all(|r| r["outcome"] == "provider_error"));
    let breakers = &resilience(&world)["breakers"];
    assert_eq!(breakers[0]["breaker"]["phase"], "open", "{breakers:#}");
    // Others that would use the same agent wait with it.
    let other = world.begin("Other");
    let view = held(&world, &other, "failed several times in a row");
    assert!(view["runs"].as_array().unwrap().is_empty());
}

#[test]
fn program_that_is_missing_holds_work_back_with_its_name() {
    let mut world = World::new();
    world.config["agents"]["script"]["program"] = json!(world.path("gone.sh"));
    world.write_config();
    let agent = std::fs::read_to_string(world.path("agent.sh")).unwrap();
    let _host = world.serve();
    let item = world.begin("Missing");
    let view = held(&world, &item, "gone.sh");
    assert!(view["runs"].as_array().unwrap().is_empty(), "{view:#}");
    world.write("gone.sh", &agent, 0o755);
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(
        (view["stage"].as_str(), view["rework_rounds"].as_i64()),
        (Some("done"), Some(1))
    );
}

/// An agent whose every run costs as much.
fn costing(world: &World, usd: &str) {
    let agent =
        orch_kit::world::AGENT.replace("total_cost_usd\":0.0", &format!("total_cost_usd\":{usd}"));
    assert_ne!(agent, orch_kit::world::AGENT);
    world.write("agent.sh", &agent, 0o755);
}

#[test]
fn task_that_has_used_up_its_money_stands_until_it_gets_more() {
    let mut world = World::new();
    costing(&world, "0.5");
    world.config["budgets"] = json!({"run_usd": 0.5, "task_usd": 1.2});
    world.write_config();
    let _host = world.serve();
    let item = world.begin("Dear");
    let held = world.follow(&item, |view| {
        view["why"].as_str().unwrap().contains("budgets.task_usd")
    });
    assert_eq!(
        held["cost_usd"], 1.0,
        "a third run could go over it: {held:#}"
    );
    assert_eq!(held["runs"].as_array().unwrap().len(), 2);
    let alerts = |world: &World| {
        world
            .log()
            .matches("ALERT: SHOP-1: the task has cost")
            .count()
    };
    until("it is alerted", || (alerts(&world) == 1).then_some(()));
    world.config["budgets"] = json!({"run_usd": 0.5, "task_usd": 100.0});
    world.write_config();
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(
        (done["stage"].as_str(), done["cost_usd"].as_f64()),
        (Some("done"), Some(3.5))
    );
    let budget = &resilience(&world)["budget"];
    assert_eq!(budget["spent_today_usd"], 3.5, "{budget:#}");
}

#[test]
fn day_that_has_used_up_its_money_starts_no_run_of_any_task() {
    let mut world = World::new();
    costing(&world, "0.5");
    world.config["budgets"] = json!({"day_usd": 0.5});
    world.write_config();
    let _host = world.serve();
    let (first, second) = (world.begin("First"), world.begin("Second"));
    let spent = held(&world, &second, "budgets.day_usd");
    assert!(spent["runs"].as_array().unwrap().is_empty(), "{spent:#}");
    world.follow(&first, |view| {
        view["why"]
            .as_str()
            .unwrap()
            .contains("runs go on tomorrow")
    });
}

#[test]
fn run_that_does_not_say_what_it_cost_counts_with_what_it_could_have() {
    let mut world = World::new();
    // The second run dies without a word.
    let agent = orch_kit::world::AGENT.replacen(
        "set -eu\n",
        "set -eu\n[ \"$ORCH_ROLE\" != architect ] || kill -9 $$\n",
        1,
    );
    assert_ne!(agent, orch_kit::world::AGENT);
    world.write("agent.sh", &agent, 0o755);
    world.config["budgets"] = json!({"run_usd": 0.5, "task_usd": 1.2});
    world.write_config();
    let _host = world.serve();
    let item = world.begin("Silent");
    let held = world.follow(&item, |view| {
        view["why"].as_str().unwrap().contains("budgets.task_usd")
    });
    let runs = held["runs"].as_array().unwrap();
    let silent = runs.iter().filter(|r| r["outcome"] == "crashed").count();
    // The first said that it cost nothing; two of half a dollar fit into 1.2, a third does not.
    assert_eq!((runs.len(), silent), (3, 2), "{held:#}");
    let by_stage = held["costs"].as_array().unwrap();
    let architecture = by_stage.iter().find(|r| r["name"] == "architecture");
    assert_eq!(architecture.unwrap()["reserved_usd"], 1.0, "{held:#}");
    let told = || {
        world
            .log()
            .contains("SHOP-1: 1.00 of its 1.20 USD are spent")
    };
    until("it is told before the end", || told().then_some(()));
}

#[test]
fn two_runs_that_begin_at_once_cannot_both_have_the_last_of_the_money() {
    let mut world = World::new();
    world.config["concurrency"] = json!({"agents": 4});
    world.config["budgets"] = json!({"run_usd": 1.0, "day_usd": 1.5});
    world.write_config();
    let agent = "#!/bin/sh\ncat > /dev/null\nwhile [ ! -e \"$(dirname \"$0\")/go\" ]; do sleep 0.05; done\n";
    world.write("agent.sh", agent, 0o755);
    let _host = world.serve();
    world.json(&["pause", "lane:agents"]);
    let items: Vec<String> = (0..4).map(|n| world.begin(&format!("Task {n}"))).collect();
    world.json(&["unpause", "lane:agents"]);
    until("three of four are refused", || {
        let why = |item: &String| world.task(item)["why"].as_str().unwrap().to_owned();
        let refused = items.iter().filter(|i| why(i).contains("budgets.day_usd"));
        (refused.count() == 3).then_some(())
    });
    assert_eq!(resilience(&world)["budget"]["runs_under_way"], 1);
    assert_eq!(resilience(&world)["budget"]["reserved_today_usd"], 1.0);
    let runs = std::fs::read_dir(world.path("data/runs/shop")).unwrap();
    assert_eq!(runs.count(), 1, "what was refused leaves no folder");
    world.write("go", "", 0o644);
}

#[test]
fn tokens_and_money_are_added_up_by_day_stage_task_and_agent() {
    let world = World::new();
    let said = "total_cost_usd\":0.25,\"usage\":{\"input_tokens\":7,\"output_tokens\":5,\"cache_read_input_tokens\":3}";
    let agent = orch_kit::world::AGENT.replace("total_cost_usd\":0.0", said);
    assert_ne!(agent, orch_kit::world::AGENT);
    world.write("agent.sh", &agent, 0o755);
    let _host = world.serve();
    let item = world.begin("Counted");
    let done = world.follow(&item, |view| view["status"] == "ended");
    let runs = done["runs"].as_array().unwrap();
    let agents = runs.iter().filter(|r| r["agent"] == "script");
    let count = agents.count();
    let of = |by: &str| world.json(&["costs", "--by", by, "--days", "2"])["items"].clone();
    for (by, name) in [("task", item.as_str()), ("agent", "script")] {
        let rows = of(by);
        assert_eq!(rows[0]["name"], name, "{rows:#}");
        assert_eq!(rows[0]["runs"], count, "{rows:#}");
        assert_eq!(rows[0]["cost_usd"], 0.25 * count as f64, "{rows:#}");
        let tokens = json!({"input": 7 * count, "output": 5 * count, "cache_read": 3 * count, "cache_write": 0});
        assert_eq!(rows[0]["tokens"], tokens, "{rows:#}");
    }
    let stages = of("stage");
    let development = |r: &&serde_json::Value| r["name"] == "development";
    let row = stages.as_array().unwrap().iter().find(development);
    assert_eq!(row.unwrap()["runs"], 2, "one rework round: {stages:#}");
    assert_eq!(of("day")[0]["runs"], count);
    let said = world.refused(&["costs", "--by", "moon"]);
    assert!(said.contains("`moon`") && said.contains("stage"), "{said}");
    let page = String::from_utf8(world.orch(&["costs", "--by", "stage"]).stdout).unwrap();
    assert!(page.contains("development"), "{page}");
}

#[test]
fn home_is_lent_to_one_run_at_a_time() {
    let mut world = World::new();
    let (go, overlap) = (world.path("go"), world.path("overlap"));
    let (go, overlap_text) = (go.display(), overlap.display());
    let alone = format!(
        "prompt=$(cat)\nmkdir \"$HOME/busy\" || touch {overlap_text}\ntrap 'rmdir \"$HOME/busy\"' EXIT\n\
         until test -e {go}; do sleep 0.05; done\n"
    );
    let agent = orch_kit::world::AGENT.replacen("prompt=$(cat)\n", &alone, 1);
    world.write("agent.sh", &agent, 0o755);
    world.config["agents"]["script"]["home"] = json!(world.path("home"));
    world.config["concurrency"] = json!({"agents": 2});
    world.write_config();
    let _host = world.serve();
    let (first, second) = (world.begin("The first"), world.begin("The second"));
    let waits = |view: &Value| view["why"].as_str().unwrap().contains("works in its home");
    until("one of them waits", || {
        let views = [world.task(&first), world.task(&second)];
        views.iter().any(waits).then_some(())
    });
    world.write("go", "", 0o644);
    for item in [&first, &second] {
        world.follow(item, |view| view["stage"] == "architecture");
    }
    assert!(!overlap.exists(), "two runs were in one home");
}

#[test]
fn item_whose_runs_begin_again_and_again_waits_for_a_person_who_lets_it_go_on() {
    let mut world = World::new();
    world.config["budgets"] = json!({"runs_per_hour": 2});
    world.write_config();
    let _host = world.serve();
    let item = world.begin("Again and again");
    let runs = |view: &Value| view["runs"].as_array().unwrap().len();
    let held = world.follow(&item, |view| view["status"] == "blocked");
    assert_eq!(runs(&held), 2, "{held:#}");
    let why = held["why"].as_str().unwrap();
    assert!(why.contains("`budgets.runs_per_hour`"), "{why}");
    // The remedy that it names leads on, for as many again.
    let remedy = held["remedies"][0]["command"].as_array().unwrap().iter();
    let remedy: Vec<&str> = remedy.map(|word| word.as_str().unwrap()).collect();
    world.json(&remedy);
    let held = until("it is held again", || {
        let view = world.task(&item);
        (view["status"] == "blocked" && runs(&view) > 2).then_some(view)
    });
    assert_eq!(runs(&held), 4, "{held:#}");
    // Stopped and begun anew under its name it is the same item.
    world.json(&["task", "stop", &item]);
    until("it is stopped", || {
        (world.task(&item)["stage"] == "cancelled").then_some(())
    });
    world.json(&[
        "task", "new", "--repo", "shop", "--title", "Anew", "--id", &item,
    ]);
    let held = world.follow(&item, |view| view["status"] == "blocked");
    assert_eq!(runs(&held), 0, "{held:#}");
}
