//! Logs as text, one line in a line.

use orch_views::run::{LogLine, LogView, SearchView};

use super::plain;

pub(crate) fn lines(range: &LogView) -> String {
    let lines: Vec<String> = range.lines.iter().map(line).collect();
    lines.join("\n")
}

/// Lines with their numbers.
pub(crate) fn found(view: &SearchView) -> String {
    let number = |n: u64| format!("{n:>7}  ");
    let lines = view.lines.iter();
    let lines: Vec<String> = lines.map(|f| number(f.number) + &line(&f.line)).collect();
    lines.join("\n")
}

fn line(line: &LogLine) -> String {
    let text = plain::block(&line.text.replace('\n', " "));
    match line.cut {
        0 => text,
        cut => format!("{text}… ({cut} more bytes)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::plain::tests::hostile;

    #[test]
    fn nothing_that_an_agent_wrote_acts_on_the_terminal() {
        let line = |at, text: &str, cut| LogLine {
            at,
            text: text.to_owned(),
            cut,
        };
        let range = LogView {
            run: 3,
            from: 0,
            to: 9,
            size: 9,
            ended: false,
            first_line: Some(1),
            total_lines: None,
            truncated: false,
            lines: vec![line(0, "indented", 0), line(9, &hostile(), 12)],
        };
        insta::assert_snapshot!(lines(&range), @r"
        indented
        \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066} next… (12 more bytes)
        ");
    }
}
