//! Makes components of the bodies in `tests/guests/`, and answers their imports.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use orch_domain::imports::{
    Answer, ArtefactInfo, ChangedFile, Commit, GateImports, LogLevel, ReadError, Revision, Subject,
    ToolError, ToolOutcome, ToolRequest,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What the host answers in these tests; `wait` puts the answer about artefacts off.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) wait: Option<Duration>,
    pub(crate) never: bool,
    /// Text of every artefact; there is none if it is empty.
    pub(crate) text: String,
}

impl GateImports for Answers {
    fn subject(&self) -> Subject {
        let text = String::new;
        Subject {
            work_item: "T-1".into(),
            title: text(),
            repo: text(),
            stage: text(),
            branch: text(),
            base_branch: text(),
            head_sha: text(),
            base_sha: text(),
            attempt: 1,
        }
    }
    fn settings(&self) -> String {
        "{}".into()
    }
    fn log(&self, _: LogLevel, _: &str) {}
    fn artefacts(&self) -> Answer<'_, Vec<ArtefactInfo>> {
        Box::pin(async {
            if self.never {
                std::future::pending::<()>().await;
            }
            if let Some(wait) = self.wait {
                // The host's own slowness is the subject here.
                tokio::time::timeout(wait, std::future::pending::<()>())
                    .await
                    .ok();
            }
            Vec::new()
        })
    }
    fn run_tool(&self, _: ToolRequest) -> Answer<'_, Result<ToolOutcome, ToolError>> {
        Box::pin(async {
            if let Some(wait) = self.wait {
                // The tool's own slowness is the subject here.
                tokio::time::timeout(wait, std::future::pending::<()>())
                    .await
                    .ok();
            }
            Err(ToolError::Failed("no tool".into()))
        })
    }
    fn read_artefact<'a>(&'a self, _: &'a str) -> Answer<'a, Result<String, ReadError>> {
        Box::pin(async {
            if self.text.is_empty() {
                return Err(ReadError::Missing);
            }
            Ok(self.text.clone())
        })
    }
    fn read_file<'a>(&'a self, _: Revision, _: &'a str) -> Answer<'a, Result<String, ReadError>> {
        Box::pin(async { Err(ReadError::Missing) })
    }
    fn files<'a>(&'a self, _: Revision, _: &'a str) -> Answer<'a, Result<Vec<String>, String>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn changed_files(&self) -> Answer<'_, Result<Vec<ChangedFile>, String>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn commits(&self) -> Answer<'_, Result<Vec<Commit>, String>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// Answers at once.
pub(crate) fn quick() -> Arc<Answers> {
    Arc::new(Answers::default())
}

