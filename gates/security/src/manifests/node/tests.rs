//! Are the lock files of JavaScript read in all their versions, and does one odd entry leave the others alone?

use super::super::pairs;
use super::*;

#[test]
fn package_lock_of_version_1_is_read_with_its_nested_packages() {
    let manifest = package_lock(
        r#"{"name":"shop","lockfileVersion":1,"dependencies":{
            "a":{"version":"1.0.0","requires":{"b":"^2"},"dependencies":{"b":{"version":"2.0.0"}}},
            "b":{"version":"3.0.0"},
            "c":{"version":"npm:@scope/real@4.0.0"},
            "d":{"version":"git+ssh://git@forge.invalid/d.git#00"},
            "e":{"version":"file:../e"}}}"#,
    )
    .unwrap();
    assert_eq!(
        pairs(&manifest),
        [
            ("@scope/real", "4.0.0"),
            ("a", "1.0.0"),
            ("b", "2.0.0"),
            ("b", "3.0.0")
        ]
    );
    assert_eq!(manifest.unaudited.len(), 2);
}

#[test]
fn package_lock_of_version_3_is_read_by_its_folders() {
    let manifest = package_lock(
        r#"{"name":"shop","lockfileVersion":3,"packages":{
            "":{"name":"shop","version":"9.9.9","dependencies":{"a":"^1"}},
            "packages/own":{"name":"own","version":"0.1.0"},
            "node_modules/own":{"resolved":"packages/own","link":true},
            "node_modules/a":{"version":"1.0.0","resolved":"https://registry.invalid/a.tgz","dependencies":{"b":"^2"}},
            "node_modules/a/node_modules/@s/b":{"version":"2.0.0"},
            "node_modules/alias":{"name":"real","version":"3.0.0"},
            "node_modules/d":{"version":"1.0.0","resolved":"git+ssh://git@forge.invalid/d.git#00"}}}"#,
    )
    .unwrap();
    assert_eq!(
        pairs(&manifest),
        [("@s/b", "2.0.0"), ("a", "1.0.0"), ("real", "3.0.0")]
    );
    assert!(manifest.unaudited.contains("d"));
}

#[test]
fn odd_value_of_one_package_leaves_it_and_the_others_audited() {
    for odd in [
        r#""resolved":false"#,
        r#""resolved":null"#,
        r#""bundled":"yes","resolved":{}"#,
        r#""dependencies":{"b":false,"c":"^1"}"#,
        r#""dependencies":[]"#,
        r#""link":0,"name":7"#,
        r#""requires":true,"integrity":12"#,
    ] {
        let text = format!(
            r#"{{"lockfileVersion":1,"dependencies":{{"a":{{"version":"1.0.0",{odd}}},"z":{{"version":"2.0.0"}}}}}}"#
        );
        let manifest = package_lock(&text).unwrap();
        assert_eq!(pairs(&manifest), [("a", "1.0.0"), ("z", "2.0.0")], "{odd}");
    }
    let text = r#"{"lockfileVersion":"3","packages":{"node_modules/a":{"version":"1.0.0"},
        "node_modules/b":false,"node_modules/c":{"version":3},"node_modules/d":"1.0.0"}}"#;
    let manifest = package_lock(text).unwrap();
    assert_eq!(pairs(&manifest), [("a", "1.0.0")]);
    assert_eq!(manifest.unaudited.len(), 3);
}

