//! Which calls does an agent make of its provider, with which headers, and how does the key go along?

use hyper::Method;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::key::Key;

/// Form of an agent's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `/v1/messages`.
    Anthropic,
    /// `/v1/chat/completions` and `/v1/responses`.
    OpenAi,
}

/// A call that is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A model answers, and tokens are used up.
    Answer,
    /// Something is counted or named, and nothing used up.
    Free,
}

/// A call by its method and the bytes of its path: what is written in any other way is another call, and not listed.
const OF_ANTHROPIC: [(Method, &str, Kind); 3] = [
    (Method::POST, "/v1/messages", Kind::Answer),
    (Method::POST, "/v1/messages/count_tokens", Kind::Free),
    (Method::GET, "/v1/models", Kind::Free),
];
const OF_OPENAI: [(Method, &str, Kind); 3] = [
    (Method::POST, "/v1/chat/completions", Kind::Answer),
    (Method::POST, "/v1/responses", Kind::Answer),
    (Method::GET, "/v1/models", Kind::Free),
];
/// Queries that are listed; what a query can switch on nobody knows.
const QUERIES: [&str; 1] = ["beta=true"];

/// Headers that a request may bring along.
const SENT: [&str; 6] = [
    "accept",
    "anthropic-beta",
    "anthropic-version",
    "content-type",
    "openai-beta",
    "user-agent",
];
/// Headers that an answer may bring along, by how they begin.
const RECEIVED: [&str; 8] = [
    "anthropic-ratelimit-",
    "content-type",
    "openai-processing-ms",
    "request-id",
    "retry-after",
    "x-ratelimit-",
    "x-request-id",
    "x-should-retry",
];

impl Api {
    /// What a call is; none if it is not listed.
    pub(crate) fn call(self, method: &Method, path: &str, query: Option<&str>) -> Option<Kind> {
        let calls = match self {
            Self::Anthropic => &OF_ANTHROPIC,
            Self::OpenAi => &OF_OPENAI,
        };
        let listed = calls
            .iter()
            .find(|(of, at, _)| of == method && *at == path)?;
        let is_plain = query.is_none_or(|query| QUERIES.contains(&query));
        is_plain.then_some(listed.2)
    }

    /// The headers of a request as it is sent: those that are listed, and the key.
    pub(crate) fn sent(self, from: &HeaderMap, key: &Key) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for name in SENT {
            for value in from.get_all(name) {
                headers.append(HeaderName::from_static(name), value.clone());
            }
        }
        let (name, value) = match self {
            Self::Anthropic => ("x-api-key", key.expose().to_owned()),
            Self::OpenAi => ("authorization", format!("Bearer {}", key.expose())),
        };
        // A key is visible text, and such a text is a header's value.
        if let Ok(mut value) = HeaderValue::from_str(&value) {
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        headers
    }
}

/// The headers of an answer as the run sees them: those that are listed and do not hold the key.
pub(crate) fn received(from: &HeaderMap, key: &Key) -> HeaderMap {
    let is_listed = |name: &HeaderName| {
        RECEIVED
            .iter()
            .any(|listed| name.as_str().starts_with(listed))
    };
    let passed = from
        .iter()
        .filter(|(name, value)| is_listed(name) && !key.is_in(value.as_bytes()));
    passed
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_calls_written_plainly_are_calls() {
        let post = |api: Api, path: &str| api.call(&Method::POST, path, None);
        assert_eq!(post(Api::Anthropic, "/v1/messages"), Some(Kind::Answer));
        let counted = post(Api::Anthropic, "/v1/messages/count_tokens");
        assert_eq!(counted, Some(Kind::Free));
        assert_eq!(post(Api::OpenAi, "/v1/responses"), Some(Kind::Answer));
        for (api, path) in [
            (Api::Anthropic, "/v1/files"),
            (Api::Anthropic, "/v1/organizations/x"),
            (Api::Anthropic, "/v1/messages/batches"),
            (Api::Anthropic, "/v1/messages/"),
            (Api::Anthropic, "/v1/messages/../files"),
            (Api::Anthropic, "/v1/messages%2f..%2ffiles"),
            (Api::Anthropic, "//v1/messages"),
            (Api::Anthropic, "/v1/chat/completions"),
            (Api::OpenAi, "/v1/messages"),
            (Api::OpenAi, "/v1/fine_tuning/jobs"),
        ] {
            assert_eq!(post(api, path), None, "{path}");
        }
        assert_eq!(
            Api::Anthropic.call(&Method::GET, "/v1/messages", None),
            None
        );
        let with = |query| Api::Anthropic.call(&Method::POST, "/v1/messages", Some(query));
        assert_eq!(with("beta=true"), Some(Kind::Answer));
        assert_eq!(with("upstream=evil.test"), None);
    }

    #[test]
    fn headers_that_nobody_listed_stay_where_they_are() {
        let key = Key::new("sk-kept-outside").unwrap();
        let mut from = HeaderMap::new();
        for (name, value) in [
            ("anthropic-version", "2023-06-01"),
            ("x-api-key", "orch-run"),
            ("authorization", "Bearer x"),
            ("x-upstream", "https://evil.test"),
            ("accept-encoding", "gzip"),
            ("cookie", "a=b"),
        ] {
            from.insert(name, HeaderValue::from_static(value));
        }
        let sent = Api::Anthropic.sent(&from, &key);
        assert_eq!(sent.len(), 2, "{sent:?}");
        assert_eq!(sent["x-api-key"], "sk-kept-outside");
        assert_eq!(sent["anthropic-version"], "2023-06-01");
        assert_eq!(
            Api::OpenAi.sent(&from, &key)["authorization"],
            "Bearer sk-kept-outside"
        );
        let mut from = HeaderMap::new();
        for (name, value) in [
            ("retry-after", "7"),
            ("set-cookie", "a=b"),
            ("location", "https://evil.test"),
            ("request-id", "echo sk-kept-outside"),
        ] {
            from.insert(name, HeaderValue::from_static(value));
        }
        let passed = received(&from, &key);
        assert_eq!(passed.len(), 1, "{passed:?}");
        assert_eq!(passed["retry-after"], "7");
    }
}
