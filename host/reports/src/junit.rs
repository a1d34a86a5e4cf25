//! Reports of test runs in XML: JUnit's, as its many makers write it, and those of other programs. Cases stand anywhere
//! below any suites, with or without counts.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::failed::FailedTests;

/// Test cases of one file that are looked at.
const CASES_MAX: u64 = 1_000_000;

/// A report that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is no XML.
    #[error("it is no XML that ends well")]
    Xml(#[from] quick_xml::Error),
    /// It is XML of another kind.
    #[error(
        "its first element is `{0}`, which is none of a report of JUnit, TRX, NUnit, xUnit.net or TestNG"
    )]
    Root(String),
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
}

/// How one program writes a case.
struct Dialect {
    /// First elements of its reports.
    roots: &'static [&'static str],
    /// The element of a case.
    case: &'static str,
    /// Attributes that hold its name; the first that is there is taken.
    names: &'static [&'static str],
    /// The attribute that says how it ended.
    outcome: &'static str,
    /// What that says, in lower case.
    failed: &'static [&'static str],
    /// The same.
    skipped: &'static [&'static str],
}

const DIALECTS: [Dialect; 6] = [
    // JUnit, whose elements below a case say how it ended.
    Dialect {
        roots: &["testsuites", "testsuite"],
        case: "testcase",
        names: &["name"],
        outcome: "status",
        failed: &["failed", "error"],
        skipped: &["notrun", "skipped", "disabled"],
    },
    // TRX, of Visual Studio and `dotnet test`.
    Dialect {
        roots: &["TestRun"],
        case: "UnitTestResult",
        names: &["testName"],
        outcome: "outcome",
        failed: &[
            "failed",
            "error",
            "timeout",
            "aborted",
            "passedbutrunaborted",
        ],
        skipped: &["notexecuted", "notrunnable", "pending", "disconnected"],
    },
    // NUnit 3.
    Dialect {
        roots: &["test-run"],
        case: "test-case",
        names: &["fullname", "name"],
        outcome: "result",
        failed: &["failed"],
        skipped: &["skipped", "inconclusive"],
    },
    // NUnit 2, and Pester.
    Dialect {
        roots: &["test-results"],
        case: "test-case",
        names: &["name"],
        outcome: "result",
        failed: &["failure", "error"],
        skipped: &["ignored", "skipped", "notrunnable", "inconclusive"],
    },
    // xUnit.net.
    Dialect {
        roots: &["assemblies", "assembly"],
        case: "test",
        names: &["name"],
        outcome: "result",
        failed: &["fail"],
        skipped: &["skip", "notrun"],
    },
    // TestNG.
    Dialect {
        roots: &["testng-results"],
        case: "test-method",
        names: &["signature", "name"],
        outcome: "status",
        failed: &["fail"],
        skipped: &["skip"],
    },
];

