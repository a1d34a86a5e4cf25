//! Are the manifests of the world audited by the real tool and the feed?

use std::fs;

use orch_kit::{Osv, World};
use serde_json::Value;

use super::{Branch, CRITICAL, configure};

fn assert_blocks(judged: &Value, id: &str, why: &str) {
    let artefact = judged["artefact"].as_str().unwrap();
    assert_eq!(judged["decision"], "fail", "{why}: {judged:#}");
    assert!(artefact.contains(id), "{why}: {artefact}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_are_audited_wherever_and_however_they_are_written() {
    let mut world = World::new();
    let feed = Osv::start().await;
    feed.know("GHSA-aaaa-bbbb-0002", "PyPI", "flask", "0.5", CRITICAL);
    feed.know("GHSA-aaaa-bbbb-0004", "npm", "lodash", "4.17.4", "HIGH");
    configure(&mut world, feed.base_url());
    tokio::task::spawn_blocking(move || {
        for odd in ["foo==1.0-custom-x", "pytz==2004d", "=="] {
            let text = format!("flask==0.5\n{odd}\n");
            let judged = Branch::of(&world).commit(&[("requirements.txt", &text)]).judge();
            assert_blocks(&judged, "GHSA-aaaa-bbbb-0002", odd);
            let artefact = judged["artefact"].as_str().unwrap();
            assert!(artefact.contains("deps_unaudited: 1"), "{odd}: {artefact}");
            assert!(artefact.contains("deps_audit_degraded: false"), "{odd}: {artefact}");
        }
        for (path, text) in [
            ("requirements/base.txt", "flask==0.5\n"),
            ("dev-requirements.txt", "flask==0.5\n"),
            ("constraints.txt", "flask==0.5\n"),
            ("pyproject.toml", "[dependency-groups]\ndev = [\"flask==0.5\"]\n"),
            ("uv.lock", "[[package]]\nname = \"flask\"\nversion = \"0.5\"\n"),
        ] {
            let judged = Branch::of(&world).commit(&[(path, text)]).judge();
            assert_blocks(&judged, "GHSA-aaaa-bbbb-0002", path);
        }
        let behind = Branch::of(&world)
            .commit(&[("requirements.txt", "-r deps/all.lst\n"), ("deps/all.lst", "flask==0.5\n")]);
        assert_blocks(&behind.judge(), "GHSA-aaaa-bbbb-0002", "behind -r");
        for is_big_endian in [false, true] {
            let units = "\u{feff}flask==0.5\r\n".encode_utf16();
            let bytes: Vec<u8> = units
                .flat_map(|unit| if is_big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() })
                .collect();
            let branch = Branch::of(&world);
            fs::write(world.path("seed/requirements.txt"), bytes).unwrap();
            world.commit_seed("UTF-16");
            assert_blocks(&branch.judge(), "GHSA-aaaa-bbbb-0002", "UTF-16");
        }
        let npm = r#"{"lockfileVersion":1,"dependencies":{"lodash":{"version":"4.17.4","resolved":false}}}"#;
        for path in ["package-lock.json", "npm-shrinkwrap.json"] {
            let judged = Branch::of(&world).commit(&[(path, npm)]).judge();
            assert_blocks(&judged, "GHSA-aaaa-bbbb-0004", path);
        }
        let judged = Branch::of(&world).commit(&[("Podfile.lock", "PODS:\n")]).judge();
        let artefact = judged["artefact"].as_str().unwrap();
        assert!(artefact.contains("deps_audit_degraded: true"), "{artefact}");
        assert!(artefact.contains("Podfile.lock"), "{artefact}");
    })
    .await
    .unwrap();
}
