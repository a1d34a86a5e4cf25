//! The corpus: each misbehaviour with the reason it is answered with, on the guest's CPU clock and within the
//! host's memory, beside a neighbour that passes.

use std::time::Duration;

use orch_domain::verdict::InconclusiveReason as Reason;
use orch_gates::Limits;

use crate::kit::{Answers, Guest, body, made, quick};
use crate::{ask, limits, load, passes, runtime};

/// What the host may grow by beside the guest's own memory: code, stacks, buffers, and the neighbour.
const HOST_BYTES_MAX: u64 = 48 * 1024 * 1024;
/// A guest is stopped at the next tick of 10 ms; the rest is room for a busy machine.
const OVERRUN_US: u64 = 50_000;

struct Case {
    name: &'static str,
    guest: Guest<'static>,
    /// None: harmless, and passes.
    reason: Option<Reason>,
}

fn case(name: &'static str, evaluate: &'static str, reason: Reason) -> Case {
    let guest = Guest {
        evaluate,
        ..Guest::default()
    };
    Case {
        name,
        guest,
        reason: Some(reason),
    }
}

/// A summary made of `top`'s data at 2048, `length` bytes.
const SUMMARY: &str =
    "(i32.store (i32.const 1048) (i32.const 2048)) (i32.store (i32.const 1052) (i32.const 4))";
/// One field whose key is the four bytes at 2048.
const FIELD: &str = "(i32.store (i32.const 1056) (i32.const 3072)) (i32.store (i32.const 1060) (i32.const 1)) (i32.store (i32.const 3072) (i32.const 2048)) (i32.store (i32.const 3076) (i32.const 4))";
/// Two fields of the same key.
const FIELDS: &str = "(i32.store (i32.const 1056) (i32.const 3072)) (i32.store (i32.const 1060) (i32.const 2)) (i32.store (i32.const 3072) (i32.const 2048)) (i32.store (i32.const 3076) (i32.const 4)) (i32.store (i32.const 3096) (i32.const 2048)) (i32.store (i32.const 3100) (i32.const 4)) (i32.store8 (i32.const 3080) (i32.const 3)) (i32.store8 (i32.const 3104) (i32.const 3))";

fn parts() -> Vec<Case> {
    let by = |name, guest, reason| Case {
        name,
        guest,
        reason,
    };
    let plain = Guest::default();
    vec![
        by(
            "endless allocator",
            Guest {
                evaluate: "(call $subject (i32.const 8192))",
                realloc: "(loop $l (br $l)) (i32.const 0)",
                ..plain
            },
            Some(Reason::Cpu),
        ),
        by(
            "allocator that points outside",
            Guest {
                evaluate: "(call $subject (i32.const 8192))",
                realloc: "(i32.const 0x7ffffff0)",
                ..plain
            },
            Some(Reason::Trap),
        ),
        by(
            "endless clean-up",
            Guest {
                post: "(loop $l (br $l))",
                ..plain
            },
            Some(Reason::Cpu),
        ),
        by(
            "clean-up that traps",
            Guest {
                post: "(unreachable)",
                ..plain
            },
            Some(Reason::Trap),
        ),
        by(
            "field named by the host",
            Guest {
                evaluate: FIELD,
                top: r#"(data (i32.const 2048) "gate")"#,
                ..plain
            },
            Some(Reason::BadVerdict),
        ),
        by(
            "field that is not a number",
            Guest {
                evaluate: concat_nan(),
                top: r#"(data (i32.const 2048) "cost")"#,
                ..plain
            },
            Some(Reason::BadVerdict),
        ),
        by(
            "field that breaks out of the frontmatter",
            Guest {
                evaluate: FIELD,
                top: r#"(data (i32.const 2048) "a:\n-")"#,
                ..plain
            },
            Some(Reason::BadVerdict),
        ),
        by(
            "field that stands twice",
            Guest {
                evaluate: FIELDS,
                top: r#"(data (i32.const 2048) "cost")"#,
                ..plain
            },
            Some(Reason::BadVerdict),
        ),
        by(
            "summary that paints the terminal",
            Guest {
                evaluate: SUMMARY,
                top: r#"(data (i32.const 2048) "\1b[2J")"#,
                ..plain
            },
            None,
        ),
    ]
}

/// [`FIELD`] with a number that is none: the scalar's tag at 3080, its value at 3088.
fn concat_nan() -> &'static str {
    "(i32.store (i32.const 1056) (i32.const 3072)) (i32.store (i32.const 1060) (i32.const 1)) (i32.store (i32.const 3072) (i32.const 2048)) (i32.store (i32.const 3076) (i32.const 4)) (i32.store8 (i32.const 3080) (i32.const 2)) (f64.store (i32.const 3088) (f64.const nan))"
}

