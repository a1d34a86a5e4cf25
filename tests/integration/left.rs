//! What an agent leaves is taken as it is or named: through the running host.

use std::fs;

use orch_kit::World;
use orch_kit::world::AGENT;
use serde_json::{Value, json};

/// The scripted agent, with `more` done by the developer, or by the analyst where `by` says so.
fn agent(by: &str, more: &str) -> String {
    let mark = format!("    say \"{by}\"\n");
    let agent = AGENT.replacen(&mark, &format!("{mark}{more}\n"), 1);
    assert_ne!(agent, AGENT);
    agent
}

fn developer(more: &str) -> String {
    agent("changing cart.sh", more)
}

/// Follows until the first run of the developer has ended, and answers it.
fn developed(world: &World, item: &str) -> Value {
    let run = |view: &Value| {
        let runs = view["runs"].as_array()?;
        let ended = runs.iter().find(|run| {
            run["role"] == "developer" && run["outcome"].as_str().is_some_and(|o| !o.is_empty())
        });
        ended.cloned()
    };
    let view = world.follow(item, |view| run(view).is_some());
    run(&view).unwrap()
}

#[test]
fn names_that_are_no_text_land_as_the_bytes_they_are() {
    let world = World::new();
    let odd = "    printf one > \"$(printf 'bad-\\377.txt')\"; printf two > \"$(printf 'bad-\\376.txt')\"";
    world.write("agent.sh", &developer(odd), 0o755);
    let _host = world.serve();
    let item = world.begin("Odd names");
    let run = developed(&world, &item);
    assert_eq!(run["outcome"], "completed", "{run:#}");
    let view = world.task(&item);
    let branch = view["branch"].as_str().unwrap();
    let files = world.git("shop.git", &["ls-tree", "-r", "--name-only", branch]);
    for name in ["\"bad-\\377.txt\"", "\"bad-\\376.txt\""] {
        assert!(files.contains(name), "{files}");
    }
}

#[test]
fn artefacts_are_committed_though_the_base_ignores_their_folder() {
    let world = World::new();
    world.write("seed/.gitignore", "docs/\n", 0o644);
    world.push_seed("Ignore docs");
    let _host = world.serve();
    let item = world.begin("Ignored");
    let view = world.follow(&item, |view| view["stage"] == "architecture");
    assert_eq!(view["runs"].as_array().unwrap().len(), 1, "{view:#}");
}

#[test]
fn what_no_commit_can_hold_is_the_agents_fault_and_named_and_the_next_run_begins_afresh() {
    let commit = "git -c user.name=x -c user.email=x@y commit -q --allow-empty -m x";
    let leave = [
        (
            format!("mkdir v && (cd v && git init -q && {commit})"),
            "nested-repository",
        ),
        (
            "mkdir .GIT && echo x > .GIT/config".to_owned(),
            "forbidden-name",
        ),
        ("mkfifo pipe".to_owned(), "special-file"),
        (
            "find . -mindepth 1 -delete; rmdir ../tree; done_with gone".to_owned(),
            "tree-gone",
        ),
    ];
    let mut world = World::new();
    world.config["rules"] = json!({"infra_failures_max": 9, "backoff_base_ms": 10});
    // A confined agent cannot remove the tree itself.
    world.config["sandbox"] = json!({"mode": "off"});
    world.write_config();
    let count = world.path("count").display().to_string();
    let mut script = format!("    echo x >> {count}\n    case $(wc -l < {count}) in\n");
    for (number, (leave, _)) in leave.iter().enumerate() {
        script.push_str(&format!("    {}) {leave} ;;\n", number + 1));
    }
    script.push_str("    esac");
    world.write("agent.sh", &developer(&script), 0o755);
    let _host = world.serve();
    let item = world.begin("Leaves something");
    let view = world.follow(&item, |view| view["stage"] == "review");
    let runs = view["runs"].as_array().unwrap();
    let mut runs: Vec<&Value> = runs.iter().filter(|r| r["role"] == "developer").collect();
    runs.sort_by_key(|run| run["id"].as_i64());
    assert_eq!(runs.len(), leave.len() + 1, "{view:#}");
    for (run, (_, named)) in runs.iter().zip(&leave) {
        assert_eq!(run["outcome"], "tree_refused", "{run:#}");
        assert!(run["detail"].to_string().contains(named), "{run:#}");
    }
    assert_eq!(runs[leave.len()]["outcome"], "completed", "{view:#}");
}

