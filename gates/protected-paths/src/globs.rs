//! Does a path match one of a list of globs?

use globset::{Error, Glob, GlobBuilder, GlobSet, GlobSetBuilder};

/// Most globs of one setting, so that reading them stays cheap.
const GLOBS_MAX: usize = 500;

/// Whether `A` and `a` differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// They do.
    Matters,
    /// They do not: on some file systems `codeowners` is `CODEOWNERS`.
    Ignored,
}

/// A list of globs.
#[derive(Debug, Default)]
pub(crate) struct Globs(GlobSet);

impl Globs {
    /// Compiles globs.
    ///
    /// # Errors
    /// The first glob that is none.
    pub(crate) fn of<S: AsRef<str>>(globs: &[S], case: Case) -> Result<Self, Error> {
        let mut set = GlobSetBuilder::new();
        for text in globs {
            set.add(glob(text.as_ref(), case)?);
        }
        set.build().map(Self)
    }

    /// Whether one of them matches the whole of `path`.
    pub(crate) fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

fn glob(text: &str, case: Case) -> Result<Glob, Error> {
    GlobBuilder::new(text)
        .literal_separator(true)
        .case_insensitive(case == Case::Ignored)
        .build()
}

/// What is wrong with the globs of the setting `key`.
pub(crate) fn problems(key: &str, globs: &[String]) -> Vec<String> {
    if globs.len() > GLOBS_MAX {
        return vec![format!(
            "`{key}` holds {} globs; at most {GLOBS_MAX} are read",
            globs.len()
        )];
    }
    let problems = globs.iter().filter_map(|glob| problem(glob));
    problems
        .map(|problem| format!("`{key}`: {problem}"))
        .collect()
}

fn problem(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return Some("an empty glob matches nothing; remove it".to_owned());
    }
    if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Some(format!(
            "`{text}` can match nothing; write the path from the repository's root, such as `deploy/**`"
        ));
    }
    let error = glob(text, Case::Matters).err()?;
    Some(format!("`{text}` is no glob: {}", error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stay_within_a_folder_and_double_stars_do_not() {
        let globs = Globs::of(&["deploy/*.yml", "**/x y", "k8s/**"], Case::Matters).unwrap();
        for path in ["deploy/a.yml", "x y", "a/b/x y", "k8s/a/b"] {
            assert!(globs.matches(path), "{path}");
        }
        for path in ["deploy/a/b.yml", "DEPLOY/a.yml", "x", "k8s", ""] {
            assert!(!globs.matches(path), "{path}");
        }
    }

    #[test]
    fn bad_globs_are_named() {
        for glob in ["", " ", "/deploy", "a//b", "./a", "a/", "[a", "{a"] {
            let problems = problems("paths", &[glob.to_owned()]);
            assert_eq!(problems.len(), 1, "{glob}");
            assert!(problems[0].starts_with("`paths`"), "{problems:?}");
        }
        assert!(problems("paths", &["a/**".to_owned()]).is_empty());
        assert_eq!(
            problems("paths", &vec!["a".to_owned(); GLOBS_MAX + 1]).len(),
            1
        );
    }
}
