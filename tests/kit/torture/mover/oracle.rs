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

    /// What is not as it has to be with the task.
    pub(super) fn violations(&self, site: &Site, people: &People) -> Vec<String> {
        let world = &site.world;
        let mut list = Vec::new();
        let Some(landed) = self.last["merged_commit"].as_str() else {
            if self.last["stage"] == "done" {
                list.push(format!("{} is done and nothing landed", self.item));
            }
            return list;
        };
        let column = |query: &'static str| sql::column(&world.path("data/orch.db"), query);
        let tested = column("SELECT sha FROM evidence WHERE name = 'tests/local'");
        if !tested.iter().any(|sha| sha == landed) && !self.was_tested_in_its_batch(landed) {
            list.push(format!("{landed} landed and was not tested"));
        }
        let judged = column(
            "SELECT head_sha || ' ' || base_sha FROM evaluations WHERE entry = 'merge' AND decision = 'pass'",
        );
        let base = self.landed_on(site);
        // In a batch it was judged on what stands below it, which is judged by itself.
        let below = column("SELECT tip_sha || ' ' || below_sha FROM merge_batch_members");
        let mut below = below.iter().filter_map(|pair| pair.split_once(' '));
        let on = |on: &str| judged.contains(&format!("{landed} {on}"));
        if !on(&base) && !below.any(|(tip, below)| tip == landed && on(below)) {
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
        let pushed = people.in_branch.get(&self.item).into_iter().flatten();
        for name in pushed.filter(|name| !has(name)) {
            list.push(format!("{name} was pushed to the branch and is lost"));
        }
        let cart = world.git("shop.git", &["show", &format!("{landed}:cart.sh")]);
        if !cart.contains("percent") {
            list.push(format!("the agent's work is not in what landed:\n{cart}"));
        }
        let review = format!("docs/work-items/{}/12-review.md", self.item);
        if !has(&review) {
            list.push(format!("{review} is not in what landed"));
        }
        let deploys = site.deploys_of(landed);
        if deploys != 1 && !(deploys == 0 && self.last["stage"] == "cancelled") {
            list.push(format!("{landed} was deployed {deploys} times"));
        }
        list
    }

    /// Whether a green run of its batch was of a commit with the task's own in it.
    fn was_tested_in_its_batch(&self, landed: &str) -> bool {
        let batch = &self.last["batch"];
        let runs = batch["runs"].as_array().into_iter().flatten();
        let mut with = runs.filter(|run| run["first"].as_u64() >= batch["position"].as_u64());
        batch["tip"] == landed && with.any(|run| run["passed"] == true)
    }

    /// The base that it landed on, as the host wrote it down before.
    fn landed_on(&self, site: &Site) -> String {
        let said = sql::column(
            &site.world.path("data/orch.db"),
            "SELECT t.work_item || ' ' || e.data FROM events e JOIN tasks t ON t.id = e.task_id \
             WHERE e.kind = 'land-intent' ORDER BY e.id DESC",
        );
        let mut own = said.iter().filter_map(|text| {
            let (item, data) = text.split_once(' ')?;
            (item == self.item).then_some(data)
        });
        own.next()
            .and_then(|data| serde_json::from_str::<Value>(data).ok())
            .and_then(|data| data["base"].as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// What is not as it has to be with the host.
pub(super) fn of_all(site: &Site) -> Vec<String> {
    let mut list = check::invariants(&site.world.path("data/orch.db"));
    // A run whose branch somebody had deleted could not be put there, and is done again.
    list.retain(|text| !text.starts_with("one run of a role completed twice"));
    list
}
