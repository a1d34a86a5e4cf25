//! Are tests of the languages of the world guarded: their names, their skip marks, and what decides which of them run?

use orch_gate_sdk::Fixture;
use orch_gate_sdk::repository::{Change, Revision};

use super::rules;
use super::weakened::{DELETED, TWO, WEAKENED, change};

#[test]
fn skip_marks_of_the_world_are_found() {
    for (path, base, head) in [
        (
            "src/test/java/CartTest.java",
            "@Test\nvoid a() {\n  assertEquals(1, x);\n}\n",
            "@Test(enabled = false)\nvoid a() {\n  assertEquals(1, x);\n}\n",
        ),
        (
            "cart_test.go",
            "var _ = Describe(\"a\", func() {\n\tIt(\"b\", func() {\n\t\tExpect(x).To(Equal(1))\n\t})\n})\n",
            "var _ = Describe(\"a\", func() {\n\tPIt(\"b\", func() {\n\t\tExpect(x).To(Equal(1))\n\t})\n})\n",
        ),
        (
            "tests/test_a.py",
            "def test_a():\n    assert x\n",
            "import pytest\npytest.importorskip('x')\ndef test_a():\n    assert x\n",
        ),
        (
            "tests/test_a.py",
            "def test_a():\n    assert x\n",
            "def test_a():\n    raise SkipTest\n    assert x\n",
        ),
        (
            "tests/test_a.py",
            "def test_a():\n    assert x\n",
            "def test_a():\n    raise unittest.SkipTest('no')\n    assert x\n",
        ),
        (
            "test/a.test.js",
            "test('a', () => {\n  assert.ok(x);\n});\n",
            "test('a', { skip: true }, () => {\n  assert.ok(x);\n});\n",
        ),
        (
            "test/a.test.js",
            "test('a', () => {\n  assert.ok(x);\n});\n",
            "test('a', { skip: 'later' }, () => {\n  assert.ok(x);\n});\n",
        ),
        (
            "src/a.rs",
            TWO,
            &format!("#[cfg(all(test, feature = \"slow\"))]\n{TWO}"),
        ),
        (
            "src/a.rs",
            TWO,
            &TWO.replacen("#[test]\n", "#[test]\n#[should_panic]\n", 1),
        ),
        (
            "tests/a.spec.ts",
            "test('a', async () => {\n  expect(x).toBe(1);\n});\n",
            "test.fixme('a', async () => {\n  expect(x).toBe(1);\n});\n",
        ),
        (
            "spec/a_spec.rb",
            "it \"a\" do\n  expect(x).to eq 1\nend\n",
            "xit \"a\" do\n  expect(x).to eq 1\nend\n",
        ),
        (
            "Shop.Tests/A.cs",
            "[Fact]\npublic void A() {\n  Assert.Equal(1, x);\n}\n",
            "[Fact(Skip = \"later\")]\npublic void A() {\n  Assert.Equal(1, x);\n}\n",
        ),
        (
            "tests/ATest.php",
            "public function testA() {\n  $this->assertSame(1, $x);\n}\n",
            "public function testA() {\n  $this->markTestSkipped('later');\n  $this->assertSame(1, $x);\n}\n",
        ),
        (
            "test/a_test.exs",
            "test \"a\" do\n  assert x\nend\n",
            "@tag :skip\ntest \"a\" do\n  assert x\nend\n",
        ),
        (
            "src/a_unittest.cc",
            "TEST(A, B) {\n  EXPECT_EQ(1, x);\n}\n",
            "TEST(A, DISABLED_B) {\n  EXPECT_EQ(1, x);\n}\n",
        ),
        (
            "ShopTests/A.swift",
            "func testA() throws {\n  XCTAssertEqual(1, x)\n}\n",
            "func testA() throws {\n  throw XCTSkip()\n  XCTAssertEqual(1, x)\n}\n",
        ),
        (
            "src/test/kotlin/ATest.kt",
            "@Test\nfun a() {\n  assertEquals(1, x)\n}\n",
            "@Test\n@EnabledIf(\"x\")\nfun a() {\n  assertEquals(1, x)\n}\n",
        ),
        (
            "test/a_test.dart",
            "test('a', () {\n  expect(x, 1);\n});\n",
            "test('a', () {\n  expect(x, 1);\n}, skip: true);\n",
        ),
        ("t/a.t", "ok($x);\n", "plan skip_all => 'later';\nok($x);\n"),
    ] {
        assert_eq!(
            rules(&change(path, base, head)),
            [WEAKENED],
            "{path}: {head}"
        );
        assert!(rules(&change(path, base, base)).is_empty(), "{path}");
    }
}

