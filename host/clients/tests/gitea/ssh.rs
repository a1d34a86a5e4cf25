//! A server that git reaches by ssh.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use orch_clients::gitea::GiteaSsh;
use orch_conformance::forge::ForgeSite;
use orch_domain::port::PortFailure;
use orch_domain::port::forge::{Forge, LandOutcome, PushOutcome};

use crate::site::{forge_by_ssh, site};

/// What stands in for ssh: notes how it was called, and does `then`. What it is to run there is in `$command`.
fn ssh(folder: &Path, then: &str) -> GiteaSsh {
    let program = folder.join("ssh");
    let called = folder.join("called");
    let text = format!(
        "#!/bin/sh\necho \"$@\" >> '{}'\nfor command; do :; done\ncd '{}' || exit 1\n{then}\n",
        called.display(),
        folder.display()
    );
    std::fs::write(&program, text).expect("it works");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("it works");
    GiteaSsh {
        program,
        url: "ssh://git@git.example.org:2222/".to_owned(),
        key: folder.join("own keys/orch"),
        known_hosts: folder.join("known_hosts"),
    }
}

#[tokio::test]
async fn git_goes_by_ssh_with_its_own_key_to_a_known_server_and_the_api_by_http() {
    let site = site().await;
    let folder = site.folder.path();
    let by = ssh(
        folder,
        "eval \"$(echo \"$command\" | sed \"s, '/, '$PWD/,\")\"",
    );
    let forge = forge_by_ssh(folder, &site.fake, by);
    assert_eq!(forge.check().await, Ok(()));
    assert_eq!(forge.fetch().await, Ok(()));
    let asked = site.fake.requests("GET", "info/refs");
    let commit = site.commit(&site.base, "one").await;
    let pushed = forge.push("orch/SHOP-1-1", &commit, None).await;
    assert_eq!(pushed, Ok(PushOutcome::Done));
    let landed = forge.land("main", &commit, &site.base).await;
    assert_eq!(landed, Ok(LandOutcome::Landed));
    assert_eq!(site.tip("main").await, Some(commit));
    assert_eq!(site.fake.requests("GET", "info/refs"), asked);
    let called = std::fs::read_to_string(folder.join("called")).expect("it was called");
    for said in [
        "-F none",
        "StrictHostKeyChecking=yes",
        "own keys/orch",
        "-p 2222 git@git.example.org",
    ] {
        let is_said = called.lines().all(|line| line.contains(said));
        assert!(is_said, "{said}: {called}");
    }
    assert!(!called.contains("fake-token"), "{called}");
}

#[tokio::test]
async fn server_with_another_key_and_key_that_it_does_not_take_are_told_with_the_remedy() {
    for (says, helps) in [
        ("Host key verification failed.", "known_hosts"),
        (
            "git@h: Permission denied (publickey).",
            "`forges.hub.ssh.key`",
        ),
    ] {
        let site = site().await;
        let folder = site.folder.path();
        let by = ssh(folder, &format!("echo '{says}' >&2; exit 255"));
        let forge = forge_by_ssh(folder, &site.fake, by);
        let error = forge.fetch().await.expect_err("it is not spoken to");
        assert_eq!(error.failure, PortFailure::Unavailable);
        assert!(error.to_string().contains(helps), "{error}");
        let commit = site.commit(&site.base, "one").await;
        let error = forge.push("orch/SHOP-1-1", &commit, None).await;
        let error = error.expect_err("it is not spoken to");
        assert!(error.to_string().contains(helps), "{error}");
    }
}
