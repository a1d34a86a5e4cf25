//! What a task left behind, without what may differ between two runs: times, ids, and tries that a crash cost.

use std::fmt::Debug;

use serde_json::Value;

use super::Site;

/// The comparable outcome of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// Stage and attempt, in order.
    pub stages: Vec<(String, u64)>,
    /// Stage, attempt, entry and decision of every judgement that moved the task.
    pub verdicts: Vec<(String, u64, String, String)>,
    /// Role, stage and attempt of every run that counted.
    pub runs: Vec<(String, String, u64)>,
    /// Comments on the work item.
    pub comments: Vec<String>,
    /// Subjects of the commits on the base branch.
    pub commits: Vec<String>,
    /// Files of the base branch; with their content, unless the host stamps them.
    pub files: Vec<String>,
    /// Branches of the forge.
    pub branches: Vec<String>,
}

impl Transcript {
    /// Reads it from a site whose task has ended.
    pub fn of(site: &Site, item: &str) -> Self {
        let world = &site.world;
        let view = world.task(item);
        let mut verdicts = list(&view["verdicts"], |v| {
            (
                text(v, "stage"),
                number(v),
                text(v, "entry"),
                text(v, "decision"),
            )
        });
        verdicts.retain(|v| v.3 != "wait" && v.3 != "inconclusive");
        verdicts.dedup();
        let mut runs = list(&view["runs"], |r| {
            (
                text(r, "role"),
                text(r, "stage"),
                number(r),
                text(r, "outcome"),
            )
        });
        runs.retain(|r| r.3 == "completed");
        let files = world.git("shop.git", &["ls-tree", "-r", "main"]);
        Self {
            stages: list(&view["stages"], |s| (text(s, "stage"), number(s))),
            verdicts,
            runs: runs.into_iter().map(|r| (r.0, r.1, r.2)).collect(),
            comments: list(&view["comments"], |c| {
                without_ids(c.as_str().unwrap_or_default())
            }),
            commits: lines(&world.git("shop.git", &["log", "--format=%s", "main"])),
            files: lines(&files)
                .into_iter()
                .map(|line| match line.split_once('\t') {
                    Some((_, path)) if path.starts_with("docs/work-items/") => path.to_owned(),
                    Some(_) | None => line,
                })
                .collect(),
            branches: lines(&world.git(
                "shop.git",
                &["for-each-ref", "--format=%(refname)", "refs/heads"],
            )),
        }
    }

    /// In what it differs from the undisturbed one.
    pub fn differences(&self, undisturbed: &Self) -> Vec<String> {
        let mut list = Vec::new();
        differ("stages", &self.stages, &undisturbed.stages, &mut list);
        differ("verdicts", &self.verdicts, &undisturbed.verdicts, &mut list);
        differ("runs", &self.runs, &undisturbed.runs, &mut list);
        differ("comments", &self.comments, &undisturbed.comments, &mut list);
        differ("commits", &self.commits, &undisturbed.commits, &mut list);
        differ("files", &self.files, &undisturbed.files, &mut list);
        differ("branches", &self.branches, &undisturbed.branches, &mut list);
        list
    }
}

fn differ<T: Debug + PartialEq>(what: &str, found: &T, expected: &T, list: &mut Vec<String>) {
    if found != expected {
        list.push(format!(
            "{what} differ\nfound    {found:?}\nexpected {expected:?}"
        ));
    }
}

fn list<T>(value: &Value, of: impl FnMut(&Value) -> T) -> Vec<T> {
    value.as_array().into_iter().flatten().map(of).collect()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u64 {
    value["attempt"].as_u64().unwrap_or_default()
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// The text with ids of commits and digests taken out.
fn without_ids(text: &str) -> String {
    let is_id = |word: &str| word.len() >= 7 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let mut out = text.to_owned();
    for word in words.filter(|w| is_id(w)) {
        out = out.replace(word, "#");
    }
    out
}
