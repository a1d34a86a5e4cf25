//! What is in a backup, how is it made while the host runs, and how is it taken up again?
//!
//! A backup is a folder: the database as it was at one moment, what the host keeps beside it, the configuration, and a
//! list of all files with their digests that is written last. The database is copied first: what is copied after it
//! can only be newer, and a host that finds more than it knows of is what follows any crash. Workspaces, checkouts and
//! the trash are left out: they are made anew.

mod copy;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use orch_config::HostConfig;
use orch_engine::Paths;
use orch_views::backup::{BackupView, RestoreView};
use serde::{Deserialize, Serialize};

use copy::{Copied, check, copy};

/// Version of the form of a backup.
const FORMAT: u32 = 1;
/// Name of the list of files, which is there if the backup is whole.
const MANIFEST: &str = "manifest.json";
/// Name of the folder that holds what lies in the data folder.
const DATA: &str = "data";
/// Name of the configuration in a backup.
const CONFIG: &str = "orch.yaml";
/// Name of the database in both.
const DATABASE: &str = "orch.db";
/// What of the data folder is left out: made anew, or of one process.
const LEFT_OUT: [&str; 9] = [
    "workspaces",
    "checkouts",
    "trash",
    "orch.sock",
    "orch.lock",
    "starting.lock",
    DATABASE,
    "orch.db-wal",
    "orch.db-shm",
];

/// The list of a backup's files.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    /// Version of the program that made it.
    version: String,
    /// Where the data folder was.
    data: PathBuf,
    /// Every file, by its path below the backup.
    files: Vec<Copied>,
}

/// Makes a backup of a host, running or not, in a new folder.
pub(crate) async fn make(
    config: &HostConfig,
    file: &Path,
    into: &Path,
) -> anyhow::Result<BackupView> {
    let paths = Paths::below(config.data_dir());
    let data = config.data_dir().to_owned();
    ensure!(
        paths.database().exists(),
        "there is nothing to back up: no host of `{}` has run yet",
        file.display()
    );
    private_folder(into).with_context(|| {
        format!(
            "cannot make `{}`; name a folder that is not there yet, on another disk than the data folder",
            into.display()
        )
    })?;
    let kept = into.join(DATA);
    private_folder(&kept)?;
    orch_engine::snapshot(&paths.database(), &kept.join(DATABASE))
        .await
        .context("the database cannot be copied")?;
    let (from, to, settings) = (data.clone(), into.to_owned(), file.to_owned());
    let files = tokio::task::spawn_blocking(move || -> anyhow::Result<Vec<Copied>> {
        let mut files = vec![check(&to, &PathBuf::from(DATA).join(DATABASE))?];
        // Refs before objects: what a ref names was there before it.
        for first in [true, false] {
            copy(
                &from,
                &to,
                Path::new(DATA),
                &|path| {
                    let top = path.components().next().map(|part| part.as_os_str());
                    let is_left_out = LEFT_OUT.iter().any(|name| top == Some(name.as_ref()));
                    let is_object = path.components().any(|part| part.as_os_str() == "objects");
                    !is_left_out && is_object != first
                },
                &mut files,
            )?;
        }
        fs::copy(&settings, to.join(CONFIG))?;
        files.push(check(&to, Path::new(CONFIG))?);
        Ok(files)
    });
    let files = files.await?.context("the data folder cannot be copied")?;
    let view = BackupView {
        folder: into.to_owned(),
        files: files.len() as u64,
        bytes: files.iter().map(|file| file.bytes).sum(),
    };
    let manifest = Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        data,
        files,
    };
    let text = serde_json::to_vec_pretty(&manifest)?;
    orch_durable::replace(&into.join(MANIFEST), &text)?;
    Ok(view)
}

/// Takes a backup up as the data folder of a configuration whose host has none yet.
pub(crate) async fn restore(config: &HostConfig, from: &Path) -> anyhow::Result<RestoreView> {
    let text = fs::read(from.join(MANIFEST)).with_context(|| {
        format!(
            "`{}` is no whole backup: `{MANIFEST}` is written last and is not there; take another one",
            from.display()
        )
    })?;
    let manifest: Manifest = serde_json::from_slice(&text).context("the list of files is torn")?;
    ensure!(
        manifest.format == FORMAT,
        "the backup is of form {}, this program reads form {FORMAT}; restore it with version {} or a newer one",
        manifest.format,
        manifest.version
    );
    let data = config.data_dir().to_owned();
    let is_empty = fs::read_dir(&data).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty {
        bail!(
            "`{}` is not empty; stop its host, move the folder away and try again",
            data.display()
        );
    }
    let (source, target) = (from.to_owned(), data.clone());
    let restored = tokio::task::spawn_blocking(move || -> anyhow::Result<Manifest> {
        for file in &manifest.files {
            let found = check(&source, &file.path)?;
            ensure!(
                found == *file,
                "`{}` of the backup is not what it was: it is damaged; take another backup",
                file.path.display()
            );
        }
        private_folder(&target)?;
        for file in &manifest.files {
            if let Ok(name) = file.path.strip_prefix(DATA) {
                file.put(&source, &target.join(name))?;
            }
        }
        Ok(manifest)
    });
    let manifest = restored.await??;
    if data != manifest.data {
        orch_engine::move_run_folders(&data.join(DATABASE), &manifest.data, &data).await?;
    }
    Ok(RestoreView {
        folder: data,
        files: manifest.files.len() as u64,
        version: manifest.version,
    })
}

/// A folder that only this user can look into: there are tokens in it.
fn private_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let made = fs::DirBuilder::new().mode(0o700).create(path);
    match made {
        // An empty one may be there.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            match fs::read_dir(path)?.next() {
                None => Ok(()),
                Some(_) => Err(error),
            }
        }
        made => made,
    }
}
