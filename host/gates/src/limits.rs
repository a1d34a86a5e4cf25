//! Under what does one evaluation run: what it may use, and what its clock and random numbers are made of?

/// What the clock and the random numbers of an evaluation are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Seed {
    /// Id of the evaluation.
    pub evaluation: i64,
    /// Its start, Unix milliseconds.
    pub now_ms: i64,
}

/// Limits of one evaluation. The defaults are the production limits; configuration may only lower them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// Bytes of linear memory, summed over all memories.
    pub memory_bytes: u64,
    /// Table elements, summed over all tables.
    pub table_elements: u64,
    /// Resource handles.
    pub handles: usize,
    /// Bytes the guest may hand over in one call, its result included.
    pub handed_over_bytes: usize,
    /// CPU time of the guest, milliseconds; rounded up to ticks of 10 ms.
    pub cpu_ms: u64,
    /// Wall clock, milliseconds, tool runs aside.
    pub wall_ms: u64,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Bytes read through host functions.
    pub read_bytes: u64,
    /// Log lines; later ones are dropped and the dropping is said once.
    pub log_lines: usize,
    /// Bytes of one log line; longer ones are cut.
    pub log_line_bytes: usize,
    /// Findings of a verdict.
    pub findings: usize,
    /// Frontmatter fields of a verdict.
    pub fields: usize,
    /// Bytes of the report; a longer one is cut and says so.
    pub report_bytes: usize,
    /// Bytes of the summary and of each finding's texts; longer ones are cut.
    pub text_bytes: usize,
}

const MIB: u64 = 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 * MIB,
            table_elements: 20_000,
            handles: 256,
            handed_over_bytes: 4 * 1024 * 1024,
            cpu_ms: 5_000,
            wall_ms: 30_000,
            host_calls: 10_000,
            read_bytes: 64 * MIB,
            log_lines: 1_000,
            log_line_bytes: 4 * 1024,
            findings: 500,
            fields: 64,
            report_bytes: 256 * 1024,
            text_bytes: 32 * 1024,
        }
    }
}

impl Limits {
    /// Limits of `describe` and `check-settings`, which ask the host nothing.
    pub fn inspection() -> Self {
        Self {
            cpu_ms: 250,
            wall_ms: 2_000,
            host_calls: 0,
            log_lines: 0,
            ..Self::default()
        }
    }
}
