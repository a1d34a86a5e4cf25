//! Which gates came with the program, and how do they become files that a library reads?

use std::path::{Path, PathBuf};

/// The gates that came with the program.
#[derive(Debug, Clone, Default)]
pub enum Builtin {
    /// None did: the gates folder is all there is.
    #[default]
    None,
    /// They are inside of the program: by name, each a component.
    Inside(&'static [(&'static str, &'static [u8])]),
    /// They lie in a folder that was installed with it.
    Beside(PathBuf),
}

impl Builtin {
    /// The folder that a library reads them from; those inside of the program are laid out in `folder`, and what a
    /// former program left there goes.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn lay_out(&self, folder: &Path) -> std::io::Result<Option<PathBuf>> {
        let gates = match self {
            Self::None => return Ok(None),
            Self::Beside(beside) => return Ok(Some(beside.clone())),
            Self::Inside(gates) => gates,
        };
        std::fs::create_dir_all(folder)?;
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let is_ours = |(name, _): &(&str, &[u8])| path == folder.join(format!("{name}.wasm"));
            if !gates.iter().any(is_ours) {
                std::fs::remove_file(&path)?;
            }
        }
        for (name, content) in *gates {
            let path = folder.join(format!("{name}.wasm"));
            if std::fs::read(&path).is_ok_and(|present| present == *content) {
                continue;
            }
            // Half a file, after a crash, is another content at the next start.
            std::fs::write(&path, content)?;
        }
        Ok(Some(folder.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_of_the_program_are_laid_out_and_those_of_a_former_one_go() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("builtin");
        let names = |folder: &Path| {
            let mut names: Vec<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|e| e.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        let former = Builtin::Inside(&[("ci", b"1"), ("gone", b"2")]);
        former.lay_out(&to).unwrap();
        assert_eq!(names(&to), ["ci.wasm", "gone.wasm"]);
        let present = Builtin::Inside(&[("ci", b"3"), ("merge", b"4")]);
        assert_eq!(present.lay_out(&to).unwrap(), Some(to.clone()));
        assert_eq!(names(&to), ["ci.wasm", "merge.wasm"]);
        assert_eq!(std::fs::read(to.join("ci.wasm")).unwrap(), b"3");
        assert_eq!(Builtin::None.lay_out(&to).unwrap(), None);
    }
}
