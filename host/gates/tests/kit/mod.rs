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
        Box::pin(async { Err(ReadError::Missing) })
    }
    fn read_file<'a>(&'a self, _: Revision, _: &'a str) -> Answer<'a, Result<String, ReadError>> {
        Box::pin(async { Err(ReadError::Missing) })
    }
    fn files<'a>(&'a self, _: Revision, _: &'a str) -> Answer<'a, Vec<String>> {
        Box::pin(async { Vec::new() })
    }
    fn changed_files(&self) -> Answer<'_, Vec<ChangedFile>> {
        Box::pin(async { Vec::new() })
    }
    fn commits(&self) -> Answer<'_, Vec<Commit>> {
        Box::pin(async { Vec::new() })
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

/// A core module whose `evaluate` is `evaluate`, with what else it imports.
pub(crate) fn core(evaluate: &str, describe: &str, import: &str) -> Vec<u8> {
    let uses = |name: &str| evaluate.contains(name);
    let log = if uses("$log") {
        r#"(import "orch:gate/task@0.1.0" "log" (func $log (param i32 i32 i32)))"#
    } else {
        ""
    };
    let artefacts = if uses("$artefacts") {
        r#"(import "orch:gate/artefacts@0.1.0" "all" (func $artefacts (param i32)))"#
    } else {
        ""
    };
    let text = format!(
        r#"(module
  {log} {artefacts} {import}
  (memory $a (export "memory") 2)
  (memory $b 0) (memory $c 0) (memory $d 0)
  (table $t 0 funcref) (table $u 0 funcref)
  (global $heap (mut i32) (i32.const 16384))
  (data (i32.const 512) "guest1xS_PASSFAIL")
  (func $recurse (call $recurse) (call $recurse))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $heap)
    (global.set $heap (i32.add (global.get $heap) (i32.and (i32.add (local.get 3) (i32.const 15)) (i32.const -16)))))
  (func $text (param $at i32) (param $from i32) (param $length i32)
    (i32.store (local.get $at) (local.get $from))
    (i32.store offset=4 (local.get $at) (local.get $length)))
  (func (export "orch:gate/gate@0.1.0#describe") (result i32)
    {describe}
    (call $text (i32.const 256) (i32.const 512) (i32.const 5))
    (call $text (i32.const 264) (i32.const 517) (i32.const 1))
    (call $text (i32.const 272) (i32.const 518) (i32.const 1))
    (call $text (i32.const 280) (i32.const 518) (i32.const 1))
    (call $text (i32.const 288) (i32.const 521) (i32.const 4))
    (call $text (i32.const 296) (i32.const 525) (i32.const 4))
    (i32.const 256))
  (func (export "cabi_post_orch:gate/gate@0.1.0#describe") (param i32))
  (func (export "orch:gate/gate@0.1.0#check-settings") (param i32 i32) (result i32) (i32.const 768))
  (func (export "cabi_post_orch:gate/gate@0.1.0#check-settings") (param i32))
  (func (export "orch:gate/gate@0.1.0#evaluate") (result i32) {evaluate} (i32.const 1024))
  (func (export "cabi_post_orch:gate/gate@0.1.0#evaluate") (param i32))
)"#
    );
    wat::parse_str(&text).unwrap_or_else(|e| panic!("{e}"))
}

/// A component of a core module.
pub(crate) fn component(mut core: Vec<u8>) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../wit/0.1.0");
    resolve.push_dir(&wit).expect("the contract parses");
    resolve
        .push_str(
            "evil.wit",
            "package evil:net; interface exfil { send: func(); }",
        )
        .expect("valid");
    // The small part of WASI that a guest here needs; a component may import less than there is.
    let wasi = [
        "package wasi:io@0.2.0; interface streams { resource output-stream; }",
        "package wasi:cli@0.2.0; interface stdout { use wasi:io/streams@0.2.0.{output-stream}; get-stdout: func() -> output-stream; }",
    ];
    for (number, text) in wasi.iter().enumerate() {
        resolve
            .push_str(format!("wasi{number}.wit"), text)
            .expect("valid");
    }
    let world = "package test:guest; interface local { resource thing; } world hostile { include orch:gate/full@0.1.0; import evil:net/exfil; import wasi:cli/stdout@0.2.0; export local; }";
    let package = resolve.push_str("guest.wit", world).expect("valid");
    let world = resolve
        .select_world(&[package], Some("hostile"))
        .expect("the world is there");
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8, false)
        .expect("metadata fits");
    ComponentEncoder::default()
        .module(&core)
        .expect("a module")
        .encode()
        .expect("a component")
}

/// The component of a body from the corpus.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    component(core(&body(name), "", ""))
}
