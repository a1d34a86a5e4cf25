//! Passes an answer on as it comes, without the key, and settles what it cost when it ends, however it ends.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use orch_domain::reach::Reached;

use crate::account::Reservation;
use crate::key::Sieve;
use crate::run::Run;
use crate::usage::Reader;
use crate::{Call, Told};

/// An answer under way.
pub(crate) struct Passing {
    pub(crate) run: Arc<Run>,
    pub(crate) response: reqwest::Response,
    pub(crate) reader: Reader,
    pub(crate) sieve: Sieve,
    /// What is set aside for it; none if it costs nothing.
    pub(crate) reservation: Option<Reservation>,
    pub(crate) what: String,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

impl Passing {
    /// The body that the run reads.
    pub(crate) fn body(self) -> UnsyncBoxBody<Bytes, io::Error> {
        let pieces = stream::unfold(Some(self), |passing| async {
            let mut passing = passing?;
            match passing.next().await {
                Ok(Some(piece)) => Some((Ok(Frame::data(piece)), Some(passing))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        });
        StreamBody::new(pieces).boxed_unsync()
    }

    /// The next piece that is not empty.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let came = self.response.chunk().await;
            let (passed, is_end) = match came.map_err(|e| io::Error::other(e.without_url()))? {
                Some(piece) => {
                    self.received += piece.len() as u64;
                    self.reader.feed(&piece);
                    (self.sieve.pass(&piece), false)
                }
                None => (self.sieve.rest(), true),
            };
            if !passed.is_empty() {
                return Ok(Some(passed.into()));
            }
            if is_end {
                return Ok(None);
            }
        }
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        if self.sieve.found {
            tracing::warn!("the key of a model's provider stood in an answer, and was taken out");
        }
        let reader = std::mem::replace(&mut self.reader, Reader::new(true));
        if let Some(reservation) = self.reservation.take() {
            let tokens = reader.settle(reservation.most());
            reservation.settle(tokens);
        }
        self.run.tell(Told::Call(Call {
            what: std::mem::take(&mut self.what),
            reached: Reached::Allowed,
            sent: self.sent,
            received: self.received,
        }));
        self.run.look_at_account();
    }
}