fn bodies() -> Vec<Case> {
    let copy = "(drop (memory.grow (i32.const 480))) (loop $l (memory.copy (i32.const 65536) (i32.const 16777216) (i32.const 14000000)) (br $l))";
    let hoard = "(loop $l (drop (call $stdout)) (br $l))";
    let things = "(loop $l (drop (call $thing (i32.const 1))) (br $l))";
    let dodge = "(local $i i32) (loop $l (local.set $i (i32.const 3000000)) (loop $spin (br_if $spin (local.tee $i (i32.sub (local.get $i) (i32.const 1))))) (call $artefacts (i32.const 8192)) (br $l))";
    let chatter = "(loop $l (call $read (i32.const 0) (i32.const 1) (i32.const 8192)) (global.set $heap (i32.const 16384)) (br $l))";
    let spill = "(local $out i32) (local.set $out (call $stdout)) (drop (memory.grow (i32.const 200))) (loop $l (call $write (local.get $out) (i32.const 65536) (i32.const 4096) (i32.const 8192)) (br $l))";
    vec![
        case("endless copying", copy, Reason::Cpu),
        case("handles of the host", hoard, Reason::Table),
        case("handles of its own", things, Reason::Table),
        case("spinning between host calls", dodge, Reason::Cpu),
        case("reading the same for ever", chatter, Reason::HostCalls),
        case("writing to standard output for ever", spill, Reason::Cpu),
        case(
            "sleeping for ever",
            "(call $block (call $sleep (i64.const 3600000000000)))",
            Reason::Wall,
        ),
        case(
            "leaving by `exit`",
            "(call $exit (i32.const 0))",
            Reason::Trap,
        ),
        case(
            "decision that is not in the contract",
            "(i32.store8 (i32.const 1032) (i32.const 77))",
            Reason::Trap,
        ),
        case(
            "answer that is neither yes nor no",
            "(i32.store8 (i32.const 1024) (i32.const 9))",
            Reason::Trap,
        ),
        case(
            "list whose length overflows",
            "(i32.store (i32.const 1064) (i32.const 8)) (i32.store (i32.const 1068) (i32.const 0xfffffff0))",
            Reason::Trap,
        ),
        case(
            "list that does not lie on its boundary",
            "(i32.store (i32.const 1064) (i32.const 2049)) (i32.store (i32.const 1068) (i32.const 1))",
            Reason::Trap,
        ),
        case(
            "division by zero",
            "(drop (i32.div_s (i32.const 1) (i32.const 0)))",
            Reason::Trap,
        ),
        case(
            "call through an empty table",
            "(call_indirect $t (param i32) (i32.const 1) (i32.const 5))",
            Reason::Trap,
        ),
        case("loop", "(loop $l (br $l))", Reason::Cpu),
        case(
            "all memories to their brim",
            "(drop (memory.grow (i32.const 1000))) (memory.fill (i32.const 65536) (i32.const 1) (i32.const 65000000)) (drop (memory.grow $b (i32.const 100)))",
            Reason::Memory,
        ),
    ]
}

/// Highest resident memory since the last reset, bytes.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .expect("the kernel counts it")
        * 1024
}

