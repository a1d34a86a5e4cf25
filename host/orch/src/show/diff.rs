//! Differences as text, as they are written everywhere.

use std::fmt::Write as _;

use orch_domain::remark::{RemarkState, Side};
use orch_views::diff::{DiffLine, DiffView, FileChange, FileDiff, Hunk, LineChange};
use orch_views::remark::RemarkView;

use super::plain;

pub(crate) fn diff(view: &DiffView) -> String {
    let round = view.round.map(|round| format!(", round {round}"));
    let mut text = format!(
        "{}{}: {} files, +{} -{} ({}..{})\n",
        plain::line(&view.work_item),
        round.unwrap_or_default(),
        view.total_files,
        view.added,
        view.removed,
        plain::line(&view.base),
        plain::line(&view.head),
    );
    for round in &view.rounds {
        // Writing to a String cannot fail.
        writeln!(text, "round {}: {}", round.number, plain::line(&round.to)).ok();
    }
    view.files.iter().for_each(|one| file(&mut text, one));
    if !view.remarks.is_empty() {
        let (shown, all) = (view.remarks.len() as u64, view.total_remarks);
        let of = if shown < all {
            format!(" (the latest {shown} of {all})")
        } else {
            String::new()
        };
        writeln!(text, "\nRemarks{of}").ok();
    }
    view.remarks.iter().for_each(|one| remark(&mut text, one));
    if view.is_cut {
        text.push_str("\nToo much differs to be shown; look at the branch itself for the rest.\n");
    }
    text
}

/// What a person said, where, of which commit, and what became of it.
fn remark(text: &mut String, remark: &RemarkView) {
    let line = remark.line.map(|line| format!(":{line}"));
    let side = match (remark.side, &line) {
        (Side::Old, Some(_)) => " before the change",
        (Side::New | Side::Old, _) => "",
    };
    let became = match (remark.state, remark.round) {
        (RemarkState::Open, _) => "waits for the next run".to_owned(),
        (RemarkState::Given, _) => "its run is under way".to_owned(),
        (RemarkState::Read, Some(round)) => format!("answered by round {round}"),
        (RemarkState::Read, None) => "read by a run that changed nothing".to_owned(),
    };
    writeln!(
        text,
        "#{} {}{}{side} at {} by {}: {became}",
        remark.id,
        plain::line(&remark.path),
        line.unwrap_or_default(),
        remark.head.get(..12).unwrap_or(&remark.head),
        plain::line(&remark.person),
    )
    .ok();
    for line in remark.text.lines() {
        writeln!(text, "    {}", plain::line(line)).ok();
    }
}

fn file(text: &mut String, file: &FileDiff) {
    let what = match file.change {
        FileChange::Added => "new",
        FileChange::Changed => "changed",
        FileChange::Deleted => "deleted",
    };
    let path = plain::line(&file.path);
    writeln!(text, "\n{what} {path} (+{} -{})", file.added, file.removed).ok();
    if file.is_binary {
        text.push_str("not text\n");
    }
    file.hunks.iter().for_each(|part| hunk(text, part));
    if file.is_cut {
        text.push_str("… more of it differs\n");
    }
}

fn hunk(text: &mut String, hunk: &Hunk) {
    writeln!(
        text,
        "@@ -{},{} +{},{} @@ {}",
        hunk.old_start,
        hunk.old_lines,
        hunk.new_start,
        hunk.new_lines,
        plain::line(&hunk.heading)
    )
    .ok();
    for DiffLine { change, text: line } in &hunk.lines {
        let mark = match change {
            LineChange::Same => ' ',
            LineChange::Added => '+',
            LineChange::Removed => '-',
        };
        writeln!(text, "{mark}{}", plain::block(line)).ok();
    }
}

#[cfg(test)]
mod tests {
    use orch_domain::person::Channel;
    use orch_views::diff::RoundView;

    use super::*;
    use crate::show::plain::tests::hostile;

    #[test]
    fn difference_shows_what_is_hidden_in_names_and_lines() {
        let line = |change, text: &str| DiffLine {
            change,
            text: text.to_owned(),
        };
        let view = DiffView {
            work_item: "SHOP-1".into(),
            round: Some(2),
            base: "b0".into(),
            head: "a1".into(),
            code_tree: None,
            rounds: vec![RoundView {
                number: 1,
                by: "orch".into(),
                from: None,
                to: "b0".into(),
                at_ms: 0,
            }],
            files: vec![FileDiff {
                path: "src/\u{202e}sr.bil".into(),
                change: FileChange::Changed,
                added: 1,
                removed: 1,
                is_binary: false,
                is_cut: true,
                is_protected: false,
                hunks: vec![Hunk {
                    old_start: 1,
                    old_lines: 2,
                    new_start: 1,
                    new_lines: 2,
                    heading: "fn main()".into(),
                    lines: vec![
                        line(LineChange::Same, "same"),
                        line(LineChange::Removed, "old"),
                        line(LineChange::Added, &hostile().replace('\n', "")),
                    ],
                }],
            }],
            total_files: 1,
            added: 1,
            removed: 1,
            is_cut: false,
            remarks: vec![RemarkView {
                id: 4,
                path: "cart.sh".into(),
                line: Some(7),
                side: Side::Old,
                excerpt: "guard".into(),
                text: format!("Why is it gone?\n{}", hostile().replace('\n', "")),
                person: "ann".into(),
                channel: Channel::Page,
                at_ms: 0,
                head: "a1".repeat(20),
                base: "b0".into(),
                state: RemarkState::Read,
                run: Some(3),
                round: Some(2),
            }],
            total_remarks: 1,
        };
        insta::assert_snapshot!(diff(&view), @r"
        SHOP-1, round 2: 1 files, +1 -1 (b0..a1)
        round 1: b0

        changed src/\u{202e}sr.bil (+1 -1)
        @@ -1,2 +1,2 @@ fn main()
         same
        -old
        +\u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}next
        … more of it differs

        Remarks
        #4 cart.sh:7 before the change at a1a1a1a1a1a1 by ann: answered by round 2
            Why is it gone?
            \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}next
        ");
    }
}
