//! Which folders does a program need that the system's own do not hold?

use std::path::{Path, PathBuf};

/// Folders that a program outside of the system's needs to start: its own installation and that of its
/// interpreter.
pub(crate) fn homes_of(program: &Path) -> Vec<PathBuf> {
    let mut homes = Vec::new();
    let mut add = |path: &Path| {
        for path in [Some(path.to_owned()), std::fs::canonicalize(path).ok()]
            .into_iter()
            .flatten()
        {
            // `…/bin/NAME` belongs to `…`. Of a person's own home folder it is the program alone.
            let home = path.parent().and_then(|bin| {
                if bin.ends_with("bin") {
                    bin.parent()
                } else {
                    Some(bin)
                }
            });
            match home {
                Some(home) if is_personal(home) => homes.push(path.clone()),
                Some(home) if home.components().count() > 2 => homes.push(home.to_owned()),
                Some(_) | None => {}
            }
        }
    };
    add(program);
    let head = std::fs::File::open(program).and_then(|file| {
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(file, 512), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    });
    let line = head
        .ok()
        .and_then(|text| Some(text.strip_prefix("#!")?.lines().next()?.trim().to_owned()));
    if let Some(interpreter) = line.as_deref().and_then(|l| l.split(' ').next()) {
        add(Path::new(interpreter));
    }
    homes.retain(|home| !home.starts_with("/usr"));
    homes.dedup();
    homes
}

/// Whether a folder is somebody's whole home.
fn is_personal(folder: &Path) -> bool {
    let own = std::env::var_os("HOME").is_some_and(|own| folder == Path::new(&own));
    own || folder == Path::new("/root") || folder.parent() == Some(Path::new("/home"))
}
