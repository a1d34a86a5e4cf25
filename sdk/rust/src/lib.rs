//! Everything a gate author needs: the contract's types, a builder for verdicts, typed settings, the strict
//! frontmatter reader, a harness for `cargo test`, and one export macro.
//!
//! A gate asks the host through [`Host`]. Only the functions it calls end up among the component's imports,
//! and an import is a permission; so a gate that reads artefacts cannot reach the forge.
//!
//! ```
//! use orch_gate_sdk::{Fixture, Gate, GateError, Host, NoSettings, Verdict, describe};
//!
//! struct HasNotes;
//!
//! impl Gate for HasNotes {
//!     type Settings = NoSettings;
//!     fn about() -> describe::About {
//!         describe::About::new("has-notes", "0.1.0", "the task has notes").status("notes_status", "PASS", "FAIL")
//!     }
//!     fn evaluate<H: Host>(host: &H, _: &NoSettings) -> Result<Verdict, GateError> {
//!         Ok(match host.read_artefact("notes.md") {
//!             Ok(text) if !text.trim().is_empty() => Verdict::pass("there are notes"),
//!             _ => Verdict::fail("no notes").finding(orch_gate_sdk::finding("notes/missing", "write notes.md")),
//!         })
//!     }
//! }
//!
//! let good = Fixture::new().artefact("notes.md", "developer", "what I did");
//! assert!(good.judge::<HasNotes>().unwrap().is_pass());
//! assert!(Fixture::new().judge::<HasNotes>().unwrap().is_fail());
//! ```
//!
//! In a gate crate (`crate-type = ["cdylib", "rlib"]`) the line `orch_gate_sdk::export_gate!(HasNotes);` makes
//! the component.

pub mod describe;
pub mod documents;
mod fixture;
mod host;
mod verdict;

/// Types and functions generated from the contract in `wit/`.
#[expect(missing_docs, reason = "the contract documents its items")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/0.1.0",
        world: "full",
        pub_export_macro: true,
        export_macro_name: "export_component",
        default_bindings_module: "orch_gate_sdk::bindings",
        additional_derives: [Clone, PartialEq],
    });
}

pub use bindings::orch::gate::types::{Finding, GateError, Scalar, Severity};
pub use fixture::Fixture;
pub use host::{
    Host, Imports, advisories, artefacts, evidence, forge, http, memory, merge, repository, task,
    tools, tracker,
};
pub use orch_frontmatter as frontmatter;
pub use schemars;
pub use serde;
pub use verdict::{Verdict, finding};

use serde::de::DeserializeOwned;

/// A gate: what it is and how it judges.
pub trait Gate {
    /// Its settings; unknown keys are refused when the type says `#[serde(deny_unknown_fields)]`.
    type Settings: DeserializeOwned + schemars::JsonSchema;

    /// What the gate says of itself; asked once when it is loaded, with every import denied.
    fn about() -> describe::About;

    /// Problems with the settings beyond what their type says; empty if there are none.
    fn check_settings(_settings: &Self::Settings) -> Vec<String> {
        Vec::new()
    }

    /// Judges the task.
    ///
    /// # Errors
    /// [`GateError`] when the gate cannot decide; the host never takes that for a pass.
    fn evaluate<H: Host>(host: &H, settings: &Self::Settings) -> Result<Verdict, GateError>;
}

/// Settings of a gate that has none.
#[derive(Debug, Clone, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// Reads settings of type `S` from JSON text; an empty text stands for an empty object.
///
/// # Errors
/// One line that names the key and what is wrong with it.
pub fn parse_settings<S: DeserializeOwned>(text: &str) -> Result<S, String> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Evaluates a gate against a host; what the export macro and the harness share.
///
/// # Errors
/// [`GateError::Misconfigured`] for settings that cannot be read, else what the gate answers.
pub fn run<G: Gate, H: Host>(host: &H) -> Result<Verdict, GateError> {
    let settings =
        parse_settings::<G::Settings>(&host.settings()).map_err(GateError::Misconfigured)?;
    let problems = G::check_settings(&settings);
    if !problems.is_empty() {
        return Err(GateError::Misconfigured(problems.join("; ")));
    }
    G::evaluate(host, &settings)
}

/// Makes a component of a [`Gate`].
#[macro_export]
macro_rules! export_gate {
    ($gate:ty) => {
        // Only a component has exports; natively the gate is a library that its tests use.
        #[cfg(target_arch = "wasm32")]
        #[doc(hidden)]
        struct OrchGateExport;

        #[cfg(target_arch = "wasm32")]
        impl $crate::bindings::exports::orch::gate::gate::Guest for OrchGateExport {
            fn describe() -> $crate::bindings::orch::gate::description::Descriptor {
                $crate::describe::descriptor::<$gate>()
            }
            fn check_settings(settings: ::std::string::String) -> ::std::vec::Vec<::std::string::String> {
                match $crate::parse_settings::<<$gate as $crate::Gate>::Settings>(&settings) {
                    Ok(settings) => <$gate as $crate::Gate>::check_settings(&settings),
                    Err(problem) => ::std::vec![problem],
                }
            }
            fn evaluate() -> ::std::result::Result<
                $crate::bindings::orch::gate::types::Verdict,
                $crate::GateError,
            > {
                $crate::run::<$gate, $crate::Imports>(&$crate::Imports).map(::std::convert::Into::into)
            }
        }

        #[cfg(target_arch = "wasm32")]
        $crate::bindings::export_component!(OrchGateExport with_types_in $crate::bindings);
    };
}
