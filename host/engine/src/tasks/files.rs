//! Keeps gates and configuration in step with their files, and tells of gates that are not in force.

use std::collections::BTreeMap;
use std::time::Duration;

use orch_config::LiveConfig;
use orch_domain::notice::NoticeKind;
use orch_gates::GateFailure;
use orch_judge::Judges;
use orch_store::StoreError;

use super::driver::Stop;
use crate::ledger::Ledger;
use crate::ledger::notices::announce;

/// How often the published set is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Follows the files until the host ends.
pub(crate) async fn run(ledger: Ledger, judges: Judges, config: LiveConfig, mut stop: Stop) {
    tokio::select! {
        () = judges.library().watch() => {}
        () = config.watch() => {}
        () = tell(&ledger, &judges) => {}
        () = stop.asked() => {}
    }
}

/// Tells of every gate whose file is not in force: once for each reason.
async fn tell(ledger: &Ledger, judges: &Judges) {
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let registry = judges.gates();
        told.retain(|name, _| registry.failure(name).is_some());
        for failure in registry.failures() {
            let error = failure.error.to_string();
            if told.get(&failure.name) == Some(&error) {
                continue;
            }
            match unfit(ledger, failure).await {
                Ok(()) => {
                    told.insert(failure.name.clone(), error);
                }
                Err(error) => {
                    tracing::warn!(gate.name = failure.name, error = %error, "nobody was told yet that the gate is not in force");
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn unfit(ledger: &Ledger, failure: &GateFailure) -> Result<(), StoreError> {
    let now = ledger.now();
    let kind = NoticeKind::GateUnfit {
        gate: failure.name.clone(),
        error: failure.error.to_string(),
        is_retried: failure.error.may_pass(),
    };
    // Two that are about the same gate are one alert; a host that starts again says so again.
    let key = format!("gate-unfit/{}/{now}", failure.name);
    ledger
        .write(move |tx| Box::pin(async move { announce(tx, None, &key, kind, now).await }))
        .await
}
