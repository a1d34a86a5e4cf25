//! Takes requests on the socket of one run for as long as it is polled, judges them, and sends them on with the key.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use orch_domain::reach::Reached;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::account::Account;
use crate::answer::Passing;
use crate::api::{Kind, received};
use crate::ask::{self, Refused};
use crate::key::Sieve;
use crate::refusal::Answer;
use crate::run::Run;
use crate::usage::Reader;
use crate::{Policy, Tokens, Told};

/// Largest request, bytes: what providers take.
const REQUEST_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Largest head of a request, bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long a head may take.
const HEAD_MAX: Duration = Duration::from_secs(30);
/// How long a request may take to come in.
const BODY_MAX: Duration = Duration::from_secs(120);
/// How long the provider may take to be reached.
const CONNECT_MAX: Duration = Duration::from_secs(20);
/// How long it may be silent: long thoughts come in one piece.
const SILENCE_MAX: Duration = Duration::from_secs(15 * 60);
/// Connections at once.
const CONNECTIONS_MAX: usize = 64;
/// Words that wait to be taken.
const TOLD_MAX: usize = 1024;
/// Pause after an error of the listener, such as too many open files.
const PAUSE: Duration = Duration::from_millis(200);

/// The gateway of one run.
#[derive(Debug)]
pub struct Gateway {
    listener: UnixListener,
    run: Arc<Run>,
    connections: JoinSet<()>,
}

impl Gateway {
    /// A gateway that listens on `listener`; answers what is to be told beside it, which whoever has it served takes
    /// meanwhile.
    ///
    /// # Errors
    /// When no client for the provider can be made.
    pub fn new(
        listener: UnixListener,
        policy: Policy,
        account: Account,
    ) -> io::Result<(Self, mpsc::Receiver<Told>)> {
        let client = client()?;
        let (tell, told) = mpsc::channel(TOLD_MAX);
        let run = Run::new(policy, account, client, tell);
        run.look_at_account();
        let gateway = Self {
            listener,
            run: Arc::new(run),
            connections: JoinSet::new(),
        };
        Ok((gateway, told))
    }

    /// Serves until it is dropped, and with it every connection.
    pub async fn serve(&mut self) -> Infallible {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    // Whoever has too many of them waits for an end.
                    Ok((stream, _)) if self.connections.len() < CONNECTIONS_MAX => {
                        self.connections.spawn(connection(stream, self.run.clone()));
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(error = %error, "a connection of a run cannot be taken");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                Some(_) = self.connections.join_next() => {}
            }
        }
    }
}

/// Whoever speaks with a provider: it is asked directly, and nowhere else that it sends to.
pub(crate) fn client() -> io::Result<reqwest::Client> {
    // It fails only when one was chosen already.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_MAX)
        .read_timeout(SILENCE_MAX)
        .build()
        .map_err(io::Error::other)
}

async fn connection(stream: UnixStream, run: Arc<Run>) {
    let service = service_fn(async |request| Ok::<_, Infallible>(answer(&run, request).await));
    let mut server = http1::Builder::new();
    server
        .max_buf_size(HEAD_BYTES_MAX)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX);
    // What makes no sense is answered by the server itself; a client that is gone needs no answer.
    server
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

async fn answer(run: &Arc<Run>, request: Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let (path, query) = (parts.uri.path(), parts.uri.query());
    let Some(kind) = run.policy.api.call(&parts.method, path, query) else {
        let what = format!("{} {path}", parts.method);
        return run.refuse(
            &what,
            Reached::CallNotListed,
            Reached::CallNotListed.in_words(),
        );
    };
    let limited = Limited::new(body, REQUEST_BYTES_MAX);
    let body = match tokio::time::timeout(BODY_MAX, limited.collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) | Err(_) => {
            let detail =
                format!("it has more than {REQUEST_BYTES_MAX} bytes, or did not come in full");
            return run.refuse(path, Reached::TooMuch, &detail);
        }
    };
    let mut call = Outgoing {
        what: path.to_owned(),
        request: run
            .client
            .request(parts.method.clone(), address(&run.policy, path, query)),
        sent: 0,
        reservation: None,
    };
    if parts.method == hyper::Method::POST {
        let asked = ask::read(run.policy.api, &body, |model| run.price(model).is_some());
        let ask = match asked {
            Ok(ask) => ask,
            Err(Refused { what, why, detail }) => {
                let what = if what.is_empty() { path } else { &what };
                return run.refuse(what, why, &detail);
            }
        };
        if kind == Kind::Answer {
            let most = Tokens {
                input: ask.input_max,
                output: ask.output_max,
                ..Tokens::default()
            };
            let price = run.price(&ask.model).unwrap_or_default();
            call.reservation = run.account.reserve(most, price);
            if call.reservation.is_none() {
                run.look_at_account();
                return run.refuse(
                    &ask.model,
                    Reached::OverBudget,
                    Reached::OverBudget.in_words(),
                );
            }
        }
        call.what = ask.model;
        call.sent = ask.body.len() as u64;
        call.request = call.request.body(ask.body);
    }
    call.send(run, &parts.headers).await
}

pub(crate) fn address(policy: &Policy, path: &str, query: Option<&str>) -> String {
    let upstream = policy.upstream.trim_end_matches('/');
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{upstream}{path}{query}")
}

/// A request that may go out.
struct Outgoing {
    what: String,
    request: reqwest::RequestBuilder,
    sent: u64,
    reservation: Option<crate::account::Reservation>,
}

impl Outgoing {
    async fn send(self, run: &Arc<Run>, headers: &HeaderMap) -> Answer {
        let Self {
            what,
            request,
            sent,
            mut reservation,
        } = self;
        let headers = run.policy.api.sent(headers, &run.policy.key);
        let response = match request.headers(headers).send().await {
            Ok(response) => response,
            Err(error) => {
                if error.is_connect()
                    && let Some(reservation) = reservation.take()
                {
                    // Nothing of it arrived. Whatever broke off later may have been answered, and is spent.
                    reservation.settle(Tokens::default());
                }
                run.failed();
                let why = Reached::Unreachable;
                let detail = format!("the provider does not answer: {}", error.without_url());
                return run.refuse(&what, why, &detail);
            }
        };
        let status = response.status();
        run.heard(status, response.headers());
        if status.is_redirection() {
            let detail = "the provider sends it somewhere else; name that under `gateway.upstream`";
            return run.refuse(&what, Reached::Unreachable, detail);
        }
        if !status.is_success()
            && let Some(reservation) = reservation.take()
        {
            // What was refused used nothing.
            reservation.settle(Tokens::default());
        }
        let passed = received(response.headers(), &run.policy.key);
        let kind = passed.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_stream = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
        let passing = Passing {
            run: run.clone(),
            response,
            reader: Reader::new(is_stream),
            sieve: Sieve::new(run.policy.key.clone()),
            reservation,
            what,
            sent,
            received: 0,
        };
        let mut answer = Response::new(passing.body());
        *answer.status_mut() = status;
        *answer.headers_mut() = passed;
        answer
    }
}
