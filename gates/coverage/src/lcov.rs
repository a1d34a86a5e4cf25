//! How many lines does an LCOV trace file count?
//!
//! A record runs from `SF:` to `end_of_record`. It states its sums (`LF`, `LH`) or else its lines (`DA`). A file may
//! have several records, one of each test program for one: it is one file, and a line of it that any of them covers
//! is covered.

use std::collections::BTreeMap;

use crate::measure::{Lines, Measure, Wrong};
use crate::number::{count, is_hit, quoted};

/// A record in the making.
#[derive(Debug, Default)]
struct Record {
    /// The file, in one spelling.
    file: String,
    found: Option<u64>,
    hit: Option<u64>,
    /// Whether each line was covered; a line that is listed twice is one line.
    lines: BTreeMap<u64, bool>,
}

/// What the records of one file come to.
#[derive(Debug, Default)]
struct File {
    /// Most that any of its records states.
    sums: Lines,
    lines: BTreeMap<u64, bool>,
    records: usize,
}

impl Record {
    fn take(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "LF" => once(&mut self.found, key, count(value)?),
            "LH" => once(&mut self.hit, key, count(value)?),
            "DA" => self.line(value),
            _ => Ok(()),
        }
    }

    fn line(&mut self, value: &str) -> Result<(), String> {
        // A checksum may follow as a third part.
        let mut parts = value.splitn(3, ',');
        let (number, hits) = (parts.next(), parts.next());
        let number = count(number.unwrap_or_default())?;
        *self.lines.entry(number).or_default() |= is_hit(hits.unwrap_or_default())?;
        Ok(())
    }

    fn sums(&self) -> Result<Lines, String> {
        let lines = match (self.found, self.hit) {
            (Some(total), Some(covered)) => Lines { covered, total },
            (Some(_), None) => return Err("a record has `LF` but no `LH`".to_owned()),
            (None, _) => Lines::of(&self.lines),
        };
        if lines.covered > lines.total {
            let Lines { covered, total } = lines;
            return Err(format!(
                "a record counts {covered} of {total} lines as covered"
            ));
        }
        Ok(lines)
    }
}

impl File {
    fn add(&mut self, record: Record) -> Result<(), String> {
        let sums = record.sums()?;
        self.sums.covered = self.sums.covered.max(sums.covered);
        self.sums.total = self.sums.total.max(sums.total);
        for (line, is_covered) in record.lines {
            *self.lines.entry(line).or_default() |= is_covered;
        }
        self.records += 1;
        Ok(())
    }

    /// One record is taken at its word. Of several it is known line by line which of them covers what; sums alone
    /// overlap by as much as they can.
    fn lines(&self) -> Lines {
        if self.records == 1 {
            return self.sums;
        }
        let lines = Lines::of(&self.lines);
        Lines {
            covered: self.sums.covered.max(lines.covered),
            total: self.sums.total.max(lines.total),
        }
    }
}

/// Reads a trace file.
///
/// # Errors
/// What is wrong with it, with the line and the file that its record is about.
pub(crate) fn read(text: &str) -> Result<Measure, Wrong> {
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    let mut record: Option<Record> = None;
    for (index, line) in text.lines().map(str::trim_end).enumerate() {
        let wrong = |what: String, of: &str| {
            let what = match of {
                "" => what,
                file => format!("{what} (in the record of {})", quoted(file)),
            };
            Wrong::at(index, what)
        };
        match (line.split_once(':'), &mut record) {
            (None, Some(_)) if line == "end_of_record" => {
                let ended = record.take().unwrap_or_default();
                let name = ended.file.clone();
                let file = files.entry(name.clone()).or_default();
                file.add(ended).map_err(|what| wrong(what, &name))?;
            }
            (None, _) if line.is_empty() || line.starts_with('#') => {}
            (Some(("SF", name)), None) => {
                record = Some(Record {
                    file: spelled(name),
                    ..Record::default()
                });
            }
            (Some(("TN", _)), _) => {}
            (Some((key, value)), Some(open)) if is_key(key) && key != "SF" => {
                let taken = open.take(key, value);
                taken.map_err(|what| wrong(what, &open.file))?;
            }
            (None | Some(_), open) => {
                let what = format!("the line {} is out of place", quoted(line));
                let of = open.as_ref().map_or("", |open| open.file.as_str());
                return Err(wrong(what, of));
            }
        }
    }
    if let Some(open) = record {
        let what = format!("it ends within the record of {}", quoted(&open.file));
        return Err(Wrong::from(what));
    }
    let mut sum = Lines::default();
    for file in files.values() {
        sum = sum
            .and(file.lines())
            .ok_or_else(|| "it counts more lines than there can be".to_owned())?;
    }
    Ok(Measure::of(sum)?)
}

