//! What a gate says of itself when it is loaded.

use crate::Gate;
use crate::bindings::orch::gate::description::{Descriptor, StatusKey};

/// Name, version and verdict key of a gate.
#[derive(Debug, Clone)]
pub struct About {
    name: &'static str,
    version: &'static str,
    summary: &'static str,
    status: (&'static str, &'static str, &'static str),
    artefact: Option<&'static str>,
}

impl About {
    /// A gate with the verdict key `status: PASS | FAIL`.
    pub fn new(name: &'static str, version: &'static str, summary: &'static str) -> Self {
        Self {
            name,
            version,
            summary,
            status: ("status", "PASS", "FAIL"),
            artefact: None,
        }
    }

    /// Frontmatter key that carries the verdict, and its values for a pass and a fail.
    #[must_use]
    pub fn status(mut self, key: &'static str, pass: &'static str, fail: &'static str) -> Self {
        self.status = (key, pass, fail);
        self
    }

    /// File inside the task's folder that the host writes the verdict to.
    #[must_use]
    pub fn artefact(mut self, name: &'static str) -> Self {
        self.artefact = Some(name);
        self
    }
}

/// The contract's descriptor of `G`, with the JSON Schema of its settings.
pub fn descriptor<G: Gate>() -> Descriptor {
    let about = G::about();
    let schema =
        schemars::generate::SchemaGenerator::default().into_root_schema_for::<G::Settings>();
    Descriptor {
        name: about.name.to_owned(),
        version: about.version.to_owned(),
        summary: about.summary.to_owned(),
        status: StatusKey {
            key: about.status.0.to_owned(),
            pass: about.status.1.to_owned(),
            fail: about.status.2.to_owned(),
        },
        artefact: about.artefact.map(str::to_owned),
        settings_schema: schema.as_value().to_string(),
    }
}
