//! Counts what one evaluation uses, and says no at the limit with the reason on record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use orch_domain::imports::LogLevel;
use orch_domain::verdict::{Inconclusive, InconclusiveReason};
use rustix::time::{ClockId, clock_gettime};
use wasmtime::{ResourceLimiter, UpdateDeadline};

use crate::limits::Limits;

/// CPU time of this thread, microseconds.
fn thread_cpu_us() -> u64 {
    let at = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(at.tv_sec).unwrap_or(0);
    seconds * 1_000_000 + u64::try_from(at.tv_nsec).unwrap_or(0) / 1_000
}

/// When guest code began to run on this thread: set at every poll of the evaluation and after every host
/// call, so that a stretch always begins and ends on one thread.
#[derive(Debug, Default)]
pub(crate) struct Stretch(AtomicU64);

impl Stretch {
    /// Guest code runs from here on.
    pub(crate) fn begin(&self) {
        self.0.store(thread_cpu_us(), Ordering::Relaxed);
    }

    /// CPU time since then, microseconds.
    fn end(&self) -> u64 {
        thread_cpu_us().saturating_sub(self.0.load(Ordering::Relaxed))
    }
}

/// The error a refused guest is trapped with; what it stands for is in [`Meter::cause`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) Inconclusive);

/// Time an evaluation spends in tool runs, which the wall clock does not count.
#[derive(Debug, Default)]
pub(crate) struct Paused {
    spent_ms: AtomicU64,
    running: AtomicBool,
}

impl Paused {
    /// Time of the runs that have ended.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_millis(self.spent_ms.load(Ordering::Relaxed))
    }

    /// Whether a tool runs now.
    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// A tool run begins.
    pub(crate) fn begin(&self) {
        self.running.store(true, Ordering::Relaxed);
    }

    /// A tool run has ended after `spent`.
    pub(crate) fn end(&self, spent: Duration) {
        self.spent_ms.fetch_add(
            u64::try_from(spent.as_millis()).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
        self.running.store(false, Ordering::Relaxed);
    }
}

/// One line that a gate logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// The line, cut to its bound.
    pub text: String,
}

/// What one evaluation has used.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) limits: Limits,
    pub(crate) cause: Option<Inconclusive>,
    pub(crate) cpu_us: u64,
    pub(crate) stretch: Arc<Stretch>,
    pub(crate) memory_bytes: u64,
    table_elements: u64,
    pub(crate) host_calls: u64,
    pub(crate) read_bytes: u64,
    pub(crate) logs: Vec<LogLine>,
    logs_cut: bool,
    pub(crate) paused: Arc<Paused>,
}

impl Meter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            cause: None,
            cpu_us: 0,
            stretch: Arc::default(),
            memory_bytes: 0,
            table_elements: 0,
            host_calls: 0,
            read_bytes: 0,
            logs: Vec::new(),
            logs_cut: false,
            paused: Arc::default(),
        }
    }

    /// Records why the evaluation ends; the first reason stands.
    pub(crate) fn refuse(&mut self, reason: InconclusiveReason, detail: String) -> wasmtime::Error {
        let cause = self
            .cause
            .get_or_insert_with(|| Inconclusive::new(reason, detail));
        wasmtime::Error::from(Refused(cause.clone()))
    }

    /// Called at each expiry of the epoch deadline while guest code runs.
    pub(crate) fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        self.charge()?;
        self.stretch.begin();
        Ok(UpdateDeadline::Yield(1))
    }

    /// Charges the guest for the stretch that ends here: its own CPU time, never that of the host.
    fn charge(&mut self) -> wasmtime::Result<()> {
        self.cpu_us = self.cpu_us.saturating_add(self.stretch.end());
        if self.cpu_us > self.limits.cpu_ms.saturating_mul(1_000) {
            let detail = format!("it used more than {} ms of CPU", self.limits.cpu_ms);
            return Err(self.refuse(InconclusiveReason::Cpu, detail));
        }
        Ok(())
    }

    /// Called before each host call.
    pub(crate) fn enter(&mut self) -> wasmtime::Result<()> {
        self.charge()?;
        self.host_calls += 1;
        if self.host_calls > self.limits.host_calls {
            let detail = format!("it made more than {} host calls", self.limits.host_calls);
            return Err(self.refuse(InconclusiveReason::HostCalls, detail));
        }
        Ok(())
    }

    /// Called after each host call with the bytes that it answered.
    pub(crate) fn leave(&mut self, bytes: u64) -> wasmtime::Result<()> {
        self.stretch.begin();
        self.read_bytes = self.read_bytes.saturating_add(bytes);
        if self.read_bytes > self.limits.read_bytes {
            let detail = format!("it read more than {} bytes", self.limits.read_bytes);
            return Err(self.refuse(InconclusiveReason::HostCalls, detail));
        }
        Ok(())
    }

    /// Keeps a log line within the bounds.
    pub(crate) fn log(&mut self, level: LogLevel, message: &str) {
        if self.logs.len() >= self.limits.log_lines {
            if !self.logs_cut && self.limits.log_lines > 0 {
                self.logs_cut = true;
                self.logs.push(LogLine {
                    level: LogLevel::Warn,
                    text: "(further log lines are dropped)".to_owned(),
                });
            }
            return;
        }
        let mut end = message.len().min(self.limits.log_line_bytes);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        self.logs.push(LogLine {
            level,
            text: message[..end].to_owned(),
        });
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // Wasmtime's own limiter counts each memory by itself; a component may have several.
        let grown = (desired as u64).saturating_sub(current as u64);
        let sum = self.memory_bytes.saturating_add(grown);
        if sum > self.limits.memory_bytes {
            let detail = format!(
                "it asked for {sum} bytes of memory, more than {}",
                self.limits.memory_bytes
            );
            return Err(self.refuse(InconclusiveReason::Memory, detail));
        }
        self.memory_bytes = sum;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grown = (desired as u64).saturating_sub(current as u64);
        let sum = self.table_elements.saturating_add(grown);
        if sum > self.limits.table_elements {
            let detail = format!(
                "it asked for {sum} table elements, more than {}",
                self.limits.table_elements
            );
            return Err(self.refuse(InconclusiveReason::Table, detail));
        }
        self.table_elements = sum;
        Ok(true)
    }
}
