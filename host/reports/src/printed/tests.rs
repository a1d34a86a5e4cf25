//! Outputs as their programs print them.

use super::*;

fn read(text: &str) -> (Vec<String>, Option<u64>) {
    let failed = printed(text, true);
    (failed.names, failed.ran)
}

#[test]
fn failures_are_named_in_the_order_in_which_they_are_printed() {
    let cases: [(&str, &str, &[&str], Option<u64>); 18] = [
        (
            "pytest",
            "F.E                                   [100%]\n=================================== FAILURES ===================================\n___________________________________ test_a ___\nE   assert 1 == 2\n=========================== short test summary info ============================\nFAILED tests/test_x.py::TestCart::test_a[1 - 2] - assert 1 == 2\nERROR tests/test_y.py - ModuleNotFoundError: No module named 'y'\n==================== 1 failed, 1 passed, 1 error in 0.12s =====================\n",
            &["tests/test_x.py::TestCart::test_a[1", "tests/test_y.py"],
            Some(2),
        ),
        (
            "pytest, coloured and quiet",
            "\u{1b}[31mFAILED\u{1b}[0m test_x.py::\u{1b}[1mtest_a\u{1b}[0m - assert False\n1 failed, 2 passed in 0.01s\n",
            &["test_x.py::test_a"],
            Some(3),
        ),
        (
            "unittest",
            "======================================================================\nFAIL: test_a (tests.test_x.T.test_a)\n----------------------------------------------------------------------\nAssertionError: 1 != 2\n\nRan 3 tests in 0.001s\n\nFAILED (failures=1)\n",
            &["tests.test_x.T.test_a"],
            Some(3),
        ),
        (
            "cargo test",
            "running 2 tests\ntest cart::adds ... ok\ntest cart::pays ... FAILED\n\nfailures:\n    cart::pays\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
            &["cart::pays"],
            Some(2),
        ),
        (
            "cargo test that does not compile",
            "error[E0308]: mismatched types\nerror: could not compile `shop` (lib test) due to 1 previous error\n",
            &["could not compile `shop` (lib test)"],
            None,
        ),
        (
            "nextest",
            "        PASS [   0.003s] (1/2) shop cart::adds\n        FAIL [   0.004s] (2/2) shop::bin/shop cart::pays\n     Summary [   0.010s] 2 tests run: 1 passed, 1 failed, 0 skipped\n        FAIL [   0.004s] (2/2) shop::bin/shop cart::pays\n",
            &["shop::bin/shop::cart::pays"],
            Some(2),
        ),
        (
            "go test",
            "--- FAIL: TestPay (0.00s)\n    --- FAIL: TestPay/twice (0.00s)\n        cart_test.go:7: got 1\nFAIL\nFAIL\texample.com/shop/cart\t0.002s\nok  \texample.com/shop\t0.001s\nFAIL\texample.com/shop/till [build failed]\nFAIL\n",
            &[
                "example.com/shop/cart::TestPay",
                "example.com/shop/cart::TestPay/twice",
                "example.com/shop/till",
            ],
            None,
        ),
        (
            "go test -json",
            "{\"Time\":\"2026-01-01T00:00:00Z\",\"Action\":\"fail\",\"Package\":\"example.com/shop\",\"Test\":\"TestPay\",\"Elapsed\":0}\n{\"Time\":\"2026-01-01T00:00:00Z\",\"Action\":\"pass\",\"Package\":\"example.com/shop\",\"Test\":\"TestAdd\",\"Elapsed\":0}\n",
            &["example.com/shop::TestPay"],
            Some(2),
        ),
        (
            "node --test",
            "✔ adds (0.5ms)\n▶ cart\n  ✖ pays (1.2ms)\n✖ cart (2.1ms)\nℹ tests 2\nℹ pass 1\nℹ fail 1\n\n✖ failing tests:\n\ntest at cart.test.js:3:1\n✖ pays (1.2ms)\n",
            &["pays", "cart"],
            Some(2),
        ),
        (
            "node --test as TAP",
            "TAP version 13\nok 1 - adds\nnot ok 2 - pays\n  ---\n  ...\nnot ok 3 - later # TODO\n1..3\n# tests 3\n# pass 1\n# fail 1\n",
            &["pays"],
            Some(2),
        ),
        (
            "bats",
            "1..2\nok 1 adds\nnot ok 2 pays\n# (in test file cart.bats, line 3)\n",
            &["pays"],
            Some(2),
        ),
        (
            "jest",
            "FAIL src/cart.test.js\n  ● cart › pays\n\n    expect(received).toBe(expected)\n\nTests:       1 failed, 2 passed, 3 total\n",
            &["src/cart.test.js", "cart › pays"],
            Some(3),
        ),
        (
            "vitest",
            " FAIL  src/cart.test.ts > cart > pays\nAssertionError: expected 1 to be 2\n\n Test Files  1 failed (1)\n      Tests  1 failed | 2 passed (3)\n",
            &["src/cart.test.ts > cart > pays"],
            Some(3),
        ),
        (
            "surefire",
            "[INFO] Running shop.CartTest\n[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.05 s <<< FAILURE! -- in shop.CartTest\n[ERROR] shop.CartTest.pays -- Time elapsed: 0.004 s <<< FAILURE!\norg.opentest4j.AssertionFailedError\n[INFO] Results:\n[ERROR] Failures: \n[ERROR]   CartTest.pays:12 expected: <1> but was: <2>\n[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0\n",
            &["shop.CartTest.pays"],
            Some(2),
        ),
        (
            "surefire of old",
            "pays(shop.CartTest)  Time elapsed: 0.004 sec  <<< FAILURE!\n\nTests run: 2, Failures: 1, Errors: 0, Skipped: 0\n",
            &["pays(shop.CartTest)"],
            Some(2),
        ),
        (
            "rspec",
            "Failed examples:\n\nrspec ./spec/cart_spec.rb:12 # Cart pays\n\n3 examples, 1 failure\n",
            &["./spec/cart_spec.rb:12"],
            None,
        ),
        (
            "phpunit",
            "There was 1 failure:\n\n1) Shop\\CartTest::testPays\nFailed asserting that 1 is 2.\n\nFAILURES!\nTests: 3, Assertions: 3, Failures: 1.\n",
            &["Shop\\CartTest::testPays"],
            Some(3),
        ),
        (
            "dotnet test",
            "  Failed Shop.CartTests.Pays [12 ms]\n  Error Message:\n\nFailed!  - Failed:     1, Passed:     2, Skipped:     0, Total:     3, Duration: 5 ms\n",
            &["Shop.CartTests.Pays"],
            Some(3),
        ),
    ];
    for (what, text, names, ran) in cases {
        let (found, count) = read(text);
        assert_eq!(found, names, "{what}");
        if what != "rspec" {
            assert_eq!(count, ran, "{what}");
        }
    }
}

