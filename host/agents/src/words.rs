//! How texts of command lines are looked through.

/// Whether `number` stands in `text` as a word of its own: `401` in `status=401,`, not in `id_401`, in `14015` or
/// as a line in `cli.js:401:17`.
pub(crate) fn has_number(text: &str, number: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(number).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let mut rest = text[at + number.len()..].chars();
        let (after, next) = (rest.next(), rest.next());
        let is_place = after == Some(':') && next.is_some_and(|c| c.is_ascii_digit());
        !before.is_some_and(is_word) && !after.is_some_and(is_word) && !is_place
    })
}

/// The first of a text as one line: white space is one blank, and 300 characters are enough to know it again.
pub(crate) fn short(text: &str) -> String {
    // Bounded before it is split: a log can be one line of megabytes.
    let head: String = text.trim_start().chars().take(2_000).collect();
    let words: Vec<&str> = head.split_whitespace().collect();
    words.join(" ").chars().take(300).collect()
}
