//! How does a client ask? What goes over the wire for an endpoint, and a way to ask without a wire.

use orch_domain::person::Caller;
use orch_engine::Api;
use orch_views::endpoint::{Endpoint, Method, Sent};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

/// Everything but what a name may have in a path as it is.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Whether it looks or orders.
    pub method: Method,
    /// Path and query.
    pub address: String,
    /// The body, in JSON; empty for a look.
    pub body: String,
}

/// Why a request cannot be put into words.
#[derive(Debug, thiserror::Error)]
pub enum BadName {
    /// A path would lead elsewhere with it.
    #[error("`{0}` cannot be a name")]
    Name(String),
    /// It cannot be written as JSON or as a query.
    #[error("the request cannot be written: {0}")]
    Unwritten(String),
}

impl Call {
    /// What asks `endpoint` for `request` about `names`.
    ///
    /// # Errors
    /// [`BadName`] for a name that a path cannot hold.
    pub fn of<const N: usize, Q: Serialize, A>(
        endpoint: &Endpoint<N, Q, A>,
        names: [&str; N],
        request: &Q,
    ) -> Result<Self, BadName> {
        // These would be taken for steps within the path, however they are escaped.
        if let Some(name) = names.iter().find(|n| matches!(**n, "" | "." | "..")) {
            return Err(BadName::Name((*name).to_owned()));
        }
        let path = endpoint.path_of(names, |name| utf8_percent_encode(name, IN_PATH).to_string());
        let (address, body) = match endpoint.sent {
            Sent::InQuery => (with_query(path, request)?, String::new()),
            Sent::InBody => {
                let body = serde_json::to_string(request);
                (path, body.map_err(|e| BadName::Unwritten(e.to_string()))?)
            }
        };
        Ok(Self {
            method: endpoint.method,
            address,
            body,
        })
    }
}

fn with_query(path: String, request: &impl Serialize) -> Result<String, BadName> {
    let query =
        serde_urlencoded::to_string(request).map_err(|e| BadName::Unwritten(e.to_string()))?;
    Ok(if query.is_empty() {
        path
    } else {
        format!("{path}?{query}")
    })
}

/// Answers a call of `caller` in this process, for a command line that found no host running: status and body.
///
/// # Errors
/// When the request cannot be made or its answer breaks off.
pub async fn answer(api: Api, caller: Caller, call: Call) -> Result<(u16, Vec<u8>), axum::Error> {
    let request = axum::http::Request::builder()
        .method(call.method.as_str())
        .uri(call.address)
        .header("content-type", "application/json")
        .extension(caller)
        .body(axum::body::Body::from(call.body))
        .map_err(axum::Error::new)?;
    let Ok(response) = tower::ServiceExt::oneshot(crate::api::router(api), request).await;
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await?;
    Ok((status, bytes.to_vec()))
}

#[cfg(test)]
mod tests {
    use orch_views::message::Nothing;
    use orch_views::page::ListRequest;
    use orch_views::task;

    use super::*;

    #[test]
    fn names_and_queries_are_escaped_and_read_back_as_they_were() {
        let seen = Some("abcdef0".to_owned());
        let approve = task::ApproveRequest { seen };
        let call = Call::of(&task::APPROVE, ["SHOP-1/../x?y#z ü"], &approve).unwrap();
        let path = "/tasks/SHOP-1%2F..%2Fx%3Fy%23z%20%C3%BC/approve";
        assert_eq!(
            (call.address.as_str(), call.body.as_str()),
            (path, r#"{"seen":"abcdef0"}"#)
        );
        let list = ListRequest {
            all: true,
            limit: None,
            after: Some("a&b=c".into()),
        };
        let call = Call::of(&task::LIST, [], &list).unwrap();
        assert_eq!(call.address, "/tasks?all=true&after=a%26b%3Dc");
        let query = call.address.split_once('?').unwrap().1;
        assert_eq!(
            serde_urlencoded::from_str::<ListRequest>(query).unwrap(),
            list
        );
    }

    #[test]
    fn name_that_a_path_would_follow_is_refused() {
        for name in ["", ".", ".."] {
            let nothing = Nothing {};
            assert!(Call::of(&task::STOP, [name], &nothing).is_err(), "{name:?}");
        }
    }
}
