//! What is refused when it is loaded, each by its reason.

use orch_domain::verdict::InconclusiveReason as Reason;
use orch_gates::LoadError;

use crate::kit::{Guest, component_for, core_of, made};
use crate::{load, refused, runtime};

async fn describe_fails_with(guest: Guest<'_>, reason: Reason) {
    let error = refused(made(guest)).await;
    assert!(
        matches!(&error, LoadError::Describe(cause) if cause.reason == reason),
        "{error}"
    );
}

#[tokio::test]
async fn start_function_runs_under_the_limits_of_describe() {
    let plain = Guest::default();
    let endless = "(func $begin (loop $l (br $l))) (start $begin)";
    describe_fails_with(
        Guest {
            top: endless,
            ..plain
        },
        Reason::Cpu,
    )
    .await;
    let trap = "(func $begin (unreachable)) (start $begin)";
    describe_fails_with(Guest { top: trap, ..plain }, Reason::Trap).await;
    let greedy =
        "(func $begin (loop $l (drop (memory.grow (i32.const 100))) (br $l))) (start $begin)";
    describe_fails_with(
        Guest {
            top: greedy,
            ..plain
        },
        Reason::Memory,
    )
    .await;
}

#[tokio::test]
async fn socket_is_not_to_be_had() {
    let evaluate = "(drop (call $socket))";
    let error = refused(made(Guest {
        evaluate,
        ..Guest::default()
    }))
    .await;
    assert!(
        matches!(&error, LoadError::UnknownImport { import } if import.starts_with("wasi:sockets/")),
        "{error}"
    );
}

#[tokio::test]
async fn other_version_of_the_contract_is_named() {
    let evaluate = "(call $artefacts (i32.const 8192))";
    let text = |text: String| {
        text.replace("orch:gate@0.1.0", "orch:gate@9.0.0")
            .replace("full@0.1.0", "full@9.0.0")
    };
    let core = core_of(Guest {
        evaluate,
        ..Guest::default()
    });
    let print = renamed(core, "0.1.0", "9.0.0");
    let error = refused(component_for(print, text)).await;
    assert!(
        matches!(&error, LoadError::Incompatible(why) if why.contains("orch:gate@9.0.0")),
        "{error}"
    );
}

/// Replaces a text of the same length inside of a binary: the names of imports and exports.
fn renamed(mut bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "lengths are part of the format");
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
    }
    bytes
}

#[tokio::test]
async fn export_of_another_type_is_refused() {
    let text = |text: String| {
        text.replace(
            "evaluate: func() -> result<verdict, gate-error>;",
            "evaluate: func() -> u32;",
        )
    };
    let error = refused(component_for(core_of(Guest::default()), text)).await;
    assert!(matches!(&error, LoadError::Incompatible(_)), "{error}");
}

#[tokio::test]
async fn precompiled_code_is_no_gate() {
    let engine = wasmtime::Engine::default();
    let native = engine
        .precompile_component(&made(Guest::default()))
        .expect("it is compiled");
    let error = refused(native).await;
    assert!(matches!(&error, LoadError::NotComponent(_)), "{error}");
}

#[tokio::test]
async fn file_of_fifty_megabytes_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.wasm");
    let file = std::fs::File::create(&path).expect("created");
    file.set_len(50 * 1024 * 1024).expect("a sparse file");
    let error = runtime()
        .load_file(&path)
        .await
        .expect_err("it is too large");
    assert!(matches!(&error, LoadError::TooLarge { .. }), "{error}");
}

/// Describes itself with this settings schema, which lies at 65536.
fn with_schema(schema: &str) -> Vec<u8> {
    let quoted = schema.replace('\\', "\\\\").replace('"', "\\\"");
    let top = format!("(data (i32.const 65536) \"{quoted}\")");
    let describe = format!(
        "(i32.store (i32.const 316) (i32.const 65536)) (i32.store (i32.const 320) (i32.const {}))",
        schema.len()
    );
    made(Guest {
        top: &top,
        describe: &describe,
        ..Guest::default()
    })
}

#[tokio::test]
async fn schema_that_reaches_out_is_refused() {
    for reference in ["http://127.0.0.1:1/schema.json", "file:///etc/passwd"] {
        let error = refused(with_schema(&format!(r#"{{"$ref":"{reference}"}}"#))).await;
        assert!(matches!(&error, LoadError::Description(_)), "{error}");
    }
}

#[tokio::test]
async fn schema_that_would_backtrack_answers_at_once() {
    let runtime = runtime();
    let schema = r#"{"properties":{"a":{"pattern":"^(a|a)*(a|a)*(a|a)*$"}}}"#;
    let gate = load(&runtime, with_schema(schema)).await;
    let settings = format!(r#"{{"a":"{}b"}}"#, "a".repeat(5_000));
    let problems = runtime
        .check_settings(&gate, &settings)
        .await
        .expect("it answers");
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[tokio::test]
async fn schema_that_refers_to_itself_ends() {
    let runtime = runtime();
    match runtime
        .load_bytes("guest", with_schema(r##"{"$ref":"#"}"##))
        .await
    {
        Ok(gate) => {
            // Whatever it says, it answers.
            runtime.check_settings(&gate, r#"{"a":1}"#).await.ok();
        }
        Err(error) => assert!(matches!(&error, LoadError::Description(_)), "{error}"),
    }
}

#[tokio::test]
async fn settings_check_that_never_ends_is_stopped() {
    let runtime = runtime();
    let check = "(loop $l (br $l))";
    let gate = load(
        &runtime,
        made(Guest {
            check,
            ..Guest::default()
        }),
    )
    .await;
    let cause = runtime
        .check_settings(&gate, "{}")
        .await
        .expect_err("it is stopped");
    assert_eq!(cause.reason, Reason::Cpu);
}

#[tokio::test]
async fn arbitrary_bytes_are_refused_and_never_panic() {
    let runtime = runtime();
    let whole = made(Guest::default());
    // A fixed sequence: a failure can be run again.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    // More on demand: `ORCH_FUZZ_ROUNDS=100000 cargo nextest run -p orch-gates arbitrary_bytes`.
    let rounds = std::env::var("ORCH_FUZZ_ROUNDS").map_or(300, |n| n.parse().expect("a number"));
    for round in 0..rounds {
        let mut bytes = whole.clone();
        for _ in 0..=(round % 8) {
            let at = usize::try_from(next() % bytes.len() as u64).expect("it fits");
            bytes[at] = next().to_le_bytes()[0];
        }
        if round % 5 == 0 {
            bytes.truncate(usize::try_from(next() % bytes.len() as u64).expect("it fits"));
        }
        // Either is fine; a panic or a hang is not.
        runtime.load_bytes("guest", bytes).await.ok();
    }
}

/// A component as it was built against the contract when that was released. The file is never built anew:
/// old gates must keep loading.
#[tokio::test]
async fn gate_built_against_the_first_contract_still_judges() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/frozen");
    let path = std::path::Path::new(folder).join("contract-0.1.0.wasm");
    let runtime = runtime();
    let gate = runtime
        .load_file(&path)
        .await
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        gate.imports.len(),
        orch_gates::Interface::ALL.len(),
        "it imports all there is"
    );
    let all = orch_gates::Grants::of(orch_gates::Interface::ALL);
    let done = runtime
        .evaluate(
            &gate,
            crate::kit::quick(),
            &all,
            &crate::limits(),
            crate::SEED,
        )
        .await;
    assert!(crate::passes(&done), "{:?}", done.result);
}
