//! Drives the demo: starts the host as a process of its own, begins the task, approves as a person would,
//! and, if asked to, kills the host in the middle.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use orch_domain::stage::{Role, RunRole, Stage};
use orch_engine::Paths;
use orch_views::message::Nothing;
use orch_views::session;
use orch_views::task::{self, ApproveRequest, NewRequest, TaskStatus, TaskView};
use tokio::signal::unix::{SignalKind, signal};

use super::setup::Place;
use crate::cli::Demo;
use crate::client::Host;
use crate::show::plain;

/// Longest demo.
const TIME_MAX: Duration = Duration::from_secs(1800);
/// How often the task is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Stages of the progress bar.
const STAGES: [Stage; 8] = [
    Stage::Analysis,
    Stage::Architecture,
    Stage::Development,
    Stage::Review,
    Stage::Testing,
    Stage::DeployStaging,
    Stage::Deploy,
    Stage::Done,
];

/// The host's process; killed when dropped, so that a failed demo leaves none behind.
pub(super) struct Process(Child);

impl Process {
    /// Stays until somebody ends it, with a task that waits for a person.
    pub(super) async fn stay(mut self, place: &Place) -> anyhow::Result<()> {
        let host = answering(place, &mut self).await?;
        let item = begin(&host, place).await?;
        let link = host.ask(&session::NEW_LINK, [], &Nothing {}).await?;
        eprintln!(
            "\nThe host stays, and {item} will wait there for you. This logs you in, once:\n\n  {}\n\n\
             `orch --config {} open` prints another one. Ctrl-C ends it.",
            plain::line(&link.url),
            place.config.display(),
        );
        let mut ends = signal(SignalKind::terminate())?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed.context("waiting for Ctrl-C"),
            _ = ends.recv() => Ok(()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn start(place: &Place) -> anyhow::Result<Process> {
    let orch = crate::setup::this_program()?;
    let log = File::options().create(true).append(true).open(&place.log)?;
    let child = Command::new(orch)
        .args(["serve", "--config"])
        .arg(&place.config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("the host cannot be started")?;
    Ok(Process(child))
}

async fn answering(place: &Place, process: &mut Process) -> anyhow::Result<Host> {
    let socket = Paths::below(&place.data).socket();
    let begun = Instant::now();
    loop {
        if let Some(host) = Host::at(&socket).await {
            return Ok(host);
        }
        if let Some(status) = process.0.try_wait()? {
            let log = std::fs::read_to_string(&place.log).unwrap_or_default();
            bail!("the host ended at once ({status}):\n{log}");
        }
        if begun.elapsed() > Duration::from_secs(180) {
            bail!("the host does not answer; see {}", place.log.display());
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

pub(super) async fn carry_through(
    place: &Place,
    options: &Demo,
    loud: bool,
    interactive: bool,
) -> anyhow::Result<(TaskView, Process)> {
    let mut process = start(place)?;
    let mut host = answering(place, &mut process).await?;
    let item = begin(&host, place).await?;
    let progress = Progress::new(loud, interactive);
    progress.say(&format!("{item}: {}", place.title));
    if options.serve {
        let link = host.ask(&session::NEW_LINK, [], &Nothing {}).await?;
        progress.say(&format!("watch it at {}", plain::line(&link.url)));
    }
    let started = Instant::now();
    let mut crashed = !options.crash;
    let mut person = Person::default();
    loop {
        let view = host.ask(&task::SHOW, [&item], &Nothing {}).await?;
        progress.show(&view);
        match view.line.status {
            TaskStatus::Ended => {
                progress.finish();
                return Ok((view, process));
            }
            TaskStatus::Blocked | TaskStatus::NeedsInput => {
                bail!("the task stands still: {}", view.why)
            }
            TaskStatus::AwaitingApproval => {
                person.approve("deploy", &host, &item, &progress).await?;
            }
            TaskStatus::Waiting if view.line.step == "analysis-approved" => {
                person.approve("analysis", &host, &item, &progress).await?;
            }
            TaskStatus::Active | TaskStatus::Waiting | TaskStatus::Stopping => {}
        }
        if !crashed && view.line.stage == Stage::Development && developer_at_work(&view) {
            progress
                .say("the host is killed in the middle of the developer's run, and started again");
            drop(process);
            process = start(place)?;
            host = answering(place, &mut process).await?;
            crashed = true;
        }
        if started.elapsed() > TIME_MAX {
            bail!("the demo takes too long: {}", view.why);
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn begin(host: &Host, place: &Place) -> anyhow::Result<String> {
    let request = NewRequest {
        repo: place.repo.clone(),
        title: place.title.to_owned(),
        body: place.body.to_owned(),
        id: None,
        after: Vec::new(),
        priority: None,
    };
    Ok(host.ask(&task::NEW, [], &request).await?.work_item)
}

/// The person of the demo, who says each thing once: a page that was read before the host had acted on an
/// approval shows the task as still waiting for it.
#[derive(Default)]
struct Person {
    approved: Vec<&'static str>,
}

impl Person {
    async fn approve(
        &mut self,
        what: &'static str,
        host: &Host,
        item: &str,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        if self.approved.contains(&what) {
            return Ok(());
        }
        progress.say(&format!("a person approves the {what}"));
        let seen = ApproveRequest::default();
        host.ask(&task::APPROVE, [item], &seen).await?;
        self.approved.push(what);
        Ok(())
    }
}

/// Whether the developer's script has begun: its first output is in the run folder.
fn developer_at_work(view: &TaskView) -> bool {
    view.runs.iter().any(|run| {
        let output = format!("{}/stdout.raw", run.folder);
        run.role == RunRole::Role(Role::Developer)
            && run.outcome.is_none()
            && std::fs::metadata(output).is_ok_and(|m| m.len() > 0)
    })
}

/// Shows where the task is: a bar on a terminal, a line for each change elsewhere.
struct Progress {
    bar: Option<ProgressBar>,
    loud: bool,
    last: std::cell::RefCell<String>,
    begun: Instant,
}

impl Progress {
    fn new(loud: bool, interactive: bool) -> Self {
        let bar = (loud && interactive).then(|| {
            let bar = ProgressBar::new(STAGES.len() as u64 - 1);
            let style = ProgressStyle::with_template("{elapsed:>4} [{bar:28}] {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self {
            bar,
            loud,
            last: std::cell::RefCell::default(),
            begun: Instant::now(),
        }
    }

    fn say(&self, line: &str) {
        if !self.loud {
            return;
        }
        let line = format!("{:>6.1} s  {line}", self.begun.elapsed().as_secs_f64());
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    fn show(&self, view: &TaskView) {
        let (stage, step) = (view.line.stage, &view.line.step);
        let message = plain::line(&format!("{stage} · {step} ({})", view.line.status.as_str()));
        if let Some(bar) = &self.bar {
            bar.set_position(STAGES.iter().position(|s| *s == stage).unwrap_or(0) as u64);
            bar.set_message(message.clone());
        }
        if *self.last.borrow() != message {
            if self.bar.is_none() {
                self.say(&message);
            }
            self.last.replace(message);
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
