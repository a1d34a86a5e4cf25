//! What did a guest print last to its standard error? A trap says where it stopped, and its last words say why.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

/// Bytes that are kept; a traceback is a few lines, and whatever came before them is dropped.
const KEPT_BYTES_MAX: usize = 4 * 1024;
/// Bytes that a guest may write at once.
const WRITE_BYTES_MAX: usize = 64 * 1024;

/// The end of what was printed. Clones are the same. It always takes what it is given, so that no guest fails for
/// talking.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastWords(Arc<Mutex<VecDeque<u8>>>);

impl LastWords {
    /// The words; empty if there were none.
    pub(crate) fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = kept.iter().copied().collect();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }

    fn keep(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = &bytes[bytes.len().saturating_sub(KEPT_BYTES_MAX)..];
        let beyond = (kept.len() + last.len()).saturating_sub(KEPT_BYTES_MAX);
        let dropped = beyond.min(kept.len());
        kept.drain(..dropped);
        kept.extend(last);
    }
}

impl IsTerminal for LastWords {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LastWords {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl OutputStream for LastWords {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.keep(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(WRITE_BYTES_MAX)
    }
}

#[async_trait]
impl Pollable for LastWords {
    async fn ready(&mut self) {}
}

impl AsyncWrite for LastWords {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.keep(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_of_what_was_printed_is_kept() {
        let words = LastWords::default();
        assert_eq!(words.text(), "");
        words.keep(&vec![b'x'; KEPT_BYTES_MAX * 2]);
        words.keep(b"\nValueError: no\n");
        let text = words.text();
        assert!(text.ends_with("x\nValueError: no") && text.len() < KEPT_BYTES_MAX);
        words.keep(&vec![b'y'; KEPT_BYTES_MAX]);
        assert!(!words.text().contains('x'));
    }
}
