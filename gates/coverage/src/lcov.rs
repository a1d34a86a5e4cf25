//! How many lines does an LCOV trace file count?
//!
//! A record runs from `SF:` to `end_of_record`. It states its sums (`LF`, `LH`) or else its lines (`DA`).

use std::collections::BTreeMap;

use crate::measure::{Lines, Measure};
use crate::number::{count, quoted};

/// A record in the making.
#[derive(Debug, Default)]
struct Record {
    found: Option<u64>,
    hit: Option<u64>,
    /// Whether each line was covered; a line that is listed twice is one line.
    lines: BTreeMap<u64, bool>,
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
        let is_covered = count(hits.unwrap_or_default())? > 0;
        *self.lines.entry(number).or_default() |= is_covered;
        Ok(())
    }

    fn sums(&self) -> Result<Lines, String> {
        let lines = match (self.found, self.hit) {
            (Some(total), Some(covered)) => Lines { covered, total },
            (Some(_), None) => return Err("a record has `LF` but no `LH`".to_owned()),
            (None, _) => Lines {
                covered: self.lines.values().filter(|covered| **covered).count() as u64,
                total: self.lines.len() as u64,
            },
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

/// Reads a trace file.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(text: &str) -> Result<Measure, String> {
    let mut sum = Lines {
        covered: 0,
        total: 0,
    };
    let mut record: Option<Record> = None;
    for line in text.lines().map(str::trim_end) {
        match (line.split_once(':'), &mut record) {
            (None, Some(open)) if line == "end_of_record" => {
                add(&mut sum, open.sums()?)?;
                record = None;
            }
            (None, _) if line.is_empty() || line.starts_with('#') => {}
            (Some(("SF", _)), None) => record = Some(Record::default()),
            (Some(("TN", _)), _) => {}
            (Some((key, value)), Some(open)) if is_key(key) && key != "SF" => {
                open.take(key, value)?
            }
            (None | Some(_), _) => {
                return Err(format!("the line {} is out of place", quoted(line)));
            }
        }
    }
    if record.is_some() {
        return Err("it ends within a record".to_owned());
    }
    Measure::of(sum)
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

fn add(sum: &mut Lines, lines: Lines) -> Result<(), String> {
    let covered = sum.covered.checked_add(lines.covered);
    let total = sum.total.checked_add(lines.total);
    match (covered, total) {
        (Some(covered), Some(total)) => *sum = Lines { covered, total },
        _ => return Err("it counts more lines than there can be".to_owned()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Result<(u64, u64), String> {
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
}
