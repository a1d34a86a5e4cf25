//! What may lines of an output mean, and what would help? By a table of words that the usual programs print; for people
//! to read, never to decide by.

use regex_lite::Regex;
use serde::Deserialize;

const HINTS: &str = include_str!("../data/hints.yaml");
/// Most lines that are shown for one meaning.
const LINES_MAX: usize = 3;
/// Bytes of a line that are looked at and shown.
const LINE_BYTES_MAX: usize = 400;

/// What some lines may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// What they mean, with what would help.
    pub means: String,
    /// The first of the lines.
    pub lines: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    says: String,
    means: String,
}

/// What the lines of an output may mean, in the order of the table.
pub fn hints(output: &str) -> Vec<Hint> {
    let table: Vec<Entry> = serde_yaml::from_str(HINTS).expect("a test reads the table");
    let mut found: Vec<(Regex, Hint)> = table
        .into_iter()
        .map(|entry| {
            let says = Regex::new(&entry.says).expect("a test reads the table");
            let lines = Vec::new();
            let means = entry.means;
            (says, Hint { means, lines })
        })
        .collect();
    for line in output.lines().map(str::trim) {
        let line = &line[..line.floor_char_boundary(LINE_BYTES_MAX)];
        let Some((_, hint)) = found.iter_mut().find(|(says, _)| says.is_match(line)) else {
            continue;
        };
        if hint.lines.len() < LINES_MAX && !hint.lines.iter().any(|known| known == line) {
            hint.lines.push(line.to_owned());
        }
    }
    let hints = found.into_iter().map(|(_, hint)| hint);
    hints.filter(|hint| !hint.lines.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_usual_programs_are_told_with_what_would_help() {
        for (line, helps) in [
            (
                "error: could not create temp root /root/.rustup/tmp: Read-only file system (os error 30)",
                "rustup toolchain install",
            ),
            (
                "\tat org.gradle.wrapper.Download.download(Download.java:67)",
                "gradle-wrapper.properties",
            ),
            (
                "Downloading https://services.example.org/distributions/gradle-8.5-bin.zip",
                "gradle-wrapper.properties",
            ),
            (
                "go: go.mod file not found in current directory or any parent directory; see 'go help modules'",
                "go.mod",
            ),
            (
                "ERROR: Package 'x' requires a different Python: 3.11.2 not in '>=3.13'",
                "another version",
            ),
            (
                "[ERROR] Fatal error compiling: error: invalid target release: 25",
                "another version",
            ),
            (
                "x.c:1:10: fatal error: expat.h: No such file or directory",
                "headers",
            ),
            (
                "E   socket.gaierror: [Errno -3] Temporary failure in name resolution",
                "leave such tests out",
            ),
            (
                "Error: getaddrinfo EAI_AGAIN registry.example.org",
                "leave such tests out",
            ),
            (
                "OSError: [Errno 28] No space left on device: '/tmp/x'",
                "make room",
            ),
            ("sh: 1: /opt/x/tool: Permission denied", "sandbox: {read"),
        ] {
            let hints = hints(&format!("first\n{line}\n{line}\nlast\n"));
            assert_eq!(hints.len(), 1, "{line}: {hints:?}");
            assert!(hints[0].means.contains(helps), "{line}: {hints:?}");
            assert_eq!(hints[0].lines, [line.trim()]);
        }
        assert!(hints("all is well\n1 failed, 2 passed\n").is_empty());
    }
}
