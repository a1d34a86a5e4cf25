//! Images that tools keep of the gates that they load by themselves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use orch_gates::{GateRuntime, RuntimeConfig};

use crate::kit::{Guest, made, quick};
use crate::{ask, limits, load, passes};

fn runtime_keeping(folder: &Path) -> GateRuntime {
    GateRuntime::new(RuntimeConfig {
        concurrency: 4,
        images: Some(folder.to_owned()),
        ..RuntimeConfig::default()
    })
    .expect("the engine starts")
}

/// The image in the folder, if it is the only one.
fn image(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut paths = entries
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "cwasm"));
    let first = paths.next()?;
    assert_eq!(paths.next(), None);
    Some(first)
}

#[tokio::test]
async fn gate_loaded_again_by_a_tool_comes_from_its_image_unless_that_is_damaged() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("cache/images");
    let bytes = made(Guest::default());
    load(&runtime_keeping(&folder), bytes.clone()).await;
    let kept = image(&folder).expect("it is kept");
    let mode = fs::metadata(&folder).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let good = fs::read(&kept).expect("an image");

    fs::write(&kept, b"damaged").expect("written");
    let runtime = runtime_keeping(&folder);
    let gate = load(&runtime, bytes).await;
    assert!(fs::read(&kept).expect("an image") == good, "made anew");
    let asked = ask(&runtime, &gate, quick(), &limits()).await;
    assert!(passes(&asked), "{asked:?}");
}

#[tokio::test]
async fn folder_that_others_can_write_to_gives_no_machine_code_and_gets_none() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("images");
    fs::create_dir(&folder).expect("made");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("opened");
    load(&runtime_keeping(&folder), made(Guest::default())).await;
    assert_eq!(image(&folder), None);
}
