//! Refs as bookkeeping: listed with the dates of their commits, asked what they hold, removed.

use orch_domain::id::ObjectId;

use super::{Git, GitError, RefOutcome, object_id, safe};

/// A ref that stands at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefEntry {
    /// Whole name, such as `refs/orch/wip/3/stop`.
    pub name: String,
    /// Where it stands.
    pub commit: ObjectId,
    /// When that was committed, Unix milliseconds.
    pub committed_ms: i64,
}

impl Git {
    /// Every ref below `prefix` that stands at a commit, by name.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn refs(&self, prefix: &str) -> Result<Vec<RefEntry>, GitError> {
        safe(prefix)?;
        let format = "--format=%(objecttype) %(objectname) %(committerdate:unix) %(refname)";
        let text = self.text(["for-each-ref", format, prefix]).await?;
        let commits = text.lines().filter_map(|line| {
            let mut parts = line.strip_prefix("commit ")?.splitn(3, ' ');
            Some((parts.next()?, parts.next()?.parse::<i64>(), parts.next()?))
        });
        commits
            .map(|(commit, committed_s, name)| {
                Ok(RefEntry {
                    name: name.to_owned(),
                    commit: object_id("for-each-ref", commit)?,
                    committed_ms: committed_s
                        .map_err(|_| GitError::Unexpected {
                            command: "for-each-ref".to_owned(),
                            answer: name.to_owned(),
                        })?
                        .saturating_mul(1000),
                })
            })
            .collect()
    }

    /// A ref that holds `commit`; none if it would be lost with its last mention.
    ///
    /// # Errors
    /// [`GitError`]; a commit that is not there at all is one.
    pub async fn ref_holding(&self, commit: &ObjectId) -> Result<Option<String>, GitError> {
        let text = self
            .text([
                "for-each-ref",
                "--count=1",
                "--format=%(refname)",
                "--contains",
                commit.as_str(),
            ])
            .await?;
        Ok(text.lines().next().map(str::to_owned))
    }

    /// Removes a ref of this repository if it is where it is expected.
    ///
    /// # Errors
    /// [`GitError`]; a ref that is elsewhere or gone is an outcome.
    pub async fn delete_ref(
        &self,
        name: &str,
        expected: &ObjectId,
    ) -> Result<RefOutcome, GitError> {
        safe(name)?;
        let args = ["update-ref", "-d", name, expected.as_str()];
        orch_durable::point("ref-removal: before");
        let done = self.raw(&args, &[], None, &[]).await?;
        orch_durable::point("ref-removal: after");
        if done.success() {
            return Ok(RefOutcome::Done);
        }
        let actual = self.resolve(name).await?;
        if actual.as_ref() == Some(expected) {
            return Err(self.failed(&args, &done));
        }
        Ok(RefOutcome::Refused { actual })
    }
}
