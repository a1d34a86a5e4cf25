//! What tests leave in their checkout: the report of the covered lines, and reports of which failed.
//!
//! The files were written by the code that is judged. Nothing here is gone into through a link, and everything is bounded.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use globset::GlobBuilder;
use orch_process::files::read_beneath;
use orch_reports::{FailedTests, junit, printed};

/// Largest coverage report, bytes.
const COVERAGE_BYTES_MAX: u64 = 3 * 1024 * 1024;
/// Bytes of all reports of one run.
const REPORTS_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Reports of one run.
const REPORTS_MAX: usize = 2000;
/// Names that are looked at for them.
const ENTRIES_MAX: usize = 200_000;

/// The coverage report as evidence: text of the file that the test command left, or what is wrong with it.
pub(super) fn coverage(tree: &Path, name: &str, passed: bool) -> String {
    // A name of a file in another encoding takes nothing from what is said of its lines.
    let read = || -> std::io::Result<String> {
        let content = read_beneath(tree, name.as_ref(), COVERAGE_BYTES_MAX)?;
        Ok(String::from_utf8_lossy(&content).into_owned())
    };
    let (content, problem) = match read() {
        Ok(content) => (content, None),
        Err(error) => (String::new(), Some(error.to_string())),
    };
    serde_json::json!({"path": name, "passed": passed, "content": content, "problem": problem})
        .to_string()
}

/// Which tests failed by the reports that fit `pattern` and were written since `since`; none if there is none that can
/// be read. What an older report says is of another run.
pub(super) fn reported(tree: &Path, pattern: &str, since: SystemTime) -> Option<FailedTests> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let glob = glob.ok()?.compile_matcher();
    let mut all: Option<FailedTests> = None;
    let mut left = REPORTS_BYTES_MAX;
    for path in files_below(tree, &|name| glob.is_match(name)) {
        let Ok(meta) = std::fs::symlink_metadata(&path) else {
            continue;
        };
        let is_new = meta.modified().is_ok_and(|written| written >= since);
        if !meta.is_file() || !is_new {
            continue;
        }
        let found = all.get_or_insert_default();
        let Some(rest) = left.checked_sub(meta.len()) else {
            // What does not fit may hold any failure.
            found.more = true;
            continue;
        };
        left = rest;
        let name = path.strip_prefix(tree).unwrap_or(&path);
        let Ok(bytes) = read_beneath(tree, name, meta.len()) else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes);
        match junit(&text) {
            Ok(failed) => found.join(&failed),
            Err(_) => found.join(&printed(&text, true)),
        }
    }
    all.filter(|found| !found.is_unknown())
}

/// Files below a folder whose path from it fits, in order; links are not followed.
fn files_below(root: &Path, fits: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    let mut left = ENTRIES_MAX;
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        for entry in entries {
            if left == 0 || found.len() >= REPORTS_MAX {
                found.sort();
                return found;
            }
            left -= 1;
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(kind) if kind.is_file() && path.strip_prefix(root).is_ok_and(fits) => {
                    found.push(path);
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn name_in_another_encoding_spoils_no_coverage_report() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = b"SF:src/caf\xe9.c\nDA:1,1\nend_of_record\n";
        std::fs::write(folder.path().join("lcov.info"), bytes).unwrap();
        let item: serde_json::Value =
            serde_json::from_str(&coverage(folder.path(), "lcov.info", true)).unwrap();
        assert_eq!(item["problem"], serde_json::Value::Null);
        assert!(item["content"].as_str().unwrap().contains("DA:1,1"));
    }

    #[test]
    fn reports_of_this_run_are_read_and_others_and_links_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        let reports = tree.join("a/target/reports");
        std::fs::create_dir_all(&reports).unwrap();
        let one = |name: &str| {
            format!("<testsuite><testcase name='{name}'><failure/></testcase></testsuite>")
        };
        std::fs::write(reports.join("TEST-1.xml"), one("own")).unwrap();
        std::fs::write(reports.join("TEST-2.txt"), one("other")).unwrap();
        std::fs::write(folder.path().join("x.xml"), one("outside")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("x.xml"), reports.join("TEST-3.xml"))
            .unwrap();
        let pattern = "**/target/reports/TEST-*.xml";
        let before = SystemTime::now() - Duration::from_secs(600);
        let failed = reported(&tree, pattern, before).unwrap();
        assert_eq!(
            (failed.names, failed.ran),
            (vec!["own".to_owned()], Some(1))
        );
        let later = SystemTime::now() + Duration::from_secs(600);
        assert_eq!(reported(&tree, pattern, later), None);
    }
}
