//! A connection to the outside whose bytes are counted, for itself and for the whole run, and which ends at the limit. Its
//! record is written when it ends, however it ends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use orch_domain::reach::{Reached, Target};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::{Limits, Record};

/// What a run has moved, and where it is written down.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) limits: Limits,
    sent: AtomicU64,
    /// Of that, to where packages are only fetched from.
    fetch_sent: AtomicU64,
    received: AtomicU64,
    records: mpsc::Sender<Record>,
}

impl Meter {
    pub(crate) fn new(limits: Limits, records: mpsc::Sender<Record>) -> Self {
        Self {
            limits,
            sent: AtomicU64::new(0),
            fetch_sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            records,
        }
    }

    /// Writes down what became of a connection. A run that asks faster than records are kept loses the last of them.
    pub(crate) fn record(&self, record: Record) {
        if self.records.try_send(record).is_err() {
            tracing::debug!("a record of a connection is lost: too many at once");
        }
    }

    fn is_over(&self) -> bool {
        self.sent.load(Ordering::Relaxed) > self.limits.sent_bytes
            || self.received.load(Ordering::Relaxed) > self.limits.received_bytes
    }
}

/// A connection to a target.
#[derive(Debug)]
pub(crate) struct Metered {
    stream: TcpStream,
    target: Target,
    meter: Arc<Meter>,
    is_fetch_only: bool,
    sent: u64,
    received: u64,
    /// What becomes of it; the caller may know better than that it was made.
    pub(crate) reached: Reached,
}

impl Metered {
    pub(crate) fn new(
        stream: TcpStream,
        target: Target,
        meter: Arc<Meter>,
        is_fetch_only: bool,
    ) -> Self {
        Self {
            stream,
            is_fetch_only,
            target,
            meter,
            sent: 0,
            received: 0,
            reached: Reached::Allowed,
        }
    }

    fn hold(&mut self) -> io::Result<()> {
        let limits = self.meter.limits;
        let to_fetch = self.meter.fetch_sent.load(Ordering::Relaxed);
        if self.meter.is_over()
            || self.sent > limits.connection_sent_bytes
            || (self.is_fetch_only && to_fetch > limits.fetch_sent_bytes)
        {
            self.reached = Reached::TooMuch;
            return Err(io::Error::other(Reached::TooMuch.in_words()));
        }
        Ok(())
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        self.meter.record(Record {
            host: self.target.host().to_owned(),
            port: self.target.port(),
            reached: self.reached,
            sent: self.sent,
            received: self.received,
        });
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.hold()?;
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let came = (buf.filled().len() - before) as u64;
        self.received += came;
        self.meter.received.fetch_add(came, Ordering::Relaxed);
        polled
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.hold()?;
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(count)) = polled {
            self.sent += count as u64;
            self.meter.sent.fetch_add(count as u64, Ordering::Relaxed);
            if self.is_fetch_only {
                let meter = &self.meter.fetch_sent;
                meter.fetch_add(count as u64, Ordering::Relaxed);
            }
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
