//! How is foreign text shown on a page that acts on what is written there? So that it addresses nobody, refers to
//! nothing, closes nothing and cannot pass for a mark of the host's.

/// Stands between a sign and its name: shown as nothing, and no part of a name.
const APART: char = '\u{200b}';

/// The text without power: `@ann` calls nobody, `#7` and `!7` refer to nothing, and no comment of HTML begins.
pub fn inert(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(sign) = rest.next() {
        made.push(sign);
        let next = rest.peek().copied();
        let has_power = match sign {
            '@' | '#' => next.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')),
            // `!7` is a change, `!=` and `![` are not; `<!` begins a comment.
            '!' => next.is_some_and(|c| c.is_ascii_digit()),
            '<' => next == Some('!'),
            _ => false,
        };
        if has_power {
            made.push(APART);
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_calls_nobody_refers_to_nothing_and_passes_for_no_mark() {
        let text = "@ann fixes acme/shop#12, (@bob) !7 <!-- orch:landed";
        let made = inert(text);
        for power in ["@ann", "@bob", "#12", "!7", "<!--"] {
            assert!(!made.contains(power), "{power}: {made}");
        }
        assert_eq!(made.replace(APART, ""), text);
    }

    #[test]
    fn text_that_has_no_power_stays_as_it_is() {
        for text in [
            "a != b",
            "# Title",
            "1 @ 2",
            "![x](y)",
            "a < b",
            "ends in #",
            "ë!",
        ] {
            assert_eq!(inert(text), text);
        }
    }
}
