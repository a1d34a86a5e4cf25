//! What of a change does a person not see who reads it? Marks that turn the direction of reading, characters without
//! width, and names whose letters come from two scripts that look alike.

use std::collections::BTreeSet;

/// Longest name that is shown.
const SHOWN_CHARACTERS_MAX: usize = 60;

/// What a path hides.
pub(crate) fn in_path(path: &str) -> Option<String> {
    let hidden = path.chars().find(|c| is_hidden(None, *c, None));
    hidden.map(|c| format!("holds {} in its name", named(c)))
}

/// The lines in which a text differs from what it was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Differing<'t> {
    /// Number of the first of them.
    pub(crate) first_line: usize,
    /// As they were.
    pub(crate) before: &'t str,
    /// As they are.
    pub(crate) after: &'t str,
}

/// What a text hides more than before: how many such characters, and where the first one is.
pub(crate) fn in_text(text: &Differing<'_>) -> Option<String> {
    let from = text.first_line;
    let (known, now) = (hidden(text.before, from), hidden(text.after, from));
    if now.len() <= known.len() {
        return None;
    }
    // The first one that was not there, if they stand in the order of before.
    let at = known
        .iter()
        .zip(&now)
        .position(|((_, was), (_, is))| was != is)
        .unwrap_or(known.len());
    let (line, c) = now.get(at).copied()?;
    Some(format!(
        "holds characters that nobody sees, {} instead of {}, such as {} in line {line}",
        now.len(),
        known.len(),
        named(c)
    ))
}

/// Names of the code that mix scripts and were not there before.
pub(crate) fn in_names(before: &str, after: &str) -> Option<String> {
    let known = mixed(before);
    let new = mixed(after)
        .into_iter()
        .find(|name| !known.contains(name))?;
    let shown: String = new
        .chars()
        .take(SHOWN_CHARACTERS_MAX)
        .map(|c| match c {
            c if c.is_ascii() => c.to_string(),
            c => format!("\\u{{{:x}}}", u32::from(c)),
        })
        .collect();
    Some(format!(
        "holds a name whose letters come from two scripts that look alike: {shown}"
    ))
}

/// The hidden characters of a text whose first line has this number, each with its line.
fn hidden(text: &str, first_line: usize) -> Vec<(usize, char)> {
    let mut found = Vec::new();
    let (mut line, mut before) = (first_line, None);
    let mut characters = text.chars().peekable();
    if first_line == 1 {
        // A mark of the order of bytes stands there by custom.
        characters.next_if_eq(&'\u{feff}');
    }
    while let Some(c) = characters.next() {
        if is_hidden(before, c, characters.peek().copied()) {
            found.push((line, c));
        }
        line += usize::from(c == '\n');
        before = Some(c);
    }
    found
}

/// Whether a character acts, or takes no room, where it stands. Joiners are part of how some scripts and emoji are
/// written; between letters of Latin they join nothing.
fn is_hidden(before: Option<char>, c: char, after: Option<char>) -> bool {
    let of_ascii = |c: Option<char>| c.is_none_or(|c| c.is_ascii());
    match c {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}' | '\u{180e}' => true,
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => true,
        '\u{200c}' | '\u{200d}' => of_ascii(before) && of_ascii(after),
        // Selectors of variants follow what they select; a row of them carries a text.
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => {
            before.is_none_or(|c| c.is_ascii() && !c.is_ascii_digit() && !"#*".contains(c))
                || before.is_some_and(is_selector)
        }
        '\u{e0000}'..='\u{e007f}' => {
            // Flags of parts of countries are written so, behind a black flag.
            !before.is_some_and(|c| c == '\u{1f3f4}' || ('\u{e0020}'..='\u{e007f}').contains(&c))
        }
        '\u{8}' | '\u{1b}' | '\u{7f}' => true,
        '\r' => after.is_some_and(|c| c != '\n'),
        _ => false,
    }
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Names that have letters of Latin beside letters of a script that looks like it.
fn mixed(code: &str) -> BTreeSet<&str> {
    let names = code.split(|c: char| !c.is_alphanumeric() && c != '_');
    let is_mixed = |name: &&str| {
        !name.is_ascii()
            && name.chars().any(|c| c.is_ascii_alphabetic())
            && name.chars().any(looks_latin)
    };
    names.filter(is_mixed).collect()
}

/// Letters of scripts in which some look like those of Latin: Greek, Cyrillic, Armenian, Cherokee, full width.
fn looks_latin(c: char) -> bool {
    // Single letters of Greek stand in names of quantities, such as `Δt`, and look like no Latin.
    let is_greek = matches!(
        c,
        'Α' | 'Β'
            | 'Ε'
            | 'Ζ'
            | 'Η'
            | 'Ι'
            | 'Κ'
            | 'Μ'
            | 'Ν'
            | 'Ο'
            | 'Ρ'
            | 'Τ'
            | 'Υ'
            | 'Χ'
            | 'ο'
            | 'ν'
            | 'ι'
            | 'υ'
    );
    is_greek
        || matches!(
            c,
            '\u{400}'..='\u{52f}' | '\u{531}'..='\u{587}' | '\u{13a0}'..='\u{13ff}' | '\u{ff21}'..='\u{ff5a}'
        )
}

fn named(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_text(before: &str, after: &str) -> Option<String> {
        super::in_text(&Differing {
            first_line: 1,
            before,
            after,
        })
    }

    #[test]
    fn what_acts_or_has_no_width_is_found_with_its_line() {
        for c in [
            '\u{202e}',
            '\u{2066}',
            '\u{200b}',
            '\u{200d}',
            '\u{ad}',
            '\u{3164}',
            '\u{e0041}',
            '\u{1b}',
            '\u{feff}',
        ] {
            let text = format!("a = 1\nna{c}me = 2\n");
            let said = in_text("a = 1\nname = 2\n", &text).unwrap_or_default();
            assert!(
                said.contains("line 2") && said.contains(&named(c)),
                "{c:?}: {said}"
            );
        }
        assert!(in_path("src/a\u{202e}b.py").is_some());
    }

    #[test]
    fn what_stood_there_before_is_not_the_branchs() {
        let before = "x = '\u{202e}'\n";
        assert_eq!(in_text(before, "y = 1\nx = '\u{202e}'\n"), None);
        assert!(
            in_text(before, "x = '\u{202e}'\ny\u{200b} = 1\n")
                .is_some_and(|s| s.contains("line 2"))
        );
        assert_eq!(in_names("s\u{441}ope", "s\u{441}ope + 1"), None);
    }

    #[test]
    fn texts_of_the_world_hide_nothing() {
        for text in [
            "\u{feff}first line\r\nsecond\r\n",
            "family 👨\u{200d}👩\u{200d}👧 and ❤\u{fe0f} and 1\u{fe0f}\u{20e3}",
            "می\u{200c}خواهم",
            "flag 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "naïve 日本 Привет ελληνικά",
        ] {
            assert_eq!(in_text("", text), None, "{text}");
        }
        for code in ["привет = 1", "let naïve = 1;", "Δt = λ * 2", "日本x = 1"] {
            assert_eq!(in_names("", code), None, "{code}");
        }
    }

    #[test]
    fn name_of_two_scripts_is_found_and_shown_by_its_numbers() {
        let said = in_names("", "if is_\u{430}dmin:").unwrap_or_default();
        assert!(said.contains(r"is_\u{430}dmin"), "{said}");
    }
}
