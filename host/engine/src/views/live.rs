//! Has anything happened since somebody last looked, and to what?

use orch_domain::job::JobState;
use orch_store::Happened;

use crate::commands::CommandError;
use crate::ledger::Ledger;

/// Events that are told of at once; whoever is further behind looks at everything anew.
const HAPPENED_MAX: u32 = 500;

/// Says whether anything happened. Clones are the same.
#[derive(Debug, Clone)]
pub struct LiveViews {
    pub(crate) ledger: Ledger,
}

/// What happened since an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The latest event.
    pub latest: i64,
    /// Work items to which something happened; none stands for the host.
    pub about: Vec<(i64, Option<String>)>,
    /// How many jobs there are in each state: the queue has changed when they have.
    pub jobs: Vec<(JobState, i64)>,
}

impl LiveViews {
    /// What happened behind the event `after`.
    ///
    /// # Errors
    /// [`CommandError::Host`] when the store does not answer.
    pub async fn since(&self, after: i64) -> Result<News, CommandError> {
        let read = self.ledger.read(move |tx| {
            Box::pin(async move {
                let latest = tx.newest_event().await?;
                let happened = tx.happened(after.min(latest), HAPPENED_MAX).await?;
                Ok((latest, happened, tx.job_counts().await?))
            })
        });
        let (latest, happened, jobs) = read.await?;
        let about = |h: Happened| (h.event, h.work_item);
        Ok(News {
            latest: happened.last().map_or(latest, |last| last.event),
            about: happened.into_iter().map(about).collect(),
            jobs,
        })
    }

    /// The latest event: what a page shows is as of then, or newer.
    ///
    /// # Errors
    /// [`CommandError::Host`] when the store does not answer.
    pub async fn latest(&self) -> Result<i64, CommandError> {
        Ok(self.ledger.read(|tx| Box::pin(tx.newest_event())).await?)
    }
}
