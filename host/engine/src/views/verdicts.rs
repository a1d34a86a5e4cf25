//! One judgement from near, beside the one before it.

use orch_domain::id::EvaluationId;
use orch_gates::artefact::findings_of;
use orch_views::evaluation::{EvaluationView, FoundView};

use super::evaluations::EvaluationViews;
use super::tasks;
use crate::commands::CommandError;

impl EvaluationViews {
    /// A judgement with its document, and what it found that the one before had not.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] for a number that stands for nothing.
    pub async fn judged(&self, id: i64) -> Result<EvaluationView, CommandError> {
        let key = EvaluationId(id);
        let read = self.ledger.read(move |tx| {
            Box::pin(async move {
                let found = tx.evaluation(key).await?;
                let recording = tx.recording(key).await?.is_some();
                Ok((found, recording, tx.evaluations_beside(key).await?))
            })
        });
        let (found, can_replay, (before, after)) = read.await?;
        let Some((evaluation, work_item)) = found else {
            let refused = CommandError::not_found(format!("there is no evaluation {id}"));
            return Err(refused.with_remedy("`orch task show ID` numbers them"));
        };
        let earlier = before.as_ref().map(|b| findings_of(&b.artefact));
        let earlier = earlier.unwrap_or_default();
        let (findings, fixed) = compared(&earlier, findings_of(&evaluation.artefact));
        Ok(EvaluationView {
            work_item,
            artefact: evaluation.artefact.clone(),
            reused_from: evaluation.reused_from.map(|from| from.0),
            can_replay,
            before: before.map(|before| before.id.0),
            after: after.map(|after| after.0),
            findings,
            fixed,
            verdict: tasks::verdict(evaluation),
        })
    }
}

/// What is new in `later`, and what of `earlier` is gone. Findings are the same if they are but for numbers: a line that
/// moved makes no new one.
fn compared(earlier: &[String], later: Vec<String>) -> (Vec<FoundView>, Vec<String>) {
    let same = |text: &str| -> String { text.chars().filter(|c| !c.is_ascii_digit()).collect() };
    let before: Vec<String> = earlier.iter().map(|text| same(text)).collect();
    let after: Vec<String> = later.iter().map(|text| same(text)).collect();
    let gone = earlier.iter().zip(&before);
    let gone = gone.filter(|(_, key)| !after.contains(key));
    let fixed = gone.map(|(text, _)| text.clone()).collect();
    let found = later.into_iter().zip(&after).map(|(text, key)| FoundView {
        is_new: !before.contains(key),
        text,
    });
    (found.collect(), fixed)
}

#[cfg(test)]
mod tests {
    use super::compared;

    #[test]
    fn finding_that_moved_is_repeated_and_one_that_went_is_fixed() {
        let texts =
            |list: &[&str]| -> Vec<String> { list.iter().map(|t| (*t).to_owned()).collect() };
        let earlier = texts(&["[high] r a.rs:3: one", "[low] s: two"]);
        let later = texts(&["[high] r a.rs:30: one", "[high] t: three"]);
        let (found, fixed) = compared(&earlier, later);
        let news: Vec<bool> = found.iter().map(|f| f.is_new).collect();
        assert_eq!((news, fixed), (vec![false, true], texts(&["[low] s: two"])));
    }
}
