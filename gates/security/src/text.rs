//! Which characters of a foreign text may stand in a verdict?
//!
//! Names, paths and descriptions come from the branch under judgement or from a tool. They end up in Markdown
//! that people and agents read, so nothing of them may start a line, open code or run on without an end.

/// One line of `text` without control characters and backticks, cut at `characters_max`.
pub(crate) fn clean(text: &str, characters_max: usize) -> String {
    let mut line = String::new();
    for (count, character) in text.trim().chars().enumerate() {
        if count == characters_max {
            line.push('…');
            break;
        }
        line.push(match character {
            '`' => '\'',
            c if c.is_control() || is_invisible(c) => ' ',
            c => c,
        });
    }
    line
}

/// Marks that reorder or hide the text around them, and line ends that are no control characters.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// `text` as the id of a rule: letters, digits, dots, hyphens and underscores; `unknown` if nothing is left.
pub(crate) fn rule_id(text: &str) -> String {
    let id: String = text
        .chars()
        .take(120)
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') => c,
            _ => '-',
        })
        .collect();
    match id.trim_matches('-') {
        "" => "unknown".to_owned(),
        id => id.to_owned(),
    }
}

/// `count` and the word for it: `1 package`, `2 packages`.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_one_line_of_bounded_length() {
        assert_eq!(clean("a\n# b `c`\u{202e}", 50), "a # b 'c' ");
        assert_eq!(clean("abcdef", 3), "abc…");
    }

    #[test]
    fn rule_ids_hold_no_foreign_characters() {
        assert_eq!(rule_id("aws-access-token"), "aws-access-token");
        assert_eq!(rule_id("a b\n[x]"), "a-b--x");
        assert_eq!(rule_id(" "), "unknown");
    }
}