#[test]
fn skip_marks_are_found_in_the_spellings_of_other_runners_too() {
    for (path, base, head) in [
        (
            "tests/test_a.py",
            "def test_a():\n    assert x\n",
            "def test_a():\n    raise nose.SkipTest('no')\n    assert x\n",
        ),
        (
            "tests/test_a.py",
            "def test_a(self):\n    self.assertEqual(x, 1)\n",
            "@unittest.skipUnless(False, 'no')\ndef test_a(self):\n    self.assertEqual(x, 1)\n",
        ),
        (
            "a_test.ts",
            "Deno.test('a', () => {\n  assertEquals(x, 1);\n});\n",
            "Deno.test.ignore('a', () => {\n  assertEquals(x, 1);\n});\n",
        ),
        (
            "a.test.ts",
            "describe('a', () => {\n  it('b', () => {\n    expect(x).toBe(1);\n  });\n});\n",
            "describe.skip('a', () => {\n  it('b', () => {\n    expect(x).toBe(1);\n  });\n});\n",
        ),
        (
            "a_test.go",
            "func TestA(t *testing.T) {\n\tassert.Equal(t, 1, x)\n}\n",
            "func TestA(t *testing.T) {\n\tt.SkipNow()\n\tassert.Equal(t, 1, x)\n}\n",
        ),
        (
            "cart_test.go",
            "It(\"b\", func() {\n\tExpect(x).To(Equal(1))\n})\n",
            "XIt(\"b\", func() {\n\tExpect(x).To(Equal(1))\n})\n",
        ),
        (
            "src/test/java/ATest.java",
            "@Test\nvoid a() {\n  assertEquals(1, x);\n}\n",
            "@Test\n@EnabledForJreRange(min = JRE.OTHER)\nvoid a() {\n  assertEquals(1, x);\n}\n",
        ),
        (
            "src/test/scala/ASpec.scala",
            "it should \"b\" in {\n  assert(x == 1)\n}\n",
            "it should \"b\" ignore {\n  assert(x == 1)\n}\n",
        ),
        (
            "A.Tests/A.cs",
            "[Test]\npublic void A() {\n  Assert.That(x, Is.EqualTo(1));\n}\n",
            "[Test, Explicit]\npublic void A() {\n  Assert.That(x, Is.EqualTo(1));\n}\n",
        ),
        (
            "test/a_test.rb",
            "def test_a\n  assert_equal 1, x\nend\n",
            "def test_a\n  pend 'later'\n  assert_equal 1, x\nend\n",
        ),
        (
            "src/a.rs",
            TWO,
            &TWO.replacen("#[test]\n", "#[cfg(target_os = \"none\")]\n#[test]\n", 1),
        ),
        (
            "src/a.rs",
            TWO,
            &TWO.replacen("#[test]\n", "#[test]\n#[cfg_attr(all(), ignore)]\n", 1),
        ),
        (
            "tests/a.zig",
            "test \"a\" {\n    try expect(x == 1);\n}\n",
            "test \"a\" {\n    return error.SkipZigTest;\n    try expect(x == 1);\n}\n",
        ),
        (
            "test/a_test.exs",
            "test \"a\" do\n  assert x\nend\n",
            "@moduletag :skip\ntest \"a\" do\n  assert x\nend\n",
        ),
        (
            "tests/ATest.php",
            "it('a', function () {\n  expect($x)->toBe(1);\n});\n",
            "it('a', function () {\n  expect($x)->toBe(1);\n})->skip();\n",
        ),
    ] {
        assert_eq!(
            rules(&change(path, base, head)),
            [WEAKENED],
            "{path}: {head}"
        );
        assert!(rules(&change(path, base, base)).is_empty(), "{path}");
    }
    // A new test for one platform takes nothing away.
    let new = format!("{TWO}\n#[cfg(unix)]\n#[test]\nfn c() {{\n    assert!(w);\n}}\n");
    assert!(rules(&change("src/a.rs", TWO, &new)).is_empty());
}

