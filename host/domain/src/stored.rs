//! How values of this crate are stored as JSON: every state under its stable name, every id as the text or number that
//! it is, checked when it is read.
//!
//! Only what a message holds is stored so (`docs/adr/0019-messages-serialise-themselves.md`).

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::words::Word;

/// Stores a word of a closed list under its name, and reads it back by it.
macro_rules! stored_by_name {
    ($($name:ty),+ $(,)?) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                Self::of(&name).ok_or_else(|| {
                    D::Error::custom(format!("`{name}` is not a known {}", Self::WHAT))
                })
            }
        }
    )+};
}

stored_by_name! {
    crate::imports::CheckState,
    crate::job::JobKind,
    crate::message::MessageKind,
    crate::notice::PersonAsked,
    crate::outcome::ResultFault,
    crate::stage::Role,
    crate::stage::Stage,
    crate::task::BlockReason,
    crate::issue::TrackerState,
}
