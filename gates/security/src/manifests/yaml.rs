//! What does a YAML lock file say? Lock files are far larger than the documents that people write, so they have bounds
//! of their own; aliases are refused, for they can make a small text large.

use saphyr_parser::{Event, Parser, StrInput};
use serde_json::{Map, Value};

use super::{DART, Manifest};

/// Most values of a text.
const NODES_MAX: usize = 400_000;
/// Deepest nesting.
const DEPTH_MAX: usize = 32;

/// Reads one document. Every scalar is a text, as it is written.
///
/// # Errors
/// What is wrong with it, with its line.
pub(super) fn value(text: &str) -> Result<Value, String> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        nodes: 0,
    };
    loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
            (Event::StreamEnd, _) => return Err("it is empty".to_owned()),
            (event, line) => return reader.value(event, line, 0),
        }
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, usize), String> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start.line())),
            Some(Err(error)) => Err(format!("line {}: {}", error.marker().line(), error.info())),
            None => Err("it ends too early".to_owned()),
        }
    }

    fn value(&mut self, event: Event<'a>, line: usize, depth: usize) -> Result<Value, String> {
        self.nodes += 1;
        if self.nodes > NODES_MAX || depth > DEPTH_MAX {
            return Err(format!(
                "line {line}: it holds too much, or is nested too deeply"
            ));
        }
        match event {
            Event::Scalar(text, ..) => Ok(Value::String(text.into_owned())),
            Event::SequenceStart(..) => {
                let mut list = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => return Ok(Value::Array(list)),
                        (event, line) => list.push(self.value(event, line, depth + 1)?),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut map = Map::new();
                loop {
                    let (event, line) = self.next()?;
                    if event == Event::MappingEnd {
                        return Ok(Value::Object(map));
                    }
                    let key = self.value(event, line, depth + 1)?;
                    let (event, line) = self.next()?;
                    let value = self.value(event, line, depth + 1)?;
                    map.insert(key.as_str().unwrap_or_default().to_owned(), value);
                }
            }
            Event::Alias(_) => Err(format!("line {line}: aliases are not read")),
            _ => Err(format!("line {line}: unexpected structure")),
        }
    }
}

/// Reads `pubspec.lock`.
pub(super) fn pubspec(text: &str) -> Result<Manifest, String> {
    let lock = value(text)?;
    let Some(Value::Object(packages)) = lock.get("packages") else {
        return Err("it holds no `packages`".to_owned());
    };
    let mut manifest = Manifest::default();
    for (name, entry) in packages {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        match (text("source"), text("version")) {
            ("hosted", version) if !version.is_empty() => manifest.add(DART, name, version),
            // The language's own packages, and members of the workspace.
            ("sdk" | "path", _) => {}
            _ => manifest.skip(name),
        }
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::super::pairs;
    use super::*;

    #[test]
    fn pubspec_lock_gives_hosted_packages() {
        let text = "packages:\n  http:\n    source: hosted\n    version: \"0.13.0\"\n  flutter:\n    source: sdk\n    \
                    version: \"0.0.0\"\n  own:\n    source: git\n    version: \"1.0.0\"\n";
        let manifest = pubspec(text).unwrap();
        assert_eq!(pairs(&manifest), [("http", "0.13.0")]);
        assert_eq!(manifest.unaudited.len(), 1);
    }

    #[test]
    fn hostile_yaml_is_refused() {
        for text in [
            "",
            "a: &x [1]\nb: *x",
            "a: [",
            &"[".repeat(100),
            "a: b\n c: d: e",
        ] {
            assert!(value(text).is_err(), "{text}");
        }
        let many = "- a\n".repeat(NODES_MAX);
        assert!(value(&many).is_err());
    }
}