#[test]
fn run_of_which_every_test_was_left_out_says_that_none_ran() {
    for text in [
        "collected 50 items\n\n============================= 50 skipped in 0.12s ==============================\n",
        "============================ no tests ran in 0.01s =============================\n",
        "no tests ran in 0.01s\n",
        "50 deselected in 0.02s\n",
        "Ran 50 tests in 0.001s\n\nOK (skipped=50)\n",
        "1..2\nok 1 adds # skip later\nok 2 pays # SKIP\n",
        "1..0 # skip all of them\n",
        "Tests:       3 skipped, 3 total\n",
        " Test Files  1 skipped (1)\n      Tests  3 skipped (3)\n",
        "\n  0 passing (1ms)\n  3 pending\n",
        "Tests run: 3, Failures: 0, Errors: 0, Skipped: 3\n",
        "[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 3\n",
        "3 examples, 0 failures, 3 pending\n",
        "3 runs, 0 assertions, 0 failures, 0 errors, 3 skips\n",
        "3 tests, 0 failures, 3 skipped\n",
        "Tests: 3, Assertions: 0, Skipped: 3.\n",
        "[==========] 2 tests from 1 test suite ran. (0 ms total)\n[  PASSED  ] 0 tests.\n[  SKIPPED ] 2 tests, listed below:\n",
        "1/1 Test #1: cart ...***Skipped   0.00 sec\n\n100% tests passed, 0 tests failed out of 1\n",
        "test result: ok. 0 passed; 0 failed; 50 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
    ] {
        assert_eq!(read(text), (Vec::new(), Some(0)), "{text}");
    }
}

