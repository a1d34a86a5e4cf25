//! What do persons say of places in a task's difference? Bound to the commits that they saw, and kept until a run reads
//! it.

use orch_domain::event::EventKind;
use orch_domain::person::Caller;
use orch_domain::remark::{self, OPEN_BYTES_MAX, OPEN_MAX, Place, Side, TEXT_BYTES_MAX};
use orch_process::git::Blob;
use orch_store::NewRemark;
use orch_views::remark::RemarkRequest;
use orch_views::task::Done;

use super::compared::{Compared, compared, unreadable};
use super::done::status_of;
use super::error::CommandError;
use crate::ledger::Ledger;
use crate::ledger::repos::Repos;

/// Bytes of a path.
const PATH_BYTES_MAX: usize = 1_000;
/// Bytes of a file whose lines can be spoken of.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Fewest digits by which a commit is named.
const DIGITS_MIN: usize = 7;

/// What persons may say. Clones are the same.
#[derive(Debug, Clone)]
pub struct Remarks {
    pub(crate) ledger: Ledger,
    pub(crate) repos: Repos,
}

impl Remarks {
    /// Keeps what a person says of a file or a line of a difference.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a text, file or line that makes no sense; [`CommandError::Conflict`] if the
    /// difference is another than was seen, if nobody will read it, or if too much waits to be read already.
    pub async fn say(
        &self,
        item: &str,
        request: RemarkRequest,
        caller: &Caller,
    ) -> Result<Done, CommandError> {
        sensible(&request)?;
        let of = compared(&self.ledger, &self.repos, item, request.round).await?;
        let task = &of.record.task;
        if task.stage.is_terminal() || of.record.is_drill {
            let text = format!("nobody works on `{item}` any more, or ever did");
            return Err(CommandError::conflict(text)
                .with_remedy("begin a new task that says what is to change"));
        }
        if let Some(seen) = &request.seen {
            same(seen, &of, item)?;
        }
        let place = place(&of, &request).await?;
        let name = place.name();
        let new = NewRemark {
            task: task.id,
            base: of.base.clone(),
            head: of.head.clone(),
            place,
            text: request.text.trim().to_owned(),
            person: caller.person.clone(),
            channel: caller.channel,
        };
        let now = self.ledger.now();
        let kept = self.ledger.write(move |tx| {
            Box::pin(async move {
                let open = tx.open_remarks(new.task).await?;
                let told = |place, text: &str| remark::told(place, text).len();
                let bytes: usize = open
                    .iter()
                    .map(|row| told(&row.new.place, &row.new.text))
                    .sum();
                if open.len() >= OPEN_MAX || bytes + told(&new.place, &new.text) > OPEN_BYTES_MAX {
                    return Ok(None);
                }
                let id = tx.insert_remark(&new, now).await?;
                let data = serde_json::json!({
                    "remark": id, "head": new.head.as_str(), "place": new.place.name(),
                });
                let by = (new.person.as_str(), Some(new.channel));
                let kind = EventKind::Remarked;
                tx.append_event_by(Some(new.task), kind, by, &data.to_string(), now)
                    .await?;
                Ok(Some(id))
            })
        });
        let Some(id) = kept.await? else {
            let kib = OPEN_BYTES_MAX / 1024;
            let text = format!(
                "{OPEN_MAX} remarks or {kib} KiB of them wait for the next run of `{item}` already"
            );
            return Err(CommandError::conflict(text)
                .with_remedy("send the task back first, so that they are worked on"));
        };
        Ok(Done {
            work_item: item.to_owned(),
            stage: task.stage,
            status: status_of(&task.status),
            message: format!(
                "remark {id} on {name} is kept; the next run that makes something reads it"
            ),
        })
    }
}

/// Refuses what makes no sense whatever the difference is.
fn sensible(request: &RemarkRequest) -> Result<(), CommandError> {
    let text = request.text.trim();
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        let refused = format!("a remark has 1 to {TEXT_BYTES_MAX} bytes");
        return Err(CommandError::invalid(refused).with_remedy("say in it what is to change"));
    }
    if request.path.is_empty() || request.path.len() > PATH_BYTES_MAX {
        let refused = format!("a path has 1 to {PATH_BYTES_MAX} bytes");
        return Err(CommandError::invalid(refused).with_remedy("name a file of the difference"));
    }
    if request.line == Some(0) {
        return Err(CommandError::invalid("lines count from 1")
            .with_remedy("leave the line out to speak of the file"));
    }
    Ok(())
}

/// Refuses a difference that is another than was seen.
fn same(seen: &str, of: &Compared, item: &str) -> Result<(), CommandError> {
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if !seen.bytes().all(is_hex) || !(DIGITS_MIN..=64).contains(&seen.len()) {
        return Err(CommandError::invalid(format!("`{seen}` names no commit"))
            .with_remedy("give 7 to 64 digits of what `orch task diff` prints"));
    }
    if of.head.as_str().starts_with(seen) {
        return Ok(());
    }
    let text = format!("the difference of {item} has moved since: it is no longer what you saw");
    Err(CommandError::conflict(text).with_remedy(format!(
        "look again with `orch task diff {item}`; it is at {} now",
        of.head
    )))
}

/// The place that is spoken of, if the difference has it.
async fn place(of: &Compared, request: &RemarkRequest) -> Result<Place, CommandError> {
    let changed = of.git.changed(&of.base, &of.head).await;
    let mut changed = changed.map_err(unreadable)?.into_iter();
    let path = &request.path;
    if !changed.any(|file| file.path.to_string() == *path) {
        return Err(
            CommandError::not_found(format!("`{path}` is no file of the difference"))
                .with_remedy("name one that differs, as `orch task diff` prints it"),
        );
    }
    let mut place = Place {
        path: path.clone(),
        line: request.line,
        side: request.side,
        excerpt: String::new(),
    };
    let Some(line) = request.line else {
        place.side = Side::New;
        return Ok(place);
    };
    let commit = match request.side {
        Side::New => &of.head,
        Side::Old => &of.base,
    };
    let blob = of.git.read(commit, path, FILE_BYTES_MAX).await;
    let refused = |why: String| {
        Err(CommandError::invalid(why).with_remedy("leave the line out to speak of the file"))
    };
    let text = match blob.map_err(unreadable)? {
        Blob::Text(text) => text,
        Blob::Missing => return refused(format!("`{path}` is not there on that side")),
        Blob::TooLarge(_) | Blob::NotText => {
            return refused(format!("`{path}` has no lines that could be spoken of"));
        }
    };
    let index = usize::try_from(line).unwrap_or(usize::MAX) - 1;
    let Some(found) = text.lines().nth(index) else {
        let lines = text.lines().count();
        return refused(format!(
            "`{path}` has {lines} lines, and none of number {line}"
        ));
    };
    place.excerpt = remark::excerpt(found);
    Ok(place)
}
