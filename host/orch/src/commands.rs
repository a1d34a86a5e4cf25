//! Carries out a command line.

mod author;
mod replay;

use anyhow::Context;
use orch_author::report::Format;
use orch_engine::{AssumedRole, OfflineRequest, OfflineRights, judge_offline};
use orch_gates::{CONTRACT, GateRuntime, Limits, RuntimeConfig};
use serde_json::{Value, json};

use crate::cli::{Cli, Command, Config, Gate, GateRun, Issue, Lease, Order, Task};
use crate::client::{Host, load_config};
use crate::{demo, serve, show};

/// Exit code for a command line that makes no sense.
const USAGE: u8 = 64;

pub(crate) async fn run(cli: Cli) -> anyhow::Result<u8> {
    let json = cli.json;
    match cli.command {
        Command::Serve => serve::serve(&cli.config).await,
        Command::Task(task) => run_task(Host::find(&cli.config).await?, task, json).await,
        Command::Queue => {
            let queue = Host::find(&cli.config).await?.get("/queue").await?;
            print(json, &queue, show::queue);
            Ok(0)
        }
        Command::Pause {
            scope,
            period,
            reason,
            who,
        } => {
            let body = json!({"scope": scope, "for": period, "reason": reason, "by": who.by});
            let host = Host::find(&cli.config).await?;
            print(json, &host.post("/pauses", &body).await?, show::plain);
            Ok(0)
        }
        Command::Unpause { scope, who } => {
            let body = json!({"scope": scope, "by": who.by});
            let host = Host::find(&cli.config).await?;
            let done = host.post("/pauses/release", &body).await?;
            print(json, &done, show::plain);
            Ok(0)
        }
        Command::Lease(Lease::List) => {
            let leases = Host::find(&cli.config).await?.get("/leases").await?;
            print(json, &leases, show::leases);
            Ok(0)
        }
        Command::Lease(Lease::Release { resource }) => {
            let body = json!({"resource": resource});
            let host = Host::find(&cli.config).await?;
            print(
                json,
                &host.post("/leases/release", &body).await?,
                show::plain,
            );
            Ok(0)
        }
        Command::Costs { by, days, task } => {
            let host = Host::find(&cli.config).await?;
            let of = task.map_or_else(String::new, |item| format!("&task={item}"));
            let costs = host.get(&format!("/costs?by={by}&days={days}{of}")).await?;
            print(json, &costs, show::costs);
            Ok(0)
        }
        Command::Issue(Issue::List { all }) => {
            let host = Host::find(&cli.config).await?;
            let issues = host.get(&format!("/issues?all={all}")).await?;
            print(json, &issues, show::issues);
            Ok(0)
        }
        Command::Issue(Issue::Move { id, state, who }) => {
            let body = json!({"state": state, "by": who.by});
            let host = Host::find(&cli.config).await?;
            let done = host.post(&format!("/issues/{id}/move"), &body).await?;
            print(json, &done, show::plain);
            Ok(0)
        }
        Command::Gc { dry_run } => {
            let host = Host::find(&cli.config).await?;
            let report = host.post("/gc", &json!({"dry_run": dry_run})).await?;
            print(json, &report, show::disk::gc);
            Ok(0)
        }
        Command::Gate(Gate::List) => {
            let gates = Host::find(&cli.config).await?.get("/gates").await?;
            print(json, &gates, show::gates);
            Ok(0)
        }
        Command::Gate(Gate::Order(order)) => {
            order_gate(Host::find(&cli.config).await?, order, json).await
        }
        Command::Gate(Gate::Author(verb)) => author::run(verb, json).await,
        Command::Gate(Gate::Replay { evaluation, gate }) => {
            replay::one(&Host::find(&cli.config).await?, evaluation, gate, json).await
        }
        Command::Gate(Gate::Backtest { file, last, gate }) => {
            replay::many(&Host::find(&cli.config).await?, &file, gate, last, json).await
        }
        Command::Gate(Gate::Inspect { file }) => inspect(&file, json).await,
        Command::Gate(Gate::Run(run)) => run_gate(&cli.config, run, json).await,
        Command::Config(config) => run_config(&cli.config, config, json).await,
        Command::Demo(options) => demo::run(options, json).await,
        Command::Doctor => doctor(json).await,
        Command::Supervise { .. } | Command::CompileGate { .. } | Command::SandboxExec { .. } => {
            Ok(USAGE)
        }
    }
}

