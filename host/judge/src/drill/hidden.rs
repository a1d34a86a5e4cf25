//! Changes that a person does not see: marks of direction, characters without width, letters that look alike.

use super::{Made, Planned, Source};

/// Letters of Latin with those of Cyrillic that look like them.
const ALIKE: [(char, char); 6] = [
    ('a', '\u{430}'),
    ('e', '\u{435}'),
    ('o', '\u{43e}'),
    ('p', '\u{440}'),
    ('c', '\u{441}'),
    ('x', '\u{445}'),
];
/// Shortest name that is changed.
const NAME_BYTES_MIN: usize = 4;
const NO_CODE: &str = "there is no code in a language that drills know";

pub(super) fn direction(code: &[Source], tests: &[Source]) -> Made {
    let source = code.iter().chain(tests).next().ok_or(NO_CODE)?;
    let comment = source.language.map_or("#", |language| language.comment);
    let text = format!(
        "{}\n{comment} \u{202e} nimda si \u{2066}checked for everybody\u{2069} \u{2066}\n",
        source.text.trim_end()
    );
    let what = "marks of direction turn a comment around";
    Ok(Planned::of(&source.path, text, what))
}

pub(super) fn width(code: &[Source], tests: &[Source]) -> Made {
    let hide = |name: &str| Some(format!("{}\u{200b}{}", &name[..2], &name[2..]));
    renamed(code, tests, hide, "a name holds a character without width")
}

pub(super) fn look_alike(code: &[Source], tests: &[Source]) -> Made {
    let swap = |name: &str| {
        let mut pairs = ALIKE.iter();
        let (latin, other) = pairs.find(|(latin, _)| name.contains(*latin))?;
        Some(name.replacen(*latin, &other.to_string(), 1))
    };
    renamed(
        code,
        tests,
        swap,
        "a name holds a letter that only looks alike",
    )
}

/// Changes one name of the first file that has one, in code and in no comment or string.
fn renamed(
    code: &[Source],
    tests: &[Source],
    change: impl Fn(&str) -> Option<String>,
    what: &str,
) -> Made {
    let edit = |source: &Source| {
        let language = source.language?;
        let mut from = 0;
        let mut lines = source.text.split_inclusive('\n').enumerate();
        lines.find_map(|(at, line)| {
            let begin = from;
            from += line.len();
            let is_code = line.is_ascii()
                && !line.contains(['"', '\'', '`'])
                && !line.contains(language.comment)
                && !line.trim_start().starts_with(['*', '/', '#', '@'])
                && line.contains(['(', '=']);
            let name = is_code.then(|| name_of(line)).flatten()?;
            let now = change(name)?;
            let offset = begin + line.find(name)?;
            let text = &source.text;
            let end = offset + name.len();
            Some((at + 1, format!("{}{now}{}", &text[..offset], &text[end..])))
        })
    };
    let mut found = code.iter().chain(tests);
    match found.find_map(|source| Some((source, edit(source)?))) {
        Some((source, (at, text))) => Ok(Planned::of(
            &source.path,
            text,
            &format!("line {at}: {what}"),
        )),
        None => Err(NO_CODE.to_owned()),
    }
}

/// The last name of a line that is long enough.
fn name_of(line: &str) -> Option<&str> {
    let mut names = line.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    names.find(|name| {
        name.len() >= NAME_BYTES_MIN && name.starts_with(|c: char| c.is_ascii_lowercase())
    })
}
