//! Which files of a crate use each other, as far as their text says.
//!
//! Reads paths that begin with `crate`, `super` or `self`, in imports and in code, and paths that begin with a module
//! that the file itself declares. A name that a file only passes on (`pub use child::Name`) leads to where it comes
//! from. What a file uses of modules below itself is left out: it is their door, and they may ask it for what it
//! keeps for all of them. Methods are not seen: a type that is handed over can be used without being named. Neither
//! are code for tests, names passed on by `*`, and what macros make.

use std::collections::{BTreeMap, BTreeSet};

use super::words::{self, Word};

/// A path of names from the top of the crate.
type Path = Vec<String>;

/// The files of one crate and what they use of each other.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// File names below `src/`.
    pub(super) files: Vec<String>,
    /// By (user, used): the line of the first use.
    pub(super) edges: BTreeMap<(usize, usize), usize>,
}

/// What one file says.
#[derive(Debug, Default)]
struct File {
    module: Path,
    /// Modules that lie in files of their own.
    children: BTreeSet<String>,
    /// Names that are passed on, and where they come from.
    passed_on: BTreeMap<String, Path>,
    /// Paths that are used, with their lines.
    paths: Vec<(Path, usize)>,
}

/// How often a name may be passed on before it is not followed any more.
const PASSES_MAX: usize = 8;

impl Uses {
    /// Of files, each with its name below `src/` and its text.
    pub(super) fn of(files: &[(String, String)]) -> Self {
        let parsed: Vec<File> = files.iter().map(|(name, text)| read(name, text)).collect();
        let by_module: BTreeMap<&[String], usize> = parsed
            .iter()
            .enumerate()
            .map(|(index, file)| (file.module.as_slice(), index))
            .collect();
        let mut edges = BTreeMap::new();
        for (user, file) in parsed.iter().enumerate() {
            for (path, line) in &file.paths {
                let used = find(&parsed, &by_module, path, PASSES_MAX);
                let is_below = |used: usize| parsed[used].module.starts_with(&file.module);
                if let Some(used) = used.filter(|used| !is_below(*used)) {
                    edges.entry((user, used)).or_insert(*line);
                }
            }
        }
        let files = files.iter().map(|(name, _)| name.clone()).collect();
        Self { files, edges }
    }
}

/// The file in which `path` ends.
fn find(
    files: &[File],
    by_module: &BTreeMap<&[String], usize>,
    path: &[String],
    passes: usize,
) -> Option<usize> {
    let mut depth = 0;
    let mut file = *by_module.get(&path[..0])?;
    while let Some(name) = path.get(depth) {
        if files[file].children.contains(name) {
            let Some(child) = by_module.get(&path[..=depth]) else {
                break;
            };
            (file, depth) = (*child, depth + 1);
            continue;
        }
        if let Some(from) = files[file].passed_on.get(name).filter(|_| passes > 0) {
            let path = [from.as_slice(), &path[depth + 1..]].concat();
            return find(files, by_module, &path, passes - 1);
        }
        break;
    }
    Some(file)
}

/// The module of a file below `src/`.
fn module_of(name: &str) -> Path {
    let name = name.trim_end_matches(".rs");
    if matches!(name, "lib" | "main") {
        return Path::new();
    }
    name.split('/').map(str::to_owned).collect()
}

