//! Which state of a project is which, by name, and by group where a group leaves no choice?

use std::collections::BTreeMap;

use orch_clients::plane::FoundState;

/// A state that the host needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Its word in orch.yaml.
    pub(super) word: &'static str,
    /// What it is called where it is made.
    pub(super) name: &'static str,
    /// Plane's group.
    pub(super) group: &'static str,
}

/// What each is called on boards, the likeliest first.
const NAMES: [(Wanted, &[&str]); 9] = [
    (
        wanted("entry", "Ready for Orch", "unstarted"),
        &["readyfororch", "toanalyse", "toanalyze"],
    ),
    (
        wanted("in-progress", "In Progress", "started"),
        &["inprogress"],
    ),
    (
        wanted("in-review", "In Review", "started"),
        &["inreview", "review"],
    ),
    (
        wanted("needs-input", "Needs Input", "started"),
        &["needsinput"],
    ),
    (wanted("approved", "Approved", "started"), &["approved"]),
    (
        wanted("confirm-deploy", "Confirm Deploy", "started"),
        &["confirmdeploy"],
    ),
    (wanted("blocked", "Blocked", "started"), &["blocked"]),
    (wanted("done", "Done", "completed"), &["done"]),
    (wanted("stop", "Stop", "cancelled"), &["stop", "stopped"]),
];
/// Groups in which a single state can only be the one.
const BY_GROUP: [&str; 1] = ["done"];

const fn wanted(word: &'static str, name: &'static str, group: &'static str) -> Wanted {
    Wanted { word, name, group }
}

fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Ids by word, and what has none. A state is never two words.
pub(super) fn assigned(there: &[FoundState]) -> (BTreeMap<&'static str, String>, Vec<Wanted>) {
    let (mut states, mut missing) = (BTreeMap::new(), Vec::new());
    for (wanted, names) in NAMES {
        let by_name = names.iter().find_map(|name| {
            let mut own = there.iter();
            own.find(|state| plain(&state.name) == *name)
        });
        let of_group: Vec<&FoundState> = there
            .iter()
            .filter(|state| state.group == wanted.group)
            .collect();
        let by_group = match &of_group[..] {
            [only] if BY_GROUP.contains(&wanted.word) => Some(*only),
            _ => None,
        };
        match by_name.or(by_group) {
            Some(state) => {
                states.insert(wanted.word, state.id.clone());
            }
            None => missing.push(wanted),
        }
    }
    (states, missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(names: &[(&str, &str)]) -> Vec<FoundState> {
        let state = |(name, group): &(&str, &str)| FoundState {
            id: format!("id of {name}"),
            name: (*name).to_owned(),
            group: (*group).to_owned(),
        };
        names.iter().map(state).collect()
    }

    #[test]
    fn states_are_found_by_name_however_it_is_written_and_the_rest_is_missing() {
        let (states, missing) = assigned(&board(&[
            ("Backlog", "backlog"),
            ("To-Analyse", "unstarted"),
            ("IN PROGRESS", "started"),
            ("needs_input", "started"),
            ("Shipped", "completed"),
            ("Cancelled", "cancelled"),
        ]));
        assert_eq!(states["entry"], "id of To-Analyse");
        assert_eq!(states["in-progress"], "id of IN PROGRESS");
        assert_eq!(states["needs-input"], "id of needs_input");
        assert_eq!(states["done"], "id of Shipped");
        let words: Vec<&str> = missing.iter().map(|wanted| wanted.word).collect();
        // A cancelled item is not one that asks for a stop.
        assert_eq!(
            words,
            ["in-review", "approved", "confirm-deploy", "blocked", "stop"]
        );
        assert_eq!(states.len() + missing.len(), 9);
    }
}
