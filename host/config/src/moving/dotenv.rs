//! How is an environment file of the reference system read? Readers of such files differ; whatever two of them would
//! read differently is read in one way here and said.

use std::collections::BTreeMap;

/// Lines that are read at most.
const LINES_MAX: usize = 10_000;

/// A name with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it stands, from 1.
    pub number: usize,
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// Something that another reader may have read otherwise, or that was not read. It never shows a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// It is no line of a name and a value.
    NotRead {
        /// Where.
        line: usize,
    },
    /// The name stands twice; the later one counts.
    Twice {
        /// Which.
        name: String,
        /// Where the one stands that does not count.
        earlier: usize,
        /// Where the other one stands.
        later: usize,
    },
    /// Some readers put another value where this one has a `$`; it is taken as it is.
    Dollar {
        /// Which.
        name: String,
        /// Where.
        line: usize,
    },
    /// The value stands between quotation marks, which some readers keep, or has backslashes between them, which some
    /// readers take for marks of their own; neither is done here.
    Quoted {
        /// Which.
        name: String,
        /// Where.
        line: usize,
    },
    /// Something stands behind the quotation mark that ends the value; it is left out.
    Behind {
        /// Which.
        name: String,
        /// Where.
        line: usize,
    },
    /// A mark of a note begins the value; it is taken for a note.
    OnlyNote {
        /// Which.
        name: String,
        /// Where.
        line: usize,
    },
    /// A quotation mark begins the value and none ends it; it is taken as it is.
    OpenQuote {
        /// Which.
        name: String,
        /// Where.
        line: usize,
    },
    /// The file goes on behind the last line that is read.
    TooLong,
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotRead { line } => {
                write!(f, "line {line} is no name with a value; it is left out")
            }
            Self::Twice {
                name,
                earlier,
                later,
            } => write!(
                f,
                "`{name}` stands in lines {earlier} and {later}; the later one counts"
            ),
            Self::Dollar { name, line } => write!(
                f,
                "`{name}` in line {line} has a `$`, which is taken as it is; some readers put another value there"
            ),
            Self::Quoted { name, line } => write!(
                f,
                "`{name}` in line {line} stands between quotation marks, which are no part of it here; a backslash between them is one, and some readers do otherwise"
            ),
            Self::Behind { name, line } => write!(
                f,
                "`{name}` in line {line} ends at its quotation mark; what stands behind it is left out"
            ),
            Self::OnlyNote { name, line } => write!(
                f,
                "`{name}` in line {line} is empty: what stands there is a note; put quotation marks around it if it is the value"
            ),
            Self::OpenQuote { name, line } => write!(
                f,
                "`{name}` in line {line} begins with a quotation mark that nothing ends; it is part of the value"
            ),
            Self::TooLong => write!(f, "only the first {LINES_MAX} lines are read"),
        }
    }
}

/// What an environment file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dotenv {
    /// Its names in order of their lines, each once.
    pub lines: Vec<Line>,
    /// What is doubtful in it.
    pub doubts: Vec<Doubt>,
}

impl Dotenv {
    /// Reads a text: with a mark of its encoding or without, with either end of lines.
    pub fn read(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut doubts = Vec::new();
        let mut found: BTreeMap<String, Line> = BTreeMap::new();
        // A line ends with either mark or with both; with one that is not known a name would be lost in a value.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        for (at, line) in text.lines().enumerate() {
            let number = at + 1;
            if number > LINES_MAX {
                doubts.push(Doubt::TooLong);
                break;
            }
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let line = line
                .strip_prefix("export")
                .filter(|rest| rest.starts_with(char::is_whitespace))
                .map_or(line, str::trim_start);
            let named = line
                .split_once('=')
                .map(|(name, value)| (name.trim(), value));
            let is_name = |name: &str| {
                !name.is_empty()
                    && !name.starts_with(|c: char| c.is_ascii_digit())
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            };
            let Some((name, rest)) = named.filter(|(name, _)| is_name(name)) else {
                doubts.push(Doubt::NotRead { line: number });
                continue;
            };
            let name = name.to_owned();
            let (value, of_value) = value(rest, &name, number);
            doubts.extend(of_value);
            let line = Line {
                number,
                name: name.clone(),
                value,
            };
            if let Some(earlier) = found.insert(name.clone(), line) {
                doubts.push(Doubt::Twice {
                    name,
                    earlier: earlier.number,
                    later: number,
                });
            }
        }
        let mut lines: Vec<Line> = found.into_values().collect();
        lines.sort_by_key(|line| line.number);
        Self { lines, doubts }
    }
}

