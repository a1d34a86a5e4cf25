//! What lies at one place of the root that a program sees?

use std::path::PathBuf;

/// What lies at one place of the new root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// What lies there on the host, to be read; left out if it is gone by the time it is mounted.
    Read,
    /// What lies at a path of the host, to be read and written.
    Write(PathBuf),
    /// A device of the host.
    Device,
    /// An empty folder over what lies there, to which nobody writes.
    EmptyFolder,
    /// An empty file over what lies there.
    EmptyFile,
    /// A folder in memory, to be written.
    Memory {
        /// Its size, bytes.
        bytes_max: u64,
    },
    /// A file with this content.
    File(Vec<u8>),
    /// A link.
    Link(PathBuf),
}

impl Place {
    /// Whether what lies below it is what lies below it on the host.
    pub(super) fn is_of_host(&self) -> bool {
        match self {
            Self::Read | Self::Write(_) => true,
            Self::Device
            | Self::EmptyFolder
            | Self::EmptyFile
            | Self::Memory { .. }
            | Self::File(_)
            | Self::Link(_) => false,
        }
    }
}
