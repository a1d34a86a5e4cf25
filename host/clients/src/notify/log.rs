//! Tells people in the host's log: the notifier that is always there.

use orch_domain::notice::{Level, Notice, Progress};
use orch_domain::port::PortAnswer;
use orch_domain::port::Receipt;
use orch_domain::port::notifier::Notifier;
use orch_words::notice::text;
use orch_words::progress::text as shown;

/// Bytes of one notice in the log: what a gate said may be long, and stands in the task's artefacts.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// The host's log as a notifier.
#[derive(Debug, Default)]
pub struct LogNotifier;

impl Notifier for LogNotifier {
    fn tell<'a>(&'a self, notice: &'a Notice, _key: &'a str) -> PortAnswer<'a, Receipt> {
        let text = cut(text(notice));
        let task = notice.subject.task().map(|task| task.0);
        let (happened_ms, needs_person) = (notice.at_ms, notice.kind.needs_person());
        match notice.kind.level() {
            Level::News => tracing::info!(task.id = task, happened_ms, "{text}"),
            Level::Warning | Level::Alarm => {
                tracing::warn!(task.id = task, happened_ms, needs_person, "ALERT: {text}");
            }
        }
        Box::pin(async { Ok(None) })
    }

    fn show<'a>(
        &'a self,
        progress: &'a Progress,
        _before: Option<&'a str>,
        _key: &'a str,
    ) -> PortAnswer<'a, Receipt> {
        tracing::info!(
            task.id = progress.task.0,
            happened_ms = progress.at_ms,
            "{}",
            shown(progress)
        );
        Box::pin(async { Ok(None) })
    }
}

fn cut(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        let mut end = TEXT_BYTES_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(" (cut)");
    }
    text
}
