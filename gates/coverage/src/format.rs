//! How is a report written, and what does it say then?

use serde::Deserialize;

use crate::measure::{Measure, Wrong};
use crate::number::Share;
use crate::{go, json, lcov, xml};

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
    /// A percentage such as `87.5`, or a JSON object with one under `total`, `percent` or `coverage`, or as a program
    /// writes it that is known.
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
        Format::Cobertura => xml::read(text, xml::Taken::Cobertura),
        Format::Number => Ok(number(text.trim_start())?),
    }
}

/// Reads a report by its looks; each format begins in a way that no other can.
fn read_any(text: &str) -> Result<Measure, Wrong> {
    let begun = text.trim_start();
    if begun.starts_with('<') {
        return xml::read(text, xml::Taken::Any);
    }
    if begun.starts_with("mode: ") {
        return go::read(text);
    }
    if begun.starts_with("TN:") || text.lines().any(|line| line.starts_with("SF:")) {
        return lcov::read(text);
    }
    if begun.starts_with('{') {
        return json::read(begun);
    }
    Ok(number(begun)?)
}

fn number(text: &str) -> Result<Measure, String> {
    if text.starts_with('{') {
        return json::read(text).map_err(|wrong| wrong.what);
    }
    if text.starts_with("SQLite format 3") {
        return Err(
            "it looks like coverage.py's own data; write `coverage lcov` or `coverage xml`"
                .to_owned(),
        );
    }
    // Of a table the last line says what all of it comes to.
    let last = text.lines().next_back().unwrap_or(text);
    let last = match last.split_whitespace().next() {
        Some("total:" | "TOTAL" | "Total") => last.split_whitespace().next_back().unwrap_or(last),
        _ => text,
    };
    let digits = last.strip_suffix('%').map_or(last, str::trim_end);
    Share::parse_percent(digits).map(Measure::share)
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
    fn reports_of_many_programs_say_what_is_covered() {
        for (what, text) in [
            (
                "go test -coverprofile",
                "mode: set\nshop/a.go:1.1,2.2 3 1\nshop/a.go:3.1,4.2 1 0\n",
            ),
            (
                "JaCoCo",
                "<?xml version='1.0'?><!DOCTYPE report PUBLIC '-//JACOCO//DTD Report 1.1//EN' 'report.dtd'><report name='x'>\
                 <package name='p'><class name='c'><counter type='LINE' missed='0' covered='9'/></class>\
                 <counter type='LINE' missed='1' covered='3'/></package><counter type='INSTRUCTION' missed='9' covered='1'/>\
                 <counter type='LINE' missed='1' covered='3'/></report>",
            ),
            (
                "Clover",
                "<coverage generated='1' clover='4.4.1'><project timestamp='1'><metrics statements='4' coveredstatements='3' \
                 methods='1'/><package name='p'><metrics statements='9' coveredstatements='0'/></package></project>\
                 <testproject><metrics statements='7' coveredstatements='0'/></testproject></coverage>",
            ),
            (
                "Clover of PHPUnit",
                "<coverage generated='1'><project timestamp='1'><file name='a'><line num='1' type='stmt' count='1'/>\
                 <metrics loc='9' statements='1' coveredstatements='1'/></file><metrics files='1' statements='4' \
                 coveredstatements='3'/></project></coverage>",
            ),
            (
                "Sonar's generic one",
                "<coverage version='1'><file path='a'><lineToCover lineNumber='1' covered='true'/><lineToCover lineNumber='2' \
                 covered='true'/></file><file path='b'><lineToCover lineNumber='1' covered='true'/><lineToCover lineNumber='2' \
                 covered='false'/></file></coverage>",
            ),
            (
                "Istanbul's summary",
                r#"{"total":{"lines":{"total":4,"covered":3,"skipped":0,"pct":75},"statements":{"total":9,"covered":1}}}"#,
            ),
            (
                "Istanbul",
                r#"{"/x/a.js":{"path":"/x/a.js","statementMap":{"0":{"start":{"line":1}},"1":{"start":{"line":1}},"2":{"start":{"line":2}},
                 "3":{"start":{"line":3}},"4":{"start":{"line":4}}},"s":{"0":0,"1":7,"2":1,"3":1,"4":0}}}"#,
            ),
            (
                "coverage.py",
                r#"{"meta":{},"files":{},"totals":{"covered_lines":3,"num_statements":4,"percent_covered":60.0}}"#,
            ),
            (
                "llvm-cov export",
                r#"{"data":[{"files":[],"totals":{"lines":{"count":4,"covered":3,"percent":75},"functions":{"count":1}}}],
                 "type":"llvm.coverage.json.export","version":"2.0.1"}"#,
            ),
            (
                "SimpleCov's last run",
                r#"{"result":{"line":75.0,"branch":10.0}}"#,
            ),
            (
                "SimpleCov",
                r#"{"RSpec":{"coverage":{"/x/a.rb":{"lines":[1,null,0,2]},"/x/b.rb":[7]},"timestamp":1}}"#,
            ),
            (
                "go tool cover -func",
                "shop/a.go:3:\tadd\t\t100.0%\ntotal:\t\t(statements)\t75.0%\n",
            ),
            (
                "coverage report",
                "Name    Stmts   Miss  Cover\n---------------------------\na.py        4      1    75%\n---------------------------\nTOTAL       4      1    75%\n",
            ),
        ] {
            assert_eq!(share(text), Ok(7500), "{what}");
        }
    }

    #[test]
    fn statement_that_several_packages_count_is_covered_if_any_of_them_covers_it() {
        let text = "mode: atomic\na.go:1.1,2.2 3 0\na.go:3.1,4.2 1 0\nmode: atomic\na.go:1.1,2.2 3 5\na.go:3.1,4.2 1 0\n";
        assert_eq!(share(text), Ok(7500));
        for wrong in [
            "mode: set\n",
            "mode: set\na.go:1.1,2.2 3\n",
            "mode: set\na.go:1.1,2.2 x 1\n",
            "mode: set\nhello\n",
        ] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
        let wrong = read("mode: set\na.go:1.1,2.2 3 1\na.go:1.1 x\n", Format::Auto);
        assert_eq!(wrong.unwrap_err().line, Some(3));
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
    fn report_that_says_too_little_is_called_by_its_name() {
        for (text, name) in [
            (
                "<coverage generated='1' clover='4.4.1'><project><metrics elements='2'/></project></coverage>",
                "Clover",
            ),
            ("<report name='x'><package name='p'/></report>", "JaCoCo"),
            ("<CoverageSession></CoverageSession>", "OpenCover"),
            (
                "<report name='x'><counter type='LINE' missed='0' covered='0'/></report>",
                "no lines",
            ),
            (
                r#"{"meta":{},"totals":{"percent_covered":75.0}}"#,
                "coverage.py",
            ),
            ("TN:\n", "no lines"),
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
        let other = "<report><counter type='LINE' missed='1' covered='3'/></report>";
        assert!(read(other, Format::Cobertura).is_err() && read(other, Format::Auto).is_ok());
        assert!(read(lcov, Format::Number).is_err());
        assert!(read("87.5", Format::Lcov).is_err());
        assert!(read("87.5", Format::Number).is_ok() && read(lcov, Format::Lcov).is_ok());
    }
}
