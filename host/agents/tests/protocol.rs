//! Claims about the run folder as a protocol: what an older supervisor wrote is read, what a newer one may add is
//! passed over, and what nobody here knows is left alone.
//!
//! `protocol-1` holds folders as supervisors of protocol 1 left them. They are never written anew: a change that
//! does not read them needs another number. That a folder is held is a lock, which no file can show; the test of
//! the running one takes it.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use orch_agents::folder::{
    FolderError, Launch, PROTOCOL, RunFolder, RunResult, RunState, STDERR, STDOUT, StopReason,
    Supervisor,
};
use orch_agents::supervise;
use orch_domain::outcome::KillReason;
use serde_json::Value;

const NAMES: [&str; 5] = ["finished", "killed", "stopped", "launch-failed", "running"];

fn frozen(name: &str) -> PathBuf {
    // Asked for when it runs: it may run from a copy of where it was built.
    let own = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the crate is");
    PathBuf::from(own).join("tests/protocol-1").join(name)
}

/// A copy of a frozen folder that may be written to.
struct Copied {
    folder: RunFolder,
    _kept: tempfile::TempDir,
}

fn copied(name: &str) -> Copied {
    let kept = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(frozen(name)).expect("it is frozen") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), kept.path().join(entry.file_name())).expect("a copy");
    }
    Copied {
        folder: RunFolder::at(kept.path()),
        _kept: kept,
    }
}

impl Copied {
    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(file)).expect("a file")).expect("JSON")
    }

    fn change(&self, file: &str, change: impl FnOnce(&mut serde_json::Map<String, Value>)) {
        let mut value = self.json(file);
        change(value.as_object_mut().expect("an object"));
        fs::write(self.path(file), value.to_string()).expect("a file");
    }

    fn result(&self) -> RunResult {
        match self.folder.state().expect("the folder answers") {
            RunState::Finished(result) => result,
            other => panic!("{other:?}"),
        }
    }
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.clone(), fs::read(path).expect("a file")))
        .collect();
    files.sort();
    files
}

