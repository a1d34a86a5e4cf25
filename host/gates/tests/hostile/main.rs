//! Gates that misbehave: each is answered with its reason, the host stays up, and a neighbour that is evaluated
//! at the same time passes.

mod corpus;
mod images;
mod kit;
mod library;
mod refusals;

use std::sync::Arc;
use std::time::Duration;

use kit::{Answers, Guest, body, core_of, guest, made, quick};
use orch_domain::verdict::{Decision, Inconclusive, InconclusiveReason as Reason};
use orch_gates::{
    Evaluation, GateRuntime, Grants, Interface, Limits, LoadError, LoadedGate, RuntimeConfig, Seed,
};

fn runtime() -> GateRuntime {
    GateRuntime::new(RuntimeConfig {
        concurrency: 4,
        ..RuntimeConfig::default()
    })
    .expect("the engine starts")
}

async fn load(runtime: &GateRuntime, bytes: Vec<u8>) -> Arc<LoadedGate> {
    runtime
        .load_bytes("guest", bytes)
        .await
        .unwrap_or_else(|e| panic!("{e}"))
}

const SEED: Seed = Seed {
    evaluation: 7,
    now_ms: 1_000,
};

async fn ask(
    runtime: &GateRuntime,
    gate: &LoadedGate,
    answers: Arc<Answers>,
    limits: &Limits,
) -> Evaluation {
    runtime
        .evaluate(gate, answers, &Grants::reading(), limits, SEED)
        .await
}

fn limits() -> Limits {
    Limits {
        cpu_ms: 300,
        ..Limits::default()
    }
}

fn passes(evaluation: &Evaluation) -> bool {
    matches!(&evaluation.result, Ok(verdict) if verdict.decision == Decision::Pass)
}

#[tokio::test]
async fn flood_of_log_lines_is_cut_once_and_harmless() {
    let runtime = runtime();
    let gate = load(&runtime, guest("log-flood")).await;
    let done = ask(&runtime, &gate, quick(), &limits()).await;
    assert!(passes(&done), "{:?}", done.result);
    assert_eq!(done.logs.len(), limits().log_lines + 1);
    assert!(
        done.logs
            .last()
            .is_some_and(|line| line.text.contains("dropped"))
    );
    assert_eq!(done.stats.host_calls, 5_000);
}

#[tokio::test]
async fn memory_is_summed_over_all_memories() {
    let runtime = runtime();
    let gate = load(&runtime, guest("many-memories")).await;
    let roomy = Limits {
        memory_bytes: 90 * 1024 * 1024,
        ..limits()
    };
    assert!(
        passes(&ask(&runtime, &gate, quick(), &roomy).await),
        "no single memory is too large"
    );
    let done = ask(&runtime, &gate, quick(), &limits()).await;
    assert!(matches!(
        done.result,
        Err(Inconclusive {
            reason: Reason::Memory,
            ..
        })
    ));
}

#[tokio::test]
async fn handles_are_limited_be_they_the_hosts_or_its_own() {
    let runtime = runtime();
    let hoard = |make: &str, count: usize| {
        format!(
            "(local $i i32) (loop $l (drop {make}) (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const {count}))))"
        )
    };
    for make in ["(call $stdout)", "(call $thing (i32.const 1))"] {
        let most = limits().handles;
        for (count, ends) in [(most, None), (most + 1, Some(Reason::Table))] {
            let gate = load(
                &runtime,
                made(Guest {
                    evaluate: &hoard(make, count),
                    ..Guest::default()
                }),
            )
            .await;
            let done = ask(&runtime, &gate, quick(), &limits()).await;
            let reason = done.result.as_ref().err().map(|cause| cause.reason);
            assert_eq!(reason, ends, "{make} {count} times: {:?}", done.result);
        }
    }
}

#[tokio::test]
async fn waiting_for_the_host_costs_the_guest_no_cpu() {
    let runtime = runtime();
    let gate = load(&runtime, guest("asks-artefacts")).await;
    let slow = Arc::new(Answers {
        wait: Some(Duration::from_millis(400)),
        never: false,
        ..Answers::default()
    });
    let tight = Limits {
        cpu_ms: 50,
        ..Limits::default()
    };
    let done = ask(&runtime, &gate, slow, &tight).await;
    assert!(passes(&done), "{:?}", done.result);
    assert!(done.stats.cpu_us <= 50_000, "{} µs", done.stats.cpu_us);
}

