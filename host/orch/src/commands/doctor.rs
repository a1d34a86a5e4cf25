//! Tries the confinement on this machine.

use anyhow::Context;
use orch_process::sandbox;
use orch_views::doctor::{ConfinementCheck, DoctorView};

use crate::show::{self, print};

/// Exit code 1 if something did not hold.
pub(crate) async fn run(json: bool) -> anyhow::Result<u8> {
    let orch = crate::setup::this_program()?;
    let scratch = tempfile::tempdir().context("a folder for the trial")?;
    let checks = sandbox::canary(&orch, scratch.path())
        .await
        .context("the trial cannot be made")?;
    let view = DoctorView {
        landlock: sandbox::kernel().landlock,
        held: checks.iter().all(|check| check.held),
        sandbox: checks
            .into_iter()
            .map(|check| ConfinementCheck {
                name: check.name,
                held: check.held,
                detail: check.detail,
            })
            .collect(),
    };
    print(json, &view, show::doctor::doctor)?;
    Ok(u8::from(!view.held))
}
