//! Tells a program: it is started with each notice on its standard input, and no shell is near.

use std::path::PathBuf;
use std::time::Duration;

use orch_domain::notice::{Notice, Progress};
use orch_domain::port::notifier::Notifier;
use orch_domain::port::{PortAnswer, PortError, PortFailure, Receipt};
use orch_process::{Exit, Spec, run};
use serde_json::Value;

use super::cut::to_bytes;
use super::event;

/// Bytes of a program's complaint that are passed on.
const REASON_BYTES_MAX: usize = 500;

/// What is started.
#[derive(Debug, Clone)]
pub struct CommandNotifierConfig {
    /// What is started: the program, or what keeps the host's own from it.
    pub program: PathBuf,
    /// Its arguments, as they are.
    pub args: Vec<String>,
    /// A variable that it needs beside those of each notice.
    pub variable: Option<(String, String)>,
    /// Where it is started.
    pub folder: PathBuf,
    /// The PATH that it gets; it gets nothing else of the host's environment.
    pub path: String,
    /// Its limit.
    pub timeout: Duration,
}

/// A program as a notifier.
#[derive(Debug)]
pub struct CommandNotifier {
    config: CommandNotifierConfig,
    source: String,
}

impl CommandNotifier {
    /// Starts what `config` says for each notice; `name` is the notifier's own.
    pub fn new(name: &str, config: CommandNotifierConfig) -> Self {
        Self {
            config,
            source: format!("notifier `{name}`"),
        }
    }

    async fn start(&self, event: Value) -> Result<Receipt, PortError> {
        let failed =
            |reason: String| PortError::new(&self.source, PortFailure::Unavailable, reason);
        let config = &self.config;
        let mut spec = Spec::new(&config.program, &config.folder);
        spec.args.clone_from(&config.args);
        spec.timeout = config.timeout;
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let spec = spec
            .env("PATH", &config.path)
            .env("ORCH_EVENT", text("event"))
            .env("ORCH_EVENT_ID", text("id"))
            .env("ORCH_WORK_ITEM", text("work_item"));
        let spec = match &config.variable {
            Some((name, value)) => spec.env(name, value),
            None => spec,
        };
        let spec = Spec {
            stdin: event.to_string().into_bytes(),
            ..spec
        };
        let done = run(&spec).await.map_err(|e| failed(in_full(&e)))?;
        match done.exit {
            Exit::Code(0) => Ok(None),
            exit => Err(failed(format!(
                "it ended with {}: {}",
                exit.code(),
                to_bytes(done.stderr.text().trim(), REASON_BYTES_MAX)
            ))),
        }
    }
}

/// An error with what caused it.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl Notifier for CommandNotifier {
    fn tell<'a>(&'a self, notice: &'a Notice, key: &'a str) -> PortAnswer<'a, Receipt> {
        Box::pin(self.start(event::of_notice(notice, key)))
    }

    fn show<'a>(
        &'a self,
        progress: &'a Progress,
        _before: Option<&'a str>,
        key: &'a str,
    ) -> PortAnswer<'a, Receipt> {
        Box::pin(self.start(event::of_progress(progress, key)))
    }
}
