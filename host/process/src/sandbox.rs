//! Runs one program in a cage that is built from nothing: what is not listed is not there.
//!
//! The host starts `orch sandbox-exec -- PROGRAM …` instead of the program ([`Confinement::wrap`]). That process stays
//! outside and waits ([`exec`]); its child is the first process of namespaces of its own, makes a root folder on an
//! empty file system, mounts into it what the program may see, gives up the host's identity, shuts itself in by
//! Landlock, and starts the program in a session of its own under a filter of system calls. When the program ends, the
//! kernel ends everything that it left behind.
//!
//! Not covered: defects of the kernel, side channels of the processor, and the host's network where it is granted.

mod belt;
mod bridge;
mod calls;
mod canary;
mod clerk;
mod cover;
mod disk;
mod ender;
mod ends;
mod enter;
mod external;
mod first;
mod groups;
mod held;
mod ids;
mod inaccessible;
mod loopback;
mod narrow;
mod owner;
mod passed;
mod places;
mod plan;
mod raw;
mod refusal;
mod resolve;
mod root;
mod secrets;
mod segments;
mod sockets;
mod told;
mod toolchains;
mod watch;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use belt::{Kernel, kernel};
pub use bridge::{GATEWAY_SOCKET, SOCKET, gateway_address, variables as proxy_variables};
pub use canary::{Check, Trial, canary, own_places};
pub use enter::exec;
pub use inaccessible::Inaccessible;
pub use passed::Passed;
pub use toolchains::{Surroundings, Toolchains};
pub use watch::machine_bytes;

/// Exit code when the program was not started, because it could not be confined or is not there.
pub const NOT_CONFINED: i32 = 125;
/// Variable by which the host hands over what the program may do; the program does not get it.
pub const CONFINEMENT_VARIABLE: &str = "ORCH_CONFINEMENT";
/// Variable that names a file inside, which says what may be read, written and reached.
pub const TOLD_VARIABLE: &str = "ORCH_SANDBOX";

/// First of the users that judged processes of a host that runs as root are: beyond what distributions, containers and
/// directories give out.
const USER_FIRST: u32 = 1_900_000_000;
/// How many of them there are.
const USERS: u32 = 10_000_000;

/// By what a program is held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// By namespaces, or without them where they are not to be had and it holds without.
    #[default]
    Auto,
    /// By namespaces, with a root and a network of its own.
    Namespaces,
    /// By another user, Landlock and a narrower filter of calls.
    Landlock,
    /// As the host's own user, by Landlock and a filter narrower still.
    LandlockSameUser,
    /// By a program of the operator's, as far as it holds when it is tried.
    External,
}

impl Profile {
    /// Its name, as in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Namespaces => "namespaces",
            Self::Landlock => "landlock",
            Self::LandlockSameUser => "landlock-same-user",
            Self::External => "external",
        }
    }
}

/// What a program reaches of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// A loopback of its own and nothing else.
    None,
    /// A loopback of its own, with a bridge to the proxy of the host.
    Proxied,
    /// What the host reaches.
    Host,
}

/// Limits of each process, which the kernel holds it to, and of all of them together, which are watched; the kernel's own
/// limit stands where it is lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Writable memory of each process, bytes.
    pub data_bytes: u64,
    /// CPU time of each process, seconds.
    pub cpu_s: u64,
    /// Largest file, bytes.
    pub file_bytes: u64,
    /// Processes and threads of the whole: there are never more, and what reaches it is ended.
    pub processes: u64,
    /// Open files of each process.
    pub open_files: u64,
    /// Memory of the whole, bytes; what holds more is ended.
    #[serde(default = "boundless")]
    pub memory_bytes: u64,
    /// CPU time of the whole, seconds; what has used more is ended.
    #[serde(default = "boundless")]
    pub cpu_whole_s: u64,
    /// What its own folders may hold of the disk together, bytes; what holds more is ended.
    #[serde(default = "boundless")]
    pub disk_bytes: u64,
}

/// No limit, for those that an older host does not know.
fn boundless() -> u64 {
    u64::MAX
}

/// Processes and threads of the whole: a build on a large machine, many times over, and far below what a machine has.
const PROCESSES: u64 = 4096;

impl Default for Limits {
    fn default() -> Self {
        Self {
            data_bytes: 8 * 1024 * 1024 * 1024,
            cpu_s: 3600,
            file_bytes: 2 * 1024 * 1024 * 1024,
            processes: PROCESSES,
            open_files: 4096,
            memory_bytes: boundless(),
            cpu_whole_s: boundless(),
            disk_bytes: boundless(),
        }
    }
}

