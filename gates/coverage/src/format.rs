//! How is a report written, and what does it say then?

use serde::Deserialize;
use serde_json::Value;

use crate::measure::{Measure, Wrong};
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
pub(crate) fn read(text: &str, format: Format) -> Result<Measure, Wrong> {
    if text.len() > REPORT_BYTES_MAX {
        let what = format!("it has {} bytes, too many to read", text.len());
        return Err(what.into());
    }
    // The end alone is trimmed, so that lines are counted as an editor counts them.
    let text = text.trim_start_matches('\u{feff}').trim_end();
    if text.is_empty() {
        return Err("it is empty".to_owned().into());
    }
    match format {
        Format::Auto => read_any(text),
        Format::Lcov => lcov::read(text),
        Format::Cobertura => cobertura::read(text),
        Format::Number => Ok(number(text.trim_start())?),
    }
}

/// Reads a report by its looks; each format begins in a way that no other can.
fn read_any(text: &str) -> Result<Measure, Wrong> {
    if text.trim_start().starts_with('<') {
        return cobertura::read(text);
    }
    if text.lines().any(|line| line.starts_with("SF:")) {
        return lcov::read(text);
    }
    Ok(number(text.trim_start())?)
}

/// Reports of other programs that are often handed in, by how they begin, and what is to be done.
fn looks_like(text: &str) -> Option<&'static str> {
    let is_mode = |mode: &str| text.starts_with(&format!("mode: {mode}"));
    if ["set", "count", "atomic"].into_iter().any(is_mode) {
        return Some(
            "it looks like a profile of `go test -coverprofile`; write the percentage of `go tool cover -func`, or \
             convert it to Cobertura",
        );
    }
    if text.starts_with("SQLite format 3") {
        return Some(
            "it looks like coverage.py's own data; write `coverage lcov` or `coverage xml`",
        );
    }
    None
}

fn number(text: &str) -> Result<Measure, String> {
    if text.starts_with('{') {
        return object(text);
    }
    if let Some(what) = looks_like(text) {
        return Err(what.to_owned());
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
        _ if object
            .get("result")
            .is_some_and(|r| r.get("line").is_some()) =>
        {
            Err("it looks like SimpleCov's last run; have SimpleCov write LCOV".to_owned())
        }
        _ if object.get("totals").is_some_and(Value::is_object) => Err(
            "it looks like coverage.py's JSON; write `coverage lcov` or `coverage xml`".to_owned(),
        ),
        _ if object.pointer("/total/lines/pct").is_some() => {
            Err("it looks like Istanbul's summary; have it write `lcovonly`".to_owned())
        }
        (Some(_), _) | (None, _) => {
            Err("it must hold one number, under `total`, `percent` or `coverage`".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(text: &str) -> Result<u64, Wrong> {
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
    fn report_of_another_program_is_called_by_its_name() {
        for (text, name) in [
            ("mode: atomic\nshop/a.go:1.1,2.2 1 1\n", "go test"),
            (
                "<coverage generated='1' clover='4.4.1'><project><metrics statements='2'/></project></coverage>",
                "Clover",
            ),
            (
                "<coverage generated='1'><project><metrics statements='2' coveredstatements='1'/></project></coverage>",
                "Clover",
            ),
            (
                "<report name='x'><counter type='LINE' missed='1' covered='1'/></report>",
                "JaCoCo",
            ),
            ("<CoverageSession></CoverageSession>", "OpenCover"),
            (
                r#"{"total":{"lines":{"total":4,"covered":3,"pct":75}}}"#,
                "Istanbul",
            ),
            (
                r#"{"meta":{},"totals":{"percent_covered":75.0}}"#,
                "coverage.py",
            ),
            (r#"{"result":{"line":75.0}}"#, "SimpleCov"),
        ] {
            let wrong = read(text, Format::Auto).unwrap_err();
            assert!(wrong.what.contains(name), "{text}: {}", wrong.what);
        }
    }

    #[test]
    fn lines_are_counted_from_the_beginning_of_the_file() {
        let text = "\n\nSF:a\nDA:1,x\nend_of_record\n";
        assert_eq!(read(text, Format::Auto).unwrap_err().line, Some(4));
        let text = "\n<coverage line-rate='1'>\n<a>\n</b></coverage>";
        assert_eq!(read(text, Format::Auto).unwrap_err().line, Some(4));
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
