//! Whatever an agent writes into its clone, no git of the host runs it, follows it or asks where it says.

use std::fs;
use std::net::TcpListener;

use orch_kit::World;
use orch_kit::world::AGENT;

/// Programs that git starts because a configuration says so, by their keys.
const STARTED_BY_KEY: [&str; 16] = [
    "core.fsmonitor",
    "core.sshCommand",
    "core.gitProxy",
    "core.editor",
    "core.pager",
    "core.askPass",
    "credential.helper",
    "diff.external",
    "diff.x.command",
    "diff.x.textconv",
    "merge.x.driver",
    "filter.x.clean",
    "filter.x.smudge",
    "filter.x.process",
    "gpg.program",
    "uploadpack.packObjectsHook",
];

/// What a developer does who knows git: everything in a clone by which the git of somebody else can be made to run a
/// program, read another repository, or speak with another server.
fn traps(world: &World, port: u16) -> String {
    let planted = world.path("planted").display().to_string();
    let mirror = world.path("data/mirrors/shop.git").display().to_string();
    let keys: Vec<String> = STARTED_BY_KEY
        .iter()
        .map(|key| format!("git config {key} \"touch {planted}\""))
        .collect();
    format!(
        r#"
    {keys}
    git config include.path "$PWD/more.config"; printf '[core]\n\thooksPath = %s/hooks-of-mine\n' "$PWD" > more.config
    git config extensions.worktreeConfig true; printf '[core]\n\tfsmonitor = touch {planted}\n' > .git/config.worktree
    git config core.worktree "$PWD/.."
    git config alias.status '!touch {planted}'; git config alias.ls-files '!touch {planted}'
    git config remote.origin.url 'ext::touch {planted}'; git config remote.origin.vcs x
    git config url.'http://127.0.0.1:{port}/'.insteadOf /
    mkdir -p hooks-of-mine
    for hook in post-checkout post-commit pre-commit post-merge reference-transaction post-index-change pre-receive update fsmonitor-watchman; do
        printf '#!/bin/sh\ntouch {planted}\n' > .git/hooks/$hook; chmod +x .git/hooks/$hook
        cp .git/hooks/$hook hooks-of-mine/$hook
    done
    printf '* filter=x diff=x merge=x\n' > .git/info/attributes
    mkdir -p .git/objects/info; printf '{mirror}/objects\n%s/../elsewhere/objects\n' "$PWD" > .git/objects/info/alternates
    printf 'http://127.0.0.1:{port}/objects\n' > .git/objects/info/http-alternates
    mkdir -p .git/refs/replace; cp .git/HEAD .git/refs/replace/1111111111111111111111111111111111111111 || true
    printf '[submodule "a"]\n\tpath = a\n\turl = ext::touch {planted}\n[submodule "b"]\n\tpath = b\n\turl = file://{mirror}\n[submodule "c"]\n\tpath = c\n\turl = http://127.0.0.1:{port}/c.git\n[submodule "../../x"]\n\tpath = d\r\n\turl = -u./planted\n' > .gitmodules
    printf '[lfs]\n\turl = http://127.0.0.1:{port}/lfs\n' > .lfsconfig
    mkdir -p .git/modules/a/hooks && cp .git/hooks/update .git/modules/a/hooks/post-checkout
"#,
        keys = keys.join("\n    "),
    )
}

#[test]
fn nothing_that_an_agent_writes_for_git_is_run_or_asked_by_the_host() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = world.path("data/mirrors/shop.git/config");
    let mark = "    say \"changing cart.sh\"\n";
    let script = traps(&world, port);
    // They are laid last: what the agent itself still asks of git is not what is judged here.
    let agent = AGENT.replacen(
        mark,
        &format!("{mark}    trap 'cd \"$tree\"; lay' EXIT\n"),
        1,
    );
    let lay = format!("tree=$PWD\nlay() {{ :\n{script}}}\nprompt=$(cat)\n");
    let agent = agent.replacen("prompt=$(cat)\n", &lay, 1);
    assert!(agent.contains("trap 'cd") && agent.contains("lay() {"));
    world.write("agent.sh", &agent, 0o755);
    let _host = world.serve();
    let item = world.begin("Knows git");
    world.follow(&item, |view| {
        view["runs"]
            .as_array()
            .unwrap()
            .iter()
            .any(|run| run["role"] == "developer")
    });
    let before = fs::read_to_string(&config).unwrap();
    // Its change goes the whole way, or waits for a person who looks at what it changed of git's own files.
    let view = world.follow(&item, |view| {
        let runs = view["runs"].as_array().unwrap();
        let developer = runs.iter().find(|run| run["role"] == "developer");
        let has_ended = developer.is_some_and(|run| !run["outcome"].is_null());
        has_ended
            && (view["status"] != "active" || runs.iter().any(|run| run["role"] == "reviewer"))
    });
    let runs = view["runs"].as_array().unwrap();
    let developer = runs.iter().find(|run| run["role"] == "developer").unwrap();
    assert_eq!(developer["outcome"], "completed", "{view:#}");
    assert!(
        !world.path("planted").exists(),
        "a program of the agent's was run outside"
    );
    assert!(
        listener.accept().is_err(),
        "a server of the agent's was asked"
    );
    assert_eq!(fs::read_to_string(&config).unwrap(), before);
    let mirror = world.path("data/mirrors/shop.git");
    assert!(!mirror.join("objects/info/alternates").exists());
    assert!(!mirror.join("modules").exists());
    let branch = view["branch"].as_str().unwrap();
    let listed = world.git("shop.git", &["ls-tree", "-r", "--name-only", branch]);
    assert!(
        listed.contains(".gitmodules"),
        "what it wrote is there to be judged: {listed}"
    );
    assert!(!listed.contains(".git/"), "{listed}");
}

#[test]
fn what_would_hang_the_hosts_git_is_the_runs_fault_and_named() {
    for (leave, named) in [
        ("rm -f .gitignore; mkfifo .gitignore", "special-file"),
        ("truncate -s 8G .gitattributes", "too-big"),
        (
            "mkdir -p n/.git; ln -s /dev/zero n/.git/commondir; mkfifo n/.git/HEAD",
            "n",
        ),
    ] {
        let mut world = World::new();
        world.config["rules"] = serde_json::json!({"infra_failures_max": 9, "backoff_base_ms": 10});
        world.write_config();
        let count = world.path("seen");
        fs::create_dir(&count).unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(&count, open).unwrap();
        world.config["agents"]["script"]["sandbox"] = serde_json::json!({"write": ["seen"]});
        world.write_config();
        let once = format!(
            "    if [ ! -e {0}/left ]; then touch {0}/left; {leave}; fi\n",
            count.display()
        );
        let mark = "    say \"changing cart.sh\"\n";
        let agent = AGENT.replacen(mark, &format!("{mark}{once}"), 1);
        assert_ne!(agent, AGENT);
        world.write("agent.sh", &agent, 0o755);
        let _host = world.serve();
        let item = world.begin("Leaves a trap");
        let view = world.follow(&item, |view| view["stage"] == "review");
        let runs = view["runs"].as_array().unwrap();
        let mut runs: Vec<_> = runs
            .iter()
            .filter(|run| run["role"] == "developer")
            .collect();
        runs.sort_by_key(|run| run["id"].as_i64());
        assert_eq!(runs[0]["outcome"], "tree_refused", "{leave}: {view:#}");
        assert!(
            runs[0]["detail"].to_string().contains(named),
            "{leave}: {view:#}"
        );
        assert_eq!(runs[1]["outcome"], "completed", "{leave}: {view:#}");
    }
}
