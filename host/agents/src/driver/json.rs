//! Finds a result in what a command line printed, whatever stands around it, and reads it though its writer erred.
//!
//! Writers cut texts in the middle of a character, print numbers that nobody can hold, wrap lines in colours, print
//! over several lines, and say more after the result. None of that makes the work worthless that was paid for.

use std::borrow::Cow;

use serde_json::Value;

/// Most lines that may follow the result: a wrapper that says good-bye.
const TRAILING_LINES_MAX: usize = 200;

/// A value, or why the text that should be one is none.
pub(super) type Parsed = Result<Value, String>;

/// The JSON value at the start of `text` and the length of what it was read from; what follows does not matter.
pub(super) fn first_value(text: &str) -> Result<(Value, usize), String> {
    let (mended, length) = scan(text).ok_or("the result is torn")?;
    let value = serde_json::from_str(&mended).map_err(|e| format!("the result is torn: {e}"))?;
    Ok((value, length))
}

/// The last JSON object of a text that begins a line and is no part of anything else; none if no line near the end
/// begins one.
pub(super) fn last_object(text: &str) -> Option<Parsed> {
    let text = &plain(text);
    let (mut parts, mut trailing) = (false, 0);
    let mut end = text.len();
    while end > 0 {
        let start = text[..end].rfind('\n').map_or(0, |at| at + 1);
        let line = text[start..end].trim_start();
        let begin = end - line.len();
        end = start.saturating_sub(1);
        if !line.starts_with('{') {
            trailing += usize::from(!parts && !line.trim().is_empty());
            if trailing > TRAILING_LINES_MAX {
                return None;
            }
            continue;
        }
        match first_value(&text[begin..]) {
            // What a comma or a bracket follows is an element of what began before it.
            Ok((_, length))
                if text[begin + length..]
                    .trim_start()
                    .starts_with([',', ']', '}']) =>
            {
                parts = true;
            }
            Ok((value, _)) => return Some(Ok(value)),
            Err(why) => return Some(Err(why)),
        }
    }
    parts.then(|| Err("the last object is a part of one whose start is not there".to_owned()))
}

/// A text without the sequences that colour a terminal; none of them can stand in JSON.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(['\u{1b}', '\r', '\u{feff}']) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                // To its final letter.
                Some('[') => {
                    while chars
                        .next_if(|c| !('@'..='~').contains(c) && *c != '\n')
                        .is_some()
                    {}
                }
                // To its terminator: a title, a link.
                Some(']') => {
                    while chars
                        .next_if(|c| !matches!(c, '\u{7}' | '\u{1b}' | '\n'))
                        .is_some()
                    {}
                    if chars.next_if_eq(&'\u{1b}').is_some() {
                        chars.next_if_eq(&'\\');
                        continue;
                    }
                    chars.next_if_eq(&'\u{7}');
                    continue;
                }
                Some('\n') => kept.push('\n'),
                Some(_) | None => continue,
            },
            '\r' | '\u{feff}' => continue,
            other => {
                kept.push(other);
                continue;
            }
        }
        // The final letter of a sequence that began with a bracket.
        chars.next_if(|c| ('@'..='~').contains(c));
    }
    Cow::Owned(kept)
}

/// The value at the start of `text`, mended, and its length; none if it does not end or begins nothing.
fn scan(text: &str) -> Option<(Cow<'_, str>, usize)> {
    let bytes = text.as_bytes();
    if !matches!(bytes.first(), Some(b'{' | b'[')) {
        return None;
    }
    let mut mended = String::new();
    // Up to where the text was copied.
    let mut copied = 0;
    let mut replace = |from: usize, to: usize, by: &str| {
        mended.push_str(&text[copied..from]);
        mended.push_str(by);
        copied = to;
    };
    let (mut at, mut depth) = (0, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    let end = at + 1;
                    if copied == 0 {
                        return Some((Cow::Borrowed(&text[..end]), end));
                    }
                    mended.push_str(&text[copied..end]);
                    return Some((Cow::Owned(mended), end));
                }
            }
            b'"' => {
                at = string(bytes, at + 1, &mut replace)?;
                continue;
            }
            b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                let word = bytes[at..].iter().take_while(|b| is_word(**b)).count();
                if !is_held(&text[at..at + word]) {
                    replace(at, at + word, "null");
                }
                at += word;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

