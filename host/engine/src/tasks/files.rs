//! Keeps gates and configuration in step with their files.

use orch_config::LiveConfig;
use orch_judge::Judges;

use super::driver::Stop;

/// Follows the files until the host ends.
pub(crate) async fn run(judges: Judges, config: LiveConfig, mut stop: Stop) {
    tokio::select! {
        () = judges.library().watch() => {}
        () = config.watch() => {}
        () = stop.asked() => {}
    }
}
