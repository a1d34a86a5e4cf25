//! What lies on the disk that nobody needs any more, and what became of it.

use std::path::PathBuf;

use orch_domain::person::PersonRole;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;

/// Looks for leftovers and, unless it is a dry run, removes them.
pub const GC: Endpoint<0, GcRequest, GcView> = Endpoint::post(PersonRole::Admin, "/gc");

/// How to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GcRequest {
    /// Only say what would go.
    pub dry_run: bool,
}

/// What a look found, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GcView {
    /// Whether it was only a look.
    pub dry_run: bool,
    /// The data folder; paths of items are relative to it.
    pub folder: PathBuf,
    /// What goes, and what could go but is kept; the first of them, at most [`ITEMS_MAX`].
    pub items: Vec<GcItem>,
    /// How many items there are in all.
    pub total: u64,
    /// Bytes that go (or went) to the trash.
    pub trashed_bytes: u64,
    /// Bytes that are (or were) deleted from the trash.
    pub freed_bytes: u64,
    /// Rows of the tables that grow.
    pub rows: Vec<TableRows>,
    /// Why no agent starts, if the disk is too full.
    pub full: Option<String>,
    /// What could not be looked at; nothing of it has gone.
    pub problems: Vec<String>,
}

/// Most items that one look shows.
pub const ITEMS_MAX: usize = 1_000;

/// Rows of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TableRows {
    /// The table.
    pub table: String,
    /// How many.
    pub rows: i64,
}

/// Something that could go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GcItem {
    /// What it is.
    pub kind: LeftoverKind,
    /// Path below the data folder, or mirror and ref.
    pub name: String,
    /// Bytes on disk; measured only of folders that go.
    pub bytes: Option<u64>,
    /// For how long it has been of no use, seconds.
    pub age_s: i64,
    /// Why it could go.
    pub why: String,
    /// What becomes of it.
    #[serde(flatten)]
    pub fate: Fate,
}

/// Kinds of what could go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LeftoverKind {
    /// A task's workspace.
    Workspace,
    /// Folder of a run, with its logs.
    RunFolder,
    /// Folder in which tests, tools or probes ran.
    Checkout,
    /// Something in the trash.
    Trash,
    /// A ref that keeps work which never landed.
    Ref,
}

/// What becomes of an item, with the proof or the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "fate", content = "because", rename_all = "kebab-case")]
pub enum Fate {
    /// It would go; the proof that nothing is lost.
    Goes(String),
    /// It went; the proof that nothing is lost.
    Went(String),
    /// It stays; what speaks against its going.
    Kept(String),
    /// It should have gone and could not.
    Failed(String),
}

impl Fate {
    /// Its name on pages, and the proof or the reason.
    pub fn in_words(&self) -> (&'static str, &str) {
        match self {
            Self::Goes(proof) => ("goes", proof),
            Self::Went(proof) => ("went", proof),
            Self::Kept(reason) => ("kept", reason),
            Self::Failed(reason) => ("failed", reason),
        }
    }
}