/// A body from the corpus.
pub(crate) fn body(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/guests/bodies")
        .join(format!("{name}.wat"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Parts of a core module; what is empty behaves.
#[derive(Default, Clone, Copy)]
pub(crate) struct Guest<'a> {
    pub(crate) evaluate: &'a str,
    pub(crate) describe: &'a str,
    pub(crate) check: &'a str,
    /// Instead of the allocator: what `cabi_realloc` answers.
    pub(crate) realloc: &'a str,
    /// Run after the host has read a verdict.
    pub(crate) post: &'a str,
    /// Further definitions at the top level.
    pub(crate) top: &'a str,
}

/// What a guest imports by using its symbol.
const IMPORTS: [(&str, &str); 17] = [
    (
        "$log",
        r#""orch:gate/task@0.1.0" "log" (func $log (param i32 i32 i32))"#,
    ),
    (
        "$subject",
        r#""orch:gate/task@0.1.0" "get-subject" (func $subject (param i32))"#,
    ),
    (
        "$artefacts",
        r#""orch:gate/artefacts@0.1.0" "all" (func $artefacts (param i32))"#,
    ),
    (
        "$read",
        r#""orch:gate/artefacts@0.1.0" "read" (func $read (param i32 i32 i32))"#,
    ),
    (
        "$run",
        r#""orch:gate/tools@0.1.0" "run" (func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32))"#,
    ),
    (
        "$get",
        r#""orch:gate/http@0.1.0" "get" (func $get (param i32 i32 i32))"#,
    ),
    ("$send", r#""evil:net/exfil" "send" (func $send)"#),
    (
        "$socket",
        r#""wasi:sockets/instance-network@0.2.0" "instance-network" (func $socket (result i32))"#,
    ),
    (
        "$stdout",
        r#""wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32))"#,
    ),
    (
        "$write",
        r#""wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32))"#,
    ),
    (
        "$sleep",
        r#""wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $sleep (param i64) (result i32))"#,
    ),
    (
        "$block",
        r#""wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32))"#,
    ),
    (
        "$now",
        r#""wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64))"#,
    ),
    (
        "$random",
        r#""wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64))"#,
    ),
    (
        "$exit",
        r#""wasi:cli/exit@0.2.0" "exit" (func $exit (param i32))"#,
    ),
    (
        "$environment",
        r#""wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32))"#,
    ),
    (
        "$preopens",
        r#""wasi:filesystem/preopens@0.2.0" "get-directories" (func $preopens (param i32))"#,
    ),
];

/// Makes a thing of the guest's own, from one number to a handle.
const NEW_THING: &str =
    r#""[export]test:guest/local" "[resource-new]thing" (func $thing (param i32) (result i32))"#;

/// A core module of these parts. The verdict lies at 1032: decision, then summary at 1048, fields at 1056,
/// findings at 1064, report at 1072, each as pointer and length.
pub(crate) fn core_of(guest: Guest<'_>) -> Vec<u8> {
    let Guest {
        evaluate,
        describe,
        check,
        realloc,
        post,
        top,
    } = guest;
    let all = [evaluate, describe, check, realloc, post, top].join(" ");
    let imports: String = IMPORTS
        .iter()
        .chain([&("$thing", NEW_THING)])
        .filter(|(symbol, _)| all.contains(&format!("(call {symbol}")))
        .map(|(_, import)| format!("(import {import}) "))
        .collect();
    let realloc = if realloc.is_empty() {
        "(local.get $at)"
    } else {
        realloc
    };
    let text = format!(
        r#"(module
  {imports}
  (memory $a (export "memory") 2)
  (memory $b 0) (memory $c 0) (memory $d 0)
  (table $t 0 funcref) (table $u 0 funcref)
  (global $heap (mut i32) (i32.const 16384))
  (data (i32.const 512) "guest1xS_PASSFAIL")
  {top}
  (func $recurse (call $recurse) (call $recurse))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap (i32.add (global.get $heap) (i32.and (i32.add (local.get 3) (i32.const 15)) (i32.const -16))))
    {realloc})
  (func $text (param $at i32) (param $from i32) (param $length i32)
    (i32.store (local.get $at) (local.get $from))
    (i32.store offset=4 (local.get $at) (local.get $length)))
  (func (export "orch:gate/gate@0.1.0#describe") (result i32)
    (call $text (i32.const 256) (i32.const 512) (i32.const 5))
    (call $text (i32.const 264) (i32.const 517) (i32.const 1))
    (call $text (i32.const 272) (i32.const 518) (i32.const 1))
    (call $text (i32.const 280) (i32.const 518) (i32.const 1))
    (call $text (i32.const 288) (i32.const 521) (i32.const 4))
    (call $text (i32.const 296) (i32.const 525) (i32.const 4))
    {describe}
    (i32.const 256))
  (func (export "cabi_post_orch:gate/gate@0.1.0#describe") (param i32))
  (func (export "orch:gate/gate@0.1.0#check-settings") (param i32 i32) (result i32) {check} (i32.const 768))
  (func (export "cabi_post_orch:gate/gate@0.1.0#check-settings") (param i32))
  (func (export "orch:gate/gate@0.1.0#evaluate") (result i32) {evaluate} (i32.const 1024))
  (func (export "cabi_post_orch:gate/gate@0.1.0#evaluate") (param i32) {post})
)"#
    );
    wat::parse_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// The small part of WASI that the guests need; a component may import less than there is.
const WASI: [&str; 6] = [
    "package wasi:io@0.2.0; interface error { resource error; } interface poll { resource pollable { block: func(); } } interface streams { use error.{error}; variant stream-error { last-operation-failed(error), closed } resource output-stream { blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>; } }",
    "package wasi:cli@0.2.0; interface stdout { use wasi:io/streams@0.2.0.{output-stream}; get-stdout: func() -> output-stream; } interface exit { exit: func(status: result); } interface environment { get-environment: func() -> list<tuple<string, string>>; }",
    "package wasi:clocks@0.2.0; interface monotonic-clock { use wasi:io/poll@0.2.0.{pollable}; now: func() -> u64; subscribe-duration: func(when: u64) -> pollable; }",
    "package wasi:random@0.2.0; interface random { get-random-u64: func() -> u64; }",
    "package wasi:filesystem@0.2.0; interface types { resource descriptor; } interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }",
    "package wasi:sockets@0.2.0; interface network { resource network; } interface instance-network { use network.{network}; instance-network: func() -> network; }",
];

const WORLD: &str = "package test:guest; interface local { resource thing; } world hostile { include orch:gate/full@0.1.0; import evil:net/exfil; import wasi:cli/stdout@0.2.0; import wasi:cli/exit@0.2.0; import wasi:cli/environment@0.2.0; import wasi:clocks/monotonic-clock@0.2.0; import wasi:io/poll@0.2.0; import wasi:io/streams@0.2.0; import wasi:random/random@0.2.0; import wasi:filesystem/preopens@0.2.0; import wasi:sockets/instance-network@0.2.0; export local; }";

/// A component of a core module, against the contract as it is or as `edit` changes its text.
pub(crate) fn component_for(mut core: Vec<u8>, edit: impl Fn(String) -> String) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../wit/0.1.0");
    let mut contract = String::new();
    for (number, file) in std::fs::read_dir(&wit)
        .expect("the contract is there")
        .enumerate()
    {
        let path = file.expect("it can be listed").path();
        let text = std::fs::read_to_string(path).expect("it can be read");
        // One text: the package stands once, at its top.
        let text = if number == 0 {
            text
        } else {
            text.replace("package orch:gate@0.1.0;", "")
        };
        let head = text
            .find("package orch:gate")
            .filter(|_| number == 0)
            .unwrap_or(0);
        contract.push_str(&text[head..]);
    }
    let mut push = |name: String, text: &str| {
        resolve
            .push_str(name, text)
            .unwrap_or_else(|e| panic!("{e:#}"))
    };
    push("contract.wit".into(), &edit(contract));
    push(
        "evil.wit".into(),
        "package evil:net; interface exfil { send: func(); }",
    );
    for (number, text) in WASI.iter().enumerate() {
        push(format!("wasi{number}.wit"), text);
    }
    let package = push("guest.wit".into(), &edit(WORLD.to_owned()));
    let world = resolve
        .select_world(&[package], Some("hostile"))
        .expect("the world is there");
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8, false)
        .expect("metadata fits");
    ComponentEncoder::default()
        .module(&core)
        .expect("a module")
        .encode()
        .unwrap_or_else(|e| panic!("{e:#}"))
}

/// A component of a core module.
pub(crate) fn component(core: Vec<u8>) -> Vec<u8> {
    component_for(core, |text| text)
}

/// The component of these parts.
pub(crate) fn made(guest: Guest<'_>) -> Vec<u8> {
    component(core_of(guest))
}

/// The component of a body from the corpus.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    made(Guest {
        evaluate: &body(name),
        ..Guest::default()
    })
}
