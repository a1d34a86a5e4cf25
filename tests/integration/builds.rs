//! Real package managers and a browser do their work in an agent's cage, by the network that was listed for it. What the
//! machine has not is not tried.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use orch_kit::World;
use orch_kit::browser::{chromium, modules};
use orch_kit::world::{AGENT, root};
use serde_json::json;

/// Registries on the host's loopback.
struct Registries {
    server: Child,
    port: String,
}

impl Registries {
    fn below(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        // As the machine's own Maven asked for it.
        let kept = root().join(".tools/maven");
        if kept.is_dir() {
            std::os::unix::fs::symlink(kept, folder.join("maven")).unwrap();
        }
        let mut server = Command::new("python3")
            .arg(root().join("tests/integration/builds/registry.py"))
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let said = server.stdout.take().unwrap();
        BufReader::new(said).read_line(&mut port).unwrap();
        let port = port.trim().to_owned();
        Self { server, port }
    }
}

impl Drop for Registries {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[test]
fn package_managers_and_a_browser_work_in_the_cage_by_what_is_listed() {
    let mut world = World::new();
    let registries = Registries::below(&world.path("registries"));
    let npm = root().join(".tools/npm/node_modules");
    let pnpm = npm.join("pnpm/bin/pnpm.cjs");
    let mut tools = vec!["pip", "npm", "cargo", "browser"];
    tools.extend(pnpm.is_file().then_some("pnpm"));
    tools.extend(has("uv").then_some("uv"));
    tools.extend((has("mvn") && root().join(".tools/maven").is_dir()).then_some("maven"));
    let seen = world.path("seen");
    let files = root().join("tests/integration/builds");
    let shown = |path: &PathBuf| path.display().to_string();
    let work = format!(
        "if [ \"$ORCH_ROLE\" = analyst ]; then\n\
         REGISTRY=http://localhost:{} FILES={} SEEN={} PNPM={} CHROMIUM={} DRIVER={} TOOLS='{}' {}/work.sh\nfi\n",
        registries.port,
        shown(&files),
        shown(&seen),
        shown(&pnpm),
        shown(&chromium()),
        shown(&modules()),
        tools.join(" "),
        shown(&files),
    );
    let agent = AGENT.replacen("prompt=$(cat)\n", &format!("prompt=$(cat)\n{work}"), 1);
    world.write("agent.sh", &agent, 0o755);
    let agent = &mut world.config["agents"]["script"];
    agent["network"] = json!({
        "mode": "proxied", "reach_private": [format!("localhost:{}", registries.port)],
    });
    agent["sandbox"]["read"] = json!([files, npm, modules()]);
    world.write_config();
    let _host = world.serve();
    let item = world.begin("Builds with everything");
    let view = world.follow(&item, |view| view["stage"] == "architecture");
    let passed = std::fs::read_to_string(&seen).unwrap_or_default();
    let mut passed: Vec<&str> = passed.lines().collect();
    passed.sort_unstable();
    tools.sort_unstable();
    let said = |tool: &&str| {
        let path = format!("{}.{tool}", seen.display());
        std::fs::read_to_string(path).unwrap_or_default()
    };
    let missing = tools.iter().filter(|tool| !passed.contains(tool));
    let missing: Vec<String> = missing.map(said).collect();
    assert_eq!(passed, tools, "{}\n{view:#}", missing.join("\n"));
}
