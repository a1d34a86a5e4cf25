//! The rooms of the engine have doors in one direction: each uses only rooms to its left.

use super::uses::Uses;

/// The crate that has rooms.
pub(super) const CRATE: &str = "host/engine";
/// Its rooms, from the one that uses none to the one that may use all. What lies in no room is not looked at.
const ROOMS: [&str; 7] = [
    "ledger", "commands", "views", "launch", "steps", "tasks", "wire",
];

/// One problem for each use of a room further to the right.
pub(super) fn problems(uses: &Uses) -> Vec<String> {
    let room = |file: usize| {
        let name = uses.files[file].trim_end_matches(".rs");
        let top = name.split('/').next().unwrap_or_default();
        ROOMS.iter().position(|room| *room == top)
    };
    let wrong = uses.edges.iter().filter_map(|((user, used), line)| {
        let (from, to) = (room(*user)?, room(*used)?);
        (to > from).then(|| {
            format!(
                "{}:{line} uses {}: `{}` may use only what is left of it in {}",
                uses.files[*user],
                uses.files[*used],
                ROOMS[from],
                ROOMS.join(" <- ")
            )
        })
    });
    wrong.collect()
}

#[cfg(test)]
mod tests {
    use super::problems;
    use crate::tidy::uses::tests::uses;

    const TOP: (&str, &str) = ("lib.rs", "mod ledger; mod steps; mod clock;");

    #[test]
    fn room_that_uses_one_to_its_right_is_named_with_the_line() {
        let steps = ("steps/agent.rs", "use crate::ledger::Ledger;");
        let ledger = (
            "ledger.rs",
            "use crate::clock;\nuse crate::steps::agent::X;",
        );
        let files = [
            TOP,
            ledger,
            ("steps.rs", "mod agent;"),
            steps,
            ("clock.rs", ""),
        ];
        let found = problems(&uses(&files));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("ledger.rs:2 uses steps/agent.rs: `ledger` may use only"));
    }
}