#[test]
fn broken_package_lock_is_refused() {
    for text in ["", "{", "[]", "{}", r#"{"packages":[]}"#] {
        assert!(package_lock(text).is_err(), "{text}");
    }
    assert!(package_lock(r#"{"lockfileVersion":1}"#).is_ok());
    let deep = "{\"dependencies\":{\"a\":".repeat(10_000);
    assert!(package_lock(&deep).is_err());
}

#[test]
fn yarn_locks_of_both_forms_are_read() {
    let first = "# yarn lockfile v1\n\n\n\"@babel/core@^7.0.0\", \"@babel/core@^7.1.0\":\n  version \"7.2.0\"\n  \
                 resolved \"https://registry.invalid/x\"\n  dependencies:\n    version \"^1\"\n\nlodash@^4:\n  \
                 version \"4.17.4\"\n\nalias@npm:real@^1:\n  version \"1.0.1\"\n";
    let manifest = yarn(first).unwrap();
    assert_eq!(
        pairs(&manifest),
        [
            ("@babel/core", "7.2.0"),
            ("lodash", "4.17.4"),
            ("real", "1.0.1")
        ]
    );
    let later = "__metadata:\n  version: 6\n\n\"lodash@npm:^4, lodash@npm:^4.1\":\n  version: 4.17.4\n  \
                 resolution: \"lodash@npm:4.17.4\"\n\n\"shop@workspace:.\":\n  version: 0.0.0-use.local\n\n\
                 \"x@git@forge.invalid\":\n  resolution: \"x\"\n";
    let manifest = yarn(later).unwrap();
    assert_eq!(pairs(&manifest), [("lodash", "4.17.4")]);
    assert_eq!(manifest.unaudited.len(), 1);
    assert!(yarn("hello\n").is_err());
    // A key of more than a thousand letters.
    let long = "__metadata:\n  version: 8\n\n? \"lodash@npm:^4, lodash@npm:^4.1\"\n:\n  version: 4.17.4\n  \
                resolution: \"lodash@npm:4.17.4\"\n\n\"rack@npm:1\":\n  version: 1.0.0\n";
    let manifest = yarn(long).unwrap();
    assert_eq!(pairs(&manifest), [("lodash", "4.17.4"), ("rack", "1.0.0")]);
    assert!(manifest.unaudited.is_empty());
}

#[test]
fn pnpm_locks_of_every_version_are_read() {
    for (version, key, name) in [
        ("5.4", "/lodash/4.17.4", "lodash"),
        ("5.1", "/@s/x/4.17.4_peer@1.0.0", "@s/x"),
        ("5.4", "/x/4.17.4_@babel/core@7.0.0", "x"),
        ("'6.0'", "/lodash@4.17.4(peer@1.0.0)", "lodash"),
        ("'6.0'", "/under_score@4.17.4", "under_score"),
        ("'9.0'", "lodash@4.17.4", "lodash"),
        ("'9.0'", "'@s/x@4.17.4(a@1.0.0)(b@2.0.0)'", "@s/x"),
    ] {
        let text = format!(
            "lockfileVersion: {version}\npackages:\n  {key}:\n    resolution: {{integrity: x}}\n"
        );
        assert_eq!(pairs(&pnpm(&text).unwrap()), [(name, "4.17.4")], "{key}");
    }
    let other =
        "lockfileVersion: '9.0'\npackages:\n  x@https://codeload.invalid/x:\n    resolution: {}\n";
    assert_eq!(pnpm(other).unwrap().unaudited.len(), 1);
    assert!(pnpm("a: b\n").is_err() && pnpm("a: [\n").is_err());
    assert!(pnpm("lockfileVersion: 9\n").unwrap().packages.is_empty());
}

#[test]
fn locks_of_bun_and_deno_are_read() {
    let text = "{\n  \"lockfileVersion\": 1,\n  \"packages\": {\n    \"lodash\": [\"lodash@4.17.4\", \"\", {}, \"sha\"],\n    \
                \"@s/x\": [\"@s/x@1.0.0\", {},],\n    \"own\": [\"own@workspace:packages/own\"],\n  },\n}\n";
    assert_eq!(
        pairs(&bun(text).unwrap()),
        [("@s/x", "1.0.0"), ("lodash", "4.17.4")]
    );
    let text = r#"{"version":"4","npm":{"lodash@4.17.4":{},"@s/x@1.0.0_peer@2":{}},"jsr":{"@std/a@1":{}}}"#;
    let manifest = deno(text).unwrap();
    assert_eq!(pairs(&manifest), [("@s/x", "1.0.0"), ("lodash", "4.17.4")]);
    assert_eq!(manifest.unaudited.len(), 1);
}

#[test]
fn package_json_gives_exact_versions_and_names_the_ranges() {
    let text = r#"{"dependencies":{"lodash":"4.17.4","b":"^1.0.0","c":"1.x.0","d":"npm:real@2.0.0","e":true},
        "devDependencies":{"jest":"=29.0.0"},"peerDependencies":{"react":"18.0.0"}}"#;
    let manifest = package_json(text).unwrap();
    assert_eq!(
        pairs(&manifest),
        [("jest", "29.0.0"), ("lodash", "4.17.4"), ("real", "2.0.0")]
    );
    assert!(manifest.unaudited.contains("b ^1.0.0"), "{manifest:?}");
    assert_eq!(manifest.unaudited.len(), 3);
}
