//! The board in the terminal: which tasks there are, why they do not move, what their agents do now, and what waits for
//! a person. It only looks.

mod board;

use std::time::{Duration, Instant};

use anyhow::Context;
use orch_views::inbox;
use orch_views::page::{ListRequest, PageRequest};
use orch_views::task;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use crate::client::Host;
use board::{Board, Seen};

/// How often the host is asked.
const LOOK: Duration = Duration::from_secs(1);
/// How long a key may stay unread.
const KEYS: Duration = Duration::from_millis(100);
/// Tasks that are shown.
const TASKS_MAX: u32 = 500;

/// Shows the board until somebody presses `q`.
pub(crate) async fn run(host: Host) -> anyhow::Result<()> {
    let mut board = Board::default();
    look(&host, &mut board).await?;
    let mut terminal =
        ratatui::try_init().context("the board needs a terminal; `orch task list` needs none")?;
    let shown = show(&host, &mut board, &mut terminal).await;
    ratatui::restore();
    shown
}

async fn show(
    host: &Host,
    board: &mut Board,
    terminal: &mut ratatui::DefaultTerminal,
) -> anyhow::Result<()> {
    let mut looked = Instant::now();
    loop {
        terminal.draw(|frame| board.draw(frame))?;
        // Off the runtime: it waits for a person.
        let key = tokio::task::spawn_blocking(pressed).await??;
        match key {
            Some(KeyCode::Char('q') | KeyCode::Esc) => return Ok(()),
            Some(KeyCode::Down | KeyCode::Char('j')) => board.down(),
            Some(KeyCode::Up | KeyCode::Char('k')) => board.up(),
            Some(_) | None => {}
        }
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            // A host that is gone comes back; until then the board says how old it is.
            board.failed = look(host, board)
                .await
                .err()
                .map(|error| format!("{error:#}"));
        }
    }
}

async fn look(host: &Host, board: &mut Board) -> anyhow::Result<()> {
    let list = ListRequest {
        limit: Some(TASKS_MAX),
        ..ListRequest::default()
    };
    let tasks = host.ask(&task::LIST, [], &list).await?;
    let inbox = host.ask(&inbox::INBOX, [], &PageRequest::default()).await?;
    board.show(Seen {
        tasks: tasks.items,
        total: tasks.total,
        waiting: inbox.items,
        waiting_total: inbox.total,
    });
    Ok(())
}

/// The key that was pressed, if one was.
fn pressed() -> std::io::Result<Option<KeyCode>> {
    if !event::poll(KEYS)? {
        return Ok(None);
    }
    Ok(match event::read()? {
        Event::Key(key) if key.kind == KeyEventKind::Press => {
            let is_end =
                key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
            Some(if is_end { KeyCode::Esc } else { key.code })
        }
        _ => None,
    })
}
