//! What a run with a proxy reaches of the network, and what is told of the rest.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use orch_kit::world::AGENT;
use orch_kit::{World, sql};
use serde_json::json;

/// A server on the host's loopback that answers `pong` to every request; its port.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = [0; 4096];
            // A request of the test comes in one piece.
            let _came = stream.read(&mut bytes).unwrap();
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\npong")
                .ok();
        }
    });
    port
}

#[test]
fn run_with_a_proxy_reaches_what_is_listed_and_is_told_of_the_rest() {
    let mut world = World::new();
    let port = server();
    let seen = world.path("seen").display().to_string();
    // Asked as a program asks that knows nothing but the variable, and past it.
    let probe = format!(
        r#"if [ "$ORCH_ROLE" = analyst ]; then
at=${{HTTPS_PROXY#http://}}
ask() {{ exec 3<>/dev/tcp/${{at%:*}}/${{at#*:}} && printf "$1" >&3 && cat <&3; exec 3>&-; }}
{{
  (ask 'GET http://localhost:{port}/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  (ask 'CONNECT evil.test:443 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  (ask 'GET http://localhost:1/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && echo REACHED-LOOPBACK
  (exec 3<>/dev/tcp/192.0.2.1/443) 2>/dev/null && echo REACHED-WORLD
  grep network "$ORCH_SANDBOX"
}} > {seen} 2>&1
fi
"#
    );
    let agent = AGENT.replacen("prompt=$(cat)\n", &format!("prompt=$(cat)\n{probe}"), 1);
    world.write(
        "agent.sh",
        &agent.replacen("#!/bin/sh", "#!/bin/bash", 1),
        0o755,
    );
    world.config["agents"]["script"]["network"] = json!({
        "mode": "proxied",
        "reach": ["registry.test"],
        "reach_private": [format!("localhost:{port}")],
    });
    world.write_config();
    let _host = world.serve();
    let item = world.begin("Asks around");
    let view = world.follow(&item, |view| view["stage"] == "architecture");
    let said = std::fs::read_to_string(&seen).unwrap();
    assert!(said.contains("pong"), "{said}");
    assert!(
        said.contains("evil.test:443 is not reached (not-listed)"),
        "{said}"
    );
    assert!(
        said.contains("localhost:1 is not reached (not-listed)"),
        "{said}"
    );
    assert!(!said.contains("REACHED"), "{said}");
    assert!(said.contains("proxied"), "{said}");
    let denied = view["denied"].as_array().unwrap();
    let hosts: Vec<&str> = denied.iter().map(|d| d["host"].as_str().unwrap()).collect();
    assert_eq!(hosts, ["localhost", "evil.test"], "{denied:#?}");
    assert!(
        denied
            .iter()
            .all(|d| d["why"] == "not-listed" && d["count"] == 1)
    );
    let kept = "SELECT host || ' ' || reached FROM connections WHERE received_bytes > 4";
    let kept = sql::column(&world.path("data/orch.db"), kept);
    assert_eq!(kept, ["localhost allowed"]);
    let page = String::from_utf8(world.orch(&["task", "show", &item]).stdout).unwrap();
    assert!(page.contains("Refused of the network"), "{page}");
}

/// A server on the host's loopback that takes all that it is sent; its port, and how many bytes came.
fn sink() -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let came = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&came);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut bytes = vec![0; 64 * 1024];
            let mut stream = stream.unwrap();
            // It ends when the connection does, cut or not.
            while let Ok(count @ 1..) = stream.read(&mut bytes) {
                counted.fetch_add(count as u64, Ordering::SeqCst);
            }
        }
    });
    (port, came)
}

#[test]
fn run_that_sends_too_much_is_cut_off_and_what_it_sent_is_shown() {
    const MIB: u64 = 1024 * 1024;
    let mut world = World::new();
    let (port, came) = sink();
    let probe = format!(
        r#"if [ "$ORCH_ROLE" = analyst ]; then
at=${{HTTPS_PROXY#http://}}
(exec 3<>/dev/tcp/${{at%:*}}/${{at#*:}}
 printf 'POST http://localhost:{port}/x HTTP/1.1\r\nhost: x\r\ncontent-length: 8388608\r\n\r\n' >&3
 head -c 8388608 /dev/zero >&3) 2>/dev/null || true
fi
"#
    );
    let agent = AGENT.replacen("prompt=$(cat)\n", &format!("prompt=$(cat)\n{probe}"), 1);
    let agent = agent.replacen("#!/bin/sh", "#!/bin/bash", 1);
    world.write("agent.sh", &agent, 0o755);
    world.config["agents"]["script"]["network"] = json!({
        "mode": "proxied",
        "reach_private": [format!("localhost:{port}")],
        "sent": { "connection_mib": 2 },
    });
    world.write_config();
    let _host = world.serve();
    let item = world.begin("Carries it out");
    let view = world.follow(&item, |view| view["stage"] == "architecture");
    let sent = came.load(Ordering::SeqCst);
    assert!((MIB..=3 * MIB).contains(&sent), "{sent} bytes came");
    let traffic = &view["traffic"][0];
    let (run, shown) = (&view["runs"][0], traffic["sent_bytes"].as_u64().unwrap());
    let to = (&traffic["host"], &traffic["run"], &traffic["count"]);
    assert_eq!(to, (&json!("localhost"), &run["id"], &json!(1)), "{view:#}");
    assert!(
        (sent..=3 * MIB).contains(&shown),
        "{traffic:#}: {sent} came"
    );
    assert_eq!(view["denied"][0]["why"], "too-much", "{view:#}");
    let page = String::from_utf8(world.orch(&["task", "show", &item]).stdout).unwrap();
    assert!(page.contains("Sent over the network"), "{page}");
    assert_eq!(run["held_by"], "namespaces", "{view:#}");
}

#[test]
fn set_up_and_judged_hooks_reach_what_is_listed_and_tell_of_the_rest() {
    let mut world = World::new();
    let port = server();
    // Ends badly if anything is otherwise than it has to be.
    let script = format!(
        r#"#!/bin/bash
set -e
at=${{HTTPS_PROXY#http://}}
ask() {{ exec 3<>/dev/tcp/${{at%:*}}/${{at#*:}} && printf "$1" >&3 && cat <&3; }}
(ask 'GET http://localhost:{port}/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n') | grep -q pong
(ask 'CONNECT evil.test:443 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n') | grep -q not-listed
if (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; then echo "reached the host"; exit 1; fi
test "$(getent ahostsv4 packages.test | head -n 1 | cut -d ' ' -f 1)" = 127.61.128.1
if getent hosts "$1.evil.test"; then echo "a name was found"; exit 1; fi
"#
    );
    world.write("seed/reach.sh", &script, 0o755);
    world.write(
        "seed/.orch.yaml",
        "ci:\n  setup: ./reach.sh setup\n  test: tests/run.sh\n",
        0o644,
    );
    world.push_seed("Set up by the network");
    let shop = &mut world.config["repositories"]["shop"];
    shop["network"] = json!({
        "mode": "proxied",
        "registries": ["cargo"],
        "reach": ["packages.test"],
        "reach_private": [format!("localhost:{port}")],
    });
    shop["require_green_base"] = json!(true);
    shop["staging"]["hook"] = json!("./reach.sh staging");
    shop["deploy"]["hook"] = json!("./reach.sh deploy");
    world.write_config();
    let _host = world.serve();
    let item = world.begin("Fetches");
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
    let denied = view["denied"].as_array().unwrap();
    let hosts: Vec<&str> = denied.iter().map(|d| d["host"].as_str().unwrap()).collect();
    for host in [
        "setup.evil.test",
        "staging.evil.test",
        "deploy.evil.test",
        "evil.test",
    ] {
        assert!(hosts.contains(&host), "{host}: {denied:#?}");
    }
    let database = world.path("data/orch.db");
    let of_base = "SELECT DISTINCT host FROM connections WHERE repo = 'shop' AND task_id IS NULL AND reached = 'allowed'";
    assert_eq!(sql::column(&database, of_base), ["localhost"]);
    let of_hook = "SELECT CAST(count(*) AS TEXT) FROM connections c JOIN runs r ON r.id = c.run_id WHERE r.role = 'deploy-hook' \
                   AND c.reached = 'allowed'";
    assert_eq!(sql::column(&database, of_hook), ["1"]);
}

#[test]
fn run_that_was_allowed_more_than_today_is_ended_when_a_host_takes_it_up() {
    let mut world = World::new();
    let go = world.path("go").display().to_string();
    let wait = format!("prompt=$(cat)\nuntil test -e {go}; do sleep 0.05; done\n");
    let agent = AGENT.replacen("prompt=$(cat)\n", &wait, 1);
    world.write("agent.sh", &agent, 0o755);
    let network = |reach: &[&str]| json!({"mode": "proxied", "reach": reach});
    world.config["agents"]["script"]["network"] = network(&["a.test", "b.test"]);
    world.write_config();
    let host = world.serve();
    let item = world.begin("Outlives its host");
    world.follow(&item, |view| view["runs"].as_array().unwrap().len() == 1);
    drop(host);
    world.config["agents"]["script"]["network"] = network(&["a.test"]);
    world.write_config();
    let _host = world.serve();
    let view = world.follow(&item, |view| view["runs"].as_array().unwrap().len() == 2);
    let runs = view["runs"].as_array().unwrap();
    let first = runs.iter().find(|run| run["outcome"] == "killed");
    assert!(first.is_some(), "{view:#}");
    let why = "SELECT detail FROM runs WHERE id = 1";
    assert_eq!(
        sql::column(&world.path("data/orch.db"), why),
        ["killed(policy)"]
    );
    world.write("go", "", 0o644);
    let view = world.follow(&item, |view| view["stage"] == "architecture");
    assert_eq!(view["rework_rounds"], 0, "{view:#}");
}

#[test]
fn doctor_says_which_listed_names_are_fronts_of_many_sites_and_what_they_take() {
    let mut world = World::new();
    world.config["agents"]["script"]["network"] = json!({
        "mode": "proxied",
        "registries": ["npm"],
        "reach": ["docs.example.org", "d1.cloudfront.net"],
    });
    world.write_config();
    let seen = world.json(&["doctor"]);
    let grants = seen["grants"].as_array().unwrap();
    let opens = |end: &str| {
        let of = grants.iter().find(|grant| {
            let path = grant["path"].as_str().unwrap();
            path.split(':').next().unwrap().ends_with(end)
        });
        of.unwrap_or_else(|| panic!("{end}: {seen:#}"))["opens"].to_string()
    };
    for shared in ["cloudfront.net", "npmjs.org"] {
        let text = opens(shared);
        assert!(
            text.contains("shared front") && text.contains("written to"),
            "{text}"
        );
    }
    assert!(!opens("example.org").contains("shared front"));
}
