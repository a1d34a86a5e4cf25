//! Judges the architecture: is there at least one decision record with a status and a decision?

use orch_gate_sdk::documents::{self, By};
use orch_gate_sdk::frontmatter::{self, Value};
use orch_gate_sdk::{Finding, Gate, GateError, Host, NoSettings, Verdict, describe, finding};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// Headings over the status, as the usual templates write them.
const STATUS: [&str; 3] = ["Status", "State", "ADR Status"];
/// Headings over the decision.
const DECISION: [&str; 6] = [
    "Decision",
    "Decisions",
    "The Decision",
    "Our Decision",
    "Decision Outcome",
    "Decision Made",
];

/// The gate.
pub struct Architecture;

impl Gate for Architecture {
    type Settings = NoSettings;

    fn about() -> describe::About {
        describe::About::new(
            "architecture",
            env!("CARGO_PKG_VERSION"),
            "decisions are recorded",
        )
        .status("architecture_status", "PASS", "FAIL")
    }

    fn evaluate<H: Host>(host: &H, _: &NoSettings) -> Result<Verdict, GateError> {
        let names: Vec<String> = host
            .artefacts()
            .into_iter()
            .map(|a| a.path)
            .filter(|p| is_record(p))
            .collect();
        if names.is_empty() {
            let missing = finding("adr/missing", "there is no decision record under 06-adr/")
                .help("write 06-adr/ADR-001-<topic>.md with a status and a `## Decision`");
            return Ok(Verdict::fail("no decision record").finding(missing));
        }
        let findings: Vec<Finding> = names.iter().flat_map(|name| judge(host, name)).collect();
        Ok(Verdict::from_findings(
            findings,
            format!("{} decision records", names.len()),
        ))
    }
}

fn is_record(path: &str) -> bool {
    path.strip_prefix("06-adr/ADR-")
        .is_some_and(|rest| rest.ends_with(".md") && !rest.contains('/'))
}

fn judge<H: Host>(host: &H, name: &str) -> Vec<Finding> {
    let text = match documents::text(host, name, By::Role("architect")) {
        Ok(text) => text,
        Err(found) => return vec![*found],
    };
    let mut findings = Vec::new();
    let (status, body) = if text.starts_with("---") {
        match frontmatter::parse(&text) {
            Ok(document) => (
                document
                    .mapping
                    .get("status")
                    .and_then(Value::to_scalar_text),
                document.body.to_owned(),
            ),
            Err(error) => {
                return vec![documents::broken(name, &error)];
            }
        }
    } else {
        (None, text.clone())
    };
    let has_status = status.is_some_and(|s| !is_placeholder(&s)) || has_section(&body, &STATUS);
    if !has_status {
        findings.push(finding("adr/status", format!("{name} has no status")).at(name, None));
    }
    if !has_section(&body, &DECISION) {
        findings.push(
            finding(
                "adr/decision",
                format!("{name} has no text under `## Decision`"),
            )
            .at(name, None),
        );
    }
    findings
}

/// Whether there is something to read under a heading that is one of `titles`, of any level, up to the next heading that
/// is not below it; or behind one of them and a colon, in a line of its own such as `**Status:** accepted`. Comments,
/// headings and words that only keep the place are nothing to read.
fn has_section(body: &str, titles: &[&str]) -> bool {
    let mut level: Option<HeadingLevel> = None;
    let mut heading: Option<(HeadingLevel, String)> = None;
    let mut text = String::new();
    // The line that is read, unless it is in code or quoted.
    let mut line = String::new();
    let mut hidden = 0_usize;
    let mut is_stated = false;
    let options = Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS;
    for event in Parser::new_ext(body, options) {
        let ends_line = match &event {
            Event::Text(_) | Event::Code(_) | Event::InlineHtml(_) | Event::TaskListMarker(_) => {
                false
            }
            Event::Start(tag) => !matches!(
                tag,
                Tag::Strong | Tag::Emphasis | Tag::Strikethrough | Tag::Link { .. }
            ),
            Event::End(tag) => !matches!(
                tag,
                TagEnd::Strong | TagEnd::Emphasis | TagEnd::Strikethrough | TagEnd::Link
            ),
            _ => true,
        };
        if ends_line {
            is_stated |= hidden == 0 && states(&line, titles);
            line.clear();
        }
        match event {
            Event::Start(Tag::CodeBlock(_) | Tag::BlockQuote(_)) => hidden += 1,
            Event::End(TagEnd::CodeBlock | TagEnd::BlockQuote(_)) => {
                hidden = hidden.saturating_sub(1);
            }
            Event::Start(Tag::Heading { level, .. }) => heading = Some((level, String::new())),
            Event::End(TagEnd::Heading(_)) => {
                let Some((ended, words)) = heading.take() else {
                    continue;
                };
                if level.is_some_and(|level| ended <= level) {
                    level = None;
                }
                if level.is_none() && is_title(&words, titles) {
                    level = Some(ended);
                }
            }
            Event::Text(words) | Event::Code(words) => {
                match &mut heading {
                    Some((_, title)) => title.push_str(&words),
                    None if level.is_some() => {
                        text.push_str(&words);
                        text.push(' ');
                    }
                    None => {}
                }
                line.push_str(&words);
            }
            _ => {}
        }
    }
    is_stated || hidden == 0 && states(&line, titles) || !is_placeholder(&text)
}

