//! What stands on the board, and what people do there.

use serde_json::{Value, json};

use super::{PLANE_BOT, PROJECT, WORKSPACE_ID};

/// How the server goes wrong, or differs from the one that was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaneFault {
    /// It answers everything with 502.
    Down,
    /// It never answers.
    Hangs,
    /// It does what it is asked to write and answers 500.
    WrittenThen500,
    /// It takes a state by its other name only.
    StateIdOnly,
    /// Its pages never end: the cursor does nothing.
    PagesWithoutEnd,
    /// The key is not valid any more.
    KeyRevoked,
    /// It takes no move by the key: a workflow does not allow it.
    MovesRefused,
    /// Who changed what is written down only when it is healed.
    Unwritten,
}

/// A work item.
#[derive(Debug, Clone)]
pub struct PlaneItem {
    /// Its id.
    pub id: String,
    /// Its number.
    pub number: u64,
    /// Its name.
    pub name: String,
    /// What it says.
    pub html: String,
    /// Id of the state that it stands in.
    pub state: String,
    /// Who made it.
    pub by: String,
    /// Who changed it last; none if nobody has since it was made.
    pub updated_by: Option<String>,
    /// Whether it is in the archive.
    pub is_archived: bool,
    /// Files: the row that is listed, and what is in it.
    pub(super) files: Vec<(Value, Vec<u8>)>,
    pub(super) created_us: i64,
    pub(super) updated_us: i64,
    pub(super) activities: Vec<Value>,
    pub(super) comments: Vec<Value>,
}

/// Everything that the server knows.
#[derive(Debug)]
pub struct PlaneBoard {
    /// States of the project: id, name, group.
    pub states: Vec<(String, String, String)>,
    /// The items.
    pub items: Vec<PlaneItem>,
    /// Calls that were answered, in order.
    pub calls: Vec<String>,
    /// Keys beside the host's own, with whose they are.
    pub keys: Vec<(String, String)>,
    /// Calls in any minute; none: as many as come.
    pub limit: Option<usize>,
    faults: Vec<PlaneFault>,
    unwritten: Vec<(String, Value)>,
    /// Microseconds that each call and each act takes; 0: the clock is the machine's.
    step_us: i64,
    clock_us: i64,
    next_id: u64,
    pub(super) calls_us: Vec<i64>,
}

impl PlaneBoard {
    pub(super) fn new() -> Self {
        let mut board = Self {
            states: Vec::new(),
            items: Vec::new(),
            calls: Vec::new(),
            keys: Vec::new(),
            limit: None,
            faults: Vec::new(),
            unwritten: Vec::new(),
            step_us: 0,
            clock_us: machine_us(),
            next_id: 0,
            calls_us: Vec::new(),
        };
        for (name, group) in [
            ("Backlog", "backlog"),
            ("Todo", "unstarted"),
            ("In Progress", "started"),
            ("Done", "completed"),
            ("Cancelled", "cancelled"),
        ] {
            board.add_state(name, group);
        }
        board
    }

    /// From now on each call and each act takes so many seconds, on the server's own clock.
    pub fn step(&mut self, seconds: i64) {
        self.step_us = seconds * 1_000_000;
    }

    /// Some time passes on the server's clock, as people need it who look before they act.
    pub fn pass(&mut self, seconds: i64) {
        self.clock_us = machine_us().max(self.clock_us) + seconds * 1_000_000;
    }

    /// Goes wrong from now on.
    pub fn fail(&mut self, fault: PlaneFault) {
        self.faults.push(fault);
    }

    /// Goes wrong no more.
    pub fn heal(&mut self) {
        self.faults.clear();
        for (id, mut row) in std::mem::take(&mut self.unwritten) {
            let now = self.now_us();
            row["created_at"] = Value::from(time(now));
            if let Some(item) = self.items.iter_mut().find(|item| item.id == id) {
                item.activities.push(row);
                item.updated_us = now;
            }
        }
    }