/// Whether a word outside of strings is a number that can be held, or none at all.
fn is_held(word: &str) -> bool {
    if matches!(word, "NaN" | "Infinity" | "-Infinity") {
        return false;
    }
    let is_number = word.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    !is_number || word.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Goes past a string that begins at `at`; halves of characters in it are replaced. None if it does not end.
fn string(
    bytes: &[u8],
    mut at: usize,
    replace: &mut impl FnMut(usize, usize, &str),
) -> Option<usize> {
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return Some(at + 1),
            b'\\' => match unit(bytes, at) {
                Some(0xd800..=0xdbff) if matches!(unit(bytes, at + 6), Some(0xdc00..=0xdfff)) => {
                    at += 12;
                }
                Some(0xd800..=0xdfff) => {
                    replace(at, at + 6, "\\ufffd");
                    at += 6;
                }
                Some(_) | None => at += 2,
            },
            _ => at += 1,
        }
    }
    None
}

/// The value of the escape `\uXXXX` at `at`.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(json: &str) -> String {
        let (value, _) = first_value(json).unwrap();
        value["t"].as_str().unwrap().to_owned()
    }

    #[test]
    fn half_a_character_is_replaced_and_a_whole_one_stays() {
        assert_eq!(text_of(r#"{"t":"half \ud83d"}"#), "half \u{fffd}");
        assert_eq!(
            text_of(r#"{"t":"\ude00 \ud83d\ud83d\ude00"}"#),
            "\u{fffd} \u{fffd}😀"
        );
        assert_eq!(text_of(r#"{"t":"\\ud83d \\\ud83d"}"#), "\\ud83d \\\u{fffd}");
        assert_eq!(text_of(r#"{"t":"\ud83d\n"}"#), "\u{fffd}\n");
        assert!(first_value(r#"{"t":"\ud8"#).is_err());
    }

    #[test]
    fn number_that_nobody_can_hold_is_none() {
        for number in ["1e400", "-1e999", "NaN", "Infinity", "-Infinity"] {
            let (value, _) =
                first_value(&format!(r#"{{"t":"1e400","n":[{number},1e3]}}"#)).unwrap();
            assert_eq!(value["n"][0], Value::Null, "{number}");
            assert_eq!(
                (&value["n"][1], &value["t"]),
                (&1e3.into(), &"1e400".into())
            );
        }
    }

    #[test]
    fn last_object_is_found_whatever_stands_around_it() {
        let wanted = |text: &str| match last_object(text) {
            Some(Ok(value)) => value["t"].to_string(),
            other => panic!("{text}: {other:?}"),
        };
        for text in [
            "{\"t\":1}",
            "{\"t\":0}\nnoise\n{\"t\":1}\nbye\n\n",
            "{\"t\":1} and more",
            "\u{1b}[32m{\"t\":1}\u{1b}[0m\r\n",
            "\u{1b}]0;title\u{7}  {\"t\":1}\u{1b}]8;;\u{1b}\\",
            "{\"t\":0}\n{\n  \"a\": [\n    {\n      \"t\": 0\n    },\n    {\"t\": 0}\n  ],\n  \"t\": 1\n}\nbye",
            "\u{feff}{\"t\":1}",
        ] {
            assert_eq!(wanted(text), "1", "{text:?}");
        }
    }

    #[test]
    fn torn_object_at_the_end_hides_the_one_before_it() {
        assert!(matches!(last_object("{\"t\":0}\n{\"t\":"), Some(Err(_))));
        let part = last_object("    {\n \"t\": 0\n    }\n  ],\n  \"t\": 1\n}");
        assert!(matches!(part, Some(Err(_))), "{part:?}");
        assert!(last_object("nothing\nof it").is_none());
        let far = format!("{{\"t\":0}}\n{}", "noise\n".repeat(TRAILING_LINES_MAX + 1));
        assert!(last_object(&far).is_none());
    }
}