/// Whether a line says something behind one of the titles and a colon.
fn states(line: &str, titles: &[&str]) -> bool {
    let stated = line.split_once(':');
    stated.is_some_and(|(title, said)| is_title(title, titles) && !is_placeholder(said))
}

/// Whether a heading is one of `titles`: `## 3. Decision:` is one, too.
fn is_title(heading: &str, titles: &[&str]) -> bool {
    let plain = heading
        .trim()
        .trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ')' | ' '));
    let plain = plain.trim_end_matches(':').trim();
    titles.iter().any(|title| plain.eq_ignore_ascii_case(title))
}

/// Whether a text is what a template leaves to be filled in: all of it in one pair of brackets.
fn is_blank_of_a_form(text: &str) -> bool {
    [('{', '}'), ('[', ']'), ('<', '>')]
        .iter()
        .any(|(open, close)| {
            let inner = text
                .strip_prefix(*open)
                .and_then(|rest| rest.strip_suffix(*close));
            inner.is_some_and(|inner| {
                !inner
                    .trim_matches([*open, *close])
                    .contains([*open, *close])
            })
        })
}

/// Whether a text only keeps the place of one: nothing, marks, or words such as `TODO`.
fn is_placeholder(text: &str) -> bool {
    const WORDS: [&str; 20] = [
        "todo",
        "tbd",
        "tba",
        "fixme",
        "xxx",
        "wip",
        "to be decided",
        "to be done",
        "to do",
        "to be defined",
        "to be confirmed",
        "tbc",
        "n a",
        "na",
        "pending",
        "none",
        "later",
        "undecided",
        "not decided yet",
        "not yet decided",
    ];
    if is_blank_of_a_form(text.trim()) {
        return true;
    }
    let plain: String = text
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain = plain.to_lowercase();
    plain.is_empty() || WORDS.contains(&plain.as_str())
}

orch_gate_sdk::export_gate!(Architecture);

#[cfg(test)]
mod tests {
    use super::*;
    use orch_gate_sdk::Fixture;

    const GOOD: &str =
        "# ADR-001 Sums\n\n## Status\n\nAccepted\n\n## Decision\n\nWe add in integers.\n";

    fn rules(text: &str) -> Vec<String> {
        let fixture = Fixture::new().artefact("06-adr/ADR-001-sums.md", "architect", text);
        fixture
            .judge::<Architecture>()
            .unwrap()
            .findings()
            .iter()
            .map(|f| f.rule.clone())
            .collect()
    }

    #[test]
    fn record_with_status_and_decision_passes() {
        assert!(rules(GOOD).is_empty());
        assert!(rules("---\nstatus: accepted\n---\n## Decision\nYes.\n").is_empty());
    }

    #[test]
    fn record_without_status_or_with_an_empty_decision_fails() {
        for nothing in ["", "TBD", "{status}"] {
            assert_eq!(rules(&GOOD.replace("Accepted", nothing)), ["adr/status"]);
        }
        let text = "---\nstatus: todo\n---\n## Decision\nYes.\n";
        assert_eq!(rules(text), ["adr/status"]);
        assert_eq!(
            rules(&GOOD.replace("We add in integers.", "")),
            ["adr/decision"]
        );
    }

    #[test]
    fn heading_is_none_where_markdown_knows_none() {
        for text in [
            "# A\n\n```md\n## Status\nAccepted\n## Decision\nYes.\n```\n",
            "# A\n\n~~~\n## Status\n\nAccepted\n\n## Decision\n\nYes.\n~~~\n",
            "# A\n\n    ## Status\n    Accepted\n    ## Decision\n    Yes.\n",
            "# A\n<!--\n## Status\nAccepted\n## Decision\nYes.\n-->\n",
            "# A\n\n<div>\n## Status\nAccepted\n## Decision\nYes.\n</div>\n",
        ] {
            assert_eq!(rules(text), ["adr/status", "adr/decision"], "{text}");
        }
    }

