//! Runs one program with as few rights as the kernel can take away without help of root.
//!
//! The host starts `orch sandbox-exec …` instead of the program ([`Confinement::wrap`]); that process ends in
//! [`exec`]: it enters namespaces of its own, starts the first process of a new process namespace, and that
//! one lowers limits, shuts itself in by Landlock and starts the program. When the program ends, the kernel
//! ends everything that it left behind.
//!
//! Not covered: defects of the kernel, side channels of the processor, and reading what `/proc` shows of
//! other processes of the same user, as far as the kernel's own rules (`ptrace_scope`, Landlock) let it.

mod apply;
mod canary;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use apply::{Kernel, exec, kernel};
pub use canary::{Check, canary};

/// Exit code when the program was not started because it could not be confined.
pub const NOT_CONFINED: i32 = 125;

/// What a program reaches of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// A loopback of its own and nothing else.
    None,
    /// What the host reaches.
    Host,
}

/// Resource limits of each process; the kernel's own limit stands where it is lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Writable memory, bytes.
    pub data_bytes: u64,
    /// CPU time, seconds.
    pub cpu_s: u64,
    /// Largest file, bytes.
    pub file_bytes: u64,
    /// Processes of this user inside of the namespace; not enforced by the kernel for root.
    pub processes: u64,
    /// Open files.
    pub open_files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            data_bytes: 8 * 1024 * 1024 * 1024,
            cpu_s: 3600,
            file_bytes: 2 * 1024 * 1024 * 1024,
            processes: 4096,
            open_files: 4096,
        }
    }
}

/// What a program may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Folders and files beside the system's that it may read and execute.
    pub read: Vec<PathBuf>,
    /// Folders that it may write to as well.
    pub write: Vec<PathBuf>,
    /// Files of the host that are not there for it: sockets, which the rules on files do not cover.
    #[serde(default)]
    pub hide: Vec<PathBuf>,
    /// Network.
    pub network: Network,
    /// Limits.
    pub limits: Limits,
}

impl Confinement {
    /// The command line that runs `program` confined: `orch` is the program that ends in [`exec`].
    pub fn wrap(&self, orch: &Path, program: &Path, args: &[String]) -> (PathBuf, Vec<String>) {
        let text = serde_json::to_string(self).unwrap_or_default();
        let mut line = vec!["sandbox-exec".to_owned(), text, "--".to_owned()];
        line.push(program.display().to_string());
        line.extend(args.iter().cloned());
        (orch.to_owned(), line)
    }
}
