//! What are the pieces of HTML: words, beginnings and ends? Read once from front to back, whatever is in it.

/// The longest beginning of something in which `>` may stand between quotation marks, bytes.
const TAG_BYTES_MAX: usize = 4096;
/// The longest name of a character, bytes.
const NAME_BYTES_MAX: usize = 8;

/// A piece.
pub(super) enum Piece<'a> {
    /// Words as they stand there.
    Text(&'a str),
    /// Something begins.
    Begin(Tag<'a>),
    /// What has this name ends.
    End(String),
}

/// What stands between `<` and `>`.
pub(super) struct Tag<'a> {
    /// Its name in small letters.
    pub(super) name: String,
    attributes: &'a str,
}

impl Tag<'_> {
    /// The value of an attribute; none if it has none.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let mut rest = self.attributes;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
            let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | '/'));
            let (own, after) = rest.split_at(end.unwrap_or(rest.len()));
            if own.is_empty() && after.is_empty() {
                return None;
            }
            let (value, next) = match after.trim_start().strip_prefix('=') {
                Some(value) => taken(value.trim_start()),
                None => ("", after),
            };
            if own.eq_ignore_ascii_case(name) {
                return Some(unescaped(value));
            }
            rest = next;
        }
    }
}

/// A value, and what follows it.
fn taken(text: &str) -> (&str, &str) {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    match quote {
        Some(quote) => text[1..].split_once(quote).unwrap_or((&text[1..], "")),
        None => {
            let end = text.find(char::is_whitespace).unwrap_or(text.len());
            text.split_at(end)
        }
    }
}

/// The pieces of a text.
pub(super) struct Pieces<'a> {
    rest: &'a str,
    /// Whether no `>` is left: then nothing is a tag any more.
    is_words: bool,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            is_words: false,
        }
    }

    pub(super) fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let at = match self.is_words {
                true => self.rest.len(),
                false => self.rest.find('<').unwrap_or(self.rest.len()),
            };
            if at > 0 {
                return Some(Piece::Text(self.take(at)));
            }
            if let Some(after) = self.rest.strip_prefix("<!--") {
                let end = after.find("-->");
                self.rest = end.map_or("", |end| &after[end + 3..]);
                continue;
            }
            let inside = &self.rest[1..];
            // What is no tag stands for itself.
            let is_tag =
                inside.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!'));
            let Some(end) = is_tag.then(|| self.end_of(inside)).flatten() else {
                return Some(Piece::Text(self.take(1)));
            };
            let tag = &inside[..end];
            self.rest = &inside[end + 1..];
            let (is_end, tag) = match tag.strip_prefix('/') {
                Some(tag) => (true, tag),
                None => (false, tag),
            };
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let (name, attributes) = tag.split_at(tag.find(|c| !is_name(c)).unwrap_or(tag.len()));
            let name = name.to_ascii_lowercase();
            return Some(match is_end {
                true => Piece::End(name),
                false => Piece::Begin(Tag { name, attributes }),
            });
        }
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }

    /// Where a tag ends: at the first `>` that stands in no quotation marks, or else at the first one.
    fn end_of(&mut self, inside: &str) -> Option<usize> {
        let mut quote = None;
        for (at, byte) in inside.bytes().take(TAG_BYTES_MAX).enumerate() {
            match (quote, byte) {
                (None, b'>') => return Some(at),
                (None, b'"' | b'\'') => quote = Some(byte),
                (Some(own), byte) if own == byte => quote = None,
                _ => {}
            }
        }
        let first = inside.find('>');
        self.is_words = first.is_none();
        first
    }

    /// Skips whatever stands before the end of `name`.
    pub(super) fn until_end(&mut self, name: &str) -> &'a str {
        let bytes = self.rest.as_bytes();
        let is_end = |at: &usize| {
            let after = bytes[*at..].strip_prefix(b"</").unwrap_or_default();
            let own = after.get(..name.len());
            own.is_some_and(|own| own.eq_ignore_ascii_case(name.as_bytes()))
        };
        let end = (0..bytes.len())
            .filter(|at| bytes[*at] == b'<')
            .find(is_end);
        let skipped = self.take(end.unwrap_or(self.rest.len()));
        let close = self.rest.find('>').map_or(self.rest.len(), |at| at + 1);
        self.take(close);
        skipped
    }

    /// What stands before the end of `name`, which has begun, as code: its language, and the words with every space.
    pub(super) fn code(&mut self, name: &str) -> (String, String) {
        let mut inner = Pieces::new(self.until_end(name));
        let (mut language, mut code) = (String::new(), String::new());
        while let Some(piece) = inner.next() {
            match piece {
                Piece::Text(text) => code.push_str(&unescaped(text)),
                Piece::Begin(tag) if tag.name == "br" => code.push('\n'),
                Piece::Begin(tag) if tag.name == "code" => {
                    let class = tag.value("class").unwrap_or_default();
                    let named = class.split_whitespace();
                    let named = named.filter_map(|own| own.strip_prefix("language-"));
                    language = named.take(1).collect();
                }
                Piece::Begin(_) | Piece::End(_) => {}
            }
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '#' | '.');
        language.retain(is_word);
        (language, code)
    }
}

/// Words with the characters that are written by their names.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest
            .bytes()
            .take(NAME_BYTES_MAX + 1)
            .position(|byte| byte == b';');
        match end.and_then(|end| Some((named(&rest[..end])?, end))) {
            Some((c, end)) => {
                plain.push(c);
                rest = &rest[end + 1..];
            }
            None => plain.push('&'),
        }
    }
    plain + rest
}

fn named(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "hellip" => '…',
        "mdash" => '—',
        "ndash" => '–',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}
