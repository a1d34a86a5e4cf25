//! How does a word of a closed list travel as JSON? By its name; one that this version does not know is refused by it.

use orch_domain::words::Word;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

pub(crate) fn serialize<T: Word, S: Serializer>(
    word: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(word.word())
}

pub(crate) fn deserialize<'de, T: Word, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    known(&String::deserialize(deserializer)?)
}

fn known<T: Word, E: Error>(name: &str) -> Result<T, E> {
    T::of(name).ok_or_else(|| E::custom(format!("`{name}` is not a known {}", T::WHAT)))
}

/// The same of a word that may be missing.
pub(crate) mod maybe {
    use orch_domain::words::Word;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<T: Word, S: Serializer>(
        word: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        word.as_ref().map(Word::word).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, T: Word, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?;
        name.map(|name| super::known(&name)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use orch_domain::verdict::{EvaluationOutcome, InconclusiveReason};
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Kept {
        #[serde(with = "super")]
        decision: EvaluationOutcome,
        #[serde(with = "super::maybe", default)]
        reason: Option<InconclusiveReason>,
    }

    #[test]
    fn words_travel_by_their_names_and_no_other_is_taken() {
        let trapped = Kept {
            decision: EvaluationOutcome::Inconclusive,
            reason: Some(InconclusiveReason::Trap),
        };
        let text = serde_json::to_string(&trapped).unwrap();
        assert_eq!(text, r#"{"decision":"inconclusive","reason":"trap"}"#);
        assert_eq!(serde_json::from_str::<Kept>(&text).unwrap(), trapped);
        let passed: Kept = serde_json::from_str(r#"{"decision":"pass","reason":null}"#).unwrap();
        assert_eq!(
            (passed.decision, passed.reason),
            (EvaluationOutcome::Pass, None)
        );
        for (text, said) in [
            (
                r#"{"decision":"maybe"}"#,
                "`maybe` is not a known outcome of an evaluation",
            ),
            (
                r#"{"decision":"inconclusive","reason":"mood"}"#,
                "`mood` is not a known inconclusive reason",
            ),
        ] {
            let error = serde_json::from_str::<Kept>(text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
