//! What has to be true when a task has ended among other people.

use serde_json::Value;

use super::super::{Site, check};
use super::people::People;
use crate::sql;

/// Follows one task.
#[derive(Debug)]
pub(super) struct Oracle {
    item: String,
    last: Value,
}

impl Oracle {
    pub(super) fn new(item: &str) -> Self {
        Self {
            item: item.to_owned(),
            last: Value::Null,
        }
    }

    pub(super) fn saw(&mut self, view: &Value) {
        self.last = view.clone();
    }

    /// What is not as it has to be.
    pub(super) fn violations(&self, site: &Site, people: &People) -> Vec<String> {
        let world = &site.world;
        let mut list = check::invariants(&world.path("data/orch.db"));
        // A run whose branch somebody had deleted could not be put there, and is done again.
        list.retain(|text| !text.starts_with("one run of a role completed twice"));
        let Some(landed) = self.last["merged_commit"].as_str() else {
            if self.last["stage"] == "done" {
                list.push(format!("{} is done and nothing landed", self.item));
            }
            return list;
        };
        let column = |query: &'static str| sql::column(&world.path("data/orch.db"), query);
        let tested = column("SELECT sha FROM evidence WHERE name = 'tests/local'");
        if !tested.iter().any(|sha| sha == landed) {
            list.push(format!("{landed} landed and was not tested"));
        }
        let judged = column(
            "SELECT head_sha || ' ' || base_sha FROM evaluations WHERE entry = 'merge' AND decision = 'pass'",
        );
        let base =
            column("SELECT data FROM events WHERE kind = 'land-intent' ORDER BY id DESC LIMIT 1");
        let base = base
            .first()
            .and_then(|text| serde_json::from_str::<Value>(text).ok())
            .and_then(|data| data["base"].as_str().map(str::to_owned))
            .unwrap_or_default();
        if !judged.contains(&format!("{landed} {base}")) {
            list.push(format!(
                "{landed} landed on {base} and was judged as {judged:?}"
            ));
        }
        let files = world.git("shop.git", &["ls-tree", "-r", "--name-only", landed]);
        let has = |name: &String| files.lines().any(|line| line == name);
        // What was taken out before the landing must not come back with it.
        let on = world.git("shop.git", &["ls-tree", "-r", "--name-only", &base]);
        let was = |name: &String| on.lines().any(|line| line == name);
        for name in people
            .taken_out
            .iter()
            .filter(|name| has(name) && !was(name))
        {
            list.push(format!("{name} was taken out of the base and came back"));
        }
        for name in people.in_branch.iter().filter(|name| !has(name)) {
            list.push(format!("{name} was pushed to the branch and is lost"));
        }
        let cart = world.git("shop.git", &["show", &format!("{landed}:cart.sh")]);
        if !cart.contains("percent") {
            list.push(format!("the agent's work is not in what landed:\n{cart}"));
        }
        let deploys = site.deploys();
        if deploys != 1 && !(deploys == 0 && self.last["stage"] == "cancelled") {
            list.push(format!("production was deployed {deploys} times"));
        }
        list
    }
}
