//! Which files did people attach to an item, and how are they fetched?

use orch_domain::port::tracker::Attachment;
use orch_domain::port::{PortError, PortFailure};
use serde::Deserialize;

use super::budget::Urgency;
use super::{Place, Plane};

/// A file as Plane lists it.
#[derive(Debug, Deserialize)]
struct Row {
    id: String,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    created_by: Option<String>,
}

/// What whoever attached a file said of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Attributes {
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// The files of an item, in the order in which Plane has them.
pub(super) async fn list(plane: &Plane, place: &Place) -> Result<Vec<Attachment>, PortError> {
    let path = format!("{}attachments/", place.path());
    let rows: Vec<Row> = plane.api.get(Urgency::Read, &path, &[]).await?;
    let attachment = |row: Row| Attachment {
        id: row.id,
        name: row.attributes.name.unwrap_or_default(),
        kind: row.attributes.kind.unwrap_or_default(),
        author: row.created_by.unwrap_or_default(),
    };
    Ok(rows.into_iter().map(attachment).collect())
}

/// What is in a file.
pub(super) async fn fetch(
    plane: &Plane,
    place: &Place,
    id: &str,
    bytes_max: usize,
) -> Result<Vec<u8>, PortError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !id.chars().all(is_plain) {
        let reason = "it has a name that no file of Plane has";
        return Err(PortError::new(
            plane.api.source(),
            PortFailure::NotFound,
            reason,
        ));
    }
    let path = format!("{}attachments/{id}/", place.path());
    plane.api.file(Urgency::Read, &path, bytes_max).await
}
