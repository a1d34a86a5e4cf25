//! What stands in messages and on buttons: cut, then marked up.

use orch_domain::notice::{Notice, Progress};
use orch_domain::port::window::{Buttons, Press};
use orch_domain::prompt::{Choice, PromptId};
use serde_json::{Value, json};

use super::super::{cut::to_utf16, late};

/// Units of UTF-16 in one message.
const TEXT_UNITS_MAX: usize = 4096;
/// Units of one notice of several in one message.
const PART_UNITS_MAX: usize = 700;
/// Units of the time of one of them, if it is late.
const WHEN_UNITS_MAX: usize = 24;
/// Units of a title.
const TITLE_UNITS_MAX: usize = 300;
/// What the data of every button of ours begins with.
const MARK: &str = "o";

/// The text as Telegram takes it at most, without markup.
pub(super) fn plain(text: &str) -> String {
    let text = to_utf16(text, TEXT_UNITS_MAX);
    match text.trim().is_empty() {
        // A message without text is refused.
        true => "(nothing was said)".to_owned(),
        false => text,
    }
}

/// The text as HTML, its first word in bold: that is the work item wherever there is one.
pub(super) fn marked_up(text: &str) -> String {
    let text = plain(text);
    let (first, rest) = text.split_at(text.find([' ', '\n', ':']).unwrap_or(text.len()));
    let (first, rest) = (escaped(first), escaped(rest));
    match first.contains('-') {
        true => format!("<b>{first}</b>{rest}"),
        false => first + &rest,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Several notices in one message; each is cut, so that none pushes the others out.
pub(super) fn together(notices: &[Notice]) -> String {
    let room = (TEXT_UNITS_MAX - 100) / notices.len().max(1);
    let room = room.saturating_sub(WHEN_UNITS_MAX);
    let part = |notice| {
        let text = orch_words::notice::text(notice);
        // In front, where nothing cuts it off: several at once are late as a rule.
        let when = late::when(notice).map(|when| format!("{when} "));
        let text = to_utf16(&text, room.clamp(20, PART_UNITS_MAX));
        format!("• {}{text}", when.unwrap_or_default())
    };
    let parts: Vec<String> = notices.iter().map(part).collect();
    format!("{} alerts at once\n{}", notices.len(), parts.join("\n"))
}

/// The live message of a task.
pub(super) fn card(progress: &Progress) -> String {
    let title = to_utf16(&progress.title, TITLE_UNITS_MAX);
    format!(
        "{} {title}\n{}: {}",
        progress.work_item,
        progress.repo,
        orch_words::progress::place(progress)
    )
}

/// A question with what became of it below.
pub(super) fn settled(question: &str, what: &str) -> String {
    let room = TEXT_UNITS_MAX.saturating_sub(what.encode_utf16().count() + 4);
    format!("{}\n\n→ {what}", to_utf16(question, room))
}

/// The buttons below a question; none if they stay as they are.
pub(super) fn keyboard(prompt: PromptId, buttons: Buttons) -> Option<Value> {
    let button =
        |text: String, press: Press| json!({"text": text, "callback_data": data(prompt, press)});
    let wants = |choice| button(name(choice).to_owned(), Press::Wants(choice));
    let rows = match buttons {
        Buttons::All => json!([
            [wants(Choice::Approve), wants(Choice::Reject)],
            [wants(Choice::Stop)],
        ]),
        Buttons::Sure(choice) => json!([[
            button(
                format!("Yes, {}", name(choice).to_lowercase()),
                Press::Means(choice)
            ),
            button("No".to_owned(), Press::TakesBack),
        ]]),
        Buttons::None => json!([]),
        Buttons::Unchanged => return None,
    };
    Some(json!({"inline_keyboard": rows}))
}

fn name(choice: Choice) -> &'static str {
    match choice {
        Choice::Approve => "Approve",
        Choice::Reject => "Reject",
        Choice::Stop => "Stop the task",
    }
}

/// What a button sends: the question's number and a word, within the 64 bytes that there are.
fn data(prompt: PromptId, press: Press) -> String {
    let word = match press {
        Press::Wants(choice) => format!("?{choice}"),
        Press::Means(choice) => format!("!{choice}"),
        Press::TakesBack => "no".to_owned(),
    };
    format!("{MARK}:{}:{word}", prompt.0)
}

/// What a press of a button says; none if it is none of ours.
pub(super) fn press(data: &str) -> Option<(PromptId, Press)> {
    let mut parts = data.splitn(3, ':');
    let (mark, number, word) = (parts.next()?, parts.next()?, parts.next()?);
    if mark != MARK {
        return None;
    }
    let press = match (word.strip_prefix('?'), word.strip_prefix('!')) {
        (Some(choice), _) => Press::Wants(Choice::parse(choice)?),
        (_, Some(choice)) => Press::Means(Choice::parse(choice)?),
        (None, None) if word == "no" => Press::TakesBack,
        (None, None) => return None,
    };
    Some((PromptId(number.parse().ok()?), press))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_before_it_is_marked_up_and_never_inside_of_a_tag() {
        let long = format!("SHOP-1 {}", "<&\u{1f980}".repeat(3_000));
        let marked = marked_up(&long);
        assert!(marked.starts_with("<b>SHOP-1</b> &lt;&amp;\u{1f980}"));
        assert!(marked.ends_with("(cut)"));
        let shown = marked
            .replace("<b>", "")
            .replace("</b>", "")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&");
        assert!(shown.encode_utf16().count() <= TEXT_UNITS_MAX);
        assert!(!shown.contains("&a") && plain(" ") == "(nothing was said)");
    }

    #[test]
    fn buttons_say_what_is_read_back_within_the_bytes_that_there_are() {
        let prompt = PromptId(1_795_764_928_000_123);
        let all = Choice::ALL
            .into_iter()
            .flat_map(|choice| [Press::Wants(choice), Press::Means(choice)]);
        for said in all.chain([Press::TakesBack]) {
            let data = data(prompt, said);
            assert!(data.len() <= 64, "{data}");
            assert_eq!(press(&data), Some((prompt, said)));
        }
        for other in [
            "1",
            "o:1",
            "o:x:no",
            "o:1:?merge",
            "p:1:no",
            "o:1:approve",
            "",
        ] {
            assert_eq!(press(other), None, "{other}");
        }
    }
}
