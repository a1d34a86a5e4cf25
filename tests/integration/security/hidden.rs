//! Is a secret found that the branch, or the repository it lies in, hides from a scanner?

use std::fs;

use orch_kit::{Osv, World};

use super::{Branch, assert_leaks, configure, key};

/// A private key that the scanner's rules know, made up of parts.
fn private_key() -> String {
    let body: String = (0..24)
        .map(|line| {
            format!("MIIEpAIBAAKCAQEA{line:02}x7Vd9kQz2mN4pLs8RtYwUvB1cF6gHjKe3oXqZa{line:02}\n")
        })
        .collect();
    let mark = |word: &str| format!("-----{word} RSA PRIVATE KEY-----\n");
    format!("{}{body}{}", mark("BEGIN"), mark("END"))
}

fn wide(text: &str, is_big_endian: bool, with_mark: bool) -> Vec<u8> {
    let text = if with_mark {
        format!("\u{feff}{text}")
    } else {
        text.to_owned()
    };
    let order = |unit: u16| match is_big_endian {
        true => unit.to_be_bytes(),
        false => unit.to_le_bytes(),
    };
    text.encode_utf16().flat_map(order).collect()
}

impl Branch<'_> {
    fn commit_bytes(self, name: &str, bytes: &[u8]) -> Self {
        let path = self.world.path("seed").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self.world.commit_seed("Bytes");
        self
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_of_the_branch_configures_the_scanner() {
    let mut world = World::new();
    let feed = Osv::start().await;
    world.write(
        "seed/key.txt",
        "-----BEGIN RSA PRIVATE KEY-----\n<paste here>\n-----END RSA PRIVATE KEY-----\n",
        0o644,
    );
    world.push_seed("A place for a key");
    configure(&mut world, feed.base_url());
    tokio::task::spawn_blocking(move || {
        for (name, text) in [
            (".gitleaksignore", "key.txt:private-key:1\n"),
            (".gitleaks.toml", "[allowlist]\npaths = ['''.*''']\n"),
            ("gitleaks.toml", "[allowlist]\npaths = ['''.*''']\n"),
        ] {
            let judged = Branch::of(&world)
                .commit(&[("key.txt", &private_key()), (name, text)])
                .judge();
            let artefact = judged["artefact"].as_str().unwrap();
            assert_eq!(judged["decision"], "fail", "{name}: {judged:#}");
            assert!(
                artefact.contains("secret/private-key"),
                "{name}: {artefact}"
            );
            assert!(artefact.contains("key.txt:1"), "{name}: {artefact}");
        }
        // A file that would configure it is looked at like any other.
        let leak = format!("aws_access_key_id = \"{}\"\n", key());
        for name in [".gitleaksignore", ".gitleaks.toml", "a/.gitleaksignore"] {
            let judged = Branch::of(&world).commit(&[(name, &leak)]).judge();
            assert_leaks(&judged, name);
            assert!(
                judged["artefact"]
                    .as_str()
                    .unwrap()
                    .contains(&format!("{name}:1")),
                "{judged:#}"
            );
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_is_found_in_every_encoding_and_behind_every_magic_number() {
    let mut world = World::new();
    let feed = Osv::start().await;
    configure(&mut world, feed.base_url());
    tokio::task::spawn_blocking(move || {
        let leak = format!("[default]\r\naws_access_key_id = \"{}\"\r\n", key());
        let mut tar = vec![b'x'; 256];
        tar.extend_from_slice(b"ustar\n");
        tar.extend_from_slice(leak.as_bytes());
        for (why, bytes) in [
            ("UTF-16LE with a mark", wide(&leak, false, true)),
            ("UTF-16BE with a mark", wide(&leak, true, true)),
            ("UTF-16LE without a mark", wide(&leak, false, false)),
            (
                "looks like a PDF",
                [b"%PDF-1.4\n", leak.as_bytes()].concat(),
            ),
            (
                "looks like an archive",
                [b"PK\x03\x04\n", leak.as_bytes()].concat(),
            ),
            ("looks like a tar", tar),
        ] {
            let there = Branch::of(&world).commit_bytes("conf/app.ini", &bytes);
            let judged = there.judge();
            assert_leaks(&judged, why);
            assert!(
                judged["artefact"]
                    .as_str()
                    .unwrap()
                    .contains("conf/app.ini:"),
                "{why}: {judged:#}"
            );
            let gone = Branch::of(&world)
                .commit_bytes("conf/app.ini", &bytes)
                .remove("conf/app.ini");
            let judged = gone.judge();
            assert_leaks(&judged, &format!("{why}, and removed again"));
            assert!(
                judged["artefact"].as_str().unwrap().contains("in commit "),
                "{why}: {judged:#}"
            );
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn state_of_the_judged_repository_reaches_no_scanner() {
    let mut world = World::new();
    let feed = Osv::start().await;
    configure(&mut world, feed.base_url());
    tokio::task::spawn_blocking(move || {
        let leak = format!("aws_access_key_id = \"{}\"\n", key());
        let gone = Branch::of(&world)
            .commit(&[("conf.ini", &leak)])
            .remove("conf.ini");
        for setting in [
            ["color.ui", "always"],
            ["color.diff", "always"],
            ["diff.external", "/bin/true"],
            ["log.showSignature", "true"],
            ["diff.noprefix", "true"],
            ["core.quotePath", "true"],
            ["log.diffMerges", "off"],
            ["i18n.logOutputEncoding", "UTF-16"],
            ["core.attributesFile", ".git/everything-is-binary"],
        ] {
            world.git("seed", &[&["config"][..], &setting].concat());
            assert_leaks(&gone.judge(), &setting.join("="));
        }
        world.write("seed/.git/everything-is-binary", "* -diff binary\n", 0o644);
        world.write("seed/.git/info/attributes", "* -diff -text binary\n", 0o644);
        assert_leaks(&gone.judge(), "attributes of the clone");
        // The commit that holds the secret is replaced by one that does not, and grafted away.
        world.git("seed", &["replace", "work~1", "main"]);
        assert_leaks(&gone.judge(), "a replaced commit");
        let head = world.git("seed", &["rev-parse", "work"]);
        world.write("seed/.git/info/grafts", &head, 0o644);
        assert_leaks(&gone.judge(), "a grafted commit");
    })
    .await
    .unwrap();
}