    #[test]
    fn decision_that_only_keeps_its_place_fails() {
        for nothing in [
            "<!-- TODO -->",
            "<!-- what was\n\ndecided -->",
            "TODO",
            "_TBD_",
            "...",
            "- [ ] to be decided",
            "### Storage\n\n<!-- TODO -->",
            "[x]: https://forge.invalid",
            "---",
            "???",
            "WIP",
            "N/A",
            "FIXME",
            "{decision}",
            "[describe the decision here]",
            "&nbsp;",
        ] {
            let text = GOOD.replace("We add in integers.", nothing);
            assert_eq!(rules(&text), ["adr/decision"], "{nothing}");
        }
    }

    #[test]
    fn decision_may_have_headings_of_its_own() {
        for something in [
            "### Storage\n\nIntegers.",
            "### Storage\n\n#### Where\n\nHere.\n\n### Speed",
            "```rust\nlet sum: u64;\n```",
            "| a | b |\n|---|---|\n| integers | yes |",
            "- integers",
        ] {
            let text = GOOD.replace("We add in integers.", something);
            assert!(rules(&text).is_empty(), "{something}");
        }
        assert!(rules("Status\n------\n\nAccepted\n\nDecision\n--------\n\nYes.\n").is_empty());
        assert!(rules("# A\n## 1. **Status**\nAccepted\n## 2. Decision:\nYes.\n").is_empty());
        // The next heading of its own level ends it.
        let text = "## Status\nAccepted\n## Decision\n## Consequences\nMany.\n";
        assert_eq!(rules(text), ["adr/decision"]);
    }

    #[test]
    fn records_of_other_templates_are_read() {
        for text in [
            "# Use integers\n\n* Status: accepted\n* Date: 2026-01-01\n\n## Context and Problem Statement\n\nSums.\n\n## Decision Drivers\n\n* speed\n\n\
             ## Decision Outcome\n\nChosen option: integers.\n",
            "---\nstatus: accepted\ndate: 2026-01-01\n---\n# Use integers\n\n## Decision Outcome\n\n### Consequences\n\nGood.\n",
            "# 1. Sums\n\n**Status:** Accepted\n\n## Decision\n\nIntegers.\n",
            "# 1. Sums\n\nStatus: Accepted\nDate: today\n\n## Decision\n\nIntegers.\n",
            "# 1. Sums\n\n- **Status**: Proposed\n- **Decision**: integers\n",
        ] {
            assert!(rules(text).is_empty(), "{text}: {:?}", rules(text));
        }
        for text in [
            "# A\n\n**Status:** TBD\n\n## Decision\n\nYes.\n",
            "# A\n\n```\nStatus: accepted\n```\n\n## Decision\n\nYes.\n",
            "# A\n\n<!-- Status: accepted -->\n\n## Decision\n\nYes.\n",
            "# A\n\n> Status: accepted\n\n## Decision\n\nYes.\n",
            "# A\n\nThe status: accepted\n\n## Decision\n\nYes.\n",
        ] {
            assert_eq!(rules(text), ["adr/status"], "{text}");
        }
        let drivers = "# A\n\nStatus: accepted\n\n## Decision Drivers\n\n- speed\n";
        assert_eq!(rules(drivers), ["adr/decision"]);
    }

    #[test]
    fn broken_frontmatter_is_shown_with_its_line() {
        let fixture = Fixture::new().artefact(
            "06-adr/ADR-001-x.md",
            "architect",
            "---\nstatus: a\nstatus: b\n---\n## Decision\nYes.\n",
        );
        let verdict = fixture.judge::<Architecture>().unwrap();
        let place = verdict.findings()[0].at.clone().unwrap();
        assert_eq!(place.line, Some(3));
    }

    #[test]
    fn no_record_fails() {
        let verdict = Fixture::new()
            .artefact("07-data.md", "architect", "x")
            .judge::<Architecture>()
            .unwrap();
        assert!(verdict.is_fail());
    }

    #[test]
    fn record_by_the_developer_counts_for_nothing() {
        let fixture = Fixture::new().artefact("06-adr/ADR-001-x.md", "developer", GOOD);
        assert_eq!(
            fixture.judge::<Architecture>().unwrap().findings()[0].rule,
            "artefact/author"
        );
    }
}
