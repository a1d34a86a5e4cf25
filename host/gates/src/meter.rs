//! Counts what one evaluation uses, and says no at the limit with the reason on record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use orch_domain::imports::LogLevel;
use orch_domain::verdict::{Inconclusive, InconclusiveReason};
use wasmtime::{ResourceLimiter, UpdateDeadline};

use crate::limits::Limits;
use crate::runtime::TICK;

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

/// What one evaluation has used.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) limits: Limits,
    pub(crate) cause: Option<Inconclusive>,
    pub(crate) ticks: u64,
    in_host: Duration,
    pub(crate) memory_bytes: u64,
    table_elements: u64,
    pub(crate) host_calls: u64,
    pub(crate) read_bytes: u64,
    pub(crate) logs: Vec<(LogLevel, String)>,
    logs_cut: bool,
    pub(crate) paused: Arc<Paused>,
}

impl Meter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            cause: None,
            ticks: 0,
            in_host: Duration::ZERO,
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

    /// Called at each expiry of the epoch deadline while guest code runs. A tick that the guest spent waiting
    /// for the host is not its own: only time in the guest is charged.
    pub(crate) fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        let waited = std::mem::take(&mut self.in_host);
        if waited < TICK {
            self.ticks += 1;
        }
        let budget = self
            .limits
            .cpu_ms
            .div_ceil(u64::try_from(TICK.as_millis()).unwrap_or(10));
        if self.ticks > budget {
            let detail = format!("it used more than {} ms of CPU", self.limits.cpu_ms);
            return Err(self.refuse(InconclusiveReason::Cpu, detail));
        }
        Ok(UpdateDeadline::Yield(1))
    }

    /// Called before each host call.
    pub(crate) fn enter(&mut self) -> wasmtime::Result<Instant> {
        self.host_calls += 1;
        if self.host_calls > self.limits.host_calls {
            let detail = format!("it made more than {} host calls", self.limits.host_calls);
            return Err(self.refuse(InconclusiveReason::HostCalls, detail));
        }
        Ok(Instant::now())
    }

    /// Called after each host call with the bytes that it answered.
    pub(crate) fn leave(&mut self, entered: Instant, bytes: u64) -> wasmtime::Result<()> {
        self.in_host += entered.elapsed();
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
                self.logs
                    .push((LogLevel::Warn, "(further log lines are dropped)".to_owned()));
            }
            return;
        }
        let mut end = message.len().min(self.limits.log_line_bytes);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        self.logs.push((level, message[..end].to_owned()));
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
