//! Which commit does production run? Asked by the operator's own command: that a hook ended well says that it ran, not
//! that anything came of it, and an old version answers as well as a new one.

use std::time::Duration;

use orch_process::Spec;
use orch_process::mark::TOKEN_VARIABLE;
use tokio::time::Instant;

use super::checkout::{Checkouts, token_of};
use crate::ledger::repos::Repo;

/// How often running the expected commit has to be seen: while traffic moves over, one look sees the new version and
/// the next one the old.
const SEEN_TIMES: u32 = 3;
/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// Limit of one look.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Characters of an answer that are shown.
const SHOWN_MAX: usize = 80;

/// What was seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The expected commit runs.
    Expected,
    /// It does not, and what was seen instead.
    Other(String),
}

/// Looks at what production runs.
#[derive(Debug)]
pub(super) struct InProduction<'a> {
    pub(super) checkouts: &'a Checkouts,
    pub(super) repo: &'a Repo,
    /// Prints the commit.
    pub(super) command: &'a str,
}

impl InProduction<'_> {
    /// Looks until the expected commit was seen several times running, or the time is over.
    pub(super) async fn settle(&self, expected: &str, limit: Duration) -> anyhow::Result<Seen> {
        let until = Instant::now() + limit;
        let mut times = 0;
        loop {
            let seen = self.look(expected).await?;
            match &seen {
                Seen::Expected => times += 1,
                Seen::Other(_) => times = 0,
            }
            if times >= SEEN_TIMES {
                return Ok(Seen::Expected);
            }
            if Instant::now() >= until {
                return Ok(match seen {
                    Seen::Other(said) => {
                        Seen::Other(format!("{said}, {} s later", limit.as_secs()))
                    }
                    Seen::Expected => Seen::Other(format!(
                        "production ran `{expected}` at some looks only within {} s",
                        limit.as_secs()
                    )),
                });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// One look.
    pub(super) async fn look(&self, expected: &str) -> anyhow::Result<Seen> {
        let folder = self
            .checkouts
            .empty(&format!("{}-revision", self.repo.name))?;
        let spec = Spec::shell(self.command, folder.path().to_owned(), TIMEOUT)
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .env("HOME", folder.path().display().to_string())
            .env("LANG", "C.UTF-8")
            .env("EXPECTED_REVISION", expected)
            .env(TOKEN_VARIABLE, token_of(folder.path()));
        let done = self.checkouts.trusted(&folder, spec).await?;
        if !done.success() {
            let said = self.checkouts.masks().text(&done.tail(200));
            return Ok(Seen::Other(format!(
                "`deploy.revision` ended with {}: {}",
                done.exit.code(),
                said.trim()
            )));
        }
        let text = done.stdout.text();
        let runs = text.trim();
        if runs == expected {
            return Ok(Seen::Expected);
        }
        let shown: String = runs.chars().take(SHOWN_MAX).collect();
        let shown = self.checkouts.masks().text(&shown);
        Ok(Seen::Other(format!(
            "production runs `{shown}` and not `{expected}`"
        )))
    }
}
