//! Tries the gates of a repository with changes that are known to be bad, and says what they let through.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use orch_domain::drill::DrillFate;
use orch_views::drill::{self, DrillRequest, DrillView};
use orch_views::message::Nothing;
use orch_views::page::PageRequest;

use crate::cli::drill::Drill;
use crate::client::Host;
use crate::show::{self, print};

/// How often a drill is asked for how far it is.
const LOOK: Duration = Duration::from_millis(500);

/// Exit code 1 if a change was not caught that could be made.
pub(crate) async fn run(file: &Path, asked: Drill, json: bool) -> anyhow::Result<u8> {
    let host = Host::find(file).await?;
    if asked.list {
        let list = host.ask(&drill::LIST, [], &PageRequest::default()).await?;
        print(json, &list, show::drill::list)?;
        return Ok(0);
    }
    if let Some(number) = asked.show {
        let view = host
            .ask(&drill::SHOW, [&number.to_string()], &Nothing {})
            .await?;
        print(json, &view, show::drill::report)?;
        return Ok(verdict(&view));
    }
    if !matches!(host, Host::Running(_)) {
        bail!("no host runs that could carry a drill out; start it with `orch serve`");
    }
    let request = DrillRequest {
        repo: asked.repo.unwrap_or_default(),
        classes: asked.classes,
    };
    let begun = host.ask(&drill::BEGIN, [], &request).await?;
    if asked.detach {
        print(json, &begun, |begun| {
            format!(
                "{}; `orch drill --show {}` says how far it is",
                begun.message, begun.drill
            )
        })?;
        return Ok(0);
    }
    let number = begun.drill.to_string();
    loop {
        let view = host.ask(&drill::SHOW, [&number], &Nothing {}).await?;
        if view.is_over {
            print(json, &view, show::drill::report)?;
            return Ok(verdict(&view));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn verdict(view: &DrillView) -> u8 {
    let mut classes = view.classes.iter();
    u8::from(classes.any(|class| {
        matches!(
            class.fate,
            DrillFate::Escaped | DrillFate::Undecided | DrillFate::Running
        )
    }))
}