#[tokio::test]
async fn host_that_never_answers_ends_by_the_wall_clock() {
    let runtime = runtime();
    let gate = load(&runtime, guest("asks-artefacts")).await;
    let silent = Arc::new(Answers {
        wait: None,
        never: true,
        ..Answers::default()
    });
    let short = Limits {
        wall_ms: 200,
        ..Limits::default()
    };
    let done = ask(&runtime, &gate, silent, &short).await;
    assert!(
        matches!(
            done.result,
            Err(Inconclusive {
                reason: Reason::Wall,
                ..
            })
        ),
        "{:?}",
        done.result
    );
}

#[tokio::test]
async fn tool_run_does_not_count_against_the_wall_clock() {
    let runtime = runtime();
    let zeros = "(i32.const 0) ".repeat(8);
    let run = format!("(call $run {zeros} (i32.const 8192))");
    let gate = load(
        &runtime,
        made(Guest {
            evaluate: &run,
            ..Guest::default()
        }),
    )
    .await;
    let slow = Arc::new(Answers {
        wait: Some(Duration::from_millis(600)),
        never: false,
        ..Answers::default()
    });
    let short = Limits {
        wall_ms: 150,
        ..Limits::default()
    };
    let grants = Grants::of([Interface::Tools]);
    let done = runtime.evaluate(&gate, slow, &grants, &short, SEED).await;
    assert!(passes(&done), "{:?}", done.result);
}

#[tokio::test]
async fn import_that_is_not_granted_is_refused_before_the_gate_runs() {
    let runtime = runtime();
    let evaluate = "(call $get (i32.const 0) (i32.const 0) (i32.const 8192))";
    let bytes = made(Guest {
        evaluate,
        ..Guest::default()
    });
    let gate = load(&runtime, bytes).await;
    assert_eq!(gate.imports, [Interface::Http]);
    let done = ask(&runtime, &gate, quick(), &limits()).await;
    let Err(cause) = done.result else {
        panic!("it ran")
    };
    assert_eq!(cause.reason, Reason::Denied);
    assert!(
        cause.detail.contains("`http`") && cause.detail.contains("orch.yaml"),
        "{cause}"
    );
    assert_eq!(done.stats.host_calls, 0);
}

async fn refused(bytes: Vec<u8>) -> LoadError {
    match runtime().load_bytes("guest", bytes).await {
        Ok(gate) => panic!("{gate:?} was loaded"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn what_is_no_gate_is_refused_by_name_and_reason() {
    let whole = guest("pass");
    for bytes in [
        Vec::new(),
        b"not wasm at all".to_vec(),
        whole[..whole.len() / 2].to_vec(),
    ] {
        assert!(matches!(refused(bytes).await, LoadError::NotComponent(_)));
    }
    let module = refused(core_of(Guest::default())).await;
    assert!(matches!(&module, LoadError::NotComponent(_)), "{module}");
    let evaluate = "(call $send)";
    let foreign = refused(made(Guest {
        evaluate,
        ..Guest::default()
    }))
    .await;
    assert!(
        matches!(&foreign, LoadError::UnknownImport { import } if import == "evil:net/exfil"),
        "{foreign}"
    );
    let other = wat::parse_str("(component)").expect("an empty component");
    assert!(matches!(refused(other).await, LoadError::Incompatible(_)));
}

#[tokio::test]
async fn describe_runs_under_limits_and_may_ask_nothing() {
    let describe = body("loop");
    let endless = refused(made(Guest {
        describe: &describe,
        ..Guest::default()
    }))
    .await;
    assert!(
        matches!(&endless, LoadError::Describe(cause) if cause.reason == Reason::Cpu),
        "{endless}"
    );
    let describe = "(call $log (i32.const 0) (i32.const 0) (i32.const 0))";
    let asks = refused(made(Guest {
        describe,
        ..Guest::default()
    }))
    .await;
    assert!(
        matches!(&asks, LoadError::Describe(cause) if cause.reason == Reason::Denied),
        "{asks}"
    );
}
