//! `orch migrate-env`: what an environment file of the reference system comes to here.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, bail};
use orch_config::{Dotenv, SecretFile, moved};
use serde::Serialize;

use crate::show::{plain, print};

/// Largest file that is read, bytes.
const BYTES_MAX: u64 = 1024 * 1024;

/// What became of the file; no value of it is shown.
#[derive(Debug, Serialize)]
struct Report {
    written: String,
    secrets: Vec<String>,
    carried: Vec<(String, String)>,
    left: Vec<(String, String)>,
    doubts: Vec<String>,
}

pub(crate) fn run(file: &Path, env: &Path, secrets: &Path, json: bool) -> anyhow::Result<()> {
    let meta = std::fs::metadata(env).with_context(|| format!("`{}`", env.display()))?;
    if !meta.is_file() || meta.len() > BYTES_MAX {
        bail!(
            "`{}` is no file of at most {BYTES_MAX} bytes",
            env.display()
        );
    }
    if file.exists() {
        bail!(
            "`{}` is there already; name another one with --config",
            file.display()
        );
    }
    let text = std::fs::read_to_string(env).with_context(|| format!("`{}`", env.display()))?;
    let dotenv = Dotenv::read(&text);
    let moved = moved(&dotenv, &secrets.display().to_string())?;
    let folder = file.parent().unwrap_or(Path::new("")).join(secrets);
    for secret in &moved.secrets {
        write_secret(&folder, secret)?;
    }
    let text = match moved.yaml.is_empty() {
        true => "{}\n".to_owned(),
        false => moved.yaml.clone(),
    };
    orch_durable::replace(file, text.as_bytes())
        .with_context(|| format!("`{}` cannot be written", file.display()))?;
    let report = Report {
        written: file.display().to_string(),
        secrets: moved
            .secrets
            .iter()
            .map(|secret| folder.join(secret.name).display().to_string())
            .collect(),
        carried: moved.carried,
        left: moved.left,
        doubts: dotenv.doubts.iter().map(ToString::to_string).collect(),
    };
    print(json, &report, shown)
}

fn shown(report: &Report) -> String {
    let mut text = format!("written: {}\n", report.written);
    for secret in &report.secrets {
        text += &format!("secret: {secret}\n");
    }
    for (name, key) in &report.carried {
        text += &format!("carried over: {name} is `{key}`\n");
    }
    for (name, what) in &report.left {
        text += &format!("not carried over: {name}: {what}\n");
    }
    for doubt in &report.doubts {
        text += &format!("look at this: {doubt}\n");
    }
    plain::block(&text)
}

/// Writes a secret to a file that only its owner reads. One that holds another secret stays; what a try before this one
/// wrote, whole or in part, is written again.
fn write_secret(folder: &Path, secret: &SecretFile) -> anyhow::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("`{}`", folder.display()))?;
    let path = folder.join(secret.name);
    let wanted = format!("{}\n", secret.value);
    match std::fs::symlink_metadata(&path) {
        Ok(there) if !there.is_file() => bail!("`{}` is no file", path.display()),
        Ok(_) => {
            let there = std::fs::read(&path).with_context(|| format!("`{}`", path.display()))?;
            if !wanted.as_bytes().starts_with(&there) {
                bail!(
                    "`{}` is there already and holds something else; move it away, or name another folder with --secrets",
                    path.display()
                );
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("`{}`", path.display())),
    }
    let made = std::fs::File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path);
    let mut made = made.with_context(|| format!("`{}` cannot be made", path.display()))?;
    made.set_permissions(std::fs::Permissions::from_mode(0o600))
        .and_then(|()| made.write_all(wanted.as_bytes()))
        .with_context(|| format!("`{}`", path.display()))
}