pub(crate) fn print(json: bool, value: &Value, text: impl FnOnce(&Value) -> String) {
    if json {
        println!("{value:#}");
    } else {
        println!("{}", text(value).trim_end());
    }
}

async fn run_task(host: Host, task: Task, json: bool) -> anyhow::Result<u8> {
    let decision = |by: String| json!({"by": by});
    let path = |id: &str, verb: &str| format!("/tasks/{id}/{verb}");
    match task {
        Task::New {
            repo,
            title,
            body,
            body_file,
            after,
            priority,
            id,
            who,
        } => {
            let body = match body_file {
                Some(file) => std::fs::read_to_string(&file)
                    .with_context(|| format!("request file `{}` cannot be read", file.display()))?,
                None => body,
            };
            let request = json!({"repo": repo, "title": title, "body": body, "id": id, "author": who.by, "after": after, "priority": priority});
            print(json, &host.post("/tasks", &request).await?, show::done);
        }
        Task::List { all } => print(
            json,
            &host.get(&format!("/tasks?all={all}")).await?,
            show::tasks,
        ),
        Task::Show { id } => print(json, &host.get(&format!("/tasks/{id}")).await?, show::task),
        Task::Why { id } => print(json, &host.get(&path(&id, "why")).await?, show::plain),
        Task::Approve { id, who } => {
            print(
                json,
                &host.post(&path(&id, "approve"), &decision(who.by)).await?,
                show::done,
            );
        }
        Task::Reject { id, comment, who } => {
            let body = json!({"by": who.by, "comment": comment});
            print(
                json,
                &host.post(&path(&id, "reject"), &body).await?,
                show::done,
            );
        }
        Task::Resume {
            id,
            stage,
            rounds,
            who,
        } => {
            let body = json!({"by": who.by, "stage": stage, "rounds": rounds});
            print(
                json,
                &host.post(&path(&id, "resume"), &body).await?,
                show::done,
            );
        }
        Task::Priority { id, priority, who } => {
            let body = json!({"by": who.by, "priority": priority});
            let done = host.post(&path(&id, "priority"), &body).await?;
            print(json, &done, show::done);
        }
        Task::Stop { id, who } => print(
            json,
            &host.post(&path(&id, "stop"), &decision(who.by)).await?,
            show::done,
        ),
    }
    Ok(0)
}

/// Tries the confinement; exit code 1 if something did not hold.
async fn doctor(json: bool) -> anyhow::Result<u8> {
    let orch = std::env::current_exe().context("this program's own path")?;
    let scratch = tempfile::tempdir().context("a folder for the trial")?;
    let kernel = orch_process::sandbox::kernel();
    let checks = orch_process::sandbox::canary(&orch, scratch.path())
        .await
        .context("the trial cannot be made")?;
    let all = checks.iter().all(|check| check.held);
    let view = json!({"landlock": kernel.landlock, "sandbox": checks, "held": all});
    print(json, &view, show::doctor);
    Ok(u8::from(!all))
}

async fn order_gate(host: Host, order: Order, json: bool) -> anyhow::Result<u8> {
    let (path, body) = match order {
        Order::Enable {
            name,
            stage,
            repo,
            mode,
            settings,
        } => {
            let settings: Value =
                serde_json::from_str(&settings).context("`--settings` is no JSON")?;
            let body = json!({"gate": name, "stage": stage, "repo": repo, "mode": mode, "settings": settings});
            ("/gates/enable".to_owned(), body)
        }
        Order::Rollback { name, digest } => {
            (format!("/gates/{name}/rollback"), json!({"digest": digest}))
        }
        Order::Release { name } => (format!("/gates/{name}/release"), json!({})),
        Order::Lock => ("/gates/lock".to_owned(), json!({})),
    };
    let done = host.post(&path, &body).await?;
    print(json, &done, |value| {
        value["message"].as_str().unwrap_or_default().to_owned()
    });
    Ok(0)
}

