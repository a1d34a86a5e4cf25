//! Does the log of a run say that the agent is not logged in?

use crate::words::has_number;

/// The reference's words for a missing login, and those of a login that was lost on the way.
const WORDS: [&str; 6] = [
    "not logged in",
    "please run /login",
    "invalid api key",
    "unauthorized",
    "failed to authenticate",
    "authentication_error",
];
/// The HTTP status of a missing login.
const STATUS: &str = "401";

/// Whether `log` holds a word of a missing login, in any case, or `401` as a word of its own. The one rule for
/// it: the classifier asks it too.
///
/// What a pass was based on is then in doubt, so the caller resets the [`Cache`](super::Cache). A false alarm,
/// such as an agent that writes about logins, costs one check. Takes time and memory in proportion to `log`;
/// the caller bounds it.
pub fn has_auth_marker(log: &str) -> bool {
    let lower = log.to_ascii_lowercase();
    WORDS.iter().any(|word| lower.contains(word)) || has_number(&lower, STATUS)
}

#[cfg(test)]
mod tests {
    use super::has_auth_marker;

    #[test]
    fn every_word_of_a_missing_login_is_found_in_any_case() {
        for log in [
            "Error: Not Logged In",
            r#"{"result":"Invalid API key · Please run /login"}"#,
            "INVALID API KEY",
            "HTTP/1.1 Unauthorized",
            "Failed to authenticate: OAuth session expired and could not be refreshed",
            r#"{"type":"error","error":{"type":"authentication_error"}}"#,
            "API Error: 401 {\"type\":\"error\"}",
            "401",
            "status=401,",
        ] {
            assert!(has_auth_marker(log), "{log}");
        }
    }

    #[test]
    fn number_within_another_word_is_no_status() {
        for log in [
            "",
            "14015 files",
            "line 4010",
            "a401",
            "401k",
            "é401",
            "id_401",
            "at main (cli.js:401:17)",
        ] {
            assert!(!has_auth_marker(log), "{log}");
        }
    }
}
