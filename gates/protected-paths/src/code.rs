//! What is left of a source text without comments and without what its strings say?
//!
//! An assertion in a comment or in a string asserts nothing. The reading is by characters, not by grammar: where it
//! goes wrong it takes too much for a string, so that fewer assertions count, never more.

use serde::Deserialize;

/// How comments and strings are written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Syntax {
    /// Beginnings of a comment up to the line's end.
    pub(crate) line: Vec<String>,
    /// Whether `/* … */` is a comment.
    pub(crate) has_blocks: bool,
    /// Whether such comments nest, `r#"…"#` is a string, and `'a` is none.
    pub(crate) is_rust: bool,
    /// Whether `'c'` is one character rather than a string.
    pub(crate) has_characters: bool,
    /// Whether three quotes open a string of many lines.
    pub(crate) has_triples: bool,
    /// Quotes of strings that may run over lines.
    pub(crate) long: Vec<char>,
}

/// The text without its comments, and with empty strings.
pub(crate) fn without_comments_and_strings(text: &str, syntax: &Syntax) -> String {
    read(text, syntax, false)
}

/// The text with its comments, and with empty strings; lines stay where they are.
pub(crate) fn without_strings(text: &str, syntax: &Syntax) -> String {
    read(text, syntax, true)
}

fn read(text: &str, syntax: &Syntax, keeps_comments: bool) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let before = code.chars().next_back();
        let taken = if let Some(bytes) = comment(rest, before, syntax) {
            if keeps_comments {
                code.push_str(&rest[..bytes]);
            }
            bytes
        } else if let Some(bytes) = string(rest, before, syntax) {
            code.push_str("\"\"");
            if keeps_comments {
                code.extend(rest[..bytes].chars().filter(|c| *c == '\n'));
            }
            bytes
        } else {
            code.push(first);
            first.len_utf8()
        };
        rest = &rest[taken..];
    }
    code
}

/// Length of the comment at the beginning of `rest`, the line's end not included.
fn comment(rest: &str, before: Option<char>, syntax: &Syntax) -> Option<usize> {
    if syntax.has_blocks && rest.starts_with("/*") {
        return Some(block(rest, syntax.is_rust));
    }
    let opens = |mark: &&String| {
        // In a shell `$#` and `a#b` are no comments.
        let apart = before.is_none_or(char::is_whitespace);
        rest.starts_with(mark.as_str()) && (*mark != "#" || apart)
    };
    syntax.line.iter().find(opens)?;
    Some(rest.find('\n').unwrap_or(rest.len()))
}

fn block(rest: &str, nests: bool) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") && (nests || depth == 0) {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Length of the string at the beginning of `rest`.
fn string(rest: &str, before: Option<char>, syntax: &Syntax) -> Option<usize> {
    if syntax.is_rust
        && let Some(bytes) = raw(rest, before)
    {
        return Some(bytes);
    }
    let quote = rest
        .chars()
        .next()
        .filter(|c| matches!(c, '"' | '\'' | '`'))?;
    if syntax.has_triples && quote != '`' {
        let triple: String = [quote; 3].iter().collect();
        if let Some(inner) = rest.strip_prefix(&triple) {
            return Some(inner.find(&triple).map_or(rest.len(), |end| end + 6));
        }
    }
    if quote == '\'' && syntax.has_characters {
        return character(rest);
    }
    if quote == '`' && !syntax.long.contains(&'`') {
        return None;
    }
    Some(quoted(rest, quote, syntax.long.contains(&quote)))
}

/// Length up to the closing quote, or to the line's end if the string cannot go on.
fn quoted(rest: &str, quote: char, is_long: bool) -> usize {
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return at + 1;
        }
        if character == '\n' && !is_long {
            return at;
        }
        if character == '\\' {
            characters.next();
        }
    }
    rest.len()
}

/// Length of `'c'` or `'\n'`; none for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut characters = rest.char_indices().skip(1);
    let (_, first) = characters.next()?;
    if first == '\\' {
        return Some(quoted(rest, '\'', false));
    }
    let (at, closing) = characters.next()?;
    (closing == '\'').then_some(at + 1)
}

/// Length of `r"…"` or `r#"…"#`.
fn raw(rest: &str, before: Option<char>) -> Option<usize> {
    let is_name = |c: char| (c.is_alphanumeric() || c == '_') && !matches!(c, 'b' | 'c');
    if before.is_some_and(is_name) {
        return None;
    }
    let inner = rest.strip_prefix('r')?;
    let hashes = inner.len() - inner.trim_start_matches('#').len();
    let inner = inner[hashes..].strip_prefix('"')?;
    let closing = format!("\"{}", "#".repeat(hashes));
    let opening = 2 + hashes;
    let end = inner.find(&closing);
    Some(end.map_or(rest.len(), |end| opening + end + closing.len()))
}
