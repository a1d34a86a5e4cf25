//! One evaluation: a fresh store, a call under every limit, and a reason for whatever goes wrong.

use std::sync::Arc;
use std::time::{Duration, Instant};

use orch_domain::imports::GateImports;
use orch_domain::verdict::{Descriptor, Inconclusive, InconclusiveReason, Verdict};
use wasmtime::{Store, Trap};

use crate::contract::Grants;
use crate::contract::bindings::orch::gate::types::GateError;
use crate::contract::bindings::{Full, FullPre};
use crate::convert;
use crate::gate::LoadedGate;
use crate::limits::{Limits, Seed};
use crate::meter::{LogLine, Refused};
use crate::record::{Recorder, Recording, Replay, Tape};
use crate::runtime::GateRuntime;
use crate::state::State;
use crate::ticker::TICK;
use crate::verdict::{check_verdict, clean};

/// What an evaluation used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EvaluationStats {
    /// Microseconds from call to answer.
    pub elapsed_us: u64,
    /// CPU time of the guest, microseconds.
    pub cpu_us: u64,
    /// Bytes of linear memory, summed.
    pub memory_bytes: u64,
    /// Host calls made.
    pub host_calls: u64,
    /// Bytes read through host calls.
    pub read_bytes: u64,
}

/// What an evaluation came to.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The verdict, or why there is none.
    pub result: Result<Verdict, Inconclusive>,
    /// What it used.
    pub stats: EvaluationStats,
    /// What the gate logged, within the bounds.
    pub logs: Vec<LogLine>,
}

impl Evaluation {
    /// An evaluation that never began.
    pub fn refused(inconclusive: Inconclusive) -> Self {
        Self {
            result: Err(inconclusive),
            stats: EvaluationStats::default(),
            logs: Vec::new(),
        }
    }
}

/// An evaluation with what the host answered in it.
#[derive(Debug, Clone)]
pub struct RecordedEvaluation {
    /// What it came to.
    pub evaluation: Evaluation,
    /// The answers; none if there was no call, or if they were too many to keep.
    pub recording: Option<Recording>,
}

/// Which export is called.
enum Call<'a> {
    Evaluate,
    Describe,
    CheckSettings(&'a str),
}

/// What an export answered.
enum Answer {
    Verdict(Box<Result<Verdict, Inconclusive>>),
    Descriptor(Box<Descriptor>),
    Problems(Vec<String>),
}

impl GateRuntime {
    /// Judges one task. Never panics and never answers a pass that the gate did not return.
    pub async fn evaluate(
        &self,
        gate: &LoadedGate,
        imports: Arc<dyn GateImports>,
        grants: &Grants,
        limits: &Limits,
        seed: Seed,
    ) -> Evaluation {
        if let Some(denied) = denied(gate, grants) {
            return denied;
        }
        let state = State::new(Some(imports), *limits, seed);
        self.judged(gate, state, limits).await.0
    }

    /// Judges one task and writes down what the host answered.
    pub async fn evaluate_recorded(
        &self,
        gate: &LoadedGate,
        imports: Arc<dyn GateImports>,
        grants: &Grants,
        limits: &Limits,
        seed: Seed,
    ) -> RecordedEvaluation {
        if let Some(evaluation) = denied(gate, grants) {
            return RecordedEvaluation {
                evaluation,
                recording: None,
            };
        }
        let mut state = State::new(Some(imports), *limits, seed);
        state.tape = Tape::Recording(Recorder::default());
        let (evaluation, tape) = self.judged(gate, state, limits).await;
        let recording = match tape {
            Tape::Recording(recorder) => recorder.finish(&gate.name, &gate.digest, seed, *limits),
            Tape::Off | Tape::Replaying(_) => None,
        };
        RecordedEvaluation {
            evaluation,
            recording,
        }
    }

    /// Judges again what was judged before, with the host's answers of then. For the same bytes the verdict
    /// is the same; a candidate that asks something else is inconclusive.
    pub async fn replay(&self, gate: &LoadedGate, recording: &Recording) -> Evaluation {
        let mut state = State::new(None, recording.limits, recording.seed);
        state.tape = Tape::Replaying(Replay::of(recording));
        self.judged(gate, state, &recording.limits).await.0
    }