fn reset_peak() {
    std::fs::write("/proc/self/clear_refs", "5").expect("the peak can be reset");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_misbehaviour_has_its_reason_and_harms_no_neighbour() {
    let runtime = runtime();
    let neighbour = load(&runtime, crate::kit::guest("pass")).await;
    let files = [
        ("memory-bomb", Reason::Memory),
        ("many-memories", Reason::Memory),
        ("table-grow", Reason::Table),
        ("recursion", Reason::Trap),
        ("panic", Reason::Trap),
        ("gigabyte-string", Reason::Trap),
        ("large-string", Reason::Output),
        ("million-findings", Reason::Output),
        ("many-findings", Reason::Output),
        ("call-flood", Reason::HostCalls),
        ("invalid-utf8", Reason::Trap),
        ("wild-pointer", Reason::Trap),
    ];
    let texts: Vec<String> = files.iter().map(|(name, _)| body(name)).collect();
    let mut cases: Vec<(&str, Guest<'_>, Option<Reason>)> = files
        .iter()
        .zip(&texts)
        .map(|((name, reason), evaluate)| {
            let guest = Guest {
                evaluate,
                ..Guest::default()
            };
            (*name, guest, Some(*reason))
        })
        .collect();
    let (parts, bodies) = (parts(), bodies());
    cases.extend(
        parts
            .iter()
            .chain(&bodies)
            .map(|c| (c.name, c.guest, c.reason)),
    );
    assert!(cases.len() >= 30, "{} cases", cases.len());
    let limits = Limits {
        wall_ms: 3_000,
        ..limits()
    };
    for (name, guest, reason) in cases {
        let gate = load(&runtime, made(guest)).await;
        // Some of these read; what they read is 64 KiB at a time, and slow to come.
        let answers = std::sync::Arc::new(Answers {
            text: "x".repeat(65_536),
            wait: (name == "spinning between host calls").then(|| Duration::from_millis(11)),
            ..Answers::default()
        });
        reset_peak();
        let before = peak_bytes();
        let (bad, good) = tokio::join!(
            ask(&runtime, &gate, answers, &limits),
            ask(&runtime, &neighbour, quick(), &limits)
        );
        let grown = peak_bytes().saturating_sub(before);
        match (&bad.result, reason) {
            (Err(cause), Some(reason)) => assert_eq!(cause.reason, reason, "{name}: {cause}"),
            (Ok(_), None) => assert!(passes(&bad), "{name}"),
            (other, _) => panic!("{name} was answered with {other:?}"),
        }
        assert!(
            bad.stats.cpu_us <= limits.cpu_ms * 1_000 + OVERRUN_US,
            "{name} had {} µs of CPU",
            bad.stats.cpu_us
        );
        assert!(
            bad.stats.memory_bytes <= limits.memory_bytes
                && grown <= limits.memory_bytes + HOST_BYTES_MAX,
            "{name} had {} bytes, and the host grew by {grown}",
            bad.stats.memory_bytes
        );
        assert!(
            passes(&good),
            "{name} harmed its neighbour: {:?}",
            good.result
        );
        assert!(
            passes(&ask(&runtime, &neighbour, quick(), &limits).await),
            "the host is down after {name}"
        );
    }
}

#[tokio::test]
async fn control_characters_of_a_summary_reach_no_terminal() {
    let runtime = runtime();
    let hostile = parts()
        .into_iter()
        .find(|c| c.reason.is_none())
        .expect("there is one");
    let gate = load(&runtime, made(hostile.guest)).await;
    let done = ask(&runtime, &gate, quick(), &limits()).await;
    let verdict = done.result.expect("it passes");
    assert!(
        verdict.summary.contains("[2J") && !verdict.summary.contains('\u{1b}'),
        "{:?}",
        verdict.summary
    );
}

#[tokio::test]
async fn world_of_a_guest_is_empty_and_the_same_each_time() {
    let runtime = runtime();
    // Environment and preopened folders answer lists; their lengths, the clock and a random number make
    // the milliseconds of a wait: the only number a bare guest can show without texts.
    let probe = "(local $n i64) (call $environment (i32.const 8192)) (call $preopens (i32.const 8208)) (if (i32.or (i32.load (i32.const 8196)) (i32.load (i32.const 8212))) (then (unreachable))) (local.set $n (i64.xor (call $now) (call $random))) (i32.store8 (i32.const 1032) (i32.const 2)) (i64.store (i32.const 1040) (i64.and (local.get $n) (i64.const 0xffffffffff)))";
    let gate = load(
        &runtime,
        made(Guest {
            evaluate: probe,
            ..Guest::default()
        }),
    )
    .await;
    let first = ask(&runtime, &gate, quick(), &limits()).await;
    let second = ask(&runtime, &gate, quick(), &limits()).await;
    let decision =
        |e: &orch_gates::Evaluation| format!("{:?}", e.result.as_ref().map(|v| v.decision));
    assert!(decision(&first).contains("Wait"), "{:?}", first.result);
    assert_eq!(decision(&first), decision(&second));
}

#[tokio::test]
async fn hundred_thousand_evaluations_leave_the_memory_flat() {
    let runtime = runtime();
    let gate = load(&runtime, crate::kit::guest("pass")).await;
    let resident = || {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let pages = text.split(' ').nth(1).and_then(|p| p.parse::<u64>().ok());
        pages.expect("the kernel counts it") * 4096
    };
    for _ in 0..1_000 {
        assert!(passes(&ask(&runtime, &gate, quick(), &limits()).await));
    }
    let before = resident();
    for _ in 0..99_000 {
        assert!(passes(&ask(&runtime, &gate, quick(), &limits()).await));
    }
    let grown = resident().saturating_sub(before);
    assert!(grown <= 8 * 1024 * 1024, "it grew by {grown} bytes");
}