/// The value behind the equals sign: what stands between quotation marks, or what stands before a note.
fn value(rest: &str, name: &str, line: usize) -> (String, Vec<Doubt>) {
    let name = name.to_owned();
    let plain = rest.trim();
    for mark in ['"', '\''] {
        let Some(inside) = plain.strip_prefix(mark) else {
            continue;
        };
        let Some(end) = inside.find(mark) else {
            return (plain.to_owned(), vec![Doubt::OpenQuote { name, line }]);
        };
        let (value, behind) = (inside[..end].to_owned(), inside[end + 1..].trim_start());
        let mut doubts = vec![Doubt::Quoted {
            name: name.clone(),
            line,
        }];
        if value.contains('$') && mark == '"' {
            let name = name.clone();
            doubts.push(Doubt::Dollar { name, line });
        }
        if !behind.is_empty() && !behind.starts_with('#') {
            doubts.push(Doubt::Behind { name, line });
        }
        return (value, doubts);
    }
    // A note begins with a mark behind white space; one inside of a word is part of it.
    let end = rest
        .char_indices()
        .find(|(at, c)| *c == '#' && rest[..*at].ends_with(char::is_whitespace))
        .map_or(rest.len(), |(at, _)| at);
    let value = rest[..end].trim().to_owned();
    let mut doubts = Vec::new();
    if value.is_empty() && end < rest.len() {
        let name = name.clone();
        doubts.push(Doubt::OnlyNote { name, line });
    }
    if value.contains('$') {
        doubts.push(Doubt::Dollar { name, line });
    }
    (value, doubts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(String, String)> {
        let read = Dotenv::read(text);
        let pair = |line: Line| (line.name, line.value);
        read.lines.into_iter().map(pair).collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        list.iter().map(own).collect()
    }

    #[test]
    fn marks_line_ends_notes_and_quotes_are_no_part_of_a_value() {
        assert_eq!(
            of("\u{feff}A=1\r\nB=2\r\n"),
            pairs(&[("A", "1"), ("B", "2")])
        );
        assert_eq!(
            of(
                "A=x  # n\nB=#f00\nC=\"a # b\" # n\nD='it # is'\nE=a#b\n# F=1\n\nexport G = 7\nH=\n"
            ),
            pairs(&[
                ("A", "x"),
                ("B", "#f00"),
                ("C", "a # b"),
                ("D", "it # is"),
                ("E", "a#b"),
                ("G", "7"),
                ("H", "")
            ])
        );
        assert_eq!(of("B=\"#f00\""), pairs(&[("B", "#f00")]));
        // Lines of an old machine, a tabulator behind `export`, and a value that is a note alone.
        assert_eq!(
            of("A=1\rexport\tB=2\rexporter=3\rC= # none\r"),
            pairs(&[("A", "1"), ("B", "2"), ("exporter", "3"), ("C", "")])
        );
    }

    #[test]
    fn whatever_two_readers_would_read_differently_is_said_without_the_value() {
        let text = "A=1\nexport A=2\nno line\nP=pa$$word\nQ='pa$$word'\nR=\"open\n1X=2\nS=\"a\"word\nT= # word\n";
        let read = Dotenv::read(text);
        assert_eq!(
            of(text),
            pairs(&[
                ("A", "2"),
                ("P", "pa$$word"),
                ("Q", "pa$$word"),
                ("R", "\"open"),
                ("S", "a"),
                ("T", "")
            ])
        );
        let said: Vec<String> = read.doubts.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 9, "{said:#?}");
        for (at, part) in [
            "lines 1 and 2",
            "line 3",
            "`P` in line 4",
            "`Q` in line 5 stands between quotation marks",
            "`R` in line 6",
            "line 7",
            "`S` in line 8 stands between quotation marks",
            "`S` in line 8 ends",
            "`T` in line 9 is empty",
        ]
        .into_iter()
        .enumerate()
        {
            assert!(said[at].contains(part), "{said:#?}");
        }
        assert!(!said.concat().contains("word"));
    }
}
