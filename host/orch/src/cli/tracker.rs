//! Verbs about trackers beyond this machine.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Tracker {
    /// Find a tracker's projects and states by name, and write down their ids.
    #[command(subcommand)]
    Add(Add),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Add {
    /// A workspace of Plane.
    Plane(AddPlane),
}

#[derive(Debug, Args)]
pub(crate) struct AddPlane {
    /// Where Plane is.
    #[arg(long)]
    pub(crate) url: String,
    /// The workspace, as its addresses name it.
    #[arg(long)]
    pub(crate) workspace: String,
    /// File with the key of a user of Orch's own.
    #[arg(long, conflicts_with = "key_env", required_unless_present = "key_env")]
    pub(crate) key_file: Option<PathBuf>,
    /// Variable with that key.
    #[arg(long)]
    pub(crate) key_env: Option<String>,
    /// A project by its identifier or name, and the repository that its work items are about; several times.
    #[arg(long, value_name = "IDENTIFIER=REPOSITORY", required = true)]
    pub(crate) project: Vec<String>,
    /// Name of the tracker in orch.yaml.
    #[arg(long, default_value = "plane")]
    pub(crate) name: String,
    /// Make the states that are missing.
    #[arg(long)]
    pub(crate) create: bool,
    /// Write it to orch.yaml.
    #[arg(long)]
    pub(crate) write: bool,
}
