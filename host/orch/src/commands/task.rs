//! Tasks: begun, looked at, decided about.

use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, ensure};
use orch_domain::remark::Side;
use orch_engine::commands::BODY_BYTES_MAX;
use orch_views::artefact::{self, ArtefactRequest};
use orch_views::diff::{self, DiffRequest};
use orch_views::message::Nothing;
use orch_views::remark::{self, RemarkRequest};
use orch_views::task::{
    self, ApproveRequest, NewRequest, PriorityRequest, RejectRequest, ResumeRequest, ReviewRequest,
    ReviewVerdict,
};

use crate::cli::task::Task;
use crate::client::{Host, Unborn};
use crate::show::{self, print};

pub(crate) async fn run(file: &Path, verb: Task, json: bool) -> anyhow::Result<()> {
    let unborn = match verb {
        Task::New { .. } => Unborn::Make,
        Task::List { .. }
        | Task::Show { .. }
        | Task::Why { .. }
        | Task::Log { .. }
        | Task::Diff { .. }
        | Task::Artefacts { .. }
        | Task::Artefact { .. }
        | Task::Remark { .. }
        | Task::Approve { .. }
        | Task::Reject { .. }
        | Task::Review { .. }
        | Task::Resume { .. }
        | Task::Priority { .. }
        | Task::Stop { .. } => Unborn::Refuse,
    };
    let host = Host::find_or(file, unborn).await?;
    let done = match verb {
        Task::List { all, part } => {
            let list = host.ask(&task::LIST, [], &part.list(all)).await?;
            return print(json, &list, show::task::list);
        }
        Task::Show { id } => {
            let view = host.ask(&task::SHOW, [&id], &Nothing {}).await?;
            return print(json, &view, show::task::task);
        }
        Task::Why { id } => {
            let view = host.ask(&task::WHY, [&id], &Nothing {}).await?;
            return print(json, &view, show::message::why);
        }
        Task::Log {
            id,
            follow,
            run,
            source,
            line,
            search,
        } => {
            let run = run.map_or_else(|| "latest".to_owned(), |run| run.to_string());
            let names = [id.as_str(), run.as_str()];
            if let Some(text) = search {
                return super::log::search(&host, names, (source, line), text, json).await;
            }
            return super::log::show(&host, names, (source, line), follow, json).await;
        }
        Task::Diff { id, round } => {
            let request = DiffRequest { round };
            let view = host.ask(&diff::DIFF, [&id], &request).await?;
            return print(json, &view, show::diff::diff);
        }
        Task::Artefacts { id } => {
            let list = host.ask(&artefact::LIST, [&id], &Nothing {}).await?;
            return print(json, &list, show::artefact::list);
        }
        Task::Artefact { id, name } => {
            let request = ArtefactRequest { name };
            let view = host.ask(&artefact::SHOW, [&id], &request).await?;
            return print(json, &view, show::artefact::one);
        }
        Task::New {
            repo,
            title,
            body,
            body_file,
            after,
            priority,
            id,
        } => {
            let request = NewRequest {
                repo,
                title,
                body: body_file.map_or(Ok(body), |file| body_of(&file))?,
                id,
                after,
                priority,
            };
            host.ask(&task::NEW, [], &request).await?
        }
        Task::Remark {
            id,
            path,
            line,
            old,
            comment,
            round,
            seen,
        } => {
            let request = RemarkRequest {
                path,
                line,
                side: if old { Side::Old } else { Side::New },
                text: comment,
                round,
                seen,
            };
            host.ask(&remark::SAY, [&id], &request).await?
        }
        Task::Approve { id, seen } => {
            let request = ApproveRequest { seen: seen.seen };
            host.ask(&task::APPROVE, [&id], &request).await?
        }
        Task::Reject { id, comment, seen } => {
            let seen = seen.seen;
            let request = RejectRequest { comment, seen };
            host.ask(&task::REJECT, [&id], &request).await?
        }
        Task::Review {
            id,
            approve,
            request_changes: _,
            comment,
            seen,
        } => {
            let request = ReviewRequest {
                // One of both is given, as the command line demands.
                verdict: match approve {
                    true => ReviewVerdict::Approve,
                    false => ReviewVerdict::RequestChanges,
                },
                comment: comment.unwrap_or_default(),
                seen: seen.seen,
            };
            host.ask(&task::REVIEW, [&id], &request).await?
        }
        Task::Resume {
            id,
            stage,
            rounds,
            rebase,
        } => {
            let request = ResumeRequest {
                stage,
                rounds,
                rebase,
            };
            host.ask(&task::RESUME, [&id], &request).await?
        }
        Task::Priority { id, priority } => {
            let request = PriorityRequest { priority };
            host.ask(&task::PRIORITY, [&id], &request).await?
        }
        Task::Stop { id } => host.ask(&task::STOP, [&id], &Nothing {}).await?,
    };
    print(json, &done, show::message::done)
}

/// The request in full, from a file or, for `-`, from standard input.
fn body_of(file: &Path) -> anyhow::Result<String> {
    let from: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        let opened = std::fs::File::open(file);
        Box::new(opened.with_context(|| format!("cannot open `{}`", file.display()))?)
    };
    bounded(from).with_context(|| format!("cannot take the request from `{}`", file.display()))
}

fn bounded(from: impl Read) -> anyhow::Result<String> {
    let most = BODY_BYTES_MAX as u64;
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes)?;
    ensure!(
        bytes.len() as u64 <= most,
        "it has more than {} KiB; put long material into the repository and name it in the request",
        most / 1024
    );
    String::from_utf8(bytes).context("it is not text in UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_is_read_up_to_its_bound_and_only_as_text() {
        let fits = vec![b'a'; BODY_BYTES_MAX];
        assert_eq!(bounded(fits.as_slice()).unwrap().len(), BODY_BYTES_MAX);
        let larger = vec![b'a'; BODY_BYTES_MAX + 1];
        let said = bounded(larger.as_slice()).unwrap_err().to_string();
        assert!(said.contains("256 KiB"), "{said}");
        let said = bounded([0xff].as_slice()).unwrap_err().to_string();
        assert!(said.contains("UTF-8"), "{said}");
    }
}