async fn inspect(file: &std::path::Path, json: bool) -> anyhow::Result<u8> {
    let runtime = GateRuntime::new(RuntimeConfig::default())?;
    let gate = runtime
        .load_file(file)
        .await
        .with_context(|| format!("gate file `{}` cannot be loaded", file.display()))?;
    let limits = Limits::default();
    let about = &gate.descriptor;
    let view = json!({
        "file": file.display().to_string(),
        "name": about.name,
        "version": about.version,
        "summary": about.summary,
        "contract": CONTRACT,
        "digest": gate.digest,
        "size": gate.size,
        "status_key": about.status_key,
        "artefact": about.artefact,
        "imports": gate.imports.iter().map(|i| json!({"name": i.as_str(), "allows": i.in_words()})).collect::<Vec<_>>(),
        "limits": {"memory_bytes": limits.memory_bytes, "cpu_ms": limits.cpu_ms, "wall_ms": limits.wall_ms,
                   "host_calls": limits.host_calls, "read_bytes": limits.read_bytes, "findings": limits.findings},
        "settings_schema": serde_json::from_str::<Value>(&about.settings_schema).unwrap_or(Value::Null),
    });
    print(json, &view, show::inspection);
    Ok(0)
}

async fn run_gate(config: &std::path::Path, run: GateRun, json: bool) -> anyhow::Result<u8> {
    let mut assumed = Vec::new();
    for text in &run.assume_role {
        let Some((file, role)) = text.split_once('=') else {
            eprintln!("error: --assume-role takes FILE=ROLE, not `{text}`");
            return Ok(USAGE);
        };
        assumed.push(AssumedRole {
            file: file.to_owned(),
            role: role.to_owned(),
        });
    }
    let format = match Format::parse(&run.format) {
        Some(_) if json => Format::Json,
        Some(format) => format,
        None => {
            eprintln!("error: {}", author::unknown_format(&run.format));
            return Ok(USAGE);
        }
    };
    let scratch = tempfile::tempdir().context("a scratch folder")?;
    let rights = if run.tools {
        Some(OfflineRights {
            // Without a file the defaults apply: the host's own gates have their own grants.
            config: if config.exists() {
                load_config(config)?
            } else {
                orch_config::HostConfig::default()
            },
            orch: std::env::current_exe().context("this program's own path")?,
            folder: scratch.path().to_owned(),
        })
    } else {
        None
    };
    let request = OfflineRequest {
        gate: run.file,
        repo: run.repo,
        work_item: run.work_item,
        branch: run.branch,
        base: run.base,
        stage: run.stage,
        settings: run.settings,
        assumed,
        strict: run.strict,
        rights,
    };
    let judged = match judge_offline(&request).await {
        Ok(judged) => judged,
        Err(error) => {
            eprintln!("error: {}", show::chain(&error));
            return Ok(USAGE);
        }
    };
    match format {
        Format::Json => println!("{:#}", serde_json::to_value(&judged)?),
        Format::Junit | Format::Sarif => print!("{}", author::judgement(&judged, format)?),
        Format::Text => {
            print!("{}", judged.artefact);
            let reason = judged
                .reason
                .as_deref()
                .map(|r| format!(" ({r})"))
                .unwrap_or_default();
            eprintln!("{}{reason}: {}", judged.decision, judged.summary);
            eprintln!("provenance not checked: without a host, authors are assumed");
        }
    }
    Ok(u8::try_from(judged.exit_code).unwrap_or(2))
}

async fn run_config(path: &std::path::Path, config: Config, json: bool) -> anyhow::Result<u8> {
    match config {
        Config::Show { sources } => {
            let loaded = load_config(path)?;
            let mut view = serde_json::to_value(&loaded)?;
            if sources {
                view["sources"] = serde_json::to_value(&loaded.sources)?;
            }
            if json {
                println!("{view:#}")
            } else {
                print!("{}", serde_yaml::to_string(&view)?)
            }
        }
        Config::Check => {
            let loaded = load_config(path)?;
            let orch = std::env::current_exe()?;
            let socket = orch_engine::Paths::below(loaded.data_dir()).socket();
            if Host::at(&socket).await.is_some() {
                println!(
                    "orch.yaml is valid; the host is running, so repositories are not looked at"
                );
                return Ok(0);
            }
            let engine = orch_engine::Engine::open(orch_engine::Setup {
                config: loaded,
                orch,
            })
            .await?;
            let lines = engine.check_configuration().await?;
            print(json, &json!(lines), |_| {
                format!("the configuration can be used\n{}", lines.join("\n"))
            });
        }
    }
    Ok(0)
}
