//! Changes of tests, and of what they may not see: the removal of a check.

use super::languages::Skip;
use super::{Made, Planned, Source};

/// Most lines of a block that is taken away.
const BLOCK_LINES_MAX: usize = 20;

/// Where a file was changed, and its new text.
struct Edit {
    line: usize,
    text: String,
}

pub(super) fn deleted(tests: &[Source]) -> Made {
    let source = tests.first().ok_or("there is no file with tests")?;
    Ok(Planned {
        files: vec![(source.path.clone(), None)],
        note: format!("{}: is deleted", source.path),
    })
}

/// Every file with tests is broken: the host may run some of them only.
pub(super) fn broken(tests: &[Source]) -> Made {
    let count = tests.len();
    if count == 0 {
        return Err("there is no file with tests".to_owned());
    }
    let files = tests.iter().map(|source| {
        let (first, rest) = match source.text.split_once('\n') {
            // Who reads the file is said there.
            Some((first, rest)) if first.starts_with("#!") || first.starts_with("<?") => {
                (format!("{first}\n"), rest)
            }
            Some(_) | None => (String::new(), source.text.as_str()),
        };
        let text = format!("{first})]}} this is no code {{[(\n{rest}");
        (source.path.clone(), Some(text.into_bytes()))
    });
    Ok(Planned {
        files: files.collect(),
        note: format!("files with tests: {count} begin with what is no code"),
    })
}

pub(super) fn assertion_deleted(tests: &[Source], inside: &[Source]) -> Made {
    let edit = |source: &Source| {
        let language = source.language?;
        replaced(source, |line| {
            is_assertion(line, language.assertions).then(|| language.nothing.to_owned())
        })
    };
    first(tests, inside, edit, "an assertion is deleted")
        .ok_or_else(|| "no assertion on a line of its own was found".to_owned())
}

pub(super) fn vacuous(tests: &[Source], inside: &[Source]) -> Made {
    let edit = |source: &Source| {
        let language = source.language?;
        replaced(source, |line| {
            let mut vacuous = language.vacuous.iter();
            let (_, now) = vacuous.find(|(before, _)| line.starts_with(before))?;
            let is_it = is_assertion(line, language.assertions) && line != *now;
            is_it.then(|| (*now).to_owned())
        })
    };
    first(
        tests,
        inside,
        edit,
        "an assertion asserts what is true anyway",
    )
    .ok_or_else(|| "no assertion was found that could be replaced".to_owned())
}

pub(super) fn skipped(tests: &[Source], inside: &[Source]) -> Made {
    let edit = |source: &Source| {
        let language = source.language?;
        match language.skip {
            Skip::Before(begins, lines) => {
                let at = line_that(source, |line| line.starts_with(begins))?;
                let indent = indent_of(source, at);
                let lines = lines.iter().map(|line| format!("{indent}{line}"));
                Some(inserted(source, at, lines.collect()))
            }
            Skip::After(begins, line) => {
                let opens = |l: &str| l.starts_with(begins) && (l.ends_with('{') || l == begins);
                let at = line_that(source, opens)?;
                let line = format!("{}{line}", indent_of(source, at));
                Some(inserted(source, at + 1, vec![line]))
            }
            Skip::Instead(pairs) => replaced(source, |line| {
                let mut pairs = pairs.iter();
                let (before, now) = pairs.find(|(before, _)| line.starts_with(before))?;
                Some(line.replacen(before, now, 1))
            }),
        }
    };
    first(tests, inside, edit, "a test is skipped")
        .ok_or_else(|| "no test was found that could be skipped".to_owned())
}

pub(super) fn check_removed(code: &[Source], names: &[String]) -> Made {
    let edit = |source: &Source| {
        let language = source.language?;
        let lines: Vec<&str> = source.text.lines().collect();
        lines.iter().enumerate().find_map(|(at, line)| {
            let words = line.trim();
            let checks = !words.starts_with(language.comment) && holds_name(words, names);
            let count = checks.then(|| statement(&lines, at)).flatten()?;
            let mut kept: Vec<&str> = lines[..at].to_vec();
            kept.extend(&lines[at + count..]);
            Some(Edit {
                line: at + 1,
                text: joined(&kept),
            })
        })
    };
    first(code, &[], edit, "a check of rights is removed")
        .ok_or_else(|| "no check of rights was found by the names that such checks have".to_owned())
}

