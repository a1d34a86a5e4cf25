//! Asks the host: over its socket if it runs, else by opening the store oneself.

use std::path::Path;

use anyhow::{Context, bail};
use orch_config::HostConfig;
use orch_engine::{Engine, Paths, Setup};
use serde_json::Value;

/// The host, running or not.
pub(crate) enum Host {
    Running(reqwest::Client),
    /// Boxed: an engine is large beside a client.
    Stopped(Box<Engine>),
}

pub(crate) fn load_config(path: &Path) -> anyhow::Result<HostConfig> {
    Ok(HostConfig::load(path, |name| std::env::var(name).ok())?)
}

impl Host {
    /// Finds the host of this configuration.
    pub(crate) async fn find(config: &Path) -> anyhow::Result<Self> {
        let config = load_config(config)?;
        let socket = Paths::below(config.data_dir()).socket();
        if let Some(host) = Self::at(&socket).await {
            return Ok(host);
        }
        let orch = std::env::current_exe().context("this program's own path")?;
        Ok(Self::Stopped(Box::new(
            Engine::open(Setup { config, orch }).await?,
        )))
    }

    /// The host behind a socket, if it answers.
    pub(crate) async fn at(socket: &Path) -> Option<Self> {
        let client = reqwest::Client::builder()
            .unix_socket(socket)
            .build()
            .ok()?;
        let healthy = client
            .get("http://orch/health")
            .send()
            .await
            .is_ok_and(|r| r.status().is_success());
        healthy.then_some(Self::Running(client))
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask("POST", path, Some(body)).await
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let (status, answer) = match self {
            Self::Running(client) => {
                let url = format!("http://orch{path}");
                let mut request = match method {
                    "GET" => client.get(url),
                    _ => client.post(url),
                };
                if let Some(body) = body {
                    request = request.json(body);
                }
                let response = request.send().await.context("the host does not answer")?;
                let status = response.status().as_u16();
                let text = response
                    .text()
                    .await
                    .context("the host's answer breaks off")?;
                (
                    status,
                    serde_json::from_str(&text).unwrap_or(Value::String(text)),
                )
            }
            Self::Stopped(engine) => {
                orch_http::ask(Engine::clone(engine), method, path, body).await?
            }
        };
        if status >= 400 {
            let message = answer
                .pointer("/error/message")
                .and_then(Value::as_str)
                .map(str::to_owned);
            bail!(
                "{}",
                message.unwrap_or_else(|| format!("the host answered {status}: {answer}"))
            );
        }
        Ok(answer)
    }
}