#[test]
fn stop_ends_and_the_workspace_goes_whatever_the_tree_is() {
    let world = World::new();
    let leave = "    mkdir -p v/w && chmod 000 v/w && chmod 500 v && mkdir r && (cd r && git init -q)\n    mkfifo pipe; chmod 500 /tmp; exec sleep 600";
    world.write("agent.sh", &developer(leave), 0o755);
    let _host = world.serve();
    let item = world.begin("Stopped");
    let workspaces = || {
        let all = fs::read_dir(world.path("data/workspaces/shop"));
        let all = all.into_iter().flatten().flatten();
        all.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    world.follow(&item, |_| {
        workspaces()
            .iter()
            .any(|path| path.join("tree/pipe").exists())
    });
    world.json(&["task", "stop", &item]);
    let ended = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(ended["stage"], "cancelled", "{ended:#}");
    assert_eq!(workspaces(), [""; 0].map(std::path::PathBuf::from));
}

#[test]
fn result_that_ends_in_half_a_character_counts_and_an_absurd_cost_does_not() {
    let world = World::new();
    let print = r#"printf '{"is_error":false,"result":"%s","total_cost_usd":0.0}\n' "$*""#;
    let odd = r#"printf '\033[32m{"is_error":false,"result":"half \\ud83d","total_cost_usd":1e308}\033[0m\nbye\n'"#;
    let agent = AGENT.replace(print, odd);
    assert_ne!(agent, AGENT);
    world.write("agent.sh", &agent, 0o755);
    let _host = world.serve();
    let item = world.begin("Half");
    let view = world.follow(&item, |view| view["stage"] == "architecture");
    let run = &view["runs"][0];
    assert_eq!(
        (&run["outcome"], &run["cost_usd"]),
        (&json!("completed"), &Value::Null)
    );
}

#[test]
fn what_was_refused_of_a_run_reaches_the_next_prompt_of_its_role_and_of_no_other() {
    let mut world = World::new();
    world.config["rules"] = json!({"infra_failures_max": 9, "backoff_base_ms": 10});
    world.write_config();
    let (count, kept) = (world.path("count"), world.path("prompt"));
    let (count, kept) = (count.display(), kept.display());
    // The first run leaves what no commit can hold, the second one crashes, the third one does its work.
    let script = format!(
        "    echo x >> {count}\n    case $(wc -l < {count}) in\n    1) mkfifo 'left pipe' ;;\n    2) exit 9 ;;\n    esac"
    );
    let keep = format!(
        "prompt=$(cat)\nprintf '%s' \"$prompt\" > {kept}-$ORCH_ROLE-$(cat {count} 2>/dev/null | wc -l)\n"
    );
    let agent = developer(&script).replacen("prompt=$(cat)\n", &keep, 1);
    assert!(agent.contains(&keep));
    world.write("agent.sh", &agent, 0o755);
    let _host = world.serve();
    let item = world.begin("Leaves a pipe");
    let view = world.follow(&item, |view| view["stage"] == "testing");
    let prompt = |role: &str, runs: u32| {
        let path = world.path(&format!("prompt-{role}-{runs}"));
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}: {view:#}", path.display()))
    };
    let told = "What your last run left and no commit can hold";
    assert!(!prompt("developer", 0).contains(told));
    let second = prompt("developer", 1);
    for part in [told, "left pipe", "special-file"] {
        assert!(second.contains(part), "`{part}` is not in: {second}");
    }
    let third = prompt("developer", 2);
    assert!(!third.contains(told), "its last run crashed: {third}");
    assert!(!prompt("reviewer", 3).contains(told));
}