/// Reads a report.
///
/// # Errors
/// [`Unreadable`] if it is none; what it said until then is not taken.
pub fn junit(text: &str) -> Result<FailedTests, Unreadable> {
    let mut reader = Reader::from_str(text);
    let mut failed = FailedTests::default();
    let mut cases = 0;
    let mut dialect: Option<&Dialect> = None;
    // The case that is open.
    let mut case: Option<Case> = None;
    loop {
        let event = reader.read_event()?;
        let (start, is_empty) = match &event {
            Event::Start(start) => (Some(start), false),
            Event::Empty(start) => (Some(start), true),
            Event::End(end) => {
                let is_case = dialect.is_some_and(|d| local(end.name().as_ref()) == d.case);
                if let Some(ended) = case.take_if(|_| is_case) {
                    cases += 1;
                    ended.book(&mut failed);
                }
                (None, false)
            }
            Event::Eof if dialect.is_some() => return Ok(failed),
            Event::Eof => return Err(Unreadable::Empty),
            _ => (None, false),
        };
        if let Some(start) = start {
            let name = local(start.name().as_ref());
            match dialect {
                None => {
                    let mut dialects = DIALECTS.iter();
                    let known = dialects.find(|d| d.roots.contains(&name.as_str()));
                    dialect = Some(known.ok_or(Unreadable::Root(name))?);
                    // A report without a case says how many ran, too: none.
                    failed.count(0);
                }
                Some(dialect) if name == dialect.case => {
                    // One that holds others ends with the first of them, and is none of its own.
                    case = Case::of(start, dialect);
                    if let Some(ended) = case.take_if(|_| is_empty) {
                        cases += 1;
                        ended.book(&mut failed);
                    }
                }
                Some(_) => note(case.as_mut(), &name),
            }
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
    /// The case that begins here; none for what only prepares others.
    fn of(start: &BytesStart<'_>, dialect: &Dialect) -> Option<Self> {
        let value = |wanted: &str| {
            let found = start.attributes().flatten();
            let mut found = found.filter(|a| local(a.key.as_ref()) == wanted);
            let raw = found.next().map(|a| a.value.into_owned());
            let raw = raw.unwrap_or_default();
            let plain = quick_xml::escape::unescape(&raw).map(std::borrow::Cow::into_owned);
            plain.unwrap_or(raw)
        };
        if value("is-config") == "true" {
            return None;
        }
        let mut names = dialect.names.iter().map(|name| value(name));
        let name = names.find(|name| !name.is_empty()).unwrap_or_default();
        let class = match dialect.case {
            "testcase" => value("classname"),
            _ => String::new(),
        };
        let name = match class.is_empty() || name.starts_with(&class) {
            true => name,
            false => format!("{class}::{name}"),
        };
        let outcome = value(dialect.outcome).to_ascii_lowercase();
        Some(Self {
            name,
            has_failed: dialect.failed.contains(&outcome.as_str()),
            is_skipped: dialect.skipped.contains(&outcome.as_str()),
        })
    }

    fn book(self, failed: &mut FailedTests) {
        failed.count(u64::from(!self.is_skipped));
        if self.has_failed {
            failed.add(&self.name);
        }
    }
}

/// What stands below a case of JUnit says how it ended. A test that failed and passed when it was run again
/// (`flakyFailure`, `rerunFailure`) is told by its own element alone.
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
    fn reports_of_other_programs_are_read() {
        for (text, names, ran) in [
            (
                "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<TestRun xmlns=\"http://microsoft.com/schemas/VisualStudio/TeamTest/2010\">\r\n\
                 <Results><UnitTestResult testName=\"Shop.CartTests.Adds\" outcome=\"Passed\"/><UnitTestResult testName=\"Shop.CartTests.Pays(n: &quot;1&quot;)\" \
                 outcome=\"Failed\"><Output><ErrorInfo><Message>x</Message></ErrorInfo></Output></UnitTestResult><UnitTestResult testName=\"Later\" \
                 outcome=\"NotExecuted\"/></Results><ResultSummary outcome=\"Failed\"/></TestRun>",
                vec!["Shop.CartTests.Pays(n: \"1\")"],
                2,
            ),
            (
                "<test-run result='Failed'><test-suite result='Failed'><test-case fullname='Shop.A' name='A' result='Passed'/>\
                 <test-case fullname='Shop.B' name='B' result='Failed'><failure><message>x</message></failure></test-case>\
                 <test-case fullname='Shop.C' name='C' result='Skipped'><reason/></test-case></test-suite></test-run>",
                vec!["Shop.B"],
                2,
            ),
            (
                "<test-results><test-suite><results><test-case name='A' executed='True' result='Success'/>\
                 <test-case name='B' executed='True' result='Failure'><failure/></test-case>\
                 <test-case name='C' executed='False' result='Ignored'/></results></test-suite></test-results>",
                vec!["B"],
                2,
            ),
            (
                "<assemblies><assembly name='x.dll'><collection><test name='Shop.A' result='Pass'/><test name='Shop.B' result='Fail'>\
                 <failure exception-type='x'/></test><test name='Shop.C' result='Skip'><reason/></test></collection></assembly></assemblies>",
                vec!["Shop.B"],
                2,
            ),
            (
                "<testng-results><suite><test><class name='C'><test-method is-config='true' name='setUp' status='PASS'/>\
                 <test-method signature='pays()' name='pays' status='FAIL'><exception/></test-method>\
                 <test-method name='adds' status='PASS'></test-method></class></test></suite></testng-results>",
                vec!["pays()"],
                2,
            ),
        ] {
            let failed = junit(text).unwrap();
            assert_eq!(failed.names, names, "{text}");
            assert_eq!(failed.ran, Some(ran), "{text}");
        }
    }

    #[test]
    fn report_without_a_test_that_ran_says_that_none_did() {
        for text in [
            "<testsuites/>",
            "<testsuite name='pytest' tests='0'></testsuite>",
            "<testsuites><testsuite tests='2'><testcase name='a'><skipped/></testcase><testcase name='b' status='disabled'/></testsuite></testsuites>",
            "<TestRun><ResultSummary/></TestRun>",
        ] {
            let failed = junit(text).unwrap();
            assert_eq!((failed.ran, failed.names.len()), (Some(0), 0), "{text}");
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