    async fn judged(&self, gate: &LoadedGate, state: State, limits: &Limits) -> (Evaluation, Tape) {
        let started = Instant::now();
        let (answer, mut state) = self.call(&gate.pre, state, Call::Evaluate).await;
        let result = match answer {
            Ok(Answer::Verdict(result)) => {
                result.and_then(|v| check_verdict(v, &gate.descriptor, limits))
            }
            Ok(Answer::Descriptor(_) | Answer::Problems(_)) => Err(Inconclusive::new(
                InconclusiveReason::Internal,
                "another export answered",
            )),
            Err(inconclusive) => Err(inconclusive),
        };
        let meter = &mut state.meter;
        let stats = EvaluationStats {
            elapsed_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            cpu_us: meter.cpu_us,
            memory_bytes: meter.memory_bytes,
            host_calls: meter.host_calls,
            read_bytes: meter.read_bytes,
        };
        let evaluation = Evaluation {
            result,
            stats,
            logs: std::mem::take(&mut meter.logs),
        };
        (evaluation, state.tape)
    }

    /// Problems with settings: first those the schema finds, then the gate's own.
    ///
    /// # Errors
    /// [`Inconclusive`] if the gate does not answer.
    pub async fn check_settings(
        &self,
        gate: &LoadedGate,
        settings: &str,
    ) -> Result<Vec<String>, Inconclusive> {
        let value: serde_json::Value = match serde_json::from_str(settings) {
            Ok(value) => value,
            Err(error) => return Ok(vec![format!("the settings are no JSON: {error}")]),
        };
        if let Some(validator) = &gate.settings_validator {
            let problems: Vec<String> = validator
                .iter_errors(&value)
                .take(20)
                .map(|error| {
                    let at = error.instance_path().to_string();
                    if at.is_empty() {
                        error.to_string()
                    } else {
                        format!("`{at}`: {error}")
                    }
                })
                .collect();
            if !problems.is_empty() {
                return Ok(problems);
            }
        }
        match self
            .call(&gate.pre, inspected(), Call::CheckSettings(settings))
            .await
            .0?
        {
            Answer::Problems(problems) => {
                Ok(problems.iter().take(20).map(|p| clean(p, 500)).collect())
            }
            Answer::Verdict(_) | Answer::Descriptor(_) => Err(Inconclusive::new(
                InconclusiveReason::Internal,
                "another export answered",
            )),
        }
    }

    /// What a component says of itself, with every import denied.
    pub(crate) async fn describe(&self, pre: &FullPre<State>) -> Result<Descriptor, Inconclusive> {
        match self.call(pre, inspected(), Call::Describe).await.0? {
            Answer::Descriptor(descriptor) => Ok(*descriptor),
            Answer::Verdict(_) | Answer::Problems(_) => Err(Inconclusive::new(
                InconclusiveReason::Internal,
                "another export answered",
            )),
        }
    }

    async fn call(
        &self,
        pre: &FullPre<State>,
        state: State,
        call: Call<'_>,
    ) -> (Result<Answer, Inconclusive>, State) {
        let Ok(_slot) = self.0.slots.acquire().await else {
            let closed = Inconclusive::new(InconclusiveReason::Internal, "the runtime is closed");
            return (Err(closed), state);
        };
        let _asking = self.0.ticker.asking();
        let wall = Duration::from_millis(state.meter.limits.wall_ms);
        let paused = state.meter.paused.clone();
        let mut store = Store::new(&self.0.engine, state);
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(store.data().meter.limits.handed_over_bytes);
        store.set_max_component_handles(store.data().meter.limits.handles);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context| context.data_mut().meter.tick());
        let stretch = store.data().meter.stretch.clone();
        let answer = {
            let asking = ask(&mut store, pre, call);
            tokio::pin!(asking);
            let work = std::future::poll_fn(move |context| {
                // Each poll may run on another thread; its CPU clock starts here.
                stretch.begin();
                asking.as_mut().poll(context)
            });
            tokio::pin!(work);
            let begun = tokio::time::Instant::now();
            loop {
                let given = wall + paused.spent();
                tokio::select! {
                    biased;
                    answer = &mut work => break answer,
                    () = tokio::time::sleep_until(begun + given) => {}
                }
                if paused.is_running() {
                    // Its time is known when it ends; until then the clock stands.
                    tokio::select! {
                        biased;
                        answer = &mut work => break answer,
                        () = tokio::time::sleep(TICK) => {}
                    }
                } else if wall + paused.spent() <= given {
                    let detail = format!("it took longer than {} ms", wall.as_millis());
                    break Err(Inconclusive::new(InconclusiveReason::Wall, detail));
                }
            }
        };
        (answer, store.into_data())
    }
}