fn read(name: &str, text: &str) -> File {
    let mut file = File {
        module: module_of(name),
        ..File::default()
    };
    let words = words::of_code(text);
    for pair in words.windows(3) {
        if pair[0].is("mod") && pair[2].is(";") {
            file.children.insert(pair[1].text.clone());
        }
    }
    // The modules within the file, each with the number of braces around it.
    let mut inner: Vec<(String, usize)> = Vec::new();
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(word) = words.get(at) {
        match word.text.as_str() {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                inner.retain(|(_, outside)| *outside < depth);
            }
            "mod" if words.get(at + 2).is_some_and(|w| w.is("{")) => {
                inner.push((words[at + 1].text.clone(), depth));
                (depth, at) = (depth + 1, at + 2);
            }
            "use" => {
                let is_passed_on = at > 0 && (words[at - 1].is("pub") || words[at - 1].is(")"));
                let mut tree = Vec::new();
                let end = imports(&words, at + 1, &[], &mut tree);
                for (path, name, line) in tree {
                    let Some(path) = file.absolute(&path, inner.len()) else {
                        continue;
                    };
                    if is_passed_on && inner.is_empty() {
                        file.passed_on.insert(name, path.clone());
                        // Passing a child's name on is what a parent is for.
                        if file.is_of_a_child(&path) {
                            continue;
                        }
                    }
                    file.paths.push((path, line));
                }
                at = end;
            }
            _ if begins_a_path(&words, at) => {
                let (path, end) = path_at(&words, at);
                if let Some(path) = file.absolute(&path, inner.len()) {
                    file.paths.push((path, word.line));
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    file
}

impl File {
    fn is_of_a_child(&self, path: &[String]) -> bool {
        let below = path.strip_prefix(self.module.as_slice());
        below.is_some_and(|rest| {
            rest.first()
                .is_some_and(|name| self.children.contains(name))
        })
    }

    /// The path from the top of the crate; none if it leads out of it or to this file itself.
    fn absolute(&self, path: &[String], inner: usize) -> Option<Path> {
        let first = path.first()?.as_str();
        // Modules within the file count as steps towards it.
        let ups = path.iter().take_while(|name| *name == "super").count();
        match first {
            "crate" => Some(path[1..].to_vec()),
            "super" | "self" => {
                let skipped = ups + usize::from(first == "self");
                let leaves = ups.saturating_sub(inner);
                let kept = self.module.len().checked_sub(leaves)?;
                (ups >= inner).then(|| [&self.module[..kept], &path[skipped..]].concat())
            }
            name if inner == 0 && self.children.contains(name) => {
                Some([self.module.as_slice(), path].concat())
            }
            _ => None,
        }
    }
}

/// Whether a path of two names at least begins here.
fn begins_a_path(words: &[Word], at: usize) -> bool {
    let follows = at > 0 && (words[at - 1].is("::") || words[at - 1].is("."));
    words[at].is_name() && !follows && words.get(at + 1).is_some_and(|w| w.is("::"))
}

fn path_at(words: &[Word], mut at: usize) -> (Path, usize) {
    let mut path = vec![words[at].text.clone()];
    at += 1;
    while words.get(at).is_some_and(|w| w.is("::")) && words.get(at + 1).is_some_and(Word::is_name)
    {
        path.push(words[at + 1].text.clone());
        at += 2;
    }
    (path, at)
}

/// Reads one tree of an import from `at`; answers where it ends.
fn imports(
    words: &[Word],
    mut at: usize,
    before: &[String],
    found: &mut Vec<(Path, String, usize)>,
) -> usize {
    let mut path = before.to_vec();
    while let Some(word) = words.get(at) {
        match word.text.as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while words.get(at).is_some_and(|w| !w.is("}")) {
                    at = imports(words, at, &path, found);
                    if words.get(at).is_some_and(|w| w.is(",")) {
                        at += 1;
                    }
                }
                return at + 1;
            }
            "*" => {
                found.push((path, "*".to_owned(), word.line));
                return at + 1;
            }
            "self" if !path.is_empty() => {
                let name = path.last().cloned().unwrap_or_default();
                found.push((path, name, word.line));
                return at + 1;
            }
            _ if word.is_name() => {
                path.push(word.text.clone());
                at += 1;
                let ends = words.get(at).is_none_or(|w| !w.is("::"));
                if ends {
                    let mut name = word.text.clone();
                    if words.get(at).is_some_and(|w| w.is("as")) {
                        name = words.get(at + 1).map_or(name, |w| w.text.clone());
                        at += 2;
                    }
                    found.push((path, name, word.line));
                    return at;
                }
            }
            _ => return at + 1,
        }
    }
    at
}

#[cfg(test)]
pub(super) mod tests {
    use super::Uses;

    /// Uses of files such as `a.rs: use crate::b;`, as `user > used`.
    pub(in crate::tidy) fn uses(files: &[(&str, &str)]) -> Uses {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        Uses::of(&files.iter().map(owned).collect::<Vec<_>>())
    }

    fn edges(files: &[(&str, &str)]) -> Vec<String> {
        let uses = uses(files);
        let name = |index: usize| uses.files[index].trim_end_matches(".rs");
        let edges = uses.edges.keys();
        edges
            .map(|(a, b)| format!("{} > {}", name(*a), name(*b)))
            .collect()
    }

    const TOP: (&str, &str) = ("lib.rs", "mod a; mod b;");

    #[test]
    fn imports_and_paths_in_code_are_uses() {
        let a = ("a.rs", "use crate::{b::{X, y as z}, Top};");
        assert_eq!(edges(&[TOP, a, ("b.rs", "")]), ["a > lib", "a > b"]);
        let a = ("a.rs", "fn f() { let x: Vec<super::b::X> = y.b::<u8>(); }");
        assert_eq!(edges(&[TOP, a, ("b.rs", "")]), ["a > b"]);
        let a = (
            "a.rs",
            "// crate::b\nconst S: &str = \"crate::b::X\"; use other::b;",
        );
        assert_eq!(edges(&[TOP, a, ("b.rs", "")]), [""; 0]);
    }

    #[test]
    fn name_that_is_passed_on_leads_to_where_it_comes_from() {
        let top = ("lib.rs", "mod a; mod b; pub use b::{X as Y};");
        assert_eq!(
            edges(&[top, ("a.rs", "use crate::Y;"), ("b.rs", "")]),
            ["a > b"]
        );
        let b = ("b.rs", "mod c; pub(crate) use c::X;");
        assert_eq!(
            edges(&[top, ("a.rs", "use crate::Y;"), b, ("b/c.rs", "")]),
            ["a > b/c"]
        );
    }

    #[test]
    fn what_lies_below_a_file_is_no_use_of_it_and_what_lies_above_is() {
        let b = ("b.rs", "mod c; fn f() { c::g(); }");
        assert_eq!(edges(&[TOP, ("a.rs", ""), b, ("b/c.rs", "")]), [""; 0]);
        let c = ("b/c.rs", "use super::super::a; use super::F;");
        let found = edges(&[TOP, ("a.rs", ""), ("b.rs", "mod c;"), c]);
        assert_eq!(found, ["b/c > a", "b/c > b"]);
    }

    #[test]
    fn steps_up_from_a_module_within_the_file_stay_in_the_file() {
        let a = (
            "a.rs",
            "mod inner { use super::F; use super::super::b; } use super::b::X;",
        );
        let found = edges(&[TOP, a, ("b.rs", "")]);
        assert_eq!(found, ["a > b"]);
    }
}
