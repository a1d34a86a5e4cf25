//! Claims about drills: each class is made of what a repository has, the same each time, and of nothing else.

use orch_domain::drill::DrillClass;

use super::*;

fn material(files: &[(&str, &str)]) -> Material {
    let mut material = Material::nothing(true, "shop:1");
    for (path, text) in files {
        material.names.insert((*path).to_owned());
        material.add((*path).to_owned(), (*text).to_owned());
    }
    material
}

/// The new text of the only file that a class changes.
fn made(material: &Material, class: DrillClass) -> String {
    let planned = material.make(class).unwrap();
    let [(_, Some(text))] = planned.files.as_slice() else {
        panic!("{class}: {planned:?}");
    };
    String::from_utf8(text.clone()).unwrap()
}

const PYTHON: &str = "import unittest\n\nclass T(unittest.TestCase):\n    def test_a(self):\n        \
                      self.assertEqual(add(1, 2), 3)\n";
const GUARDED: &str = "def remove(user, cart):\n    if not user.is_admin:\n        raise PermissionError()\n    \
                       cart.clear()\n";

#[test]
fn python_is_weakened_where_it_asserts_and_checks() {
    let material = material(&[("test_a.py", PYTHON), ("shop.py", GUARDED)]);
    let now = made(&material, DrillClass::AssertionDeleted);
    assert!(now.ends_with("def test_a(self):\n        pass\n"), "{now}");
    let now = made(&material, DrillClass::TestVacuous);
    assert!(now.ends_with("        self.assertTrue(True)\n"), "{now}");
    let now = made(&material, DrillClass::TestSkipped);
    let skipped = "    import unittest\n    @unittest.skip(\"drill\")\n    def test_a";
    assert!(now.contains(skipped), "{now}");
    let now = made(&material, DrillClass::PermissionRemoved);
    assert_eq!(now, "def remove(user, cart):\n    cart.clear()\n");
    let planned = material.make(DrillClass::TestDeleted).unwrap();
    assert_eq!(planned.files, [("test_a.py".to_owned(), None)]);
    let now = made(&material, DrillClass::LookAlike);
    assert!(!now.is_ascii(), "{now}");
}

#[test]
fn tests_beside_code_are_weakened_and_the_code_is_not() {
    let text = "pub fn a(n: u8) {\n    assert!(n > 0);\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn t() {\n        \
                assert_eq!(super::one(), 1);\n    }\n}\n";
    let material = material(&[("src/lib.rs", text)]);
    let now = made(&material, DrillClass::AssertionDeleted);
    assert!(
        now.contains("assert!(n > 0);") && !now.contains("assert_eq!"),
        "{now}"
    );
    let now = made(&material, DrillClass::TestSkipped);
    assert!(
        now.contains("    #[test]\n    #[ignore]\n    fn t()"),
        "{now}"
    );
    assert!(material.make(DrillClass::TestDeleted).is_err());
}

#[test]
fn block_with_braces_goes_whole_and_one_with_another_branch_stays() {
    let guarded = "function remove(user) {\n  if (!user.isAdmin()) {\n    throw new Error('no');\n  }\n  go();\n}\n";
    let one = material(&[("src/a.js", guarded)]);
    let now = made(&one, DrillClass::PermissionRemoved);
    assert_eq!(now, "function remove(user) {\n  go();\n}\n");
    let branches =
        "function f(u) {\n  if (u.isAdmin()) {\n    a();\n  } else {\n    b();\n  }\n}\n";
    let two = material(&[("src/a.js", branches)]);
    assert!(two.make(DrillClass::PermissionRemoved).is_err());
    let marked =
        "@RestController\nclass A {\n  @PreAuthorize(\"hasRole('ADMIN')\")\n  void go() {}\n}\n";
    let three = material(&[("src/A.java", marked)]);
    let now = made(&three, DrillClass::PermissionRemoved);
    assert_eq!(now, "@RestController\nclass A {\n  void go() {}\n}\n");
}

#[test]
fn guards_are_weakened_by_one_word() {
    let workflow =
        "jobs:\n  test:\n    steps:\n      - uses: actions/checkout\n      - run: make test\n";
    let material = material(&[
        (".github/workflows/ci.yml", workflow),
        (".coveragerc", "[report]\nfail_under = 87.5\n"),
        (".orch.yaml", "ci: {test: make test}\n"),
        ("AGENTS.md", "Test first.\n"),
    ]);
    let now = made(&material, DrillClass::CiWeakened);
    assert!(now.ends_with("      - run: make test || true\n"), "{now}");
    let now = made(&material, DrillClass::CoverageLowered);
    assert_eq!(now, "[report]\nfail_under = 1\n");
    let now = made(&material, DrillClass::GatesLoosened);
    assert_eq!(
        now,
        "ci: {test: make test}\ngates:\n  ci-green: {mode: off}\n"
    );
    let agents = material.make(DrillClass::AgentsMisled).unwrap();
    assert_eq!(agents.files[0].0, "CLAUDE.md");
}

#[test]
fn class_that_has_nothing_to_be_made_of_says_so_and_no_other_is_left_out() {
    let bare = material(&[("README.md", "# Shop\n")]);
    let made = DrillClass::ALL
        .into_iter()
        .filter(|class| bare.make(*class).is_ok());
    let made: Vec<DrillClass> = made.collect();
    assert_eq!(
        made,
        [
            DrillClass::Control,
            DrillClass::Secret,
            DrillClass::ScannerSilenced,
            DrillClass::GatesLoosened,
            DrillClass::AgentsMisled,
        ]
    );
}

#[test]
fn key_follows_from_the_seed_and_is_another_one_for_each_drill() {
    let key = |seed: &str| Material::nothing(true, seed).make(DrillClass::Secret);
    assert_eq!(key("shop:1"), key("shop:1"));
    assert_ne!(key("shop:1"), key("shop:2"));
}

#[test]
fn no_class_gives_back_what_it_was_given() {
    let files = [
        ("test_a.py", PYTHON),
        ("shop.py", GUARDED),
        (".orch.yaml", "ci: {test: make}\n"),
    ];
    let material = material(&files);
    for class in DrillClass::ALL {
        let Ok(planned) = material.make(class) else {
            continue;
        };
        for (path, text) in planned.files {
            let before = files.iter().find(|(name, _)| *name == path);
            let before = before.map(|(_, text)| text.as_bytes().to_vec());
            assert_ne!(text, before, "{class}: {path}");
        }
    }
}
