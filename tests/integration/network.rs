//! What a run with a proxy reaches of the network, and what is told of the rest.

use std::io::{Read, Write};
use std::net::TcpListener;

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
