//! How does a required context of somebody else's count, by what was posted of it?

use orch_config::{Effective, ForgePlace, RequiredContext};
use orch_domain::id::UnixMs;
use orch_domain::imports::{Check, CheckState};
use orch_domain::port::forge::Status;

use crate::ledger::repos::Repo;

/// How long a failure of somebody else's has to stand, milliseconds.
pub(super) const QUIET_MS: i64 = 30_000;

/// What is judged against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) now: UnixMs,
    /// Since when it is waited for, which is no longer than the commit has been there; none if nothing waits yet.
    pub(super) waits_since: Option<UnixMs>,
    /// How long a failure has to stand, milliseconds.
    pub(super) quiet_ms: i64,
}

/// Contexts of others that a configuration requires.
pub(super) fn of_others(effective: &Effective) -> impl Iterator<Item = &RequiredContext> {
    let required = effective.required_contexts.iter();
    required.filter(|context| !context.is_own())
}

/// Whether the machines of others have to say something of what lands, and can: they see what is pushed.
pub(super) fn can_ask_others(repo: &Repo) -> bool {
    matches!(repo.config.forge, ForgePlace::On(_))
}

/// How a context of somebody else's stands, by all that was posted of the commit.
pub(super) fn check(context: &RequiredContext, posted: &[Status], times: Times) -> Check {
    let found = posted.iter().find(|status| status.context == context.name);
    let state = counted(context, found, times);
    Check {
        context: shown(context, found, state),
        state,
        url: found.and_then(|status| status.url.clone()),
    }
}

/// How a commit stands by all that is required of it.
pub(super) fn combined(checks: &[Check]) -> CheckState {
    let any = |wanted: &[CheckState]| checks.iter().any(|c| wanted.contains(&c.state));
    if checks.is_empty() {
        CheckState::None
    } else if any(&[CheckState::Failure, CheckState::Error]) {
        CheckState::Failure
    } else if any(&[CheckState::Pending, CheckState::None]) {
        CheckState::Pending
    } else {
        CheckState::Success
    }
}

/// How a context of somebody else's counts now.
fn counted(context: &RequiredContext, posted: Option<&Status>, times: Times) -> CheckState {
    match posted {
        Some(status) if !context.counts_from(status.reporter.as_deref()) => CheckState::None,
        Some(status) if status.is_skipped && context.skipped_passes => CheckState::Success,
        Some(status) => settled(status, times),
        None => {
            let waited_ms = times
                .waits_since
                .map_or(0, |since| times.now.saturating_sub(since));
            let after_ms = context.absent_passes_after_s.map(|s| i64::from(s) * 1000);
            match after_ms.is_some_and(|after_ms| waited_ms >= after_ms) {
                true => CheckState::Success,
                false => CheckState::None,
            }
        }
    }
}

/// A context as people read it in the reason why something waits: its name, and why what was posted does not count.
fn shown(context: &RequiredContext, posted: Option<&Status>, state: CheckState) -> String {
    let name = &context.name;
    let Some(status) = posted.filter(|_| state == CheckState::None) else {
        return name.clone();
    };
    match status.reporter.as_deref() {
        reporter if !context.counts_from(reporter) => {
            let who = reporter.unwrap_or("nobody");
            format!("{name} (posted by account {who}, which its `from` does not list)")
        }
        _ if status.is_skipped => format!("{name} (skipped; `skipped_passes` would let it)"),
        _ => name.clone(),
    }
}

/// How a status counts now. A run that was broken off fails before the one that takes its place begins: a failure
/// counts when it has stood for a while, or when nobody can say for how long.
fn settled(status: &Status, times: Times) -> CheckState {
    let is_young = status
        .at_ms
        .is_some_and(|at| times.now.saturating_sub(at).abs() < times.quiet_ms);
    match status.state {
        CheckState::Failure | CheckState::Error if is_young => CheckState::Pending,
        state => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_of_others_counts_when_it_has_stood_for_a_while_and_a_success_at_once() {
        let status = |state, at_ms| Status {
            context: "ci/build".to_owned(),
            state,
            description: String::new(),
            url: None,
            is_skipped: false,
            reporter: None,
            at_ms,
        };
        let now = 10 * QUIET_MS;
        let times = Times {
            now,
            waits_since: None,
            quiet_ms: QUIET_MS,
        };
        for (state, at_ms, expected) in [
            (CheckState::Failure, Some(now - 1_000), CheckState::Pending),
            (CheckState::Error, Some(now + 1_000), CheckState::Pending),
            (
                CheckState::Failure,
                Some(now - QUIET_MS),
                CheckState::Failure,
            ),
            // A clock that is far off says nothing.
            (
                CheckState::Failure,
                Some(now + QUIET_MS),
                CheckState::Failure,
            ),
            (CheckState::Failure, None, CheckState::Failure),
            (CheckState::Success, Some(now), CheckState::Success),
        ] {
            assert_eq!(
                settled(&status(state, at_ms), times),
                expected,
                "{state} {at_ms:?}"
            );
        }
    }

    #[test]
    fn skipped_absent_and_reported_by_others_count_only_as_the_operator_says() {
        let context = RequiredContext {
            from: vec!["7".to_owned()],
            skipped_passes: true,
            absent_passes_after_s: Some(60),
            ..RequiredContext::plain("ci/docs")
        };
        let strict = RequiredContext::plain("ci/docs");
        let posted = |state, reporter: &str, is_skipped| Status {
            context: "ci/docs".to_owned(),
            state,
            description: String::new(),
            url: None,
            is_skipped,
            reporter: Some(reporter.to_owned()),
            at_ms: None,
        };
        let at = |waits_since| Times {
            now: 100_000,
            waits_since,
            quiet_ms: QUIET_MS,
        };
        let (none, green) = (CheckState::None, CheckState::Success);
        let skipped = posted(none, "7", true);
        assert_eq!(counted(&context, Some(&skipped), at(None)), green);
        assert_eq!(counted(&strict, Some(&skipped), at(None)), none);
        let forged = posted(green, "8", false);
        assert_eq!(counted(&context, Some(&forged), at(Some(0))), none);
        assert!(shown(&context, Some(&forged), none).contains("account 8"));
        assert_eq!(counted(&context, None, at(Some(40_000))), green);
        assert_eq!(counted(&context, None, at(Some(40_001))), none);
        assert_eq!(counted(&context, None, at(None)), none);
        assert_eq!(counted(&strict, None, at(Some(0))), none);
        let red = posted(CheckState::Failure, "7", false);
        assert_eq!(
            counted(&context, Some(&red), at(Some(0))),
            CheckState::Failure
        );
    }
}
