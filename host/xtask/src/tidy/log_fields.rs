//! Fields of log lines that the operators' table does not have: one concept, one name.

use std::collections::BTreeSet;

/// The page with the table.
pub(super) const PAGE: &str = "docs/operators/logging.md";
/// Beginnings of what writes a line or opens a span.
const MACROS: [&str; 6] = [
    "tracing::error!(",
    "tracing::warn!(",
    "tracing::info!(",
    "tracing::debug!(",
    "tracing::trace!(",
    "tracing::info_span!(",
];

/// Names in the first column of the table.
pub(super) fn known(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let first = rows.filter_map(|row| row.split('|').nth(1));
    first
        .flat_map(|cell| cell.split(','))
        .map(|name| name.trim().trim_matches('`').to_owned())
        .collect()
}

/// Fields of a source file that are not known.
pub(super) fn problems(name: &str, text: &str, known: &BTreeSet<String>) -> Vec<String> {
    if !name.starts_with("host/") || !name.contains("/src/") || name.contains("/xtask/") {
        return Vec::new();
    }
    let unknown = fields(text).into_iter().filter(|f| !known.contains(f));
    unknown
        .map(|field| format!("log field `{field}` is not in {PAGE}; use a name that is, or add it"))
        .collect()
}

fn fields(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for start in MACROS {
        for (at, _) in text.match_indices(start) {
            let arguments = arguments(&text[at + start.len()..]);
            // What comes after the message is what it is made from.
            let before = arguments.iter().take_while(|a| !a.trim().starts_with('"'));
            found.extend(before.filter_map(|argument| field(argument)));
        }
    }
    found
}

/// The field that an argument sets; none for the message and what it is made from.
fn field(argument: &str) -> Option<String> {
    let argument = argument.trim().trim_start_matches(['%', '?']);
    let end =
        argument.find(|c: char| !(c.is_ascii_lowercase() || matches!(c, '_' | '.' | '0'..='9')));
    let (name, rest) = argument.split_at(end.unwrap_or(argument.len()));
    let sets = rest.trim_start().starts_with('=') && !rest.trim_start().starts_with("==");
    let is_field = !name.is_empty() && (sets || rest.is_empty());
    is_field.then(|| name.to_owned())
}

/// Arguments of a call whose opening parenthesis came before `text`, strings emptied.
fn arguments(text: &str) -> Vec<String> {
    let (mut depth, mut list, mut current) = (1_u32, Vec::new(), String::new());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                current.push('"');
                while let Some(inner) = chars.next() {
                    match inner {
                        '\\' => drop(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
                continue;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 1 => {
                list.push(std::mem::take(&mut current));
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
        current.push(c);
    }
    list.push(current);
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "| field | what |\n|---|---|\n| `task.id`, `repo` | x |\n";

    #[test]
    fn field_that_the_table_lacks_is_found_and_the_message_is_none() {
        let known = known(PAGE);
        let good =
            "fn f() { tracing::warn!(task.id = t.map(|t| (t.0, 1)), repo, \"a, b = {}\", x.y()); }";
        assert_eq!(
            problems("host/a/src/b.rs", good, &known),
            Vec::<String>::new()
        );
        let bad = good.replace("repo,", "%repository, job = 1,");
        let found = problems("host/a/src/b.rs", &bad, &known);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("`repository`") && found[1].contains("`job`"));
        assert!(problems("tests/kit/b.rs", &bad, &known).is_empty());
    }
}
