//! What a forge is told of gates: one status for each entry, one for all of them that turns green last, and one review
//! of each round.

use orch_domain::id::{EntryId, ObjectId, RepoName, TaskId, UnixMs};
use orch_domain::imports::CheckState;
use orch_domain::message::{Message, StatusNote};
use orch_domain::review::{Noted, RoundReview};
use orch_domain::verdict::EvaluationOutcome;
use orch_store::{StoreError, Tx};

/// Context of the status for all gates together.
const ALL_GATES: &str = "orch/gates";

/// How a gate judged a commit.
#[derive(Debug)]
pub(crate) struct GateStatus {
    pub(crate) commit: ObjectId,
    pub(crate) entry: EntryId,
    pub(crate) outcome: EvaluationOutcome,
    /// Whether the entry's word counts, and not only advises.
    pub(crate) counts: bool,
    /// Whether nothing judges after it before the landing.
    pub(crate) is_last: bool,
    /// What it found.
    pub(crate) findings: Vec<Noted>,
    /// The branch that is judged.
    pub(crate) branch: String,
    /// Rework rounds used when it judged.
    pub(crate) rounds: u32,
    /// The task's version when it judged, which no other judgement has.
    pub(crate) version: i64,
}

impl GateStatus {
    /// Tells the forge. All gates together are green only when the last one has passed, and never while another task
    /// holds the same commit: whoever has the forge merge by this word would land what that one has not judged.
    pub(crate) async fn write(
        self,
        tx: &mut Tx,
        task: TaskId,
        repo: &RepoName,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        let (state, note) = match self.outcome {
            EvaluationOutcome::Pass | EvaluationOutcome::NotApplicable => {
                (CheckState::Success, StatusNote::GatePassed)
            }
            EvaluationOutcome::Fail => (CheckState::Failure, StatusNote::GateFailed),
            EvaluationOutcome::Wait => (CheckState::Pending, StatusNote::GateWaits),
            EvaluationOutcome::Inconclusive => (CheckState::Pending, StatusNote::GateInconclusive),
        };
        let is_alone = !tx
            .is_head_of_another(repo.as_str(), &self.commit, task)
            .await?;
        let all = match (self.counts, state) {
            (true, CheckState::Failure) => (CheckState::Failure, StatusNote::GateFailed),
            (_, CheckState::Success) if self.is_last && is_alone => {
                (CheckState::Success, StatusNote::GatesPassed)
            }
            _ => (CheckState::Pending, StatusNote::GatesToCome),
        };
        let context = format!("orch/{}", self.entry);
        for (context, (state, note)) in [(context, (state, note)), (ALL_GATES.to_owned(), all)] {
            let key = format!("status:{repo}:{}:{context}:{now}", self.commit);
            let message = Message::PostStatus {
                repo: repo.clone(),
                commit: self.commit.clone(),
                context,
                state,
                note,
            };
            tx.push_message(Some(task), &message, &key, now).await?;
        }
        self.review(tx, task, repo, now).await
    }

    /// Keeps what was found, and reviews the round when it ends with this judgement: the task goes back, or all gates
    /// have judged. A round is reviewed once, with all that its gates found.
    async fn review(
        self,
        tx: &mut Tx,
        task: TaskId,
        repo: &RepoName,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        tx.note_findings(task, &self.entry, &self.findings).await?;
        let goes_back = self.counts && self.outcome == EvaluationOutcome::Fail;
        let has_passed = matches!(
            self.outcome,
            EvaluationOutcome::Pass | EvaluationOutcome::NotApplicable
        );
        let is_over = self.is_last && (has_passed || !self.counts);
        if !goes_back && !is_over {
            return Ok(());
        }
        let found = tx.take_findings(task).await?;
        let round = self.rounds.saturating_add(1);
        let Some(review) = RoundReview::of(&self.branch, &self.commit, round, found) else {
            return Ok(());
        };
        let key = format!("review:{task}:{}", self.version);
        let repo = repo.clone();
        let message = Message::Review { repo, review };
        tx.push_message(Some(task), &message, &key, now).await
    }
}
