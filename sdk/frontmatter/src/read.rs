//! Reads a document strictly: one mapping, no ambiguity, bounded.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use crate::error::Error;
use crate::value::{Mapping, Value};

/// Largest frontmatter, in bytes: a verdict is a handful of lines.
pub const FRONTMATTER_BYTES_MAX: usize = 64 * 1024;
/// Largest YAML text of [`parse_yaml`], in bytes: a test plan has hundreds of cases at most.
pub const BYTES_MAX: usize = 256 * 1024;
/// Deepest nesting.
pub const DEPTH_MAX: usize = 8;
/// Most values in a document.
pub const NODES_MAX: usize = 10_000;

/// A Markdown file with frontmatter.
#[derive(Debug, Clone, PartialEq)]
pub struct Document<'a> {
    /// The frontmatter.
    pub mapping: Mapping,
    /// Everything after the closing line.
    pub body: &'a str,
}

/// Reads a Markdown file that begins with frontmatter. A byte order mark is passed over; lines may end in
/// CR LF.
///
/// # Errors
/// [`Error`], with the line as an editor counts it.
pub fn parse(document: &str) -> Result<Document<'_>, Error> {
    let text = document.strip_prefix('\u{feff}').unwrap_or(document);
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    if first.trim_end_matches(['\n', '\r']) != "---" || !first.ends_with('\n') {
        return Err(Error::NoFrontmatter {
            instead: instead(text),
        });
    }
    let start = first.len();
    let mut end = start;
    for line in lines {
        if line.trim_end_matches(['\n', '\r']) == "---" {
            let yaml = &text[start..end];
            let body = &text[end + line.len()..];
            return Ok(Document {
                mapping: read_mapping(yaml, FRONTMATTER_BYTES_MAX)
                    .map_err(|error| error.further_down(1))?,
                body,
            });
        }
        end += line.len();
        if end - start > FRONTMATTER_BYTES_MAX {
            return Err(Error::TooLarge {
                bytes: end - start,
                max: FRONTMATTER_BYTES_MAX,
            });
        }
    }
    Err(Error::NotClosed)
}

/// What stands where `---` should, in the words of whoever wrote it.
fn instead(text: &str) -> &'static str {
    let first = text.lines().next().unwrap_or_default();
    let is_invisible = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    match first.trim() {
        _ if text.trim().is_empty() => "the file is empty",
        "---" if text.contains('\n') => "there is a blank beside it",
        "---" => "nothing follows it",
        "" => "the first line is empty",
        "+++" => "`+++` begins TOML, which is not read",
        line if line.starts_with("```") || line.starts_with("~~~") => {
            "the file begins with a code fence: take that away, and its end"
        }
        line if line.starts_with("---\r") => "its lines end in a carriage return alone",
        line if line.starts_with(is_invisible) => "a character that nobody sees stands before it",
        line if line
            .chars()
            .all(|c| matches!(c, '-' | '–' | '—' | '_' | '*' | '=')) =>
        {
            "the line is not of three hyphens"
        }
        _ => "the file begins with other text",
    }
}

/// Reads a YAML text under the same rules.
///
/// # Errors
/// [`Error`].
pub fn parse_yaml(text: &str) -> Result<Value, Error> {
    read(text, BYTES_MAX)
}

fn read_mapping(yaml: &str, max: usize) -> Result<Mapping, Error> {
    match read(yaml, max)? {
        Value::Mapping(mapping) => Ok(mapping),
        Value::Null if yaml.trim().is_empty() => Ok(Mapping::default()),
        Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Sequence(_) => Err(Error::NotMapping),
    }
}

fn read(text: &str, max: usize) -> Result<Value, Error> {
    if text.len() > max {
        return Err(Error::TooLarge {
            bytes: text.len(),
            max,
        });
    }
    read_document(text).map_err(|error| in_words(error, text))
}

/// What the parser stumbled over, in the words of whoever wrote it: Markdown and tabs are what people bring along.
fn in_words(error: Error, text: &str) -> Error {
    let Error::Syntax { line, problem } = error else {
        return error;
    };
    let mut lines = text.lines().skip(line.saturating_sub(1));
    let written = lines.next().unwrap_or_default();
    let value = written
        .split_once(':')
        .map_or("", |(_, value)| value.trim_start());
    let problem = if value.starts_with('*') {
        "a value that begins with `*` is an alias in YAML; write it without asterisks".to_owned()
    } else if value.starts_with(['`', '@', '%']) {
        format!("{problem}; a value that begins so has to stand in quotes")
    } else if written.contains('\t') {
        format!("{problem}; there is a tab in the line, write blanks")
    } else {
        problem
    };
    Error::Syntax { line, problem }
}

