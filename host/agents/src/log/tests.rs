//! Claims about logs by range: following one loses and repeats nothing, and any line is found in a sealed one.

use std::fs;
use std::io::Write as _;

use orch_domain::run_event::{RunEvent, Told};

use super::*;

fn folder() -> (tempfile::TempDir, RunFolder) {
    let kept = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(kept.path());
    (kept, folder)
}

fn texts(range: &Range) -> Vec<&str> {
    range.lines.iter().map(|line| line.text.as_str()).collect()
}

fn log(folder: &RunFolder, begin: Begin, most: usize, ended: bool) -> Range {
    read(folder, Source::Log, begin, most, ended).unwrap()
}

#[test]
fn log_that_grows_is_followed_line_by_line_without_loss() {
    let (_kept, folder) = folder();
    let mut file = fs::File::create(folder.path().join(STDOUT)).unwrap();
    let (mut to, mut seen) = (0, Vec::new());
    for part in ["one\ntw", "o\r\n", "", "three\nfo", "ur"] {
        file.write_all(part.as_bytes()).unwrap();
        let range = log(&folder, Begin::Byte(to), 10, false);
        assert_eq!(range.from, to);
        to = range.to;
        seen.extend(range.lines.into_iter().map(|line| line.text));
    }
    assert_eq!(seen, ["one", "two", "three"], "the last one has not ended");
    let rest = log(&folder, Begin::Byte(to), 10, true);
    assert_eq!((texts(&rest), rest.to), (vec!["four"], rest.size));
}

#[test]
fn line_of_a_sealed_log_is_found_by_its_number_and_by_its_byte() {
    let (_kept, folder) = folder();
    let lines: Vec<String> = (1..=3_500).map(|n| format!("line {n}")).collect();
    fs::write(folder.path().join(STDOUT), lines.join("\n")).unwrap();
    let open = log(&folder, Begin::Line(2_345), 2, false);
    assert_eq!(
        (texts(&open), open.first_line),
        (vec!["line 2345", "line 2346"], Some(2_345))
    );
    assert_eq!(open.total_lines, None, "more may come");
    let index = seal(&folder).unwrap();
    assert_eq!((index.lines, index.places.len()), (3_500, 4));
    for number in [1, 2, 999, 1_000, 1_001, 2_000, 2_001, 3_500] {
        let found = log(&folder, Begin::Line(number), 1, true);
        assert_eq!(texts(&found), [format!("line {number}")]);
        assert_eq!(
            (found.first_line, found.total_lines),
            (Some(number), Some(3_500))
        );
        let again = log(&folder, Begin::Byte(found.from), 1, true);
        assert_eq!(again.first_line, Some(number));
    }
    let behind = log(&folder, Begin::Line(3_501), 5, true);
    assert_eq!((behind.lines.len(), behind.from), (0, behind.size));
    let tail = log(&folder, Begin::Tail, 3, true);
    assert_eq!(
        (texts(&tail)[0], tail.first_line, tail.to),
        ("line 3498", Some(3_498), tail.size)
    );
}

#[test]
fn seal_of_a_log_that_grew_afterwards_counts_for_nothing() {
    let (_kept, folder) = folder();
    fs::write(folder.path().join(STDOUT), "a\n").unwrap();
    seal(&folder).unwrap();
    fs::write(folder.path().join(STDOUT), "a\nb\n").unwrap();
    let range = log(&folder, Begin::Tail, 10, true);
    assert_eq!((texts(&range), range.total_lines), (vec!["a", "b"], None));
}

#[test]
fn endless_line_is_cut_and_the_next_one_begins_where_it_begins() {
    let (_kept, folder) = folder();
    let long = "x".repeat(3 * LINE_BYTES_MAX);
    fs::write(folder.path().join(STDOUT), format!("{long}\nnext\n")).unwrap();
    let range = log(&folder, Begin::Byte(0), 10, false);
    let cut: Vec<(usize, u64)> = range.lines.iter().map(|l| (l.text.len(), l.cut)).collect();
    assert_eq!(cut, [(LINE_BYTES_MAX, 2 * LINE_BYTES_MAX as u64), (4, 0)]);
    assert_eq!(range.lines[1].at, long.len() as u64 + 1);
}

