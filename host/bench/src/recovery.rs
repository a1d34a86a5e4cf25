//! What becomes of running agents: taken up by the next host, and ended by a stop. Both in a small world of
//! their own; what is measured stands in the modules.

pub(crate) mod reattach;
pub(crate) mod stop;

use std::path::Path;

use serde_json::json;

use crate::site::Site;

/// A site whose host runs up to `agents` agents at once, all of which wait.
fn site(orch: &Path, agents: usize) -> anyhow::Result<Site> {
    let config = json!({
        "concurrency": {"agents": agents},
        // What is measured ends with the agent's run; a person's answer is waited for then.
        "pipeline": {"analysis": ["run analyst", "gate analysis-approved"]},
    });
    Site::new(orch, include_str!("recovery/agent.sh"), &config)
}