#[test]
fn deleted_tests_of_the_world_are_found_by_their_names() {
    for path in [
        "spec/cart_spec.rb",
        "Shop.Tests/CartTests.cs",
        "src/test/kotlin/CartTest.kt",
        "src/main/java/CartIT.java",
        "shop/tests.py",
        "cypress/e2e/cart.cy.js",
        "packages/a/test/cart.js",
        "src/cart_unittest.cc",
        "lib/cart_test.exs",
        "features/cart.feature",
        "t/cart.t",
        "app/src/androidTest/java/Cart.java",
        "src/functionalTest/groovy/Cart.groovy",
        "Shop.AcceptanceTests/Cart.cs",
        "src/CartFixture.cs",
        "test.js",
        "test-cart.mjs",
        "lib/cart_test.ts",
        "specs/cart.js",
        "integration-tests/cart.zig",
        "acceptance/cart.x",
        "src/check_cart.c",
        "cart-test.cc",
        "cart.bats",
        "test/models/cart.rb",
        "src/cart_test.clj",
        "cart_spec.lua",
        "src/CartSpec.groovy",
        "Tests/CartTests/Cart.swift",
        "apps/shop/test/cart_SUITE.erl",
    ] {
        let fixture =
            Fixture::new()
                .file(Revision::Base, path, "x\n")
                .changed(path, Change::Deleted, 0, 1);
        assert_eq!(rules(&fixture), [DELETED], "{path}");
    }
}

#[test]
fn new_file_that_decides_which_tests_run_is_found_if_it_leaves_some_out() {
    let new = |path: &str, text: &str| {
        let fixture =
            Fixture::new()
                .file(Revision::Head, path, text)
                .changed(path, Change::Added, 3, 0);
        rules(&fixture)
    };
    for (path, text) in [
        (
            "tests/conftest.py",
            "import pytest\ndef pytest_collection_modifyitems(items):\n    for item in items:\n        item.add_marker(pytest.mark.skip)\n",
        ),
        ("conftest.py", "collect_ignore = ['test_a.py']\n"),
        ("a/conftest.py", "collect_ignore_glob = ['*']\n"),
        (
            "tests/conftest.py",
            "def pytest_ignore_collect(path):\n    return True\n",
        ),
        (
            "tests/conftest.py",
            "import pytest\npytest.skip('no', allow_module_level=True)\n",
        ),
        (
            "tests/conftest.py",
            "import pytest\n@pytest.fixture(autouse=True)\ndef no():\n    pytest.skip()\n",
        ),
        (
            "spec/spec_helper.rb",
            "RSpec.configure do |c|\n  c.filter_run :focus\nend\n",
        ),
        ("sitecustomize.py", "import os\nos._exit(0)\n"),
    ] {
        assert_eq!(new(path, text), [WEAKENED], "{path}: {text}");
    }
    let fixtures = "import pytest\n@pytest.fixture\ndef cart():\n    return Cart()\n";
    assert!(new("tests/conftest.py", fixtures).is_empty());
    let base = change(
        "tests/conftest.py",
        fixtures,
        &format!("{fixtures}collect_ignore = ['a']\n"),
    );
    assert_eq!(rules(&base), [WEAKENED]);
}

#[test]
fn run_of_fewer_tests_than_on_the_base_waits_for_a_person() {
    let judge = |evidence: &str| {
        let fixture = Fixture::new().evidence("tests/local", evidence);
        rules(&fixture)
    };
    let fell = r#"{"passed":true,"exit_code":0,"output_tail":"","failed":{"names":[],"ran":0},"base_ran":50}"#;
    assert_eq!(judge(fell), ["protected/tests-fewer"]);
    for evidence in [
        r#"{"passed":true,"exit_code":0,"output_tail":"","failed":{"names":[],"ran":50},"base_ran":50}"#,
        r#"{"passed":true,"exit_code":0,"output_tail":"","failed":{"names":[]},"base_ran":50}"#,
        r#"{"passed":true,"exit_code":0,"output_tail":"","failed":{"names":[],"ran":3}}"#,
        r#"{"passed":true,"exit_code":0,"output_tail":""}"#,
        "no JSON",
    ] {
        assert!(judge(evidence).is_empty(), "{evidence}");
    }
}
