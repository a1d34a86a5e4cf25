//! What do persons say of places in a task's difference, and what became of it?

use orch_domain::person::{Channel, PersonRole};
use orch_domain::remark::{RemarkState, Side};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::task::Done;

/// Says something of a file or line of a task's difference; the next run that makes something reads it.
pub const SAY: Endpoint<1, RemarkRequest, Done> =
    Endpoint::post(PersonRole::Operator, "/tasks/{item}/remarks");

/// What a person says of a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemarkRequest {
    /// File, as the difference names it.
    pub path: String,
    /// Line in it, counting from 1; the file as a whole if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// In which of the two the line is counted.
    #[serde(default = "new")]
    pub side: Side,
    /// What is said; reaches the next run verbatim, quoted.
    pub text: String,
    /// The difference of one round, from 1 on; that of all of them if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// The commit that was looked at, `head` of the difference, or its first digits. Refused if it is another by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
}

fn new() -> Side {
    Side::New
}

/// What a person said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RemarkView {
    /// Its number.
    pub id: i64,
    /// File.
    pub path: String,
    /// Line in it; none for the file as a whole.
    pub line: Option<u32>,
    /// In which of the two the line is counted.
    pub side: Side,
    /// The line as it was seen, cut; to be shown as text.
    pub excerpt: String,
    /// What was said; to be shown as text.
    pub text: String,
    /// Who said it.
    pub person: String,
    /// On which way.
    pub channel: Channel,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// The commit that was seen.
    pub head: String,
    /// What it was compared with.
    pub base: String,
    /// What became of it.
    pub state: RemarkState,
    /// The latest run that was given it.
    pub run: Option<i64>,
    /// The round that this run made of the branch; none if it has made none.
    pub round: Option<u32>,
}
