//! Are hidden text and checks that are gone found from the changed files on?

use orch_gate_sdk::Fixture;
use orch_gate_sdk::repository::{Change, Revision};

use super::rules;
use super::weakened::change;

const HIDDEN: &str = "protected/hidden-text";
const REMOVED: &str = "protected/check-removed";
const GUARDED: &str =
    "def remove(user):\n    if not user.is_admin:\n        raise Refused()\n    clear()\n";
const BARE: &str = "def remove(user):\n    clear()\n";

#[test]
fn check_that_is_gone_is_found_and_a_comment_stands_in_for_none() {
    assert_eq!(rules(&change("shop.py", GUARDED, BARE)), [REMOVED]);
    let commented = format!("# user.is_admin\n{BARE}");
    assert_eq!(rules(&change("shop.py", GUARDED, &commented)), [REMOVED]);
    assert!(rules(&change("shop.py", BARE, GUARDED)).is_empty());
    assert!(rules(&change("docs/shop.md", GUARDED, BARE)).is_empty());
}

#[test]
fn check_that_moves_to_another_file_is_none_that_is_gone() {
    let moved = change("shop.py", GUARDED, BARE)
        .file(
            Revision::Head,
            "rights.py",
            "def check(user):\n    return user.is_admin\n",
        )
        .changed("rights.py", Change::Added, 2, 0);
    assert!(rules(&moved).is_empty());
}

#[test]
fn hidden_text_is_found_in_code_and_in_words_and_not_if_it_was_there() {
    let hidden = "clear()  # \u{202e} turned\n";
    assert_eq!(rules(&change("shop.py", "clear()\n", hidden)), [HIDDEN]);
    assert_eq!(
        rules(&change("README.md", "Shop\n", "Sh\u{200b}op\n")),
        [HIDDEN]
    );
    let later = format!("start()\n{hidden}");
    assert!(rules(&change("shop.py", hidden, &later)).is_empty());
    assert_eq!(
        rules(&change("shop.py", "scope()\n", "s\u{441}ope()\n")),
        [HIDDEN]
    );
    let added = Fixture::new().changed("a\u{202e}b.py", Change::Added, 1, 0);
    assert_eq!(rules(&added), [HIDDEN]);
}
