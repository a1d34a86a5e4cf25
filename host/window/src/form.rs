//! What did a form send? Fields by name, from a body of bounded size, if the form is one of the viewer's own pages.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::http::StatusCode;

use crate::door::{Viewer, is_of};
use crate::problem::Problem;

/// Largest form, bytes: the text of a task, escaped, fits.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The fields of a form.
#[derive(Debug, Default)]
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a form of the viewer's own pages.
    pub(crate) async fn own(body: Body, viewer: &Viewer) -> Result<Self, Problem> {
        let form = Self::any(body).await?;
        if is_of(viewer, form.get("csrf")) {
            return Ok(form);
        }
        Err(
            Problem::new(StatusCode::FORBIDDEN, "the form is of another login")
                .with_remedy("load the page again, and order from there"),
        )
    }

    /// Reads a form of anybody's: the login has no session yet.
    pub(crate) async fn any(body: Body) -> Result<Self, Problem> {
        let bytes = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| {
            let kib = BODY_BYTES_MAX / 1024;
            Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the form has more than {kib} KiB, or breaks off"),
            )
            .with_remedy("shorten the text; long material belongs into the repository")
        })?;
        let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(&bytes).map_err(|e| {
            Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                format!("the form cannot be read: {e}"),
            )
        })?;
        Ok(Self(pairs.into_iter().collect()))
    }

    /// A field; empty if it was not sent.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A field that counts only if something is in it.
    pub(crate) fn filled(&self, name: &str) -> Option<String> {
        let text = self.get(name).trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A text of several lines, with the line ends that everything else has.
    pub(crate) fn text(&self, name: &str) -> String {
        self.get(name).replace("\r\n", "\n")
    }

    /// The page to go back to: one of ours.
    pub(crate) fn back(&self, otherwise: &str) -> String {
        own_path(self.get("back")).unwrap_or(otherwise).to_owned()
    }
}

/// A path of ours; none for what a browser would take to another host.
pub(crate) fn own_path(path: &str) -> Option<&str> {
    let is_own = path.starts_with("/ui/")
        && !path.contains("//")
        && path.chars().all(|c| c.is_ascii_graphic() && c != '\\');
    is_own.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn way_back_leads_to_a_page_of_ours() {
        assert_eq!(
            own_path("/ui/board?stage=review"),
            Some("/ui/board?stage=review")
        );
        for other in [
            "",
            "/",
            "//evil.example/ui/",
            "/ui//evil.example",
            "/ui/\\evil",
            "https://x/ui/",
            "/ui/a\nb",
        ] {
            assert_eq!(own_path(other), None, "{other:?}");
        }
    }
}
