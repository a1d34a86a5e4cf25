//! JUnit XML, as its many makers write it: cases anywhere below any suites, with or without counts.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::failed::FailedTests;

/// Test cases of one file that are looked at.
const CASES_MAX: u64 = 1_000_000;

/// A report that is no JUnit XML.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is no XML.
    #[error("it is no XML that ends well")]
    Xml(#[from] quick_xml::Error),
    /// It is XML of another kind.
    #[error("its first element is `{0}`, and not `testsuites` or `testsuite`")]
    Root(String),
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
}

/// Reads a report.
///
/// # Errors
/// [`Unreadable`] if it is none; what it said until then is not taken.
pub fn junit(text: &str) -> Result<FailedTests, Unreadable> {
    let mut reader = Reader::from_str(text);
    let mut failed = FailedTests::default();
    let mut cases = 0;
    // The case that is open, and whether it failed or did not run.
    let mut case: Option<Case> = None;
    let mut is_begun = false;
    loop {
        let event = reader.read_event()?;
        match event {
            Event::Start(start) | Event::Empty(start) if !is_begun => {
                let name = local(start.name().as_ref());
                if name != "testsuites" && name != "testsuite" {
                    return Err(Unreadable::Root(name));
                }
                is_begun = true;
            }
            Event::Start(start) => match local(start.name().as_ref()).as_str() {
                "testcase" => case = Some(Case::of(&start)),
                kind => note(case.as_mut(), kind),
            },
            Event::Empty(start) => match local(start.name().as_ref()).as_str() {
                "testcase" => {
                    cases += 1;
                    failed.count(u64::from(!Case::of(&start).is_skipped));
                }
                kind => note(case.as_mut(), kind),
            },
            Event::End(end) if local(end.name().as_ref()) == "testcase" => {
                let Some(case) = case.take() else { continue };
                cases += 1;
                failed.count(u64::from(!case.is_skipped));
                if case.has_failed {
                    failed.add(&case.name);
                }
            }
            Event::Eof if is_begun => return Ok(failed),
            Event::Eof => return Err(Unreadable::Empty),
            _ => {}
        }
        if cases >= CASES_MAX {
            failed.more = true;
            return Ok(failed);
        }
    }
}

struct Case {
    name: String,
    has_failed: bool,
    is_skipped: bool,
}

impl Case {
    fn of(start: &BytesStart<'_>) -> Self {
        let value = |wanted: &str| {
            let found = start.attributes().flatten();
            let mut found = found.filter(|a| local(a.key.as_ref()) == wanted);
            let raw = found.next().map(|a| a.value.into_owned());
            let raw = raw.unwrap_or_default();
            let plain = quick_xml::escape::unescape(&raw).map(std::borrow::Cow::into_owned);
            plain.unwrap_or(raw)
        };
        let (class, name) = (value("classname"), value("name"));
        let name = match class.is_empty() || name.starts_with(&class) {
            true => name,
            false => format!("{class}::{name}"),
        };
        let status = value("status").to_ascii_lowercase();
        Self {
            name,
            has_failed: status == "failed" || status == "error",
            is_skipped: ["notrun", "skipped", "disabled"].contains(&status.as_str()),
        }
    }
}

/// What stands below a case says how it ended. A test that failed and passed when it was run again (`flakyFailure`,
/// `rerunFailure`) is told by its own element alone.
fn note(case: Option<&mut Case>, kind: &str) {
    let Some(case) = case else { return };
    match kind {
        "failure" | "error" => case.has_failed = true,
        "skipped" => case.is_skipped = true,
        _ => {}
    }
}

fn local(name: &str) -> String {
    let plain = name.rsplit(':').next();
    plain.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_of_many_makers_are_read() {
        // pytest, surefire with a test that was run again, gtest with `status`, jest-junit, one with a namespace.
        for (text, names, ran) in [
            (
                r#"<?xml version="1.0"?><testsuites><testsuite name="pytest" errors="0" failures="1" skipped="1" tests="3">
                <testcase classname="tests.test_x" name="test_a[1&lt;2]" time="0.1"><failure message="assert 1 == 2">def test</failure></testcase>
                <testcase classname="tests.test_x" name="test_b"/><testcase classname="tests.test_x" name="test_c"><skipped/></testcase>
                </testsuite></testsuites>"#,
                vec!["tests.test_x::test_a[1<2]"],
                2,
            ),
            (
                r#"<testsuite tests="2"><properties/><testcase name="adds" classname="shop.CartTest"><flakyFailure message="x"/></testcase>
                <testcase name="pays" classname="shop.CartTest"><error type="E"/><system-out><![CDATA[<failure/>]]></system-out></testcase></testsuite>"#,
                vec!["shop.CartTest::pays"],
                2,
            ),
            (
                r#"<testsuites><testsuite><testcase name="A" status="notrun" classname="G"/><testcase name="B" status="run" classname="G"><failure/></testcase></testsuite></testsuites>"#,
                vec!["G::B"],
                1,
            ),
            (
                r#"<testsuites><testsuite name="cart"><testcase classname="cart adds" name="cart adds"><failure/></testcase></testsuite></testsuites>"#,
                vec!["cart adds"],
                1,
            ),
            (
                r#"<j:testsuites xmlns:j="urn:x"><j:testsuite><j:testcase name="x"><j:failure/></j:testcase></j:testsuite></j:testsuites>"#,
                vec!["x"],
                1,
            ),
        ] {
            let failed = junit(text).unwrap();
            assert_eq!(failed.names, names, "{text}");
            assert_eq!(failed.ran, Some(ran), "{text}");
        }
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for text in [
            "",
            "ok",
            "<html></html>",
            "<testsuite><testcase></testsuite>",
        ] {
            assert!(junit(text).is_err(), "{text}");
        }
        // Entities are not followed.
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><testsuite><testcase name=\"&a;\"><failure/></testcase></testsuite>";
        assert_eq!(junit(bomb).unwrap().names, ["&a;"]);
    }
}
