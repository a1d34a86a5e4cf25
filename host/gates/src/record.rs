//! What the host answered during an evaluation: written down once, and answered from again.
//!
//! Clock and random numbers of an evaluation are fixed, so a verdict follows from the gate's bytes, its
//! settings and these answers alone.

use std::collections::VecDeque;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::limits::{Limits, Seed};

/// Bytes of a recording; an evaluation that was answered with more cannot be replayed.
pub const RECORDING_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One host call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Call {
    name: String,
    /// Digest of the arguments: what a candidate asks is compared, not kept.
    args: String,
    answer: serde_json::Value,
}

/// An evaluation that can be run again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// Name of the gate.
    pub gate: String,
    /// Digest of the gate's bytes.
    pub digest: String,
    /// Clock and random numbers.
    pub seed: Seed,
    /// Limits it ran under.
    pub limits: Limits,
    calls: Vec<Call>,
}

impl Recording {
    /// How many host calls it holds.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }
}

/// A recording in the making.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    calls: Vec<Call>,
    bytes: usize,
}

impl Recorder {
    pub(crate) fn push(&mut self, name: &str, args: &impl Serialize, answer: &impl Serialize) {
        if self.bytes > RECORDING_BYTES_MAX {
            return;
        }
        let answer = serde_json::to_value(answer).unwrap_or_default();
        self.bytes += answer.to_string().len() + 100;
        if self.bytes > RECORDING_BYTES_MAX {
            // Half a recording is none.
            self.calls.clear();
            return;
        }
        self.calls.push(Call {
            name: name.to_owned(),
            args: digest_of(args),
            answer,
        });
    }

    /// The whole recording; none if it went over the bound.
    pub(crate) fn finish(
        self,
        gate: &str,
        digest: &str,
        seed: Seed,
        limits: Limits,
    ) -> Option<Recording> {
        (self.bytes <= RECORDING_BYTES_MAX).then(|| Recording {
            gate: gate.to_owned(),
            digest: digest.to_owned(),
            seed,
            limits,
            calls: self.calls,
        })
    }
}

/// Answers from a recording.
#[derive(Debug)]
pub(crate) struct Replay {
    left: VecDeque<Call>,
}

impl Replay {
    pub(crate) fn of(recording: &Recording) -> Self {
        Self {
            left: recording.calls.iter().cloned().collect(),
        }
    }

    /// The recorded answer to this call: the next one in order, or, for a candidate that asks in another
    /// order, the first one to the very same question.
    pub(crate) fn next<T: DeserializeOwned>(
        &mut self,
        name: &str,
        args: &impl Serialize,
    ) -> Result<T, String> {
        let digest = digest_of(args);
        let fits = |call: &Call| call.name == name && call.args == digest;
        let at = self.left.iter().position(fits).ok_or_else(|| {
            format!("the recording has no answer to `{name}` as it is asked here")
        })?;
        // Log calls and repeated questions are answered once each, as they were.
        let call = self.left.remove(at);
        let answer = call.map(|call| call.answer).unwrap_or_default();
        serde_json::from_value(answer).map_err(|e| format!("the recorded answer to `{name}`: {e}"))
    }
}

/// What becomes of host calls.
#[derive(Debug, Default)]
pub(crate) enum Tape {
    /// They are answered and forgotten.
    #[default]
    Off,
    /// They are answered and written down.
    Recording(Recorder),
    /// They are answered from a recording.
    Replaying(Replay),
}

fn digest_of(args: &impl Serialize) -> String {
    let text = serde_json::to_string(args).unwrap_or_default();
    hex::encode(Sha256::digest(text.as_bytes()))
}
