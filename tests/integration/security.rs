//! The security gate with the real scanners, on repositories that are made to fool it.

mod base;
mod hidden;
mod manifests;

use std::fs;
use std::path::PathBuf;

use orch_kit::world::{AGENT, gates, root};
use orch_kit::{Osv, OsvFault, World};
use serde_json::{Value, json};

/// A key that the scanner's rules know; made up of parts so that no scanner finds this file.
fn key() -> String {
    format!("AKIA{}", "QYLPMN5HHHFPZAM2")
}

fn tool(name: &str) -> PathBuf {
    let path = root().join(".tools/bin").join(name);
    assert!(
        path.exists(),
        "`{}` is not installed; run `cargo xtask tools`",
        path.display()
    );
    path
}

/// The world's configuration for real scanners and a feed at this address.
fn configure(world: &mut World, feed: &str) {
    world.config["advisories"] = json!({"url": feed, "timeout_s": 3});
    world.config["tools"] = json!({
        "gitleaks-history": {"program": tool("gitleaks")},
        "gitleaks-files": {"program": tool("gitleaks")},
        "pip-audit": {"program": tool("pip-audit"), "timeout_s": 30},
    });
    world.write_config();
}

/// A branch of the seed, judged by the gate.
struct Branch<'a> {
    world: &'a World,
}

impl<'a> Branch<'a> {
    fn of(world: &'a World) -> Self {
        world.git("seed", &["checkout", "--quiet", "-B", "work", "main"]);
        Self { world }
    }
    fn commit(self, files: &[(&str, &str)]) -> Self {
        for (name, text) in files {
            self.world.write(&format!("seed/{name}"), text, 0o644);
        }
        self.world.commit_seed("Work");
        self
    }
    fn remove(self, name: &str) -> Self {
        fs::remove_file(self.world.path("seed").join(name)).unwrap();
        self.world.commit_seed("Remove it");
        self
    }
    fn judge_with(&self, settings: &str) -> Value {
        let gate = gates().join("security.wasm");
        let seed = self.world.path("seed");
        let done = self.world.orch(&[
            "gate",
            "run",
            gate.to_str().unwrap(),
            "--repo",
            seed.to_str().unwrap(),
            "--work-item",
            "SHOP-1",
            "--branch",
            "work",
            "--tools",
            "--settings",
            settings,
            "--json",
        ]);
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        serde_json::from_str(&text)
            .unwrap_or_else(|e| panic!("{e}: {text}{}", String::from_utf8_lossy(&done.stderr)))
    }
    fn judge(&self) -> Value {
        self.judge_with("{}")
    }
}

