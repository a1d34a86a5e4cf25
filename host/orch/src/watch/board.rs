//! What does the board look like? Drawn from views, without a terminal of its own.

use orch_views::inbox::InboxItem;
use orch_views::task::{TaskLine, TaskStatus};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, List, Paragraph, Row, Table, TableState};

use crate::show::plain;

/// What was seen of a host.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) tasks: Vec<TaskLine>,
    pub(super) total: u64,
    pub(super) waiting: Vec<InboxItem>,
    pub(super) waiting_total: u64,
}

/// The board.
#[derive(Default)]
pub(super) struct Board {
    seen: Seen,
    state: TableState,
    /// Why the last look failed, if it did.
    pub(super) failed: Option<String>,
}

impl Board {
    /// Shows what was seen; the same task stays selected.
    pub(super) fn show(&mut self, seen: Seen) {
        let selected = self.state.selected().and_then(|at| self.seen.tasks.get(at));
        let place = selected.and_then(|task| {
            let is_it =
                |other: &TaskLine| other.repo == task.repo && other.work_item == task.work_item;
            seen.tasks.iter().position(is_it)
        });
        let first = (!seen.tasks.is_empty()).then_some(0);
        self.state.select(place.or(first));
        self.seen = seen;
    }

    pub(super) fn down(&mut self) {
        self.state.select_next();
    }

    pub(super) fn up(&mut self) {
        self.state.select_previous();
    }

    pub(super) fn draw(&mut self, frame: &mut Frame<'_>) {
        let waiting = u16::try_from(self.seen.waiting.len().clamp(1, 6)).unwrap_or(6);
        let rows = [
            Constraint::Length(waiting + 2),
            Constraint::Min(4),
            Constraint::Length(1),
        ];
        let [above, middle, below] = Layout::vertical(rows).areas(frame.area());
        frame.render_widget(self.inbox(), above);
        let tasks = self.tasks();
        frame.render_stateful_widget(tasks, middle, &mut self.state);
        frame.render_widget(self.foot(), below);
    }

    fn inbox(&self) -> List<'static> {
        let lines: Vec<Line<'static>> = self.seen.waiting.iter().take(6).map(waits).collect();
        let lines = match lines.is_empty() {
            true => vec![Line::from("nothing waits for you")],
            false => lines,
        };
        let title = format!(" waits for a person: {} ", self.seen.waiting_total);
        List::new(lines).block(Block::bordered().title(title))
    }

    fn tasks(&self) -> Table<'static> {
        let widths = [
            Constraint::Length(14),
            Constraint::Length(14),
            Constraint::Length(22),
            Constraint::Length(18),
            Constraint::Min(20),
        ];
        let header = Row::new(["item", "stage", "step", "status", "now"]);
        let title = format!(" tasks under way: {} ", self.seen.total);
        Table::new(self.seen.tasks.iter().map(row), widths)
            .header(header.style(Style::new().add_modifier(Modifier::BOLD)))
            .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
            .block(Block::bordered().title(title))
    }

    fn foot(&self) -> Paragraph<'static> {
        let text = match &self.failed {
            Some(why) => format!(
                "the host does not answer, what is shown is old: {}",
                plain::line(why)
            ),
            None => {
                "j/k or arrows select, q ends; `orch task why ITEM` says why a task does not move"
                    .to_owned()
            }
        };
        Paragraph::new(text)
    }
}

fn waits(item: &InboxItem) -> Line<'static> {
    let what = match &item.task {
        Some(task) => format!("{} {}", task.work_item, task.title),
        None => item.text.clone(),
    };
    let first = item
        .choices
        .first()
        .map(|choice| format!("orch {}", choice.command.join(" ")));
    let text = format!("[{}] {}: {}", item.risk, what, first.unwrap_or_default());
    Line::from(plain::line(&text))
}

fn row(task: &TaskLine) -> Row<'static> {
    let now = match &task.activity {
        Some(activity) => activity.text.clone(),
        None => task.title.clone(),
    };
    let style = match task.status {
        TaskStatus::Blocked | TaskStatus::NeedsInput | TaskStatus::AwaitingApproval => {
            Style::new().add_modifier(Modifier::BOLD)
        }
        TaskStatus::Active | TaskStatus::Waiting | TaskStatus::Stopping | TaskStatus::Ended => {
            Style::new()
        }
    };
    let cells = [
        task.work_item.clone(),
        task.stage.to_string(),
        task.step.clone(),
        task.status.as_str().to_owned(),
        now,
    ];
    Row::new(cells.map(|cell| plain::line(&cell))).style(style)
}

#[cfg(test)]
mod tests {
    use orch_domain::stage::Stage;
    use orch_views::run::ActivityView;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::show::plain::tests::hostile;

    fn task(item: &str, activity: Option<&str>) -> TaskLine {
        TaskLine {
            work_item: item.into(),
            repo: "shop".into(),
            title: hostile(),
            stage: Stage::Development,
            step: "developer".into(),
            status: TaskStatus::Active,
            attempt: 1,
            rework_rounds: 0,
            priority: 5,
            updated: String::new(),
            is_drill: false,
            activity: activity.map(|text| ActivityView {
                run: 1,
                at_ms: 0,
                at: String::new(),
                kind: "calls-tool".into(),
                text: text.into(),
            }),
        }
    }

    fn drawn(board: &mut Board) -> String {
        let mut terminal = Terminal::new(TestBackend::new(110, 12)).unwrap();
        terminal.draw(|frame| board.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    fn seen(tasks: Vec<TaskLine>) -> Seen {
        Seen {
            total: tasks.len() as u64,
            tasks,
            ..Seen::default()
        }
    }

    #[test]
    fn board_shows_what_agents_do_and_nothing_of_it_acts() {
        let mut board = Board::default();
        assert!(drawn(&mut board).contains("nothing waits for you"));
        board.show(seen(vec![
            task("SHOP-1", Some("> Bash cargo test")),
            task("SHOP-2", None),
        ]));
        let text = drawn(&mut board);
        assert!(
            text.contains("SHOP-1") && text.contains("> Bash cargo test"),
            "{text}"
        );
        assert!(
            text.contains(r"\u{1b}[31mred") && !text.contains('\x1b'),
            "{text}"
        );
        board.failed = Some("gone".into());
        assert!(drawn(&mut board).contains("what is shown is old: gone"));
    }

    #[test]
    fn task_stays_selected_though_others_come_and_go() {
        let mut board = Board::default();
        board.show(seen(vec![task("SHOP-1", None), task("SHOP-2", None)]));
        board.down();
        board.show(seen(vec![
            task("SHOP-3", None),
            task("SHOP-1", None),
            task("SHOP-2", None),
        ]));
        assert_eq!(board.state.selected(), Some(2));
        board.show(seen(vec![task("SHOP-3", None)]));
        assert_eq!(board.state.selected(), Some(0));
        board.show(seen(vec![]));
        assert_eq!(board.state.selected(), None);
    }
}
