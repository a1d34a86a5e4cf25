//! The notifiers do what every notifier has to do, and Plane what every tracker has to do.

mod plane;
mod sites;
mod telegram;

use std::io::Write;
use std::sync::{Arc, Mutex};

use orch_clients::notify::LogNotifier;
use orch_conformance::notifier::NotifierSite;
use orch_domain::port::notifier::Notifier;
use tracing::subscriber::DefaultGuard;

/// What is written to the log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut lines = self.0.lock().expect("no test panics while it writes");
        lines.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Log {
    lines: Lines,
    notifier: LogNotifier,
}

impl NotifierSite for Log {
    fn notifier(&self) -> &dyn Notifier {
        &self.notifier
    }

    fn read(&self) -> String {
        let lines = self.lines.0.lock().expect("no test panics while it writes");
        String::from_utf8_lossy(&lines).into_owned()
    }
}

thread_local! {
    /// Keeps this test's log its own for as long as its thread lives.
    static GUARD: std::cell::RefCell<Option<DefaultGuard>> = const { std::cell::RefCell::new(None) };
}

async fn log() -> Log {
    let lines = Lines::default();
    let to = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || to.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    GUARD.with_borrow_mut(|held| *held = Some(guard));
    Log {
        lines,
        notifier: LogNotifier,
    }
}

mod log_notifier {
    orch_conformance::notifier_conformance!(super::log);
}

mod telegram_notifier {
    orch_conformance::notifier_conformance!(super::sites::chat);
}

mod plane_tracker {
    orch_conformance::tracker_conformance!(super::sites::plane);
}
