//! Carries out a command line: one file for each noun.

mod author;
mod config;
pub(crate) mod doctor;
mod drill;
mod forge;
mod gate;
mod gate_run;
mod log;
mod migrate;
mod project;
mod replay;
mod repo;
mod task;
mod token;
mod tracker;
mod webhook;

use std::path::Path;

use orch_views::alert::{self, AcknowledgeRequest};
use orch_views::costs::{self, CostsRequest};
use orch_views::disk::{self, GcRequest};
use orch_views::inbox;
use orch_views::issue::{self, MoveRequest};
use orch_views::lease::{self, ReleaseRequest};
use orch_views::message::Nothing;
use orch_views::pause::{self, PauseRequest, UnpauseRequest};
use orch_views::status::{self, StatusRequest};
use orch_views::{job, queue};

use crate::cli::args::Part;
use crate::cli::gate::Gate;
use crate::cli::{Alerts, Ci, Cli, Command, Issue, Lease, Status};
use crate::client::{Host, Unborn, load_config};
use crate::exit::USAGE;
use crate::show::print;
use crate::{backup, demo, init, mcp, serve, show, watch};

pub(crate) async fn run(cli: Cli) -> anyhow::Result<u8> {
    let (json, file) = (cli.json, cli.config.as_path());
    match cli.command {
        Command::Serve => return serve::serve(file).await,
        Command::Init(options) => return init::run(options, file, json).await,
        Command::Demo(options) => return demo::run(options, json).await,
        Command::Gate(gate) => return run_gate(file, gate, json).await,
        Command::Drill(asked) => return drill::run(file, asked, json).await,
        Command::Doctor { repo } => return doctor::run(file, repo.as_deref(), json).await,
        // `main` has carried these out.
        Command::Supervise { .. } | Command::CompileGate { .. } | Command::SandboxExec { .. } => {
            return Ok(USAGE);
        }
        Command::Task(verb) => task::run(file, verb, json).await?,
        Command::Repo(verb) => return repo::run(file, verb, json).await,
        Command::Ci(Ci::Rerun { id }) => {
            let host = Host::find(file).await?;
            let done = host
                .ask(&orch_views::task::RERUN_CI, [&id], &Nothing {})
                .await?;
            print(json, &done, show::message::done)?;
        }
        Command::Config(verb) => return config::run(file, verb, json).await,
        Command::Forge(verb) => forge::run(file, verb, json).await?,
        Command::Project(verb) => project::run(file, verb, json).await?,
        Command::Webhook(verb) => return webhook::run(file, verb, json).await,
        Command::Tracker(verb) => tracker::run(file, verb, json).await?,
        Command::MigrateEnv { env, secrets } => migrate::run(file, &env, &secrets, json)?,
        Command::Inbox(part) => {
            let host = Host::find(file).await?;
            let inbox = host.ask(&inbox::INBOX, [], &part.page()).await?;
            print(json, &inbox, show::inbox::list)?;
        }
        Command::Queue(part) => show_queue(&Host::find(file).await?, part, json).await?,
        Command::Alerts { all, part, verb } => {
            let host = Host::find(file).await?;
            match verb {
                None => {
                    let alerts = host.ask(&alert::LIST, [], &part.list(all)).await?;
                    print(json, &alerts, show::alert::list)?;
                }
                Some(Alerts::Ack { ids }) => {
                    let request = AcknowledgeRequest { ids };
                    let done = host.ask(&alert::ACKNOWLEDGE, [], &request).await?;
                    print(json, &done, show::message::message)?;
                }
            }
        }
        Command::Lease(verb) => run_lease(&Host::find(file).await?, verb, json).await?,
        Command::Status(Status::Set {
            of,
            context,
            state,
            description,
            url,
            repo,
        }) => {
            let request = StatusRequest {
                of,
                repo,
                context,
                state,
                description,
                url,
            };
            let host = Host::find(file).await?;
            let done = host.ask(&status::SET, [], &request).await?;
            print(json, &done, show::message::message)?;
        }
        Command::Token(verb) => {
            // A host's first token is made before it has run.
            let host = Host::find_or(file, Unborn::Make).await?;
            token::run(&host, verb, json).await?;
        }
        Command::Whoami => token::whoami(&Host::find(file).await?, json).await?,
        Command::Open => token::open(&Host::find(file).await?, json).await?,
        Command::Issue(verb) => run_issue(&Host::find(file).await?, verb, json).await?,
        Command::Pause {
            scope,
            period,
            reason,
        } => {
            let request = PauseRequest {
                scope,
                period,
                reason,
            };
            let host = Host::find(file).await?;
            let done = host.ask(&pause::PAUSE, [], &request).await?;
            print(json, &done, show::message::message)?;
        }
        Command::Unpause { scope, reason } => {
            let request = UnpauseRequest { scope, reason };
            let host = Host::find(file).await?;
            let done = host.ask(&pause::UNPAUSE, [], &request).await?;
            print(json, &done, show::message::message)?;
        }
        Command::Costs {
            by,
            days,
            task,
            part,
        } => {
            let request = CostsRequest {
                by,
                days,
                task,
                limit: part.limit,
                after: part.after,
            };
            let host = Host::find(file).await?;
            let costs = host.ask(&costs::COSTS, [], &request).await?;
            print(json, &costs, show::costs::costs)?;
        }
        Command::Backup { folder } => {
            let made = backup::make(&load_config(file)?, file, &folder).await?;
            print(json, &made, show::backup::made)?;
        }
        Command::Restore { folder } => {
            let restored = backup::restore(&load_config(file)?, &folder).await?;
            print(json, &restored, show::backup::restored)?;
        }
        Command::Watch => watch::run(Host::find(file).await?).await?,
        Command::Mcp { task } => mcp::serve(Host::find(file).await?, task).await?,
        Command::Gc { dry_run } => {
            let host = Host::find(file).await?;
            let report = host.ask(&disk::GC, [], &GcRequest { dry_run }).await?;
            print(json, &report, show::disk::gc)?;
        }
    }
    Ok(0)
}

