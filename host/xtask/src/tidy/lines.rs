//! What the house style forbids in a file by itself: no header, too long, a sleeping or ignored test, unfinished
//! code.

/// Longest source file, lines.
const LINES_MAX: usize = 500;

/// What is wrong with one file.
pub(super) fn problems(name: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if !text.starts_with("//!") {
        problems.push(
            "the file does not begin with a header that says which question it answers".to_owned(),
        );
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        problems.push(format!(
            "{lines} lines, and {LINES_MAX} are allowed; what is the second concern?"
        ));
    }
    let in_tests = name.starts_with("tests/") || name.contains("/tests/");
    let sleeps = ["thread::", "tokio::time::"].map(|module| format!("{module}sleep("));
    for (index, line) in text.lines().enumerate() {
        let at = index + 1;
        if in_tests && sleeps.iter().any(|sleep| line.contains(sleep.as_str())) {
            problems.push(format!(
                "line {at}: a test sleeps; wait for a condition instead"
            ));
        }
        for word in ["todo", "unimplemented"] {
            if line.contains(&format!("{word}!(")) {
                problems.push(format!("line {at}: unfinished code"));
            }
        }
        if line.trim_start().starts_with("#[ignore") {
            problems.push(format!("line {at}: an ignored test"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::{LINES_MAX, problems};

    #[test]
    fn sleeping_test_and_missing_header_are_found() {
        let sleep = format!("//! x\nfn f() {{ std::{}sleep(d); }}\n", "thread::");
        assert_eq!(problems("tests/a.rs", &sleep).len(), 1);
        assert!(problems("host/a.rs", &sleep).is_empty());
        assert_eq!(problems("host/a.rs", "fn f() {}\n").len(), 1);
    }

    #[test]
    fn file_beyond_the_longest_is_found() {
        let longest = format!("//! x\n{}", "\n".repeat(LINES_MAX - 1));
        assert!(problems("host/a.rs", &longest).is_empty());
        let longer = format!("{longest}\n");
        assert_eq!(problems("host/a.rs", &longer).len(), 1);
    }
}
