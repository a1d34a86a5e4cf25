//! A run that ends well and leaves no result has not ended well.

use orch_kit::world::AGENT;
use orch_kit::{World, sql};
use serde_json::json;

#[test]
fn exit_zero_without_a_result_advances_nothing_and_is_alerted_with_its_reason() {
    for (print, fault) in [
        ("true", "log_empty"),
        ("echo '   '", "log_blank"),
        ("echo I did it", "result_missing"),
        (r#"echo '{"is_error":false,"resu'"#, "result_malformed"),
    ] {
        let mut world = World::new();
        world.config["rules"] = json!({"infra_failures_max": 1, "backoff_base_ms": 10});
        world.write_config();
        // What it leaves in the workspace would be enough.
        let result = r#"printf '{"is_error":false,"result":"%s","total_cost_usd":0.0}\n' "$*""#;
        let agent = AGENT.replace(result, &format!("{print} >&3"));
        assert_ne!(agent, AGENT);
        let agent = agent.replacen("set -eu\n", "set -eu\nexec 3>&1 >/dev/null\n", 1);
        world.write("agent.sh", &agent, 0o755);
        let _host = world.serve();
        let item = world.begin("Silent");
        let view = world.follow(&item, |view| view["status"] == "blocked");
        assert_eq!(view["stage"], "analysis", "{view:#}");
        let runs = view["runs"].as_array().unwrap();
        assert_eq!(runs.len(), 2, "{view:#}");
        for run in runs {
            assert_eq!(
                (&run["outcome"], &run["exit_code"]),
                (&json!("protocol_error"), &json!(0))
            );
            assert!(run["detail"].to_string().contains(fault), "{run:#}");
        }
        let said = "SELECT payload FROM outbox WHERE kind = 'notice' ORDER BY id";
        let alerts = sql::column(&world.path("data/orch.db"), said);
        let of_result = alerts.iter().filter(|a| a.contains(fault)).count();
        assert!(of_result >= 2, "each is alerted: {alerts:#?}");
        assert!(
            view["comments"].as_array().unwrap().is_empty(),
            "no word of success: {view:#}"
        );
    }
}
