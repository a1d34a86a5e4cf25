//! Keeps gates and configuration in step with their files.

use orch_config::LiveConfig;

use super::driver::Stop;
use crate::judges::Judges;

/// Follows the files until the host ends.
pub(crate) async fn run(judges: Judges, config: LiveConfig, mut stop: Stop) {
    tokio::select! {
        () = judges.library.watch() => {}
        () = config.watch() => {}
        () = stop.asked() => {}
    }
}
