//! How is a report written, and what does it say then?

use serde::Deserialize;
use serde_json::Value;

use crate::measure::Measure;
use crate::number::Share;
use crate::{cobertura, lcov};

/// Longest report, in bytes; the host keeps no longer one either.
const REPORT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How a report is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Whatever it looks like.
    #[default]
    Auto,
    /// LCOV's trace file.
    Lcov,
    /// Cobertura's XML.
    Cobertura,
    /// A percentage such as `87.5`, or a JSON object with one under `total`, `percent` or `coverage`.
    Number,
}

/// Reads a report.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(text: &str, format: Format) -> Result<Measure, String> {
    if text.len() > REPORT_BYTES_MAX {
        return Err(format!("it has {} bytes, too many to read", text.len()));
    }
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    match format {
        Format::Auto => read_any(text),
        Format::Lcov => lcov::read(text),
        Format::Cobertura => cobertura::read(text),
        Format::Number => number(text),
    }
}

/// Reads a report by its looks; each format begins in a way that no other can.
fn read_any(text: &str) -> Result<Measure, String> {
    if text.starts_with('<') {
        return cobertura::read(text);
    }
    if text.lines().any(|line| line.starts_with("SF:")) {
        return lcov::read(text);
    }
    number(text)
}

fn number(text: &str) -> Result<Measure, String> {
    if text.starts_with('{') {
        return object(text);
    }
    let digits = text.strip_suffix('%').map_or(text, str::trim_end);
    Share::parse_percent(digits).map(Measure::share)
}

fn object(text: &str) -> Result<Measure, String> {
    let object: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let stated = ["total", "percent", "coverage"].map(|key| object.get(key));
    let mut stated = stated.into_iter().flatten();
    match (stated.next(), stated.next()) {
        (Some(Value::Number(number)), None) => {
            Share::parse_percent(&number.to_string()).map(Measure::share)
        }
        (Some(_), _) | (None, _) => {
            Err("it must hold one number, under `total`, `percent` or `coverage`".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(text: &str) -> Result<u64, String> {
        read(text, Format::Auto).map(|measure| measure.share.0)
    }

    #[test]
    fn every_format_is_recognised_by_its_looks() {
        assert_eq!(share("87.5\n"), Ok(8750));
        assert_eq!(share("\u{feff} 87.5 %"), Ok(8750));
        assert_eq!(
            share(r#"{"total": 87.53, "files": {"total": 1}}"#),
            Ok(8753)
        );
        assert_eq!(share(r#"{"percent": 100}"#), Ok(10_000));
        assert_eq!(share("TN:\nSF:a\nLF:4\nLH:3\nend_of_record\n"), Ok(7500));
        assert_eq!(
            share("<coverage lines-valid='4' lines-covered='3'/>"),
            Ok(7500)
        );
    }

    #[test]
    fn garbage_in_no_format_is_refused() {
        for text in [
            "",
            "  \n",
            "all good",
            "NaN",
            "-1",
            "100.01%",
            "%",
            "87.5%%",
            "87 88",
            "{",
            "{}",
            r#"{"total": "87"}"#,
            r#"{"total": -1}"#,
            r#"{"total": 1e300}"#,
            r#"{"total": {"percent": 90}}"#,
            r#"{"total": 10, "percent": 90}"#,
            "[90]",
        ] {
            assert!(share(text).is_err(), "{text}");
        }
        assert!(share(&"9".repeat(REPORT_BYTES_MAX + 1)).is_err());
        assert!(share(&"{\"total\":".repeat(100_000)).is_err());
    }

    #[test]
    fn report_in_another_format_than_the_set_one_is_refused() {
        let lcov = "SF:a\nLF:4\nLH:3\nend_of_record";
        assert!(read(lcov, Format::Cobertura).is_err());
        assert!(read(lcov, Format::Number).is_err());
        assert!(read("87.5", Format::Lcov).is_err());
        assert!(read("87.5", Format::Number).is_ok() && read(lcov, Format::Lcov).is_ok());
    }
}
