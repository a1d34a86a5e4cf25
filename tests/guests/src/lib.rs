//! Which gates the tests throw at the host: guests that misbehave on purpose, and one that does not.
//!
//! A guest is a core module in text form beside this crate's manifest, or is made from a description
//! and a verdict. What the host must do with each is asserted under `tests/`, not here.

mod abi;
mod component;
mod provider;

pub use component::{
    answering, component, components_of_text, core_module, describing, guest_names, noop,
};
pub use provider::{Provider, When};

use orch_domain::verdict::{Decision, Descriptor, Verdict};

/// The description that every guest of the corpus gives of itself unless its own text says otherwise.
pub fn descriptor() -> Descriptor {
    Descriptor {
        name: "guest".to_owned(),
        version: "1.0.0".to_owned(),
        summary: "A guest of the corpus".to_owned(),
        status_key: "guest_status".to_owned(),
        status_pass: "PASS".to_owned(),
        status_fail: "FAIL".to_owned(),
        artefact: Some("20-guest.md".to_owned()),
        settings_schema: String::new(),
    }
}

/// The smallest verdict that passes.
pub fn pass() -> Verdict {
    Verdict {
        decision: Decision::Pass,
        summary: "fine".to_owned(),
        fields: Vec::new(),
        findings: Vec::new(),
        report: String::new(),
    }
}