/// Asserts that the folder is refused for its protocol, in words that name both numbers and the remedy.
fn refused(found: Result<impl std::fmt::Debug, FolderError>) {
    let error = found.expect_err("nobody here knows it");
    assert!(matches!(error, FolderError::Protocol { found: 2, .. }));
    let text = error.to_string();
    for part in [
        "is of protocol 2",
        &format!("this program knows protocol {PROTOCOL}"),
        "go on with the version that wrote it or a newer one",
        "not started again",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn finished_run_of_protocol_1_reads_back_with_its_output() {
    let run = copied("finished");
    assert_eq!(
        run.result(),
        RunResult {
            protocol: 1,
            exit_code: Some(0),
            signal: None,
            killed: None,
            stopped: None,
            launch_error: None,
            started_ms: 1_795_262_941_127,
            ended_ms: 1_795_262_941_163,
            truncated: false,
            survivors: 0,
        }
    );
    let out = run.folder.tail(STDOUT, 1024);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "{\"type\":\"result\",\"is_error\":false,\"result\":\"done\"}\n"
    );
    assert_eq!(run.folder.tail(STDERR, 1024), b"a warning\n");
    assert_eq!(
        run.folder.supervisor(),
        Some(Supervisor {
            boot_id: "6f2d1c54-0b7e-4a51-9a3c-3d5f0c8e7b21".to_owned(),
            pid: 2484,
            start_ticks: 4_803_380,
        })
    );
}

#[test]
fn killed_run_of_protocol_1_reads_back_with_its_limit() {
    let result = copied("killed").result();
    assert_eq!(result.kill_reason(), Some(KillReason::Wall));
    assert_eq!((result.exit_code, result.signal), (None, Some(2)));
}

#[test]
fn stopped_run_of_protocol_1_reads_back_with_its_reason() {
    let run = copied("stopped");
    let reason = StopReason::Other("the task is stopped".to_owned());
    assert_eq!(run.folder.stop().unwrap().reason, reason);
    assert_eq!(run.result().stopped, Some(reason));
}

#[test]
fn failed_launch_of_protocol_1_reads_back_with_its_error() {
    let result = copied("launch-failed").result();
    let error = result.launch_error.unwrap();
    assert!(error.starts_with("`/opt/agents/bin/agent`"), "{error}");
    assert_eq!((result.exit_code, result.signal), (None, None));
}

#[test]
fn running_run_of_protocol_1_runs_while_its_lock_is_held_and_is_lost_then() {
    let run = copied("running");
    let lock = run.folder.lock().unwrap().expect("nobody holds a copy");
    assert_eq!(run.folder.state().unwrap(), RunState::Running);
    drop(lock);
    assert_eq!(run.folder.state().unwrap(), RunState::Lost);
}

#[test]
fn launch_of_protocol_1_reads_back_whole() {
    for name in NAMES {
        let run = copied(name);
        let launch = run.folder.launch().unwrap();
        assert_eq!(launch.token, format!("protocol-1-{name}"));
        assert_eq!(
            serde_json::to_value(&launch).unwrap(),
            run.json("launch.json")
        );
    }
}

#[test]
fn files_of_today_hold_every_key_that_an_older_program_reads() {
    let new = tempfile::tempdir().unwrap();
    let (old, new) = (copied("stopped"), RunFolder::at(new.path()));
    new.create(&old.folder.launch().unwrap(), "prompt").unwrap();
    new.write_identity(&old.folder.supervisor().unwrap())
        .unwrap();
    new.request_stop(old.folder.stop().unwrap().reason).unwrap();
    new.write_result(&old.result()).unwrap();
    for file in ["launch.json", "identity.json", "stop.json", "result.json"] {
        let text = fs::read(new.path().join(file)).unwrap();
        let written: Value = serde_json::from_slice(&text).unwrap();
        for (key, value) in old.json(file).as_object().unwrap() {
            assert_eq!(written.get(key), Some(value), "`{key}` of {file}");
        }
    }
}

#[test]
fn keys_of_a_newer_program_of_the_same_protocol_are_passed_over() {
    let run = copied("finished");
    let before = run.result();
    for file in ["result.json", "launch.json", "identity.json"] {
        run.change(file, |keys| {
            keys.insert("memory_bytes_max".to_owned(), 1.into());
            keys.insert("sandbox".to_owned(), serde_json::json!({"profile": "none"}));
        });
    }
    assert_eq!(run.result(), before);
    assert_eq!(run.folder.launch().unwrap().token, "protocol-1-finished");
    assert!(run.folder.supervisor().is_some());
    let run = copied("killed");
    run.change("result.json", |keys| {
        keys.insert("killed".to_owned(), "quantum".into());
    });
    let result = run.result();
    assert_eq!(result.kill_reason(), None, "a limit that nobody knows here");
    assert_eq!(result.signal, Some(2));
}

#[test]
fn result_of_an_unknown_protocol_is_an_error_and_not_a_lost_run() {
    let run = copied("finished");
    // Another protocol may have none of the keys of this one.
    fs::write(run.path("result.json"), r#"{"protocol":2,"ended":"well"}"#).unwrap();
    let before = files(run.folder.path());
    refused(run.folder.state());
    assert_eq!(files(run.folder.path()), before, "nothing is lost");
}

#[test]
fn launch_of_an_unknown_protocol_is_an_error_and_not_a_run_to_start() {
    for name in ["running", "finished"] {
        let run = copied(name);
        run.change("launch.json", |keys| {
            keys.insert("protocol".to_owned(), 2.into());
        });
        fs::remove_file(run.path("result.json")).ok();
        for gone in ["", "identity.json", "lock"] {
            if !gone.is_empty() {
                fs::remove_file(run.path(gone)).unwrap();
            }
            let before = files(run.folder.path());
            refused(run.folder.state());
            refused(run.folder.launch());
            assert_eq!(files(run.folder.path()), before);
        }
    }
}

#[test]
fn waiting_for_a_run_of_an_unknown_protocol_ends_at_once_with_the_error() {
    let run = copied("running");
    run.change("launch.json", |keys| {
        keys.insert("protocol".to_owned(), 2.into());
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let error = runtime
        .block_on(orch_agents::launcher::wait(&run.folder))
        .unwrap_err();
    let error: &dyn Error = &error;
    assert!(error.to_string().contains("protocol 2"), "{error}");
}

#[test]
fn supervisor_that_does_not_know_the_protocol_starts_nothing_and_says_so() {
    let kept = tempfile::tempdir().unwrap();
    let mark = kept.path().join("started");
    let folder = RunFolder::at(kept.path().join("run"));
    let launch = Launch {
        protocol: PROTOCOL + 1,
        program: "/bin/sh".into(),
        args: vec!["-c".into(), format!("touch {}", mark.display())],
        ..RunFolder::at(frozen("finished")).launch().unwrap()
    };
    folder.create(&launch, "prompt").unwrap();
    assert_eq!(supervise::main(&folder), 5);
    assert!(!mark.exists());
    let RunState::Finished(result) = folder.state().unwrap() else {
        panic!("it says how it ended");
    };
    let error = result.launch_error.unwrap();
    assert!(error.contains("is of protocol 2"), "{error}");
}