impl Limits {
    /// For a program that is watched by somebody else: an agent may run for a day, and a runtime may reserve far more
    /// memory than the machine has.
    pub fn of_agent() -> Self {
        Self {
            data_bytes: u64::MAX,
            cpu_s: u64::MAX,
            file_bytes: 16 * 1024 * 1024 * 1024,
            open_files: 65_536,
            ..Self::default()
        }
    }
}

/// What a program may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Folders and files beside the system's that it may read and execute.
    pub read: Vec<PathBuf>,
    /// Folders that it may write to as well. On a host that runs as root they are handed to the program's user.
    pub write: Vec<PathBuf>,
    /// Files and folders of the host that it may write to as well and that keep their owner: what the operator granted.
    #[serde(default)]
    pub lent: Vec<PathBuf>,
    /// Sockets of the host that it may connect to.
    #[serde(default)]
    pub sockets: Vec<PathBuf>,
    /// Files and folders of the host that are not there for it, whatever is granted above them.
    #[serde(default)]
    pub hide: Vec<PathBuf>,
    /// Files and folders of the host that hold credentials: empty, unless one of them is granted by its own path.
    #[serde(default)]
    pub secrets: Vec<PathBuf>,
    /// Folder that is its `/tmp`; one in memory if not given.
    #[serde(default)]
    pub temporary: Option<PathBuf>,
    /// What it is outside when the host runs as root; never root itself.
    #[serde(default)]
    pub user: Option<u32>,
    /// File of the host in which it stands why the program was not started, if it was not: what the program itself says
    /// is never taken for that.
    #[serde(default)]
    pub refusal: Option<PathBuf>,
    /// File of the host in which the limit of the whole stands that the program was ended for, if it was.
    #[serde(default)]
    pub passed: Option<PathBuf>,
    /// By what it is held.
    #[serde(default)]
    pub profile: Profile,
    /// The operator's own cage, with its arguments, where that is what it is held by.
    #[serde(default)]
    pub external: Vec<String>,
    /// File of the host in which it stands by what the program is held, once it is.
    #[serde(default)]
    pub held_by: Option<PathBuf>,
    /// Why it could not be held by namespaces, once that was tried.
    #[serde(default)]
    pub unspaced: Option<String>,
    /// Network.
    pub network: Network,
    /// Folder of the host in which the socket of its proxy lies; needed with [`Network::Proxied`].
    #[serde(default)]
    pub proxy: Option<PathBuf>,
    /// Whether the socket of a model gateway lies there as well.
    #[serde(default)]
    pub gateway: bool,
    /// Limits.
    pub limits: Limits,
}

/// A command line that runs a program confined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// What is started.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// A variable that it needs beside those of the program.
    pub variable: (String, String),
}

impl Confinement {
    /// Nothing but the system's folders, and no network.
    pub fn nothing(limits: Limits) -> Self {
        Self {
            read: Vec::new(),
            write: Vec::new(),
            lent: Vec::new(),
            sockets: Vec::new(),
            hide: Vec::new(),
            secrets: Vec::new(),
            temporary: None,
            user: None,
            refusal: None,
            passed: None,
            profile: Profile::Auto,
            external: Vec::new(),
            held_by: None,
            unspaced: None,
            network: Network::None,
            proxy: None,
            gateway: false,
            limits,
        }
    }

    /// The command line that runs `program` confined: `orch` is the program that ends in [`exec`].
    pub fn wrap(&self, orch: &Path, program: &Path, args: &[String]) -> Wrapped {
        // Neither part of it can fail to be written; a description that is none is refused by `exec`.
        let text = serde_json::to_string(self).unwrap_or_default();
        let mut line = vec!["sandbox-exec".to_owned(), "--".to_owned()];
        line.push(program.display().to_string());
        line.extend(args.iter().cloned());
        Wrapped {
            program: orch.to_owned(),
            args: line,
            variable: (CONFINEMENT_VARIABLE.to_owned(), text),
        }
    }
}

/// The user that works in `folder` on a host that runs as root: the same one every time, and for two folders rarely
/// the same.
pub fn user_of(folder: &Path) -> u32 {
    // FNV-1a: short, and the same in every version of this program, for what lies in a kept home belongs to the user.
    let hash = folder
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    USER_FIRST + u32::try_from(hash % u64::from(USERS)).unwrap_or(0)
}
