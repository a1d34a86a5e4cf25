//! What the words of a failure mean, where no field says it.
//!
//! Every word stands here because a command line was seen to use it; what nobody knows stays unknown, so that
//! it is seen and added.

use orch_domain::outcome::RunOutcome;

use super::reset;
use crate::preflight::has_auth_marker;
use crate::words::{has_number, short};

/// The conversation outgrew the model.
const CONTEXT: [&str; 9] = [
    "prompt is too long",
    "input is too long",
    "context window",
    "context length",
    "context_length_exceeded",
    "context limit",
    "maximum context",
    "conversation too long",
    "request too large",
];

/// The account has nothing left, and waiting brings nothing back.
const QUOTA: [&str; 7] = [
    "credit balance is too low",
    "quota exceeded",
    "exceeded your current quota",
    "insufficient_quota",
    "insufficient credits",
    "billing_error",
    "you will regain access on",
];

/// Come back later.
const LIMIT: [&str; 9] = [
    "rate limit",
    "rate_limit",
    "rate-limit",
    "usage limit",
    "session limit",
    "weekly limit",
    "limit reached",
    "too many requests",
    "too many concurrent",
];

/// The provider, or the way to it, failed.
const PROVIDER: [&str; 23] = [
    "overloaded",
    "api_error",
    "internal server error",
    "bad gateway",
    "service unavailable",
    "gateway timeout",
    "api error: 5",
    "fetch failed",
    "connection error",
    "connection reset",
    "connection refused",
    "connection closed",
    "network error",
    "request timed out",
    "socket hang up",
    "stream disconnected",
    "econnreset",
    "econnrefused",
    "etimedout",
    "enotfound",
    "eai_again",
    "epipe",
    "ehostunreach",
];

/// The outcome that `text` speaks of; none if nobody knows its words.
///
/// The order is part of the rule: a context limit is no rate limit, an empty account says "limit" as well, and a
/// limit can arrive with the status of a refused login.
pub(super) fn outcome(text: &str, now_ms: i64) -> Option<RunOutcome> {
    let lower = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&CONTEXT) {
        return Some(RunOutcome::ContextOverflow);
    }
    if has(&QUOTA) {
        return Some(RunOutcome::QuotaExhausted);
    }
    if has(&LIMIT) || says_limit(&lower) || has_status(&lower, "429") {
        return Some(RunOutcome::RateLimited {
            until_ms: reset::until_ms(text, now_ms),
        });
    }
    if has_auth_marker(text) {
        return Some(RunOutcome::AuthRequired(short(text)));
    }
    if has(&PROVIDER) || has_status(&lower, "529") {
        return Some(RunOutcome::ProviderError(short(text)));
    }
    None
}

/// "You've hit your … limit", "concurrency limit", "limit of concurrent requests", on one line.
fn says_limit(lower: &str) -> bool {
    lower.lines().any(|line| {
        line.contains("limit")
            && ["hit your", "reached your", "concurrency", "concurrent"]
                .iter()
                .any(|word| line.contains(word))
    })
}

/// Whether a line speaks of this HTTP status: `429 passed` and line 429 of a file are none.
fn has_status(lower: &str, status: &str) -> bool {
    lower.lines().any(|line| {
        has_number(line, status)
            && ["error", "status", "http", "code", "request"]
                .iter()
                .any(|word| line.contains(word))
    })
}