fn read_document(text: &str) -> Result<Value, Error> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        nodes: 0,
    };
    let (event, span) = reader.next()?;
    if event != Event::StreamStart {
        return Err(reader.unexpected(span));
    }
    let value = match reader.next()? {
        (Event::StreamEnd, _) => return Ok(Value::Null),
        (Event::DocumentStart(_), _) => {
            let (event, span) = reader.next()?;
            reader.value(event, span, 0)?
        }
        (_, span) => return Err(reader.unexpected(span)),
    };
    let (event, span) = reader.next()?;
    if event != Event::DocumentEnd {
        return Err(reader.unexpected(span));
    }
    match reader.next()? {
        (Event::StreamEnd, _) => Ok(value),
        (_, span) => Err(Error::Forbidden {
            line: span.start.line(),
            what: "several documents",
        }),
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Error> {
        match self.events.next_event() {
            Some(Ok(pair)) => Ok(pair),
            Some(Err(error)) => Err(syntax(&error)),
            None => Err(Error::Syntax {
                line: 1,
                problem: "the text ends too early".to_owned(),
            }),
        }
    }

    #[expect(
        clippy::unused_self,
        reason = "reads as a statement about the reader's position"
    )]
    fn unexpected(&self, span: Span) -> Error {
        Error::Syntax {
            line: span.start.line(),
            problem: "unexpected structure".to_owned(),
        }
    }

    fn value(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Value, Error> {
        let line = span.start.line();
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(Error::Bound {
                line,
                what: "too many values",
            });
        }
        match event {
            Event::Alias(_) => Err(Error::Forbidden {
                line,
                what: "aliases",
            }),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => Err(Error::Forbidden { line, what: "tags" }),
            Event::Scalar(text, style, 0, None) => scalar(&text, style, line),
            Event::SequenceStart(0, None) => self.sequence(line, depth),
            Event::MappingStart(0, None) => self.mapping(line, depth),
            Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                Err(Error::Forbidden {
                    line,
                    what: "anchors",
                })
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => Err(self.unexpected(span)),
        }
    }

    fn sequence(&mut self, line: usize, depth: usize) -> Result<Value, Error> {
        check_depth(line, depth)?;
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::Sequence(list)),
                (event, span) => list.push(self.value(event, span, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, line: usize, depth: usize) -> Result<Value, Error> {
        check_depth(line, depth)?;
        let mut mapping = Mapping::default();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Value::Mapping(mapping));
            }
            let line = span.start.line();
            let key = match self.value(event, span, depth + 1)? {
                Value::Sequence(_) | Value::Mapping(_) => {
                    return Err(Error::Forbidden {
                        line,
                        what: "lists and mappings as keys",
                    });
                }
                key => key.to_scalar_text().unwrap_or_default(),
            };
            if key == "<<" {
                return Err(Error::Forbidden {
                    line,
                    what: "merge keys",
                });
            }
            let (event, span) = self.next()?;
            let value = self.value(event, span, depth + 1)?;
            if !mapping.insert(key.clone(), value) {
                return Err(Error::DuplicateKey { line, key });
            }
        }
    }
}

fn check_depth(line: usize, depth: usize) -> Result<(), Error> {
    if depth >= DEPTH_MAX {
        return Err(Error::Bound {
            line,
            what: "nested too deeply",
        });
    }
    Ok(())
}

fn syntax(error: &ScanError) -> Error {
    Error::Syntax {
        line: error.marker().line(),
        problem: error.info().to_owned(),
    }
}

/// Resolves a plain scalar by the YAML 1.2 core schema; quoted and block scalars are text.
fn scalar(text: &str, style: ScalarStyle, line: usize) -> Result<Value, Error> {
    if style != ScalarStyle::Plain {
        return Ok(Value::Text(text.to_owned()));
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    if let Some(number) = integer(text) {
        return Ok(Value::Integer(number));
    }
    if is_float(text) {
        return match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Number(number)),
            _ => Err(Error::Bound {
                line,
                what: "a number is out of range",
            }),
        };
    }
    if matches!(
        text.trim_start_matches(['+', '-']),
        ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN"
    ) {
        return Err(Error::Bound {
            line,
            what: "a number is not finite",
        });
    }
    Ok(Value::Text(text.to_owned()))
}

fn integer(text: &str) -> Option<i64> {
    if let Some(digits) = text.strip_prefix("0x") {
        return i64::from_str_radix(digits, 16)
            .ok()
            .filter(|_| !digits.starts_with(['+', '-']));
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return i64::from_str_radix(digits, 8)
            .ok()
            .filter(|_| !digits.starts_with(['+', '-']));
    }
    text.parse().ok()
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((m, e)) => (m, Some(e.strip_prefix(['+', '-']).unwrap_or(e))),
        None => (text, None),
    };
    if exponent.is_some_and(|e| !digits(e)) {
        return false;
    }
    match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    }
}
