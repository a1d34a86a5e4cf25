//! How is foreign text shown on a page that acts on what is written there? So that it addresses nobody, refers to
//! nothing, closes nothing and cannot pass for a mark of the host's.

/// Stands between a sign and its name: shown as nothing, and no part of a name.
const APART: char = '\u{200b}';

/// Words by which systems of continuous integration leave a commit out.
const SKIPS: [&str; 6] = [
    "[skip ci]",
    "[ci skip]",
    "[no ci]",
    "[skip actions]",
    "[actions skip]",
    "***no_ci***",
];

/// A line as the host writes it above a commit or a pull request: whoever asked for the task decides neither whether it
/// is tested nor what it closes.
pub fn subject(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for skip in SKIPS {
        while let Some(at) = line.to_lowercase().find(skip) {
            // Lower case of what is found has as many bytes, for it is plain ASCII; what stands before may not.
            let Some(end) = at
                .checked_add(skip.len())
                .filter(|end| line.is_char_boundary(at) && line.is_char_boundary(*end))
            else {
                return inert(&line.replace(['[', '*'], "("));
            };
            line.replace_range(at..end, "");
        }
    }
    inert(line.trim())
}

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
    fn subject_cannot_keep_a_commit_from_being_tested_nor_close_what_is_anothers() {
        for (text, expected) in [
            ("SHOP-1: Discount", "SHOP-1: Discount"),
            ("Fix [skip ci]", "Fix"),
            ("[CI Skip] a\n[no ci] b", "a  b"),
            ("[skip [skip ci]ci]", ""),
            ("***NO_CI*** x", "x"),
            ("closes #12", "closes #\u{200b}12"),
        ] {
            assert_eq!(subject(text), expected);
        }
        assert!(
            !subject("İİİ [skip ci] [skip ci]")
                .to_lowercase()
                .contains("[skip ci]")
        );
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
