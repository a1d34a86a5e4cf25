//! Backups as text.

use orch_views::backup::{BackupView, RestoreView};

use super::plain;

pub(crate) fn made(view: &BackupView) -> String {
    format!(
        "`{}` holds {} files, {} bytes; `orch restore` takes it up",
        plain::line(&view.folder.display().to_string()),
        view.files,
        view.bytes
    )
}

pub(crate) fn restored(view: &RestoreView) -> String {
    format!(
        "{} files are in `{}`; start the host with `orch serve`",
        view.files,
        plain::line(&view.folder.display().to_string())
    )
}
