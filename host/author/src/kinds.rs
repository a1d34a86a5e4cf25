//! Which languages a gate can be written in.

/// Language of a gate project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Rust, on the SDK.
    Rust,
    /// JavaScript, through `componentize-js`.
    JavaScript,
    /// Python, through `componentize-py`.
    Python,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 3] = [Self::Rust, Self::JavaScript, Self::Python];

    /// Name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "javascript",
            Self::Python => "python",
        }
    }

    /// The language with this name; `js` and `py` are understood too.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "js" => Some(Self::JavaScript),
            "py" => Some(Self::Python),
            _ => Self::ALL.into_iter().find(|l| l.as_str() == name),
        }
    }

    /// The file by which a project of this language is known.
    pub fn marker(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::JavaScript => "gate.js",
            Self::Python => "gate.py",
        }
    }
}
