//! What differs between two trees, line by line, as git shows it.

use orch_domain::id::ObjectId;
use orch_domain::path::RepoPath;

use super::{Git, GitError};

/// Most lines of one difference that are kept.
const LINES_MAX: usize = 200_000;
/// Longest line that is kept, bytes.
const LINE_BYTES_MAX: usize = 4 * 1024;

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePatch {
    /// Path from the top.
    pub path: RepoPath,
    /// Whether git takes it for no text.
    pub is_binary: bool,
    /// Whether lines of it were left out.
    pub is_cut: bool,
    /// What differs.
    pub hunks: Vec<PatchHunk>,
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchHunk {
    /// First line and number of lines before.
    pub old: (u32, u32),
    /// First line and number of lines after.
    pub new: (u32, u32),
    /// What the part is in, as git guesses it.
    pub heading: String,
    /// Lines with what became of them.
    pub lines: Vec<(LineKind, String)>,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// It is in both.
    Same,
    /// It came.
    Added,
    /// It went.
    Removed,
}

impl Git {
    /// Lines that differ between two commits or trees, file by file. What a repository says of how its files are to be
    /// shown is not asked.
    ///
    /// # Errors
    /// [`GitError`]; a difference of more than 64 MiB fails.
    pub async fn patch(&self, from: &ObjectId, to: &ObjectId) -> Result<Vec<FilePatch>, GitError> {
        let args = [
            "diff-tree",
            "-r",
            "-p",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            "--unified=3",
            from.as_str(),
            to.as_str(),
        ];
        let done = self.with(&args, &[], None, &[]).await?;
        Ok(read(&done.stdout.bytes))
    }
}

fn read(bytes: &[u8]) -> Vec<FilePatch> {
    let mut files: Vec<FilePatch> = Vec::new();
    // Lines of the present hunk that are still to come, before and after.
    let (mut old_left, mut new_left, mut kept) = (0, 0, 0);
    for line in bytes.split(|byte| *byte == b'\n') {
        if old_left > 0 || new_left > 0 {
            let (kind, used) = match line.first() {
                Some(b'+') => (LineKind::Added, (0, 1)),
                Some(b'-') => (LineKind::Removed, (1, 0)),
                // `\ No newline at end of file`
                Some(b'\\') => continue,
                Some(_) | None => (LineKind::Same, (1, 1)),
            };
            old_left = u32::saturating_sub(old_left, used.0);
            new_left = u32::saturating_sub(new_left, used.1);
            let Some(file) = files.last_mut() else {
                continue;
            };
            if kept >= LINES_MAX {
                file.is_cut = true;
                continue;
            }
            kept += 1;
            if let Some(hunk) = file.hunks.last_mut() {
                let text = line.get(1..).unwrap_or_default();
                file.is_cut |= text.len() > LINE_BYTES_MAX;
                let text = &text[..text.len().min(LINE_BYTES_MAX)];
                hunk.lines
                    .push((kind, String::from_utf8_lossy(text).into_owned()));
            }
            continue;
        }
        if let Some(names) = line.strip_prefix(b"diff --git ") {
            let path = path_of(names);
            // A file that became a link is shown as one that went and one that came.
            if files.last().is_none_or(|file| file.path != path) {
                files.push(FilePatch {
                    path,
                    is_binary: false,
                    is_cut: false,
                    hunks: Vec::new(),
                });
            }
        } else if let (Some(rest), Some(file)) = (line.strip_prefix(b"@@ -"), files.last_mut()) {
            if let Some(hunk) = hunk_of(&String::from_utf8_lossy(rest)) {
                (old_left, new_left) = (hunk.old.1, hunk.new.1);
                file.hunks.push(hunk);
            }
        } else if let (true, Some(file)) = (line.starts_with(b"Binary files "), files.last_mut()) {
            file.is_binary = true;
        }
    }
    files
}

/// `1,2 +3,4 @@ heading`
fn hunk_of(text: &str) -> Option<PatchHunk> {
    let (ranges, heading) = text.split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let range = |text: &str| {
        let (start, lines) = text.split_once(',').unwrap_or((text, "1"));
        Some((start.parse().ok()?, lines.parse().ok()?))
    };
    Some(PatchHunk {
        old: range(old)?,
        new: range(new)?,
        heading: heading.trim_start().chars().take(200).collect(),
        lines: Vec::new(),
    })
}

/// The path in `a/PATH b/PATH`, both of which are the same without renames, and both in quotes if one is.
fn path_of(names: &[u8]) -> RepoPath {
    let half = &names[..names.len() / 2];
    let quoted = half
        .strip_prefix(b"\"")
        .and_then(|half| half.strip_suffix(b"\""));
    let name = quoted.map_or_else(|| half.to_vec(), unquoted);
    RepoPath::new(name.strip_prefix(b"a/").unwrap_or(&name))
}

/// A name as git puts it into quotes.
fn unquoted(name: &[u8]) -> Vec<u8> {
    let (mut plain, mut at) = (Vec::with_capacity(name.len()), 0);
    while at < name.len() {
        let (byte, used) = match (name[at], name.get(at + 1)) {
            (b'\\', Some(b'0'..=b'3')) => {
                let digits = name.get(at + 1..at + 4).unwrap_or_default();
                let byte = digits
                    .iter()
                    .fold(0_u32, |n, d| n * 8 + u32::from(d.wrapping_sub(b'0')));
                (u8::try_from(byte).unwrap_or(b'?'), 4)
            }
            (b'\\', Some(b'n')) => (b'\n', 2),
            (b'\\', Some(b't')) => (b'\t', 2),
            (b'\\', Some(b'r')) => (b'\r', 2),
            (b'\\', Some(b'a')) => (7, 2),
            (b'\\', Some(b'b')) => (8, 2),
            (b'\\', Some(b'f')) => (12, 2),
            (b'\\', Some(b'v')) => (11, 2),
            (b'\\', Some(other)) => (*other, 2),
            (byte, _) => (byte, 1),
        };
        plain.push(byte);
        at += used;
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_look_like_headers_are_lines_inside_of_a_hunk() {
        let text = b"diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@ fn main()\n same\n--- a/y\n+diff --git a/z b/z\n+@@ -1 +1 @@\n\\ No newline at end of file\ndiff --git a/y b/y\nnew file mode 100644\nindex 0..1\nBinary files /dev/null and b/y differ\n";
        let files = read(text);
        assert_eq!(files.len(), 2, "{files:?}");
        let hunk = &files[0].hunks[0];
        assert_eq!(
            (hunk.old, hunk.new, hunk.heading.as_str()),
            ((1, 2), (1, 3), "fn main()")
        );
        let lines: Vec<&str> = hunk.lines.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(
            lines,
            ["same", "-- a/y", "diff --git a/z b/z", "@@ -1 +1 @@"]
        );
        assert_eq!(hunk.lines[1].0, LineKind::Removed);
        assert!(files[1].is_binary && files[1].hunks.is_empty());
    }

    #[test]
    fn names_with_blanks_and_in_quotes_are_read_as_they_are() {
        let of = |names: &str| path_of(names.as_bytes()).to_string();
        assert_eq!(of("a/two words b/two words"), "two words");
        assert_eq!(of("a/b/c b/b/c"), "b/c");
        assert_eq!(
            path_of(br#""a/\303\274\t\"" "b/\303\274\t\"""#),
            RepoPath::new("ü\t\"".as_bytes())
        );
    }

    #[test]
    fn endless_line_is_cut_and_said_to_be() {
        let long = "x".repeat(2 * LINE_BYTES_MAX);
        let text = format!("diff --git a/x b/x\n@@ -0,0 +1 @@\n+{long}\n");
        let files = read(text.as_bytes());
        assert!(files[0].is_cut);
        assert_eq!(files[0].hunks[0].lines[0].1.len(), LINE_BYTES_MAX);
    }
}
