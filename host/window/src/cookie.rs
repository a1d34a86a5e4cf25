//! What does a browser keep for the host? The session, under a name that no other host can set, and what an order came to
//! until it was shown.

use axum::http::HeaderMap;
use axum::http::header::COOKIE;

/// Longest session that is kept in a browser.
const NAME: &str = "orch-session";
/// What an order came to, until the page after it has shown it.
const SAID: &str = "orch-said";
/// Longest text that is carried to the next page, characters.
const SAID_CHARS_MAX: usize = 400;

/// Under which name a browser keeps the session: with TLS in front one that only the host itself can set. Without TLS no
/// browser takes such a name from an address of this machine, and the port keeps hosts of one machine apart.
pub(crate) fn name(is_public: bool, host: &str) -> String {
    if is_public {
        return format!("__Host-{NAME}");
    }
    let port: String = host
        .rsplit(':')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    format!("{NAME}-{port}")
}

/// The value of a cookie, if the browser sent it once.
pub(crate) fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(COOKIE).into_iter();
    let pairs = all
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    let mut found =
        pairs.filter_map(|pair| pair.trim().split_once('=').filter(|(n, _)| *n == name));
    let (_, value) = found.next()?;
    // Two of one name: somebody has set another one, and nobody knows which is whose.
    found.next().is_none().then_some(value)
}

/// A cookie that no script reads and that no other page sends along.
pub(crate) fn kept(name: &str, value: &str, seconds: i64, is_public: bool) -> String {
    let secure = if is_public { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// Has the next page say what an order came to.
pub(crate) fn said(text: &str, is_public: bool) -> String {
    let text: String = text.chars().take(SAID_CHARS_MAX).collect();
    let escaped = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
    kept(SAID, &escaped.to_string(), 60, is_public)
}

/// What an order came to that no page has shown yet.
pub(crate) fn to_say(headers: &HeaderMap) -> Option<String> {
    let value = value(headers, SAID).filter(|value| !value.is_empty())?;
    let text = percent_encoding::percent_decode_str(value)
        .decode_utf8()
        .ok()?;
    Some(text.into_owned())
}

/// Has it forgotten.
pub(crate) fn was_said(is_public: bool) -> String {
    kept(SAID, "", 0, is_public)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, cookie.parse().unwrap());
        headers
    }

    #[test]
    fn cookie_is_read_by_its_whole_name_and_never_if_there_are_two() {
        let sent = headers("a=1; orch-session-8080=xyz; orch-session-80=no");
        assert_eq!(value(&sent, "orch-session-8080"), Some("xyz"));
        assert_eq!(value(&sent, "orch-session"), None);
        let twice = headers("s=1; s=2");
        assert_eq!(value(&twice, "s"), None);
    }

    #[test]
    fn only_a_public_host_has_the_name_that_needs_tls() {
        assert_eq!(name(true, "orch.example.org"), "__Host-orch-session");
        assert_eq!(name(false, "127.0.0.1:8080"), "orch-session-8080");
        assert!(kept("s", "v", 9, true).ends_with("HttpOnly; SameSite=Strict; Secure"));
        assert!(!kept("s", "v", 9, false).contains("Secure"));
    }

    #[test]
    fn what_an_order_came_to_is_carried_whole_and_cannot_end_the_cookie() {
        let text = "SHOP-1: rejected; \"x\"\r\nSet-Cookie: y=ü";
        let line = said(text, false);
        let pair = line.split(';').next().unwrap();
        assert!(!line.contains('\n') && !line.contains('"'));
        assert_eq!(to_say(&headers(pair)).as_deref(), Some(text));
    }
}
