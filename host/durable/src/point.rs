//! Crash points: places at which a test ends the program as a power cut would.
//!
//! Before and after every commit, rename, spawn and remote call stands a [`point`]. In a release build it is
//! nothing. In a debug build two variables of the environment drive it:
//!
//! ```text
//! ORCH_CRASH_TRACE=FILE   appends the name of every point that is reached
//! ORCH_CRASH_AT=NAME#K    aborts the program when it reaches NAME for the K-th time, counting from 1
//! ORCH_PANIC_AT=NAME#K    panics there instead
//! ORCH_CRASH_COUNT=FILE   counts in FILE, so that K is of the host and all its supervisors together
//! ```
//!
//! `cargo xtask tidy` refuses a file that commits, renames, spawns or pushes without a point.

/// Reaches the point `name`.
#[inline]
pub fn point(name: &str) {
    if cfg!(debug_assertions) {
        armed::reach(name);
    }
}

/// The variables that a supervisor needs to have its own points driven; none in a release build, because a
/// supervisor's environment is otherwise empty.
pub fn environment() -> Vec<(String, String)> {
    if !cfg!(debug_assertions) {
        return Vec::new();
    }
    [armed::TRACE, armed::AT, armed::COUNT]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
        .collect()
}

mod armed {
    use std::fs::File;
    use std::io::{Seek, Write};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    pub(super) const TRACE: &str = "ORCH_CRASH_TRACE";
    pub(super) const AT: &str = "ORCH_CRASH_AT";
    pub(super) const COUNT: &str = "ORCH_CRASH_COUNT";
    const PANIC: &str = "ORCH_PANIC_AT";

    struct Plan {
        trace: Option<File>,
        at: Option<(String, u32)>,
        panics: bool,
        hits: AtomicU32,
        count: Option<File>,
    }

    impl Plan {
        /// Which time this is, counting from 1.
        fn hit(&self) -> u64 {
            let Some(mut file) = self.count.as_ref() else {
                return u64::from(self.hits.fetch_add(1, Ordering::SeqCst)) + 1;
            };
            // Appending is atomic, and leaves the position behind this program's own byte.
            file.write_all(b".")
                .and_then(|()| file.stream_position())
                .unwrap_or_default()
        }
    }

    fn append(variable: &str) -> Option<File> {
        let path = std::env::var_os(variable)?;
        File::options().create(true).append(true).open(path).ok()
    }

    fn plan() -> &'static Plan {
        static PLAN: OnceLock<Plan> = OnceLock::new();
        PLAN.get_or_init(|| Plan {
            trace: append(TRACE),
            count: append(COUNT),
            panics: std::env::var_os(PANIC).is_some(),
            at: std::env::var(AT)
                .or_else(|_| std::env::var(PANIC))
                .ok()
                .and_then(|text| {
                    let (name, count) = text.rsplit_once('#')?;
                    Some((name.to_owned(), count.parse().ok()?))
                }),
            hits: AtomicU32::new(0),
        })
    }

    pub(super) fn reach(name: &str) {
        let plan = plan();
        if let Some(mut file) = plan.trace.as_ref() {
            // One write of a short line: lines of several threads and programs do not mix.
            file.write_all(format!("{name}\n").as_bytes()).ok();
        }
        if let Some((at, count)) = &plan.at
            && at == name
            && plan.hit() == u64::from(*count)
        {
            assert!(!plan.panics, "the crash point `{name}` panics");
            std::process::abort();
        }
    }
}
