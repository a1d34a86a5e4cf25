//! The contract as Rust types, and its interfaces as permissions.

/// The generated bindings.
pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/0.1.0",
        world: "full",
        imports: { default: async | trappable },
        exports: { default: async },
        additional_derives: [serde::Serialize, serde::Deserialize],
    });
}

/// Package and version of the contract that this host speaks.
pub const CONTRACT: &str = "orch:gate@0.1.0";

/// An interface of the contract: what a gate imports is what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(
    missing_docs,
    reason = "the names are the contract's; `in_words` explains them"
)]
pub enum Interface {
    Task,
    Artefacts,
    Repository,
    Tools,
    Forge,
    Tracker,
    Merge,
    Evidence,
    Advisories,
    Http,
    Memory,
}

impl Interface {
    /// Every interface.
    pub const ALL: [Self; 11] = [
        Self::Task,
        Self::Artefacts,
        Self::Repository,
        Self::Tools,
        Self::Forge,
        Self::Tracker,
        Self::Merge,
        Self::Evidence,
        Self::Advisories,
        Self::Http,
        Self::Memory,
    ];

    /// Name in the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Artefacts => "artefacts",
            Self::Repository => "repository",
            Self::Tools => "tools",
            Self::Forge => "forge",
            Self::Tracker => "tracker",
            Self::Merge => "merge",
            Self::Evidence => "evidence",
            Self::Advisories => "advisories",
            Self::Http => "http",
            Self::Memory => "memory",
        }
    }

    /// The interface with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|i| i.as_str() == name)
    }

    /// What importing it allows, in words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Task => "know which task it judges, read its settings, write log lines",
            Self::Artefacts => "read the task's artefacts and who wrote them",
            Self::Repository => "read the repository at the branch head and at the base",
            Self::Tools => "have allow-listed programs run in a sandbox",
            Self::Forge => "read commit statuses and the pull request",
            Self::Tracker => "read the state of the issue",
            Self::Merge => "read what the host prepared for the merge",
            Self::Evidence => "read outputs of what the host ran",
            Self::Advisories => "have known vulnerabilities looked up",
            Self::Http => "send HTTP GET requests to allow-listed addresses",
            Self::Memory => "keep small values across tasks",
        }
    }

    /// Whether its answers depend on nothing but the commit, the settings and the artefacts, so that an
    /// earlier pass over the same bytes still holds.
    pub fn is_content(self) -> bool {
        matches!(self, Self::Task | Self::Artefacts | Self::Repository)
    }
}

/// Which interfaces a gate may use. [`Interface::Task`] always is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants(Vec<Interface>);

impl Grants {
    /// Everything that only reads: what a gate of the operator's own gates folder gets unless told otherwise.
    pub fn reading() -> Self {
        Self(
            Interface::ALL
                .into_iter()
                .filter(|i| !matches!(i, Interface::Tools | Interface::Http | Interface::Memory))
                .collect(),
        )
    }

    /// These interfaces.
    pub fn of(list: impl IntoIterator<Item = Interface>) -> Self {
        Self(list.into_iter().collect())
    }

    /// Whether `interface` is granted.
    pub fn allows(&self, interface: Interface) -> bool {
        interface == Interface::Task || self.0.contains(&interface)
    }
}
