//! The gates that came with this program: inside of it, or in a folder that was installed beside it.

use orch_gates::Builtin;

/// Those that were built when the program was; see `build.rs`.
const INSIDE: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/gates.rs"));

pub(crate) fn gates() -> Builtin {
    if !INSIDE.is_empty() {
        return Builtin::Inside(INSIDE);
    }
    let program = std::env::current_exe().ok();
    let folder = program.and_then(|path| Some(path.parent()?.join("gates")));
    match folder.filter(|folder| folder.is_dir()) {
        Some(folder) => Builtin::Beside(folder),
        None => Builtin::None,
    }
}
