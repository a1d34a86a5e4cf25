//! Rust text as words: what is left of a file without comments, strings and what is compiled for tests only.
//!
//! No parser: it knows words, `::` and single signs, which is enough to find paths.

/// A word, `::`, or one other sign; with its line, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) line: usize,
}

impl Word {
    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text
    }

    pub(super) fn is_name(&self) -> bool {
        self.text
            .starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// The words of the code that is also there outside of tests.
pub(super) fn of_code(text: &str) -> Vec<Word> {
    without_tests(&split(text))
}

fn split(text: &str) -> Vec<Word> {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let mut words = Vec::new();
    let (mut index, mut line) = (0, 1);
    while index < chars.len() {
        let from = index;
        let c = chars[index];
        if c == '/' && at(index + 1) == '/' {
            index += until(&chars[index..], |rest| rest[0] == '\n');
        } else if c == '/' && at(index + 1) == '*' {
            index += block(&chars[index..]);
        } else if c == '"' {
            index += string(&chars[index..]);
        } else if c == 'r'
            && (at(index + 1) == '"' || at(index + 1) == '#')
            && raw(&chars[index..]).is_some()
        {
            index += raw(&chars[index..]).unwrap_or(1);
        } else if c == '\'' {
            index += quote(&chars[index..]);
        } else if c.is_alphanumeric() || c == '_' {
            index += until(&chars[index..], |rest| {
                !(rest[0].is_alphanumeric() || rest[0] == '_')
            });
            let text = chars[from..index].iter().collect();
            words.push(Word { text, line });
        } else if c == ':' && at(index + 1) == ':' {
            index += 2;
            let text = "::".to_owned();
            words.push(Word { text, line });
        } else {
            index += 1;
            if !c.is_whitespace() {
                let text = c.to_string();
                words.push(Word { text, line });
            }
        }
        line += chars[from..index].iter().filter(|c| **c == '\n').count();
    }
    words
}

/// How many characters there are before `ends` is true of the rest.
fn until(chars: &[char], ends: impl Fn(&[char]) -> bool) -> usize {
    (0..chars.len())
        .find(|&at| ends(&chars[at..]))
        .unwrap_or(chars.len())
}

/// Length of a comment in `/* */`, which may hold others.
fn block(chars: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < chars.len() {
        match chars[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string(chars: &[char]) -> usize {
    let mut at = 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// Length of `r"…"` or `r#"…"#`; none for a raw name such as `r#type`.
fn raw(chars: &[char]) -> Option<usize> {
    let hashes = until(&chars[1..], |rest| rest[0] != '#');
    if chars.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let begin = 2 + hashes;
    let end = until(&chars[begin..], |rest| {
        rest[0] == '"' && rest.len() > hashes && rest[1..=hashes].iter().all(|c| *c == '#')
    });
    Some((begin + end + 1 + hashes).min(chars.len()))
}

/// Length of a character such as `'a'` or `'\n'`; of a lifetime only its sign.
fn quote(chars: &[char]) -> usize {
    match chars {
        [_, '\\', _, rest @ ..] => 3 + until(rest, |rest| rest[0] == '\'') + 1,
        [_, _, '\'', ..] => 3,
        _ => 1,
    }
}

/// Leaves out every item behind `#[cfg(test)]`.
fn without_tests(words: &[Word]) -> Vec<Word> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut left = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let rest = &words[at..];
        if rest.len() > MARK.len() && MARK.iter().zip(rest).all(|(mark, word)| word.is(mark)) {
            at += MARK.len() + item(&rest[MARK.len()..]);
        } else {
            left.push(rest[0].clone());
            at += 1;
        }
    }
    left
}

/// How many words the item at the beginning has: to its `;`, or to the end of its braces.
fn item(words: &[Word]) -> usize {
    // The braces of an import belong to its list, those of anything else end it.
    let is_import = words.iter().take(6).any(|word| word.is("use"));
    let mut depth = 0_usize;
    for (at, word) in words.iter().enumerate() {
        match word.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && word.is("}") && !is_import {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    words.len()
}

#[cfg(test)]
mod tests {
    use super::of_code;

    fn words(text: &str) -> String {
        let words: Vec<_> = of_code(text).into_iter().map(|w| w.text).collect();
        words.join(" ")
    }

    #[test]
    fn comments_strings_characters_and_lifetimes_are_no_words() {
        let text = "a /* b /* c */ */ \"d \\\" e\" // f\n r#\"g \" h\"# 'i' '\\'' &'j k";
        assert_eq!(words(text), "a & j k");
    }

    #[test]
    fn what_is_for_tests_only_is_left_out_up_to_its_end() {
        assert_eq!(words("#[cfg(test)] mod tests { fn f() {} } a"), "a");
        assert_eq!(words("#[cfg(test)] use b::{c, d}; a"), "a");
        assert_eq!(words("#[cfg(test)] pub(crate) use b::{c, d}; a"), "a");
        assert_eq!(
            words("#[cfg(test)] fn f(a: &[u8]) -> u8 { 1 } a::b"),
            "a :: b"
        );
    }

    #[test]
    fn words_know_their_line() {
        let lines: Vec<_> = of_code("a\n/*\n*/ b\n")
            .into_iter()
            .map(|w| w.line)
            .collect();
        assert_eq!(lines, [1, 3]);
    }
}
