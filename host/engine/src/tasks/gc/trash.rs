//! The trash: where everything lies for a while before it is deleted.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use orch_views::disk::{Fate, GcItem, LeftoverKind};

use super::{Action, Collector, Planned, name_of, off_thread, rules, usage};

/// What lies in the trash, and whether it has lain there for long enough.
pub(super) async fn look(collector: &Collector) -> anyhow::Result<Vec<Planned>> {
    let (folder, days, now) = (
        collector.paths.trash(),
        collector.config.now().disk.trash_days,
        collector.ledger.now(),
    );
    let found = off_thread(move || {
        let users = usage::Users::look()?;
        let judged = usage::folders_in(&folder).into_iter().map(|path| {
            let at = rules::trashed_at(&usage::file_name(&path));
            let fate = fate(at, days, now, &users.of(&path));
            let bytes = matches!(fate, Fate::Goes(_)).then(|| usage::bytes(&path));
            (path, at, fate, bytes)
        });
        anyhow::Ok(judged.collect::<Vec<_>>())
    })
    .await??;
    let planned = found.into_iter().map(|(path, at, fate, bytes)| Planned {
        item: GcItem {
            kind: LeftoverKind::Trash,
            name: name_of(collector, &path),
            bytes,
            age_s: at.map_or(0, |at| (now - at).max(0) / 1000),
            why: "it is in the trash".to_owned(),
            fate,
        },
        action: Action::Delete(path),
    });
    Ok(planned.collect())
}

fn fate(at: Option<i64>, days: u32, now: i64, pids: &[u32]) -> Fate {
    let Some(at) = at else {
        return Fate::Kept("no host put it there".to_owned());
    };
    if let Err(reason) = rules::unused(pids) {
        return Fate::Kept(reason);
    }
    if !rules::is_old(at, days, now) {
        return Fate::Kept(format!("it stays for {days} days"));
    }
    Fate::Goes(format!("it has lain there for {days} days"))
}

/// Renames a folder into the trash. It can be brought back by a rename until it is deleted.
pub(super) async fn put(collector: &Collector, path: PathBuf) -> anyhow::Result<()> {
    let to = collector.paths.trash().join(rules::trash_name(
        collector.ledger.now(),
        &name_of(collector, &path),
    ));
    off_thread(move || {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("`{}` cannot be made", folder.display()))?;
        }
        anyhow::ensure!(!to.exists(), "`{}` is there already", to.display());
        orch_durable::point("trash: before");
        fs::rename(&path, &to).with_context(|| {
            format!(
                "`{}` cannot be renamed to `{}`",
                path.display(),
                to.display()
            )
        })?;
        orch_durable::point("trash: after");
        Ok(())
    })
    .await?
}

/// Deletes something in the trash for good.
pub(super) async fn delete(path: PathBuf) -> anyhow::Result<()> {
    off_thread(move || {
        let done = match fs::remove_dir_all(&path) {
            // Caches of build tools are read-only folders.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                make_writable(&path);
                fs::remove_dir_all(&path)
            }
            other => other,
        };
        match done {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.with_context(|| format!("`{}` cannot be deleted", path.display())),
        }
    })
    .await?
}

fn make_writable(folder: &Path) {
    // What cannot be changed is reported by the deletion that follows.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).ok();
    for path in usage::folders_in(folder) {
        make_writable(&path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trash_goes_when_it_is_old_unused_and_ours() {
        let day = rules::DAY_MS;
        assert!(matches!(fate(Some(0), 7, 7 * day, &[]), Fate::Goes(_)));
        assert!(matches!(fate(Some(1), 7, 7 * day, &[]), Fate::Kept(_)));
        assert!(matches!(fate(Some(0), 7, 7 * day, &[9]), Fate::Kept(_)));
        assert!(matches!(fate(None, 0, 7 * day, &[]), Fate::Kept(_)));
    }

    #[test]
    fn read_only_folders_of_build_tools_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("1-home/go/mod");
        fs::create_dir_all(&cache).unwrap();
        fs::write(cache.join("file"), "x").unwrap();
        fs::set_permissions(&cache, fs::Permissions::from_mode(0o500)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime
            .block_on(delete(folder.path().join("1-home")))
            .unwrap();
        assert!(!folder.path().join("1-home").exists());
    }
}
