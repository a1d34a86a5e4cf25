//! What did people attach to the request? Fetched by the host with its own key, for an agent has none: files of known
//! kinds, by people, few and small, under names of the host's own. What is not given is said.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use orch_config::HostConfig;
use orch_domain::port::tracker::Attachment;
use orch_store::TaskRecord;

use super::prompts::quote;
use crate::ledger::Ledger;
use crate::ledger::doors::Doors;
use crate::ledger::people::person_of_account;

/// Name of the folder in a workspace.
pub(crate) const FOLDER: &str = "attachments";
/// Files of one request.
const FILES_MAX: usize = 10;
/// Bytes of one file.
const FILE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of all of them.
const ALL_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Files that are said not to be given, at most.
const NAMED_MAX: usize = 30;
/// Characters of a name that are shown.
const NAME_MAX: usize = 100;

/// Lays the attachments of a task's issue into `folder`, in the place of what an earlier run had, and answers what the
/// prompt says of them; nothing if there are none.
pub(super) async fn lay_out(
    ledger: &Ledger,
    doors: &Doors,
    config: &Arc<HostConfig>,
    record: &TaskRecord,
    folder: &Path,
) -> anyhow::Result<String> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("`{}`", folder.display()))?;
    }
    let id = record.task.id;
    let at = ledger.read(|tx| Box::pin(tx.issue_at(id))).await?;
    let tracker = doors.tracker(&at.tracker)?;
    let attached = tracker.attachments(&at.issue).await?;
    let (mut lines, mut files, mut room) = (Vec::new(), 0, ALL_BYTES_MAX);
    for (number, one) in attached.iter().enumerate().take(NAMED_MAX) {
        let name = shown(&one.name);
        let (door, author) = (at.tracker.clone(), one.author.clone());
        let (config, now) = (config.clone(), ledger.now());
        let who = ledger
            .read(|tx| {
                Box::pin(async move { person_of_account(tx, &config, &door, &author, now).await })
            })
            .await?;
        let given = match (who, extension(one)) {
            (None, _) => Err("attached by nobody whom the host knows".to_owned()),
            (Some(_), None) => Err(format!(
                "of a kind that is not fetched, `{}`",
                shown(&one.kind)
            )),
            (Some(_), Some(_)) if files >= FILES_MAX => {
                Err(format!("more than {FILES_MAX} files are not fetched"))
            }
            (Some(who), Some(extension)) => {
                let most = FILE_BYTES_MAX.min(room);
                match tracker.attachment(&at.issue, &one.id, most).await {
                    Ok(bytes) => Ok((who, extension, bytes)),
                    Err(error) => Err(format!("not fetched: {error}")),
                }
            }
        };
        match given {
            Ok((who, extension, bytes)) => {
                make(folder)?;
                let path = folder.join(format!("attachment-{}.{extension}", number + 1));
                fs::write(&path, &bytes).with_context(|| format!("`{}`", path.display()))?;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
                files += 1;
                room = room.saturating_sub(bytes.len());
                lines.push(format!(
                    "- {}: \"{name}\", attached by {}",
                    path.display(),
                    who.person
                ));
            }
            Err(why) => lines.push(format!("- \"{name}\" is not given: {why}")),
        }
    }
    if attached.len() > NAMED_MAX {
        lines.push(format!(
            "- {} more are not given",
            attached.len() - NAMED_MAX
        ));
    }
    Ok(match lines.is_empty() {
        true => String::new(),
        false => quote(
            "Files attached to the request",
            "from its issue",
            &lines.join("\n"),
        ),
    })
}

fn make(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("`{}`", folder.display()))?;
    // Whoever works in the cage is somebody else.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// A text of others in one short line, without marks that could end where it stands.
fn shown(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control() && *c != '"');
    plain.take(NAME_MAX).collect()
}

/// What a file is called by its kind; none for one that no agent is given.
fn extension(attachment: &Attachment) -> Option<&'static str> {
    let kind = attachment.kind.split(';').next().unwrap_or_default();
    Some(match kind.trim().to_ascii_lowercase().as_str() {
        "text/plain" => "txt",
        "text/markdown" => "md",
        "text/csv" => "csv",
        "application/json" => "json",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/webp" => "webp",
        "image/gif" => "gif",
        "application/pdf" => "pdf",
        _ => return None,
    })
}