#[test]
fn further_programs_are_known_by_what_they_print() {
    let cases: [(&str, &[&str], Option<u64>); 14] = [
        (
            "[ RUN      ] Cart.Pays\n[  FAILED  ] Cart.Pays (0 ms)\n[==========] 3 tests from 1 test suite ran. (0 ms total)\n[  PASSED  ] 1 test.\n[  SKIPPED ] 1 test, listed below:\n[  SKIPPED ] Cart.Later\n[  FAILED  ] 1 test, listed below:\n[  FAILED  ] Cart.Pays\n\n 1 FAILED TEST\n",
            &["Cart.Pays"],
            Some(2),
        ),
        (
            "===============================================================================\ntest cases: 3 | 2 passed | 1 failed\nassertions: 4 | 3 passed | 1 failed\n",
            &[],
            Some(3),
        ),
        (
            "Summarizing 1 Failure:\n  [FAIL] Cart [It] pays\n  /x/cart_test.go:7\n\nRan 2 of 3 Specs in 0.001 seconds\nFAIL! -- 1 Passed | 1 Failed | 0 Pending | 1 Skipped\n",
            &["Cart [It] pays"],
            Some(2),
        ),
        (
            "=== FAIL: cart TestPay (0.00s)\n    cart_test.go:7: got 1\n\nDONE 3 tests, 1 skipped, 1 failure in 0.512s\n",
            &["cart::TestPay"],
            Some(2),
        ),
        (
            "cart.test.ts:\n(fail) cart > pays [0.12ms]\n\n 2 pass\n 1 fail\n 3 expect() calls\nRan 3 tests across 1 files. [8.00ms]\n",
            &["cart > pays"],
            Some(3),
        ),
        (
            " FAILURES \n\npays => ./cart_test.ts:3:6\n\nFAILED | 1 passed | 1 failed (3ms)\n",
            &["pays"],
            Some(2),
        ),
        (
            "  ✘ [fail]: pays\n  ─\n\n  2 tests passed\n  1 test failed\n",
            &["pays"],
            Some(3),
        ),
        (
            "  1 failed\n    [chromium] › a.spec.ts:3:1 › cart › pays\n  2 passed (1.2s)\n",
            &["[chromium] › a.spec.ts:3:1 › cart › pays"],
            Some(3),
        ),
        (
            "   FAILED  Tests\\Unit\\CartTest > pays\n\n  Tests:    1 failed, 2 passed (3 assertions)\n  Duration: 0.05s\n",
            &["Tests\\Unit\\CartTest > pays"],
            Some(3),
        ),
        (
            "[info] - pays *** FAILED ***\n[info] Tests: succeeded 2, failed 1, canceled 0, ignored 0, pending 0\n",
            &["pays"],
            Some(3),
        ),
        (
            "Test Case 'CartTests.testPays' failed (0.01 seconds)\n\t Executed 3 tests, with 1 failure (0 unexpected) in 0.01 (0.01) seconds\n",
            &["CartTests.testPays"],
            None,
        ),
        (
            "00:01 +0 -1: pays [E]\n00:01 +2 -1: Some tests failed.\n",
            &["pays"],
            Some(3),
        ),
        (
            "Pays                                                                  | FAIL |\n1 != 2\n3 tests, 2 passed, 1 failed\n",
            &["Pays"],
            None,
        ),
        (
            "failed Shop.CartTests.Pays (12ms)\n\nTest run summary: Failed!\n  total: 3\n  failed: 1\n  succeeded: 2\n  skipped: 0\n",
            &["Shop.CartTests.Pays"],
            Some(3),
        ),
    ];
    for (text, names, ran) in cases {
        let (found, count) = read(text);
        assert_eq!(
            (found.as_slice(), count),
            (
                &names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()[..],
                ran
            ),
            "{text}"
        );
    }
}

#[test]
fn output_of_no_known_form_names_nothing() {
    for text in [
        "",
        "FAILED\n",
        "not ok\n",
        "1 of 3 failed\n",
        "error: something\nFAIL: x\n",
    ] {
        assert!(printed(text, true).is_unknown(), "{text}");
    }
}

#[test]
fn output_that_is_not_whole_leaves_its_names_open_and_counts_nothing() {
    let failed = printed("FAILED a.py::b - x\n1 failed, 2 passed in 0.01s\n", false);
    assert!(failed.more && failed.ran.is_none(), "{failed:?}");
}

#[test]
fn program_that_found_nothing_to_run_and_ended_well_ran_none() {
    for text in [
        "Test project /build\nNo tests were found!!!\n",
        "ninja: no work to do.\nNo tests defined.\n",
        "PHPUnit 9.6.13 by Sebastian Bergmann and contributors.\n\nNo tests executed!\n",
        "No test is available in /b/Shop.Tests.dll. Make sure that test discoverer & executors are registered.\n",
        "There are no tests to run\n",
    ] {
        assert_eq!(read(text), (Vec::new(), Some(0)), "{text}");
    }
    // Another part of the same output ran some.
    let both = "No tests were found!!!\n100% tests passed, 0 tests failed out of 5\n";
    assert_eq!(read(both), (Vec::new(), Some(5)));
}
