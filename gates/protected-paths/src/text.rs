//! Which characters of a path of the branch may stand in a finding?

/// One line of `text` without control characters, marks that reorder or hide text, and backticks.
pub(crate) fn clean(text: &str, characters_max: usize) -> String {
    let mut line: String = text.chars().take(characters_max).map(harmless).collect();
    if text.chars().nth(characters_max).is_some() {
        line.push('…');
    }
    line
}

fn harmless(character: char) -> char {
    match character {
        '`' => '\'',
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_one_line_of_bounded_length() {
        assert_eq!(
            clean("a b/`c`\n# d\u{202e}", 50),
            "a b/'c'\u{fffd}# d\u{fffd}"
        );
        assert_eq!(clean("abcdef", 3), "abc…");
        assert_eq!(clean("abc", 3), "abc");
    }
}