/// The refusal of a gate that imports what it was not granted; it is not even started.
fn denied(gate: &LoadedGate, grants: &Grants) -> Option<Evaluation> {
    let missing = gate.imports.iter().find(|i| !grants.allows(**i))?;
    let name = missing.as_str();
    let detail = format!(
        "gate `{}` imports `{name}` ({}), which is not granted here; grant it in orch.yaml, and for `orch gate run` give `--tools`",
        gate.name,
        missing.in_words()
    );
    Some(Evaluation::refused(Inconclusive::new(
        InconclusiveReason::Denied,
        detail,
    )))
}

fn inspected() -> State {
    State::new(
        None,
        Limits::inspection(),
        Seed {
            evaluation: 0,
            now_ms: 0,
        },
    )
}

async fn ask(
    store: &mut Store<State>,
    pre: &FullPre<State>,
    call: Call<'_>,
) -> Result<Answer, Inconclusive> {
    let instance: Full = match pre.instantiate_async(&mut *store).await {
        Ok(instance) => instance,
        Err(error) => return Err(reason(store, &error, InconclusiveReason::Init)),
    };
    let gate = instance.orch_gate_gate();
    match call {
        Call::Evaluate => match gate.call_evaluate(&mut *store).await {
            Ok(Ok(verdict)) => Ok(Answer::Verdict(Box::new(Ok(convert::verdict(verdict))))),
            Ok(Err(error)) => Ok(Answer::Verdict(Box::new(Err(gate_error(error))))),
            Err(error) => Err(reason(store, &error, InconclusiveReason::Trap)),
        },
        Call::Describe => match gate.call_describe(&mut *store).await {
            Ok(descriptor) => Ok(Answer::Descriptor(Box::new(convert::descriptor(
                descriptor,
            )))),
            Err(error) => Err(reason(store, &error, InconclusiveReason::Trap)),
        },
        Call::CheckSettings(settings) => {
            match gate.call_check_settings(&mut *store, settings).await {
                Ok(problems) => Ok(Answer::Problems(problems)),
                Err(error) => Err(reason(store, &error, InconclusiveReason::Trap)),
            }
        }
    }
}

fn gate_error(error: GateError) -> Inconclusive {
    match error {
        GateError::Misconfigured(why) => {
            Inconclusive::new(InconclusiveReason::Misconfigured, clean(&why, 4096))
        }
        GateError::Unavailable(why) => {
            Inconclusive::new(InconclusiveReason::Unavailable, clean(&why, 4096))
        }
        GateError::Internal(why) => {
            Inconclusive::new(InconclusiveReason::Internal, clean(&why, 4096))
        }
    }
}

/// Wasmtime's text for a guest that hands over too much; its type is private. A test of the hostile corpus
/// fails if the words change.
const HANDED_OVER: &str = "too much data is being copied between the host and the guest";

/// Wasmtime's text for a guest that holds too many handles, of its own resources or of the host's; likewise.
const HANDLES: &str = "store handle limit exceeded";

/// Most of a guest's last words that go with a trap, in bytes.
const SAID_BYTES_MAX: usize = 2_000;

/// Maps an error to its closed-list reason: our own refusals first, then wasmtime's traps.
fn reason(
    store: &Store<State>,
    error: &wasmtime::Error,
    otherwise: InconclusiveReason,
) -> Inconclusive {
    if let Some(cause) = &store.data().meter.cause {
        return cause.clone();
    }
    if let Some(Refused(cause)) = error.downcast_ref::<Refused>() {
        return cause.clone();
    }
    let text = format!("{error:#}");
    if text.contains(HANDED_OVER) {
        return Inconclusive::new(
            InconclusiveReason::Output,
            "it handed over more bytes than the host takes",
        );
    }
    let table_full = error.downcast_ref::<wasmtime::component::ResourceTableError>();
    if table_full.is_some() || text.contains(HANDLES) {
        return Inconclusive::new(InconclusiveReason::Table, "it holds too many handles");
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => Inconclusive::new(InconclusiveReason::Cpu, "it was interrupted"),
        Some(trap) => {
            let said = clean(&store.data().last_words.text(), SAID_BYTES_MAX);
            let detail = match said.as_str() {
                "" => trap.to_string(),
                said => format!("{trap}; it said: {said}"),
            };
            Inconclusive::new(InconclusiveReason::Trap, detail)
        }
        None => Inconclusive::new(otherwise, text),
    }
}
