//! Which texts stand under which key of a TOML file?
//!
//! Not a TOML parser: it follows tables, keys, strings, lists and comments exactly enough that a string or a
//! comment cannot pass for a table, and keeps nothing but the strings of each value.

/// A key and the strings of its value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Which table header of the file it stands under, counting from 1; 0 before the first.
    pub(super) section: usize,
    /// Table and key, such as `project.dependencies`.
    pub(super) path: String,
    /// Every string of the value, those inside lists included.
    pub(super) strings: Vec<String>,
}

/// Reads every entry of `text`.
///
/// # Errors
/// The line and what is wrong there.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, String> {
    let mut cursor = Cursor { rest: text, text };
    let (mut table, mut section) = (String::new(), 0);
    let mut list = Vec::new();
    loop {
        cursor.skip_blank();
        if cursor.rest.is_empty() {
            return Ok(list);
        }
        if cursor.take("[") {
            let double = cursor.take("[");
            table = cursor.key(']')?;
            if double && !cursor.take("]") {
                return Err(cursor.wrong("a table header is not closed"));
            }
            section += 1;
            continue;
        }
        let key = cursor.key('=')?;
        let path = match table.as_str() {
            "" => key,
            table => format!("{table}.{key}"),
        };
        let strings = cursor.value()?;
        list.push(Entry {
            section,
            path,
            strings,
        });
    }
}

struct Cursor<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Cursor<'_> {
    fn wrong(&self, what: &str) -> String {
        let read = &self.text[..self.text.len() - self.rest.len()];
        format!("line {}: {what}", read.matches('\n').count() + 1)
    }

    fn take(&mut self, prefix: &str) -> bool {
        match self.rest.strip_prefix(prefix) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next();
        self.rest = characters.as_str();
        next
    }

    fn skip_comment(&mut self) {
        self.rest = &self.rest[self.rest.find('\n').unwrap_or(self.rest.len())..];
    }

    fn skip_blank(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            if !self.rest.starts_with('#') {
                return;
            }
            self.skip_comment();
        }
    }

    /// A key up to and with `end`, without its quotes and blanks.
    fn key(&mut self, end: char) -> Result<String, String> {
        let mut key = String::new();
        loop {
            if self.rest.starts_with(['"', '\'']) {
                key.push_str(&self.string()?);
                continue;
            }
            match self.next() {
                Some(c) if c == end => return Ok(key),
                None | Some('\n') => return Err(self.wrong(&format!("`{end}` is missing"))),
                Some(c) if c.is_whitespace() => {}
                Some(c) => key.push(c),
            }
        }
    }

    /// The strings of a value, which ends with the line unless a list or a string is open.
    fn value(&mut self) -> Result<Vec<String>, String> {
        let mut strings = Vec::new();
        let mut depth = 0_usize;
        loop {
            if self.rest.starts_with(['"', '\'']) {
                strings.push(self.string()?);
                continue;
            }
            if self.rest.starts_with('#') {
                self.skip_comment();
                continue;
            }
            match self.next() {
                Some('[' | '{') => depth += 1,
                Some(']' | '}') => match depth.checked_sub(1) {
                    Some(outer) => depth = outer,
                    None => return Err(self.wrong("a bracket closes nothing")),
                },
                Some('\n') | None if depth == 0 => return Ok(strings),
                None => return Err(self.wrong("a list is not closed")),
                Some(_) => {}
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        let quote = if self.rest.starts_with('"') {
            "\""
        } else {
            "'"
        };
        let triple = quote.repeat(3);
        let many_lines = self.take(&triple);
        if !many_lines {
            self.take(quote);
        }
        let end = if many_lines { triple.as_str() } else { quote };
        let mut string = String::new();
        loop {
            if self.take(end) {
                // Up to two quotes may stand directly before the closing three.
                while many_lines && self.take(quote) {
                    string.push_str(quote);
                }
                return Ok(string);
            }
            match self.next() {
                Some('\\') if quote == "\"" => string.push(self.escape()?),
                Some('\n') if !many_lines => return Err(self.wrong("a string is not closed")),
                None => return Err(self.wrong("a string is not closed")),
                Some(c) => string.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let digits = match self.next() {
            Some('u') => 4,
            Some('U') => 8,
            Some('n') => return Ok('\n'),
            Some('t') => return Ok('\t'),
            Some(c) => return Ok(c),
            None => return Err(self.wrong("a string is not closed")),
        };
        let code = self.rest.get(..digits);
        let character = code
            .and_then(|code| u32::from_str_radix(code, 16).ok())
            .and_then(char::from_u32);
        match character {
            Some(character) => {
                self.rest = &self.rest[digits..];
                Ok(character)
            }
            None => Err(self.wrong("an escape names no character")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<(String, Vec<String>)> {
        let list = entries(text).unwrap();
        list.into_iter().map(|e| (e.path, e.strings)).collect()
    }

    #[test]
    fn strings_are_found_under_table_and_key() {
        let text =
            "a = 'x' # 'no'\n[ t . \"u\" ]\nb = [\n 'y', # ]\n \"z\\u0041\\\"\",\n]\nc = 1\n";
        let strings = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            paths(text),
            [
                ("a".to_owned(), strings(&["x"])),
                ("t.u.b".to_owned(), strings(&["y", "zA\""])),
                ("t.u.c".to_owned(), strings(&[])),
            ]
        );
    }

    #[test]
    fn tables_inside_strings_and_lists_are_none() {
        let text = "[p]\na = \"\"\"\n[q]\n\"\"\"\nb = [\n[\"q\"]\n]\nc = 'x'";
        let found: Vec<String> = paths(text).into_iter().map(|(path, _)| path).collect();
        assert_eq!(found, ["p.a", "p.b", "p.c"]);
    }

    #[test]
    fn broken_text_is_refused_with_its_line() {
        for (text, line) in [
            ("a = [\n'x'\n", "line 3"),
            ("\na = 'x\n", "line 3"),
            ("[t\n", "line 2"),
            ("[[t]\n", "line 1"),
            ("a = ]", "line 1"),
            ("word", "line 1"),
            ("a = \"\\uZZZZ\"", "line 1"),
        ] {
            let error = entries(text).unwrap_err();
            assert!(error.starts_with(line), "{text:?}: {error}");
        }
    }
}
