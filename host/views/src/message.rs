//! What did an order come to that belongs to no task? And the request of an endpoint that takes nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An order was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// What was done, for people.
    pub message: String,
}

/// Nothing is asked beyond the address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}
