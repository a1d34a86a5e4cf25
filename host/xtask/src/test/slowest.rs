//! The slowest tests of a run, from the report that the test runner leaves.

use std::fs;
use std::path::Path;

use anyhow::Context;

/// Most that are listed.
const LISTED_MAX: usize = 20;

/// Prints the slowest tests of the report, the slowest first.
pub(super) fn print(report: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(report)
        .with_context(|| format!("the report `{}` cannot be read", report.display()))?;
    let mut tests = read(&text);
    tests.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    let all: f64 = tests.iter().map(|test| test.seconds).sum();
    eprintln!(
        "the slowest of {} tests, which took {all:.0} s one by one:",
        tests.len()
    );
    for test in tests.iter().take(LISTED_MAX) {
        eprintln!("{:>7.1} s  {} {}", test.seconds, test.binary, test.name);
    }
    Ok(())
}

struct Test<'a> {
    binary: &'a str,
    name: &'a str,
    seconds: f64,
}

/// Names of tests and binaries need no escapes, so their attributes are taken as they stand.
fn read(report: &str) -> Vec<Test<'_>> {
    let cases = report.split("<testcase ").skip(1);
    let test = |case| {
        Some(Test {
            binary: attribute(case, "classname")?,
            name: attribute(case, "name")?,
            seconds: attribute(case, "time")?.parse().ok()?,
        })
    };
    cases.filter_map(test).collect()
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (tag, _) = element.split_once('>')?;
    tag.split_inclusive('"')
        .collect::<Vec<_>>()
        .chunks(2)
        .find(|pair| pair[0].trim() == format!("{name}=\""))
        .and_then(|pair| pair.get(1)?.strip_suffix('"'))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn report_is_read_test_by_test() {
        let report = "<testsuites name=\"run\" time=\"9.0\">\n\
            <testsuite name=\"orch-tests::integration\" tests=\"2\">\n\
            <testcase name=\"a::b\" classname=\"orch-tests::integration\" timestamp=\"t\" time=\"1.5\"/>\n\
            <testcase name=\"c\" classname=\"orch\" time=\"20.25\">\n<system-out>x=\"1\"</system-out></testcase>";
        let found: Vec<_> = read(report)
            .into_iter()
            .map(|t| (t.binary, t.name, t.seconds))
            .collect();
        let expected = [
            ("orch-tests::integration", "a::b", 1.5),
            ("orch", "c", 20.25),
        ];
        assert_eq!(found, expected);
    }
}