fn assert_leaks(judged: &Value, why: &str) {
    let artefact = judged["artefact"].as_str().unwrap();
    assert_eq!(judged["decision"], "fail", "{why}: {judged:#}");
    assert!(
        artefact.contains("security_status: FAIL"),
        "{why}: {artefact}"
    );
    assert!(
        artefact.contains("secret/aws-access-token"),
        "{why}: {artefact}"
    );
    assert!(
        !judged.to_string().contains(&key()[4..]),
        "{why}: the key is shown"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_is_found_however_the_branch_hides_it_and_a_clean_branch_passes() {
    let mut world = World::new();
    let feed = Osv::start().await;
    configure(&mut world, feed.base_url());
    tokio::task::spawn_blocking(move || {
        let leak = format!("aws_access_key_id = \"{}\"\n", key());
        let leak = leak.as_str();
        let allowed = format!("aws_access_key_id = \"{}\" # gitleaks:allow\n", key());
        let clean = Branch::of(&world)
            .commit(&[("notes.txt", "nothing here\n")])
            .judge();
        assert_eq!(clean["decision"], "pass", "{clean:#}");
        let artefact = clean["artefact"].as_str().unwrap();
        for line in [
            "security_status: PASS",
            "secrets_found: 0",
            "deps_blocking: 0",
            "deps_audit_degraded: false",
        ] {
            assert!(artefact.contains(line), "{line}: {artefact}");
        }
        let plain = Branch::of(&world).commit(&[("conf.ini", leak)]).judge();
        assert_leaks(&plain, "plain");
        let all = "[allowlist]\npaths = ['''.*''']\nregexes = ['''.*''']\n";
        let own_rules = Branch::of(&world).commit(&[("conf.ini", leak), (".gitleaks.toml", all)]);
        assert_leaks(&own_rules.judge(), "rules of the branch");
        let inline = Branch::of(&world).commit(&[("conf.ini", &allowed)]);
        assert_leaks(&inline.judge(), "inline allow");
        let head = plain["head_sha"].as_str().unwrap();
        let ignore = format!("conf.ini:aws-access-token:1\n{head}:conf.ini:aws-access-token:1\n");
        let ignored =
            Branch::of(&world).commit(&[("conf.ini", leak), (".gitleaksignore", &ignore)]);
        assert_leaks(&ignored.judge(), "ignore file of the branch");
        let binary = Branch::of(&world)
            .commit(&[(".gitattributes", "* -diff binary\n"), ("conf.ini", leak)]);
        assert_leaks(&binary.judge(), "attributes call it binary");
        let gone = Branch::of(&world)
            .commit(&[("conf.ini", leak)])
            .remove("conf.ini");
        assert_leaks(&gone.judge(), "added and removed again");
        // What only the merge commit itself adds.
        world.git("seed", &["checkout", "--quiet", "-B", "side", "main"]);
        world.write("seed/side.txt", "side\n", 0o644);
        world.commit_seed("Side");
        let merged = Branch::of(&world).commit(&[("main.txt", "main\n")]);
        let who = ["-c", "user.name=Ann", "-c", "user.email=ann@orch.invalid"];
        world.git(
            "seed",
            &[
                &who[..],
                &["merge", "--quiet", "--no-ff", "--no-commit", "side"],
            ]
            .concat(),
        );
        world.write("seed/conf.ini", leak, 0o644);
        world.commit_seed("Merge");
        assert_leaks(&merged.judge(), "added by the merge commit");
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn false_alarm_is_waived_by_the_rules_of_the_base() {
    let mut world = World::new();
    let feed = Osv::start().await;
    let rules = "[extend]\nuseDefault = true\n[allowlist]\npaths = ['''^samples/''']\n";
    world.write("seed/.gitleaks.toml", rules, 0o644);
    world.push_seed("Samples hold no keys");
    configure(&mut world, feed.base_url());
    tokio::task::spawn_blocking(move || {
        let leak = format!("aws_access_key_id = \"{}\"\n", key());
        let sample = Branch::of(&world)
            .commit(&[("samples/conf.ini", &leak)])
            .judge();
        assert_eq!(sample["decision"], "pass", "{sample:#}");
        let other = Branch::of(&world).commit(&[("conf.ini", &leak)]).judge();
        assert_leaks(&other, "outside of the samples");
    })
    .await
    .unwrap();
}

const CRITICAL: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
const LOW: &str = "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N";

#[tokio::test(flavor = "multi_thread")]
async fn vulnerable_dependency_blocks_by_its_severity_unless_the_base_has_it_already() {
    let mut world = World::new();
    let feed = Osv::start().await;
    feed.know("GHSA-aaaa-bbbb-0001", "PyPI", "jinja2", "2.4.1", CRITICAL);
    feed.know("GHSA-aaaa-bbbb-0002", "PyPI", "flask", "0.5", LOW);
    feed.know("GHSA-aaaa-bbbb-0003", "npm", "left-pad", "1.0.0", "HIGH");
    feed.know(
        "RUSTSEC-2020-0001",
        "crates.io",
        "trust-dns",
        "0.1.0",
        "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
    );
    configure(&mut world, feed.base_url());
    tokio::task::spawn_blocking(move || {
        let bad = Branch::of(&world).commit(&[("requirements.txt", "jinja2==2.4.1\nflask==0.5\n")]).judge();
        let artefact = bad["artefact"].as_str().unwrap();
        assert_eq!(bad["decision"], "fail", "{bad:#}");
        for text in ["deps_blocking: 1", "deps_warning: 1", "GHSA-aaaa-bbbb-0001", "deps_audit_degraded: false"] {
            assert!(artefact.contains(text), "{text}: {artefact}");
        }
        let mild = Branch::of(&world).commit(&[("requirements.txt", "flask==0.5\n")]);
        assert_eq!(mild.judge()["decision"], "pass", "a low one is a warning");
        let strict = mild.judge_with(r#"{"dep_block_severity":"low"}"#);
        assert_eq!(strict["decision"], "fail", "{strict:#}");
        let npm = r#"{"lockfileVersion":3,"packages":{"":{"name":"x"},"node_modules/left-pad":{"version":"1.0.0"}}}"#;
        let judged = Branch::of(&world).commit(&[("package-lock.json", npm)]).judge();
        assert!(judged["artefact"].as_str().unwrap().contains("GHSA-aaaa-bbbb-0003"), "{judged:#}");
        assert_eq!(judged["decision"], "fail");
        let cargo = "version = 3\n\n[[package]]\nname = \"trust-dns\"\nversion = \"0.1.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        let judged = Branch::of(&world).commit(&[("Cargo.lock", cargo)]).judge();
        assert!(judged["artefact"].as_str().unwrap().contains("RUSTSEC-2020-0001"), "{judged:#}");
        assert_eq!(judged["decision"], "fail");
        // What may run when it is resolved is not resolved: it counts as unaudited.
        let unpinned = Branch::of(&world).commit(&[("requirements.txt", "flask==0.5\nevil>=1\n./local\n")]).judge();
        assert!(unpinned["artefact"].as_str().unwrap().contains("deps_unaudited: 2"), "{unpinned:#}");
        world.git("seed", &["checkout", "--quiet", "main"]);
        world.write("seed/requirements.txt", "jinja2==2.4.1\n", 0o644);
        world.push_seed("An old sin");
        let old = Branch::of(&world).commit(&[("requirements.txt", "jinja2==2.4.1\nflask==0.5\n")]).judge();
        let artefact = old["artefact"].as_str().unwrap();
        assert_eq!(old["decision"], "pass", "{old:#}");
        assert!(artefact.contains("deps_preexisting: 1") && artefact.contains("deps_warning: 1"), "{artefact}");
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn feed_that_is_down_or_silent_degrades_or_fails_as_the_settings_say() {
    let mut world = World::new();
    let feed = Osv::start().await;
    configure(&mut world, feed.base_url());
    world.config["tools"]["pip-audit"]["timeout_s"] = json!(5);
    world.write_config();
    tokio::task::spawn_blocking(move || {
        for fault in [OsvFault::Down, OsvFault::Silent] {
            feed.fail(fault);
            let files = [("requirements.txt", "flask==0.5\n"), ("Cargo.lock", "[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n")];
            let branch = Branch::of(&world).commit(&files);
            let open = branch.judge();
            assert_eq!(open["decision"], "pass", "{fault:?}: {open:#}");
            assert!(open["artefact"].as_str().unwrap().contains("deps_audit_degraded: true"), "{open:#}");
            let closed = branch.judge_with(r#"{"dep_audit_fail_closed":true}"#);
            assert_eq!(closed["decision"], "fail", "{fault:?}: {closed:#}");
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn scanner_that_is_missing_fails_or_hangs_is_no_verdict() {
    let mut world = World::new();
    let feed = Osv::start().await;
    configure(&mut world, feed.base_url());
    world.write("hang.sh", "#!/bin/sh\nsleep 600 & exec sleep 600\n", 0o755);
    world.write("fail.sh", "#!/bin/sh\necho broken >&2\nexit 1\n", 0o755);
    tokio::task::spawn_blocking(move || {
        let programs = [
            (json!({"program": "no-such-scanner"}), "no-such-scanner"),
            (json!({"program": world.path("fail.sh")}), "broken"),
            (
                json!({"program": world.path("hang.sh"), "timeout_s": 1}),
                "gitleaks",
            ),
        ];
        for (program, says) in programs {
            world.config["tools"]["gitleaks-history"] = program.clone();
            world.write_config();
            let judged = Branch::of(&world)
                .commit(&[("notes.txt", &program.to_string())])
                .judge();
            assert_eq!(judged["decision"], "inconclusive", "{judged:#}");
            let summary = judged["summary"].as_str().unwrap();
            assert!(summary.contains(says), "{summary}");
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn dirty_branch_goes_back_with_its_findings_and_lands_without_the_secret_in_its_history() {
    let mut world = World::new();
    let feed = Osv::start().await;
    configure(&mut world, feed.base_url());
    world.config["extra_gates"] = json!([{"gate": "security", "stage": "deploy-staging"}]);
    world.write_config();
    // A developer who leaves a key behind, and takes it out again when the findings say so.
    let leave = format!(
        "    if printf '%s' \"$prompt\" | grep -q 'secret/aws-access-token'; then rm -f conf.ini; elif [ \"$ORCH_ATTEMPT\" = 1 ]; then echo 'aws_access_key_id = \"{}\"' > conf.ini; fi\n    tests/run.sh\n",
        key()
    );
    let agent = AGENT.replacen("    tests/run.sh\n", &leave, 1).replacen(
        "grep -q 'src: review, the discount is not checked'",
        "grep -qE 'the discount is not checked|secret/'",
        1,
    );
    world.write("agent.sh", &agent, 0o755);
    tokio::task::spawn_blocking(move || {
        let _host = world.serve();
        let item = world.begin("With a key");
        let view = world.follow(&item, |view| view["status"] == "ended");
        assert_eq!(view["stage"], "done", "{view:#}");
        let verdicts: Vec<&Value> = view["verdicts"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|v| v["entry"] == "security")
            .collect();
        assert_eq!(verdicts.first().unwrap()["decision"], "fail");
        assert_eq!(verdicts.last().unwrap()["decision"], "pass");
        let history = world.git("shop.git", &["log", "-p", "--text", "-m", "main"]);
        assert!(
            !history.contains(&key()),
            "the key is part of the base's history"
        );
        assert!(world.log().contains("rotate this key"), "{}", world.log());
        let landed = world.git("shop.git", &["ls-tree", "-r", "--name-only", "main"]);
        assert!(landed.contains("17-security-report.md"), "{landed}");
        for file in [world.log(), view.to_string()] {
            assert!(!file.contains(&key()), "the key is shown");
        }
    })
    .await
    .unwrap();
}