#[test]
fn range_is_bounded_in_lines_and_bytes() {
    let (_kept, folder) = folder();
    fs::write(folder.path().join(STDOUT), "line\n".repeat(1_000_000)).unwrap();
    assert_eq!(log(&folder, Begin::Byte(0), 7, false).lines.len(), 7);
    let most = log(&folder, Begin::Byte(0), usize::MAX, false);
    assert!(most.to <= RANGE_BYTES_MAX + 5, "{}", most.to);
    let tail = log(&folder, Begin::Tail, 1_000_000, false);
    assert_eq!(tail.to, tail.size, "the end of it is there");
}

#[test]
fn log_that_is_not_there_is_empty() {
    let (_kept, folder) = folder();
    for begin in [Begin::Byte(9), Begin::Line(9), Begin::Tail] {
        assert_eq!(log(&folder, begin, 9, false), Range::empty());
    }
    assert!(events(&folder, Begin::Tail, 9).unwrap().events.is_empty());
    assert_eq!(activity(&folder), None);
}

#[test]
fn activity_is_the_last_thing_done_and_not_a_count_or_a_torn_line() {
    let (_kept, folder) = folder();
    let tokens = RunEvent::Tokens {
        input: 1,
        output: 1,
        cache_read: 0,
        cache_write: 0,
    };
    let calls = RunEvent::CallsTool {
        tool: "Bash".into(),
        input: "cargo test".into(),
    };
    let line = |at_ms, event| serde_json::to_string(&Told { at_ms, event }).unwrap();
    let text = format!(
        "{}\n{}\n{{\"at_ms\":3,",
        line(1, calls.clone()),
        line(2, tokens)
    );
    fs::write(folder.path().join(EVENTS), text).unwrap();
    let now = activity(&folder).unwrap();
    assert_eq!(
        (now.at_ms, now.kind, now.text.as_str()),
        (1, "calls-tool", "> Bash cargo test")
    );
    let range = events(&folder, Begin::Byte(0), 10).unwrap();
    assert_eq!(range.events.len(), 2);
    assert!(
        range.to < range.size,
        "the torn line is read when it has ended"
    );
    assert_eq!(range.events[0].event, calls);
}

#[test]
fn activity_of_a_plain_program_is_its_last_line() {
    let (_kept, folder) = folder();
    fs::write(folder.path().join(STDOUT), "compiling\nlinking\n\n").unwrap();
    let now = activity(&folder).unwrap();
    assert_eq!((now.kind, now.text.as_str()), ("output", "linking"));
    assert!(now.at_ms > 0);
}

#[test]
fn text_is_found_in_every_line_that_holds_it_with_its_number_and_the_search_goes_on_where_it_ended()
{
    let (_kept, folder) = folder();
    let lines: Vec<String> = (1..=3_500)
        .map(|n| {
            format!(
                "line {n}{}",
                if n % 500 == 3 { " FAILED: prüft" } else { "" }
            )
        })
        .collect();
    fs::write(folder.path().join(STDOUT), lines.join("\n")).unwrap();
    for is_sealed in [false, true] {
        if is_sealed {
            seal(&folder).unwrap();
        }
        let look = |text: &str, from, most| {
            let found = search(&folder, Source::Log, text, from, most, is_sealed).unwrap();
            let numbers: Vec<u64> = found.lines.iter().map(|(number, _)| *number).collect();
            (numbers, found.next_line)
        };
        let all = vec![3, 503, 1_003, 1_503, 2_003, 2_503, 3_003];
        assert_eq!(look("failed: PRÜFT", 1, 10), (all.clone(), None));
        assert_eq!(look("failed", 1, 2), (all[..2].to_vec(), Some(504)));
        assert_eq!(look("failed", 504, 9), (all[2..].to_vec(), None));
        assert_eq!(look("failed", 3_004, 9), (vec![], None));
        assert_eq!(look("failed", 9_999, 9), (vec![], None));
        let last = if is_sealed { vec![3_500] } else { vec![] };
        assert_eq!(look("line 3500", 1, 9).0, last, "the last line has no end");
    }
    let none = search(&folder, Source::Stderr, "x", 1, 9, true).unwrap();
    assert_eq!((none.lines.len(), none.next_line), (0, None));
}
