//! The fake of Plane against the client that Plane's makers publish: what is not of the real server's form is refused.

use std::path::PathBuf;
use std::process::Command;

use orch_kit::Plane;
use orch_kit::plane::{PLANE_BOT, PLANE_KEY, WORKSPACE};
use serde_json::{Value, json};

use crate::plane::ANN;

/// The Python that has Plane's SDK.
fn python() -> PathBuf {
    let installed = orch_kit::world::root().join(".tools/python/bin/python");
    std::env::var_os("ORCH_TEST_PLANE_SDK").map_or(installed, PathBuf::from)
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_answers_as_the_published_client_of_the_real_server_reads() {
    let plane = Plane::start().await;
    let todo = plane.board().state("Todo");
    plane.board().add_item(ANN, "Read", "<p>x</p>", &todo);
    let test = tokio::task::spawn_blocking(move || {
        let mut client = Command::new(python());
        client
            .arg(orch_kit::world::root().join("tests/kit/plane_sdk.py"))
            .args([plane.url(), PLANE_KEY, WORKSPACE])
            .env("NO_PROXY", "*");
        let done = client.output().expect("Python is installed");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}\nrun `cargo xtask test`");
        let read: Value = serde_json::from_slice(&done.stdout).unwrap();
        let groups = ["backlog", "unstarted", "started", "completed", "cancelled"];
        assert_eq!(
            read,
            json!({"me": PLANE_BOT, "project": "LED", "states": groups, "item": 1, "moved": true,
                "comment": true, "again": 409, "moves": [true]})
        );
    });
    test.await.unwrap();
}
