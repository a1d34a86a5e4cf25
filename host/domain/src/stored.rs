//! How words of closed lists are written as JSON: under their stable names, and read back by them. A name that this
//! version does not know is refused by it.
//!
//! Words alone, and messages with what they hold, say themselves how they are written
//! (`docs/adr/0019-messages-serialise-themselves.md`).

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

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                let name = stringify!($name);
                name.rsplit("::").next().unwrap_or(name).trim().into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "enum": <$name>::names()})
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
    crate::batch::BatchState,
    crate::batch::Part,
    crate::batch::WhyDissolved,
    crate::conduct::Proposal,
    crate::confined::HeldBy,
    crate::drill::DrillAnswer,
    crate::drill::DrillClass,
    crate::drill::DrillFate,
    crate::event::EventKind,
    crate::imports::CheckState,
    crate::job::JobKind,
    crate::job::Lane,
    crate::message::MessageKind,
    crate::notice::Escalation,
    crate::notice::Level,
    crate::notice::NoticeName,
    crate::notice::PersonAsked,
    crate::issue::TrackerState,
    crate::outcome::ResultFault,
    crate::outcome::RunEnding,
    crate::person::Channel,
    crate::person::PersonRole,
    crate::pipeline::Mode,
    crate::reach::Reached,
    crate::release::ReleaseState,
    crate::release::RollbackEnd,
    crate::remark::RemarkState,
    crate::remark::Side,
    crate::remedy::First,
    crate::risk::RiskReason,
    crate::risk::Tier,
    crate::stage::Role,
    crate::stage::RunRole,
    crate::stage::Stage,
    crate::task::BlockReason,
    crate::verdict::EvaluationOutcome,
    crate::verdict::InconclusiveReason,
    crate::verdict::Severity,
    crate::waiting::Risk,
    crate::waiting::Wanted,
}

#[cfg(test)]
mod tests {
    use crate::stage::{Role, RunRole};
    use crate::verdict::{EvaluationOutcome, InconclusiveReason};

    #[test]
    fn words_are_written_by_their_names_and_read_back_by_them() {
        let written = (
            EvaluationOutcome::NotApplicable,
            Some(InconclusiveReason::HostCalls),
            [RunRole::DeployHook, RunRole::Role(Role::Tester)],
        );
        let text = serde_json::to_string(&written).unwrap();
        assert_eq!(
            text,
            r#"["not-applicable","host-calls",["deploy-hook","tester"]]"#
        );
        let read: (EvaluationOutcome, Option<InconclusiveReason>, [RunRole; 2]) =
            serde_json::from_str(&text).unwrap();
        assert_eq!(read, written);
    }

    #[test]
    fn unknown_word_is_refused_by_its_name_with_what_it_should_be() {
        let error = serde_json::from_str::<EvaluationOutcome>(r#""maybe""#).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`maybe` is not a known outcome of an evaluation")
        );
        let error = serde_json::from_str::<Option<InconclusiveReason>>(r#""mood""#).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`mood` is not a known inconclusive reason")
        );
    }
}
