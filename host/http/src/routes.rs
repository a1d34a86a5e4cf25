//! How does an endpoint get its answer? Whoever asks is held to what the endpoint takes, what it takes is read, a function of the host answers, and the answer is
//! written as JSON: here once, for every endpoint.

use std::future::Future;

use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use orch_domain::person::{Caller, PersonRole};
use orch_engine::{Api, CommandError};
use orch_views::endpoint::{Endpoint, Method};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::access::allowed;
use crate::again::once;
use crate::openapi::Description;
use crate::refusal::Refusal;
use crate::request::read;

/// The endpoints that are there so far.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) router: Router<Api>,
    pub(crate) description: Description,
    #[cfg(test)]
    pub(crate) paths: Vec<(String, &'static str)>,
}

impl Routes {
    /// Answers an endpoint by a function of the host, the names in the path and the request.
    pub(crate) fn on<const N: usize, Q, A, F, Fut>(
        self,
        endpoint: &Endpoint<N, Q, A>,
        answer: F,
    ) -> Self
    where
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        A: Serialize + JsonSchema + 'static,
        F: Fn(Api, [String; N], Q) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<A, CommandError>> + Send,
    {
        self.add(endpoint, move |api, _, names, request| {
            answer(api, names, request)
        })
    }

    /// [`Routes::on`] with whoever asks, for what is written down with a name.
    ///
    /// # Panics
    /// While the routes are made, for an endpoint that is open to everybody.
    pub(crate) fn on_by<const N: usize, Q, A, F, Fut>(
        self,
        endpoint: &Endpoint<N, Q, A>,
        answer: F,
    ) -> Self
    where
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        A: Serialize + JsonSchema + 'static,
        F: Fn(Api, Caller, [String; N], Q) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<A, CommandError>> + Send,
    {
        assert!(endpoint.least.is_some(), "whoever asks there is nobody");
        self.add(endpoint, move |api, caller, names, request| {
            let caller = caller.expect("an endpoint that is not open has a caller");
            answer(api, caller, names, request)
        })
    }

    fn add<const N: usize, Q, A, F, Fut>(mut self, endpoint: &Endpoint<N, Q, A>, answer: F) -> Self
    where
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        A: Serialize + JsonSchema + 'static,
        F: Fn(Api, Option<Caller>, [String; N], Q) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<A, CommandError>> + Send,
    {
        self.description.add(endpoint);
        let (method, sent, least) = (endpoint.method, endpoint.sent, endpoint.least);
        let handler = move |State(api): State<Api>, request: Request| async move {
            let caller = least.map(|least| allowed(&request, least)).transpose()?;
            if let (
                Method::Post,
                Some(Caller {
                    person, channel, ..
                }),
            ) = (method, &caller)
            {
                let path = request.uri().path();
                tracing::info!(%person, %channel, path, "a person orders");
            }
            let by = caller.clone();
            let answered = |request: Request| {
                let api = api.clone();
                async move {
                    let (names, request) = read::<N, Q>(sent, request).await?;
                    let answer = answer(api, by, names, request).await?;
                    Ok::<_, Refusal>(Json(answer))
                }
            };
            Ok::<_, Refusal>(match (method, caller) {
                (Method::Post, Some(caller)) => {
                    let answered = async |request| answered(request).await.into_response();
                    once(api.clone(), &caller, request, answered).await
                }
                (Method::Get | Method::Post, _) => answered(request).await.into_response(),
            })
        };
        let route = match method {
            Method::Get => get(handler),
            Method::Post => post(handler),
        };
        self.router = self.router.route(endpoint.path, route);
        #[cfg(test)]
        self.paths.push((
            format!("{} {}", method.as_str(), endpoint.path),
            least.map_or("everybody", PersonRole::as_str),
        ));
        self
    }

    /// Answers a look with a text that is no view: who may look is said by role.
    pub(crate) fn text<F, Fut>(
        mut self,
        path: &'static str,
        least: PersonRole,
        kind: &'static str,
        answer: F,
    ) -> Self
    where
        F: Fn(Api) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<String, CommandError>> + Send,
    {
        let handler = move |State(api): State<Api>, request: Request| async move {
            allowed(&request, least)?;
            let text = answer(api).await?;
            Ok::<_, Refusal>(([(CONTENT_TYPE, kind)], text))
        };
        self.router = self.router.route(path, get(handler));
        #[cfg(test)]
        self.paths.push((format!("GET {path}"), least.as_str()));
        self
    }

    /// Answers a look with a file; the handler holds whoever asks to `least`.
    pub(crate) fn file<H, T>(mut self, path: &'static str, least: PersonRole, handler: H) -> Self
    where
        H: axum::handler::Handler<T, Api>,
        T: 'static,
    {
        self.router = self.router.route(path, get(handler));
        #[cfg(test)]
        self.paths.push((format!("GET {path}"), least.as_str()));
        #[cfg(not(test))]
        let _ = least;
        self
    }

    /// Answers a path at which others than the host's own clients speak, in words of their own.
    pub(crate) fn foreign<H, T>(mut self, path: &'static str, handler: H) -> Self
    where
        H: axum::handler::Handler<T, Api>,
        T: 'static,
    {
        self.router = self.router.route(path, post(handler));
        #[cfg(test)]
        self.paths.push((format!("POST {path}"), "everybody"));
        self
    }
}
