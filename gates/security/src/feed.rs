//! Which advisories does the host's feed hold for a set of packages?

use std::collections::{BTreeMap, BTreeSet};

use orch_gate_sdk::GateError;
use orch_gate_sdk::advisories::{self, Advisory, AdvisoryError};

use crate::manifests::Package;
use crate::text::clean;

/// Most packages of one question.
const BATCH: usize = 500;

/// What the feed answered.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    known: BTreeMap<Package, Vec<Advisory>>,
    /// Why the feed fell silent, and how many packages it gave no answer for.
    pub(crate) silence: Option<(String, usize)>,
}

impl Answer {
    /// Advisories of `package`.
    pub(crate) fn of(&self, package: &Package) -> &[Advisory] {
        self.known.get(package).map_or(&[], Vec::as_slice)
    }
}

/// What the host says to one question.
type Said = Result<Vec<Advisory>, AdvisoryError>;

/// Asks for all of `packages`, in batches. A feed that does not answer once is not asked again.
///
/// # Errors
/// [`GateError::Misconfigured`] if the gate may not ask.
pub(crate) fn look_up(
    ask: impl Fn(&[advisories::Package]) -> Said,
    packages: &BTreeSet<Package>,
) -> Result<Answer, GateError> {
    let packages: Vec<&Package> = packages.iter().collect();
    let mut answer = Answer::default();
    for (index, batch) in packages.chunks(BATCH).enumerate() {
        let question: Vec<advisories::Package> = batch
            .iter()
            .map(|package| advisories::Package {
                ecosystem: package.ecosystem.to_owned(),
                name: package.name.clone(),
                version: package.version.clone(),
            })
            .collect();
        match ask(&question) {
            Ok(list) => {
                for advisory in list {
                    let package = usize::try_from(advisory.subject)
                        .ok()
                        .and_then(|at| batch.get(at));
                    let Some(package) = package else {
                        return Err(GateError::Internal(format!(
                            "the feed's answer {} is for a package that was not asked for",
                            clean(&advisory.id, 100)
                        )));
                    };
                    let of_it = answer.known.entry((*package).clone()).or_default();
                    if of_it.iter().all(|other| other.id != advisory.id) {
                        of_it.push(advisory);
                    }
                }
            }
            Err(AdvisoryError::Unreachable(why)) => {
                let why = format!("the advisory feed is unreachable ({})", clean(&why, 300));
                answer.silence = Some((why, packages.len() - index * BATCH));
                return Ok(answer);
            }
            Err(AdvisoryError::Denied(why)) => {
                return Err(GateError::Misconfigured(format!(
                    "this gate may not ask the advisory feed ({}); grant it `advisories` in the host's configuration",
                    clean(&why, 300)
                )));
            }
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn packages(count: usize) -> BTreeSet<Package> {
        (0..count)
            .map(|number| Package {
                ecosystem: crate::manifests::RUST,
                name: format!("crate-{number}"),
                version: "1.0.0".to_owned(),
            })
            .collect()
    }

    fn of(subject: u32) -> Advisory {
        Advisory {
            subject,
            id: "GHSA-1".to_owned(),
            aliases: Vec::new(),
            severity: None,
            score: None,
            summary: String::new(),
            fixed_in: Vec::new(),
        }
    }

    #[test]
    fn questions_are_batched_and_answers_find_their_package() {
        let sizes = RefCell::new(Vec::new());
        let asked = packages(1001);
        let answer = look_up(
            |question| {
                sizes.borrow_mut().push(question.len());
                Ok(vec![of(0), of(0)])
            },
            &asked,
        )
        .unwrap();
        assert_eq!(sizes.into_inner(), [500, 500, 1]);
        let known: Vec<usize> = asked
            .iter()
            .enumerate()
            .filter(|(_, package)| answer.of(package).len() == 1)
            .map(|(at, _)| at)
            .collect();
        assert_eq!(known, [0, 500, 1000]);
    }

    #[test]
    fn silent_feed_is_asked_once_and_keeps_what_it_said_before() {
        let asked = RefCell::new(0);
        let answer = look_up(
            |_| {
                *asked.borrow_mut() += 1;
                match *asked.borrow() {
                    1 => Ok(vec![of(7)]),
                    _ => Err(AdvisoryError::Unreachable("no route".to_owned())),
                }
            },
            &packages(1600),
        )
        .unwrap();
        assert_eq!(asked.into_inner(), 2);
        assert_eq!(answer.known.len(), 1);
        let (why, count) = answer.silence.unwrap();
        assert!(why.contains("no route") && count == 1100);
    }

    #[test]
    fn denied_feed_is_a_mistake_of_the_configuration() {
        let answer = look_up(
            |_| Err(AdvisoryError::Denied("no".to_owned())),
            &packages(1),
        );
        assert!(matches!(answer, Err(GateError::Misconfigured(_))));
    }

    #[test]
    fn answer_for_a_package_that_was_not_asked_for_is_no_answer() {
        let answer = look_up(|_| Ok(vec![of(1)]), &packages(1));
        assert!(matches!(answer, Err(GateError::Internal(_))));
    }

    #[test]
    fn no_package_is_no_question() {
        let answer = look_up(|_| Err(AdvisoryError::Denied(String::new())), &packages(0));
        assert!(answer.unwrap().silence.is_none());
    }
}