    pub(super) fn has(&self, fault: PlaneFault) -> bool {
        self.faults.contains(&fault)
    }

    /// A new id.
    pub(super) fn id(&mut self) -> String {
        self.next_id += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.next_id)
    }

    /// The server's clock, which never stands still.
    pub(super) fn now_us(&mut self) -> i64 {
        self.clock_us = match self.step_us {
            0 => machine_us().max(self.clock_us + 1),
            step => self.clock_us + step,
        };
        self.clock_us
    }

    /// Adds a state, and answers its id.
    pub fn add_state(&mut self, name: &str, group: &str) -> String {
        let id = self.id();
        self.states
            .push((id.clone(), name.to_owned(), group.to_owned()));
        id
    }

    /// The id of a state.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn state(&self, name: &str) -> String {
        let found = self.states.iter().find(|(_, own, _)| own == name);
        found
            .unwrap_or_else(|| panic!("no state `{name}`"))
            .0
            .clone()
    }

    /// Somebody makes an item in a state, and answers its id.
    pub fn add_item(&mut self, by: &str, name: &str, html: &str, state: &str) -> String {
        let (id, now) = (self.id(), self.now_us());
        let number = self.items.last().map_or(0, |last| last.number) + 1;
        self.items.push(PlaneItem {
            id: id.clone(),
            number,
            name: name.to_owned(),
            html: html.to_owned(),
            state: state.to_owned(),
            by: by.to_owned(),
            updated_by: None,
            is_archived: false,
            files: Vec::new(),
            created_us: now,
            updated_us: now,
            activities: Vec::new(),
            comments: Vec::new(),
        });
        self.note(&id, by, None, None);
        id
    }

    /// An item, by id.
    ///
    /// # Panics
    /// If there is none of this id.
    pub fn item(&mut self, id: &str) -> &mut PlaneItem {
        let found = self.items.iter_mut().find(|item| item.id == id);
        found.unwrap_or_else(|| panic!("no item {id}"))
    }

    /// The name of the state that an item stands in.
    pub fn stands(&mut self, id: &str) -> String {
        let state = self.item(id).state.clone();
        let found = self.states.iter().find(|(own, _, _)| *own == state);
        found.map(|(_, name, _)| name.clone()).unwrap_or_default()
    }

    /// Somebody moves an item to a state, by the state's id.
    pub fn move_item(&mut self, by: &str, id: &str, state: &str) {
        if self.item(id).state == state {
            return;
        }
        let old = std::mem::replace(&mut self.item(id).state, state.to_owned());
        self.item(id).updated_by = Some(by.to_owned());
        self.note(id, by, Some("state"), Some((&old, state)));
    }

    /// Somebody changes what an item says.
    pub fn edit(&mut self, by: &str, id: &str, html: &str) {
        html.clone_into(&mut self.item(id).html);
        self.item(id).updated_by = Some(by.to_owned());
        self.note(id, by, Some("description"), None);
    }

    /// Somebody comments an item.
    pub fn comment(&mut self, by: &str, id: &str, html: &str) -> String {
        self.add_comment(by, id, html, &Value::Null, &Value::Null)
    }

    pub(super) fn add_comment(
        &mut self,
        by: &str,
        id: &str,
        html: &str,
        source: &Value,
        external: &Value,
    ) -> String {
        let (comment, now) = (self.id(), self.now_us());
        let row = json!({"id": comment, "created_at": time(now), "updated_at": time(now), "deleted_at": null,
            "comment_html": html, "attachments": [], "access": "INTERNAL", "external_source": source,
            "external_id": external, "edited_at": null, "created_by": by, "updated_by": null, "project": PROJECT, "workspace": WORKSPACE_ID,
            "issue": id, "actor": by, "parent": null});
        let item = self.item(id);
        item.comments.push(row);
        item.updated_us = now;
        comment
    }

    /// Somebody attaches a file to an item.
    pub fn attach(&mut self, by: &str, id: &str, name: &str, kind: &str, content: &[u8]) {
        let (file, now) = (self.id(), self.now_us());
        let row = json!({"id": file, "created_at": time(now), "updated_at": time(now), "deleted_at": null,
            "attributes": {"name": name, "type": kind, "size": content.len()}, "asset": format!("{file}-{name}"),
            "entity_type": "ISSUE_ATTACHMENT", "is_deleted": false, "is_archived": false, "size": content.len(),
            "is_uploaded": true, "created_by": by, "updated_by": by, "project": PROJECT,
            "workspace": WORKSPACE_ID, "issue": id});
        self.item(id).files.push((row, content.to_owned()));
    }

    /// Somebody overwrites a comment, as any member may.
    ///
    /// # Panics
    /// If there is no such comment.
    pub fn edit_comment(&mut self, by: &str, id: &str, comment: &str, html: &str) {
        let now = self.now_us();
        let item = self.item(id);
        let row = item.comments.iter_mut().find(|row| row["id"] == comment);
        let row = row.unwrap_or_else(|| panic!("no comment {comment}"));
        row["comment_html"] = Value::from(html);
        row["updated_by"] = Value::from(by);
        row["updated_at"] = Value::from(time(now));
        item.updated_us = now;
    }

    /// Somebody with a key comments in the name of somebody else: the server believes it of the maker, not of the actor.
    pub fn comment_as(&mut self, by: &str, claimed: &str, id: &str, html: &str) {
        let comment = self.comment(by, id, html);
        let rows = &mut self.item(id).comments;
        let row = rows.iter_mut().find(|row| row["id"] == comment);
        row.expect("it was just made")["created_by"] = Value::from(claimed);
    }

    /// Somebody deletes an item.
    pub fn delete(&mut self, id: &str) {
        self.items.retain(|item| item.id != id);
    }

    /// The comments of an item that the host wrote.
    pub fn own_comments(&mut self, id: &str) -> Vec<String> {
        let comments = self.item(id).comments.iter();
        let own = comments.filter(|row| row["actor"] == PLANE_BOT);
        own.map(|row| row["comment_html"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Notes who changed what of an item; the item has changed once more when that is written down.
    pub(super) fn note(
        &mut self,
        id: &str,
        by: &str,
        field: Option<&str>,
        moved: Option<(&str, &str)>,
    ) {
        let (activity, now) = (self.id(), self.now_us());
        let name = |id: &str| {
            let found = self.states.iter().find(|(own, _, _)| own == id);
            found.map(|(_, name, _)| name.clone())
        };
        let verb = if field.is_some() {
            "updated"
        } else {
            "created"
        };
        let row = json!({"id": activity, "created_at": time(now), "updated_at": time(now), "deleted_at": null,
            "verb": verb, "field": field, "old_value": moved.and_then(|(old, _)| name(old)),
            "new_value": moved.and_then(|(_, new)| name(new)), "comment": "", "attachments": [],
            "old_identifier": moved.map(|(old, _)| old), "new_identifier": moved.map(|(_, new)| new),
            "epoch": now.div_euclid(1_000_000), "project": PROJECT, "workspace": WORKSPACE_ID, "issue": id, "issue_comment": null, "actor": by});
        match self.has(PlaneFault::Unwritten) {
            true => self.unwritten.push((id.to_owned(), row)),
            false => self.item(id).activities.push(row),
        }
        self.item(id).updated_us = now;
    }
}

fn machine_us() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}

/// A time as the server writes it.
pub(super) fn time(us: i64) -> String {
    let (days, in_day) = (us.div_euclid(86_400_000_000), us.rem_euclid(86_400_000_000));
    let (year, month, day) = date(days);
    let (seconds, micros) = (in_day / 1_000_000, in_day % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Year, month and day of a day since 1970.
pub(super) fn date(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}