async fn run_gate(file: &Path, verb: Gate, json: bool) -> anyhow::Result<u8> {
    match verb {
        Gate::List(part) => gate::list(&Host::find(file).await?, part, json).await?,
        Gate::Stats(part) => gate::stats(&Host::find(file).await?, part, json).await?,
        Gate::Order(order) => gate::order(&Host::find(file).await?, order, json).await?,
        Gate::Inspect { file } => gate::inspect(&file, json).await?,
        Gate::Author(verb) => return author::run(verb, json).await,
        Gate::Run(run) => return gate_run::run(file, run, json).await,
        Gate::Replay { evaluation, gate } => {
            return replay::one(&Host::find(file).await?, evaluation, gate, json).await;
        }
        Gate::Backtest {
            file: candidate,
            last,
            gate,
        } => {
            let host = Host::find(file).await?;
            return replay::many(&host, &candidate, gate, last, json).await;
        }
    }
    Ok(0)
}

/// People see what comes next; programs read each mechanism's block.
async fn show_queue(host: &Host, part: Part, json: bool) -> anyhow::Result<()> {
    if json {
        let view = host.ask(&queue::QUEUE, [], &Nothing {}).await?;
        return print(json, &view, |_| String::new());
    }
    let view = host.ask(&job::LIST, [], &part.page()).await?;
    print(json, &view, show::queue::jobs)
}

async fn run_lease(host: &Host, verb: Lease, json: bool) -> anyhow::Result<()> {
    match verb {
        Lease::List(part) => {
            let leases = host.ask(&lease::LIST, [], &part.page()).await?;
            print(json, &leases, show::lease::list)
        }
        Lease::Release { resource } => {
            let request = ReleaseRequest { resource };
            let done = host.ask(&lease::RELEASE, [], &request).await?;
            print(json, &done, show::message::message)
        }
    }
}

async fn run_issue(host: &Host, verb: Issue, json: bool) -> anyhow::Result<()> {
    match verb {
        Issue::List { all, part } => {
            let issues = host.ask(&issue::LIST, [], &part.list(all)).await?;
            print(json, &issues, show::issue::list)
        }
        Issue::Move { id, state } => {
            let request = MoveRequest { state };
            let done = host.ask(&issue::MOVE, [&id], &request).await?;
            print(json, &done, show::message::message)
        }
    }
}
