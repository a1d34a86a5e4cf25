//! How is text that others wrote shown? As what it is: nothing in it moves the cursor, changes colours, turns the
//! direction of reading round or fills the screen.

use std::fmt::Write as _;

use orch_domain::plain::acts;

/// Longest text in a line or a cell, characters.
const LINE_CHARS_MAX: usize = 200;
/// Longest text that may have several lines, characters.
const BLOCK_CHARS_MAX: usize = 20_000;

/// Text on one line.
pub(crate) fn line(text: &str) -> String {
    plain(text, LINE_CHARS_MAX, |_| false)
}

/// Text that may have several lines.
pub(crate) fn block(text: &str) -> String {
    plain(text, BLOCK_CHARS_MAX, |c| matches!(c, '\n' | '\t'))
}

/// JSON, in which the same characters are written as JSON has them: what is read back is what was there.
pub(crate) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || !acts(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            write!(out, "\\u{unit:04x}").ok();
        }
    }
    out
}

fn plain(text: &str, chars_max: usize, may_act: impl Fn(char) -> bool) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    for c in chars.by_ref().take(chars_max) {
        match c {
            _ if !acts(c) || may_act(c) => out.push(c),
            '\n' => out.push('⏎'),
            _ => out.extend(c.escape_unicode()),
        }
    }
    let left = chars.count();
    if left > 0 {
        // Writing to a String cannot fail.
        write!(out, "… ({left} more characters)").ok();
    }
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A text that tries everything: colour, bell, return, direction and a second line.
    pub(crate) fn hostile() -> String {
        "\x1b[31mred\x1b[0m\x07\rover\u{202e}drawn\u{2066}\nnext".to_owned()
    }

    /// The same, and it fills many screens.
    pub(crate) fn hostile_and_long() -> String {
        hostile() + &"x".repeat(10_000)
    }

    #[test]
    fn nothing_acts_in_a_line_and_its_length_is_bounded() {
        let shown = line(&hostile_and_long());
        assert!(!shown.contains(acts), "{shown:?}");
        assert!(
            shown.starts_with(r"\u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎next")
        );
        assert!(
            shown.ends_with("more characters)") && shown.chars().count() < 400,
            "{shown}"
        );
    }

    #[test]
    fn lines_stay_in_a_block_and_everything_else_is_seen() {
        let shown = block("one\r\n\ttwo\x1b]0;title\x07\u{9b}31m");
        assert_eq!(shown, "one\\u{d}\n\ttwo\\u{1b}]0;title\\u{7}\\u{9b}31m");
        assert!(block(&"y".repeat(50_000)).ends_with("… (30000 more characters)"));
    }

    #[test]
    fn common_writing_of_people_is_left_alone() {
        for text in ["Grüße, 漢字 — “quoted” 👍🏽 é\u{301}", "שלום", "a\u{a0}b"]
        {
            assert_eq!(line(text), text);
        }
    }

    #[test]
    fn json_shows_nothing_that_acts_and_says_the_same() {
        let text = format!("{}\u{7f}\u{9b}\u{e0041}", hostile());
        let shown = json(&serde_json::to_string_pretty(&[&text]).unwrap());
        assert!(!shown.contains(|c| c != '\n' && acts(c)), "{shown:?}");
        assert_eq!(
            serde_json::from_str::<[String; 1]>(&shown).unwrap()[0],
            text
        );
    }
}
