//! Makes the demo's world: a bare repository with a small program, an agent script, a configuration.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use orch_process::{Spec, resolve_program, run};

/// Where the demo's parts lie.
pub(super) struct Place {
    pub(super) config: PathBuf,
    pub(super) data: PathBuf,
    pub(super) log: PathBuf,
    /// The repository, and where it lies.
    pub(super) repo: String,
    pub(super) bare: PathBuf,
    pub(super) base: String,
    /// What is asked for.
    pub(super) title: &'static str,
    pub(super) body: &'static str,
}

const PROGRAM: &str = include_str!("files/cart.sh");
const TESTS: &str = include_str!("files/run.sh");
const REPO_FILE: &str = include_str!("files/orch-repo.yaml");
const AGENT: &str = include_str!("files/agent.sh");
/// The script that works on somebody's project: it knows no roles.
const NOTE_WRITER: &str = include_str!("files/note.sh");

/// The request of the demo.
pub(super) const TITLE: &str = "Discounts in the shopping cart";
pub(super) const BODY: &str = "Customers with a voucher should pay less.\n\n\
    `cart.sh --discount PERCENT PRICE...` prints the sum of the prices less PERCENT percent, rounded down.\n\
    Without `--discount` everything stays as it is.\n";

pub(super) async fn make(
    folder: &Path,
    gates: &Path,
    crash: bool,
    serve: bool,
) -> anyhow::Result<Place> {
    let seed = folder.join("seed");
    write(&seed.join("cart.sh"), PROGRAM, 0o755)?;
    write(&seed.join("tests/run.sh"), TESTS, 0o755)?;
    write(&seed.join(".orch.yaml"), REPO_FILE, 0o644)?;
    write(
        &seed.join("README.md"),
        "# Cart\n\n`./cart.sh PRICE...` prints the sum.\n",
        0o644,
    )?;
    let agent = folder.join("agent.sh");
    write(&agent, AGENT, 0o755)?;
    let bare = folder.join("shop.git");
    let git = resolve_program(Path::new("git"), &std::env::var("PATH").unwrap_or_default())?;
    let commands: [&[&str]; 4] = [
        &["init", "--quiet", "--initial-branch=main"],
        &["add", "--all"],
        &[
            "-c",
            "user.name=Demo",
            "-c",
            "user.email=demo@orch.invalid",
            "commit",
            "--quiet",
            "-m",
            "A cart",
        ],
        &["clone", "--quiet", "--bare", ".", "../shop.git"],
    ];
    for args in commands {
        let mut spec = Spec::new(&git, &seed)
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .env("HOME", folder.display().to_string())
            .env("GIT_CONFIG_NOSYSTEM", "1");
        spec.args = args.iter().map(|a| (*a).to_owned()).collect();
        let done = run(&spec).await?;
        anyhow::ensure!(
            done.success(),
            "`git {}` failed: {}",
            args.join(" "),
            done.tail(500)
        );
    }
    let config = folder.join("orch.yaml");
    let mut text = configuration(&bare, gates, &agent, folder, crash);
    if serve {
        text["http"] = pages();
    }
    write(&config, &text.to_string(), 0o644)?;
    Ok(Place {
        config,
        data: folder.join("data"),
        log: folder.join("host.log"),
        repo: "shop".to_owned(),
        bare,
        base: "main".to_owned(),
        title: TITLE,
        body: BODY,
    })
}

/// Sets a host up for a project of somebody's, with a script that adds a line to it.
pub(super) async fn of_project(folder: &Path, project: &str, serve: bool) -> anyhow::Result<Place> {
    let agent = folder.join("agent.sh");
    write(&agent, NOTE_WRITER, 0o755)?;
    let project = match std::path::absolute(project) {
        Ok(path) if path.exists() => path.display().to_string(),
        Ok(_) | Err(_) => project.to_owned(),
    };
    // Into a clone of its own, so that a demo changes nothing of anybody's.
    let clone = folder.join("clone.git");
    let options = |project: String, dir: PathBuf| crate::cli::Init {
        project,
        dir: Some(dir),
        name: None,
        base: None,
        agent: vec![format!("command:{}", agent.display())],
        preset: None,
        setup: None,
        test: None,
        commit: true,
        no_check: true,
    };
    crate::init::clone_bare(&project, &clone).await?;
    let own = crate::init::source::Source::find(&project)
        .await?
        .name(None)?;
    let mut wanted = options(clone.display().to_string(), folder.to_owned());
    wanted.name = Some(own);
    let made = crate::init::set_up(wanted, Path::new("orch.yaml")).await?;
    if serve {
        let config = Path::new(&made.config);
        let text = std::fs::read_to_string(config)?;
        write(config, &format!("{text}\nhttp: {}\n", pages()), 0o644)?;
    }
    Ok(Place {
        config: made.config.into(),
        data: folder.join("orch-data"),
        log: folder.join("host.log"),
        repo: made.repository,
        bare: made.path.into(),
        base: made.base,
        title: "Add a note",
        body: "Add a line to NOTES.md.\n",
    })
}

/// Pages on a port that is free.
fn pages() -> serde_json::Value {
    serde_json::json!({"listen": "127.0.0.1:0"})
}

fn configuration(
    bare: &Path,
    gates: &Path,
    agent: &Path,
    folder: &Path,
    crash: bool,
) -> serde_json::Value {
    // Long enough to be killed in the middle of; otherwise the script only does its work.
    let pause = if crash { 4 } else { 0 };
    serde_json::json!({
        "data": "data",
        "gates_dir": gates,
        "agents": {"script": {"driver": "command", "program": agent, "env": {"DEMO_PAUSE_S": pause.to_string()}}},
        "roles": {"default": {"agent": "script", "limits": {"timeout_s": 120}}},
        "repositories": {"shop": {
            "path": bare,
            "prefix": "SHOP",
            "staging": {
                "hook": format!("mkdir -p {0}/staging && cp cart.sh {0}/staging/ && echo $EXPECTED_REVISION > {0}/staging/REVISION", folder.display()),
                "suite": [
                    {"name": "revision", "run": format!("test \"$(cat {}/staging/REVISION)\" = \"$EXPECTED_REVISION\"", folder.display())},
                    {"name": "discount", "run": format!("test \"$({}/staging/cart.sh --discount 10 100)\" = 90", folder.display())},
                ],
            },
            "deploy": {
                "hook": format!("mkdir -p {0}/production && cp cart.sh {0}/production/ && echo \"deployed $EXPECTED_REVISION\"", folder.display()),
            },
        }},
    })
}

fn write(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let parent = path.parent().context("a file has a folder")?;
    std::fs::create_dir_all(parent).with_context(|| format!("`{}`", parent.display()))?;
    std::fs::write(path, text).with_context(|| format!("`{}`", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(())
}