/// The name of a file in one spelling: programs write one file as `./a`, `a` and, elsewhere, with backslashes.
fn spelled(name: &str) -> String {
    let name = name.trim().replace('\\', "/");
    let is_absolute = name.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    match is_absolute {
        true => format!("/{path}"),
        false => path,
    }
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_uppercase())
}

fn once(slot: &mut Option<u64>, key: &str, value: u64) -> Result<(), String> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("a record has `{key}` twice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Result<(u64, u64), Wrong> {
        let lines = read(text)?.lines.unwrap();
        Ok((lines.covered, lines.total))
    }

    #[test]
    fn sums_of_all_records_are_added() {
        let text = "TN:\nSF:a.rs\nFN:1,main\nDA:1,1\nLF:10\nLH:8\nend_of_record\n\
                    SF:C:\\b.rs\r\nLF:0\r\nLH:0\r\nend_of_record\r\nSF:c\nLF:5\nLH:5\nend_of_record\n";
        assert_eq!(lines(text), Ok((13, 15)));
    }

    #[test]
    fn lines_count_once_where_sums_are_absent() {
        let text = "SF:a\nDA:1,0\nDA:2,7,checksum\nDA:1,3\nDA:4,0\nend_of_record";
        assert_eq!(lines(text), Ok((2, 3)));
    }

    #[test]
    fn hostile_files_are_refused() {
        for text in [
            "SF:a\nLF:10\nLH:11\nend_of_record",
            "SF:a\nLF:1\nLH:2\nend_of_record\nSF:b\nLF:9\nLH:0\nend_of_record",
            "SF:a\nLF:18446744073709551616\nLH:1\nend_of_record",
            "SF:a\nLF:18446744073709551615\nLH:1\nend_of_record\nSF:b\nLF:1\nLH:1\nend_of_record",
            "SF:a\nLF:-10\nLH:-20\nend_of_record",
            "SF:a\nLF:nan\nLH:1\nend_of_record",
            "SF:a\nLF:100\nLF:1\nLH:1\nend_of_record",
            "SF:a\nLF:1\nend_of_record",
            "SF:a\nLF:1\nLH:1",
            "SF:a\nLF:1\nLH:1\nSF:b\nend_of_record",
            "LF:1\nLH:1",
            "SF:a\nend_of_record",
            "SF:a\nLF:0\nLH:0\nend_of_record",
            "SF:a\nDA:1\nend_of_record",
            "SF:a\nDA:1,-1\nend_of_record",
            "SF:a\nDA:x,1\nend_of_record",
            "SF:a\nDA:1,1\nhello\nend_of_record",
            "end_of_record",
        ] {
            assert!(lines(text).is_err(), "{text}");
        }
    }

    #[test]
    fn line_of_a_file_is_covered_if_any_of_its_records_covers_it() {
        let record = |covered: u32, sums: &str| {
            let hit = |line| u32::from(line == covered);
            format!(
                "SF:a\nDA:1,{}\nDA:2,{}\nDA:3,{}\n{sums}end_of_record\n",
                hit(1),
                hit(2),
                hit(3)
            )
        };
        for sums in ["", "LF:3\nLH:1\n"] {
            let text: String = (1..=3).map(|line| record(line, sums)).collect();
            assert_eq!(lines(&text), Ok((3, 3)), "{sums}");
        }
    }

    #[test]
    fn file_that_is_listed_often_counts_once_however_it_is_spelled() {
        let beside = format!(
            "SF:b\n{}end_of_record\n",
            (1..=90)
                .map(|line| format!("DA:{line},0\n"))
                .collect::<String>()
        );
        let full: String = (1..=30).map(|line| format!("DA:{line},7\n")).collect();
        for name in ["a/x", "./a/x", "a//x", "a\\x", "a/b/../x"] {
            let again = format!("SF:{name}\n{full}end_of_record\n").repeat(29);
            let text = format!("SF:a/x\n{full}end_of_record\n{again}{beside}");
            assert_eq!(lines(&text), Ok((30, 120)), "{name}");
        }
        let sums = "SF:a\nLF:30\nLH:30\nend_of_record\n".repeat(30);
        assert_eq!(lines(&format!("{sums}{beside}")), Ok((30, 120)));
    }

    #[test]
    fn count_that_ran_over_is_a_hit() {
        let text = "SF:a\nDA:1,1.84467440737096e+19\nend_of_record\n";
        assert_eq!(lines(text), Ok((1, 1)));
    }

    #[test]
    fn wrong_count_is_named_with_its_file_and_line() {
        let wrong = read("TN:\nSF:src/a.rs\nDA:1,1\nDA:2,x\nend_of_record\n").unwrap_err();
        assert_eq!(wrong.line, Some(4));
        assert!(wrong.what.contains("src/a.rs"), "{wrong:?}");
        let wrong = read("SF:a\nLF:1\nLH:2\nend_of_record\n").unwrap_err();
        assert_eq!(wrong.line, Some(4));
    }
}
