//! How do answers look to people? One file for each noun turns its views into text; [`plain`] keeps what others
//! wrote from acting on the terminal.

pub(crate) mod alert;
pub(crate) mod artefact;
pub(crate) mod author;
pub(crate) mod backup;
pub(crate) mod conduct;
pub(crate) mod costs;
pub(crate) mod diff;
pub(crate) mod disk;
pub(crate) mod doctor;
pub(crate) mod drill;
pub(crate) mod gate;
pub(crate) mod inbox;
pub(crate) mod issue;
pub(crate) mod lease;
pub(crate) mod log;
pub(crate) mod message;
mod network;
pub(crate) mod plain;
pub(crate) mod problem;
pub(crate) mod queue;
pub(crate) mod replay;
pub(crate) mod repository;
pub(crate) mod risk;
pub(crate) mod table;
pub(crate) mod task;
pub(crate) mod token;

use std::io::{self, Write};

use serde::Serialize;

/// Prints an answer: as JSON if that is asked for, else as text.
///
/// # Errors
/// When it cannot be written down or printed.
pub(crate) fn print<T: Serialize>(
    json: bool,
    view: &T,
    text: impl FnOnce(&T) -> String,
) -> anyhow::Result<()> {
    let mut page = if json {
        plain::json(&serde_json::to_string_pretty(view)?)
    } else {
        text(view).trim_end().to_owned()
    };
    page.push('\n');
    out(&page)
}

/// Prints to standard output. A reader that has seen enough is no failure.
///
/// # Errors
/// When it cannot be printed.
pub(crate) fn out(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}