/// How many lines the check takes that begins at a line: a decorator, a call, or a condition with its block.
fn statement(lines: &[&str], at: usize) -> Option<usize> {
    let words = lines[at].trim();
    let is_balanced = |text: &str| text.matches('(').count() == text.matches(')').count();
    let is_mark = words.starts_with('@') || words.starts_with("#[") || words.starts_with('[');
    let is_call = words.ends_with(')') || words.ends_with(");");
    let begins = |list: &[&str]| list.iter().any(|word| words.starts_with(word));
    let declares = begins(&[
        "def ",
        "fn ",
        "func ",
        "function ",
        "pub ",
        "class ",
        "import ",
        "from ",
        "use ",
        "return ",
        "const ",
        "let ",
        "var ",
        "public ",
        "private ",
        "export ",
    ]);
    if is_mark && is_balanced(words) && !words.ends_with('{') {
        return Some(1);
    }
    if begins(&["if ", "if(", "unless "]) {
        return block(lines, at);
    }
    (is_call && is_balanced(words) && !declares).then_some(1)
}

/// Lines of a condition with its block, by their indentation; none if another branch hangs on it.
fn block(lines: &[&str], at: usize) -> Option<usize> {
    let own = indent(lines[at]);
    let rest = lines[at + 1..].iter().take(BLOCK_LINES_MAX);
    let inner = rest.take_while(|line| line.trim().is_empty() || indent(line) > own);
    let mut count = 1 + inner.count();
    if count == 1 {
        // All of it stands on the line.
        return lines[at].trim().ends_with([';', '}']).then_some(1);
    }
    let next = lines.get(at + count).map_or("", |line| line.trim());
    if next.contains("else") || next.starts_with("elif") {
        return None;
    }
    if lines[at].trim().ends_with('{') || next == "end" {
        count += 1;
    }
    (count <= BLOCK_LINES_MAX).then_some(count)
}

/// Whether one of the names on the line holds one of these.
fn holds_name(line: &str, names: &[String]) -> bool {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mut plain = words.map(|word| word.replace('_', "").to_ascii_lowercase());
    plain.any(|word| names.iter().any(|name| word.contains(name.as_str())))
}

fn is_assertion(line: &str, begins: &[&str]) -> bool {
    let of_one_line =
        line.matches('(').count() == line.matches(')').count() && !line.ends_with('{');
    of_one_line && begins.iter().any(|begin| line.starts_with(begin))
}

fn first(
    tests: &[Source],
    others: &[Source],
    edit: impl Fn(&Source) -> Option<Edit>,
    what: &str,
) -> Option<Planned> {
    tests.iter().chain(others).find_map(|source| {
        let edit = edit(source)?;
        let what = format!("line {}: {what}", edit.line);
        Some(Planned::of(&source.path, edit.text, &what))
    })
}

/// The file with the first line replaced for which there is something else.
fn replaced(source: &Source, other: impl Fn(&str) -> Option<String>) -> Option<Edit> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut found = lines.iter().enumerate().skip(source.from);
    let (at, now) = found.find_map(|(at, line)| Some((at, other(line.trim())?)))?;
    let mut kept: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    kept[at] = format!("{}{now}", indent_of(source, at));
    Some(Edit {
        line: at + 1,
        text: joined(&kept),
    })
}

fn line_that(source: &Source, fits: impl Fn(&str) -> bool) -> Option<usize> {
    let mut lines = source.text.lines().enumerate().skip(source.from);
    lines.find(|(_, line)| fits(line.trim())).map(|(at, _)| at)
}

fn inserted(source: &Source, at: usize, new: Vec<String>) -> Edit {
    let mut lines: Vec<String> = source.text.lines().map(str::to_owned).collect();
    lines.splice(at..at, new);
    Edit {
        line: at + 1,
        text: joined(&lines),
    }
}

fn joined<S: AsRef<str>>(lines: &[S]) -> String {
    let lines = lines.iter().map(|line| format!("{}\n", line.as_ref()));
    lines.collect()
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn indent_of(source: &Source, at: usize) -> String {
    let line = source.text.lines().nth(at).unwrap_or_default();
    line[..indent(line)].to_owned()
}
