//! Watches production for a while after a deploy: one probe per claim, kept as they come, so that a restart
//! loses none. At the end the gate `post-deploy` reads the series and writes `16-post-deploy-log.md`. No stage
//! moves here; what is found is alerted, and production is put back where that is asked for. What is put into production
//! meanwhile ends the watch: nobody could say whose fault a probe tells of.

use anyhow::Context;
use orch_config::{Effective, PostDeployConfig, Reaction};
use orch_domain::artefact::{self, POST_DEPLOY_LOG};
use orch_domain::id::{ObjectId, ReleaseId};
use orch_domain::job::{JobKind, PutOff, PutOffKind};
use orch_domain::names::JobName;
use orch_domain::notice::NoticeKind;
use orch_domain::transition::Judgement;
use orch_store::{ClaimedJob, EvidenceRow, NewJob, Release, TaskRecord};
use serde::{Deserialize, Serialize};

use super::docs_branch::publish_docs;
use super::gate::{Judging, Subject};
use super::image;
use super::probe::{Probe, Prober};
use crate::ledger::Ledger;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::releases::WatchEnd;
use crate::ledger::repos::{Repo, Repos};

/// Name of the evidence.
const PROBES: &str = "post-deploy/probes";

/// Probes production for a while after a deploy.
#[derive(Debug, Clone)]
pub(super) struct MonitorStep {
    pub(super) ledger: Ledger,
    pub(super) repos: Repos,
    pub(super) prober: Prober,
    pub(super) judging: Judging,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    sha: String,
}

fn alert_only() -> String {
    "ALERT_ONLY".to_owned()
}

/// The series, as the gate reads it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Series {
    started_ms: i64,
    window_s: u32,
    /// How many probes were to be made.
    planned: u32,
    /// What a bad series leads to, for the report.
    #[serde(default = "alert_only")]
    reaction: String,
    probes: Vec<Probe>,
}

impl Series {
    fn step_ms(&self) -> i64 {
        i64::from(self.window_s) * 1000 / i64::from(self.planned.max(1))
    }

    /// When the next probe is due; none if the series is complete or its window is over.
    fn due(&self, now: i64) -> Option<i64> {
        let made = i64::try_from(self.probes.len()).unwrap_or(i64::MAX);
        let over = now > self.started_ms + i64::from(self.window_s) * 1000 + self.step_ms();
        if over || made >= i64::from(self.planned) {
            return None;
        }
        // Probes that a host that was down has missed are not made up for in a burst.
        let last = self
            .probes
            .last()
            .map_or(i64::MIN, |p| p.at_ms + self.step_ms() / 2);
        Some((self.started_ms + made * self.step_ms()).max(last))
    }
}

/// The job that watches what was deployed; none if the repository has no probe.
pub(super) fn job(repo: &Repo, record: &TaskRecord, landed: &ObjectId, now: i64) -> Option<NewJob> {
    repo.config.post_deploy.as_ref()?;
    let payload = Payload {
        sha: landed.to_string(),
    };
    Some(NewJob {
        kind: JobKind::Monitor,
        task: Some(record.task.id),
        repo: repo.name.clone(),
        payload: serde_json::to_string(&payload).unwrap_or_default(),
        priority: 4,
        run_at_ms: now,
        name: Some(JobName::Monitor {
            task: record.task.id,
            commit: landed.clone(),
        }),
        put_off: None,
    })
}

impl MonitorStep {
    pub(super) async fn run(&self, job: &ClaimedJob) -> anyhow::Result<Ending> {
        let (record, effective) = self.ledger.subject(job).await?;
        let repo = self.repos.ready(record.task.repo.as_str()).await?;
        let payload: Payload =
            serde_json::from_str(&job.payload).context("payload of a monitor")?;
        let landed = ObjectId::new(payload.sha)?;
        let Some(watch) = &repo.config.post_deploy else {
            // The operator has taken the probe away meanwhile.
            return Ok(Ending::Quiet { also: Vec::new() });
        };
        let mut series = self.series(&record, &landed, watch).await?;
        let now = self.ledger.now();
        let (release, newer) = self.release(&record, &landed).await?;
        if let Some(newer) = newer {
            return self
                .superseded(&record, repo, &landed, &series, &newer)
                .await;
        }
        match series.due(now) {
            None => {
                let (mut also, end) = self
                    .conclude(job, &record, repo, &effective, &landed)
                    .await?;
                if let (Some(release), Some(end)) = (release, end) {
                    let end = match (end, watch.reaction) {
                        (WatchEnd::Degraded { .. }, Reaction::Rollback) => {
                            WatchEnd::Degraded { puts_back: true }
                        }
                        (end, Reaction::Rollback | Reaction::AlertOnly) => end,
                    };
                    also.push(Write::Watched { release, end });
                }
                Ok(Ending::Quiet { also })
            }
            Some(at) if at > now => Ok(next_probe(at, None)),
            Some(_) => {
                let expected =
                    image::staged_revision(&self.ledger, record.task.id, &landed).await?;
                let task = record.task.id;
                let probe = self.prober.probe(repo, task, watch, &landed, expected);
                series.probes.push(probe.await?);
                let now = self.ledger.now();
                let row = EvidenceRow {
                    name: PROBES.to_owned(),
                    sha: landed.to_string(),
                    obtained_ms: now,
                    content: serde_json::to_string(&series)?,
                };
                Ok(next_probe(series.due(now).unwrap_or(now), Some(row)))
            }
        }
    }

    async fn series(
        &self,
        record: &TaskRecord,
        landed: &ObjectId,
        watch: &PostDeployConfig,
    ) -> anyhow::Result<Series> {
        let (task, sha) = (record.task.id, landed.to_string());
        let kept = self
            .ledger
            .read(|tx| Box::pin(async move { tx.evidence_for(task, PROBES, &sha).await }))
            .await?;
        match kept {
            Some(row) => serde_json::from_str(&row.content).context("the series of probes"),
            None => Ok(Series {
                started_ms: self.ledger.now(),
                window_s: watch.window_s,
                planned: watch.probes,
                reaction: match watch.reaction {
                    Reaction::AlertOnly => "ALERT_ONLY",
                    Reaction::Rollback => "ROLLBACK",
                }
                .to_owned(),
                probes: Vec::new(),
            }),
        }
    }

    /// What the task put into production as this commit, and what was put there since. A watch that an earlier version
    /// of the host began has no release.
    async fn release(
        &self,
        record: &TaskRecord,
        landed: &ObjectId,
    ) -> anyhow::Result<(Option<ReleaseId>, Option<Release>)> {
        let (task, name) = (record.task.id, record.task.repo.clone());
        let read = self.ledger.read(move |tx| {
            Box::pin(
                async move { Ok((tx.release_of(task).await?, tx.latest_release(&name).await?)) },
            )
        });
        let (own, latest) = read.await?;
        let own = own.filter(|own| own.commit == *landed);
        let newer = own
            .as_ref()
            .and_then(|own| latest.filter(|latest| latest.id > own.id));
        Ok((own.map(|own| own.id), newer))
    }

    /// Ends the watch without a judgement.
    async fn superseded(
        &self,
        record: &TaskRecord,
        repo: &Repo,
        landed: &ObjectId,
        series: &Series,
        newer: &Release,
    ) -> anyhow::Result<Ending> {
        let item = &record.task.work_item;
        let failed = series.probes.iter().filter(|probe| !probe.ok).count();
        let content = format!(
            "---\npost_deploy_status: SUPERSEDED\naction_taken: NONE\nwork_item: {}\nwindow_s: {}\nchecks_total: {}\n\
             checks_failed: {failed}\nlive_revision: {}\n---\n\n# After the deploy\n\nThe watch ended as {} was put into \
             production.\n",
            orch_frontmatter::render_scalar(item.as_str()),
            series.window_s,
            series.probes.len(),
            newer.commit,
            newer.commit,
        );
        let path = format!("{}/{POST_DEPLOY_LOG}", artefact::folder(item));
        publish_docs(self.ledger.now(), record, repo, landed, &path, &content).await?;
        let name = POST_DEPLOY_LOG.to_owned();
        Ok(Ending::Quiet {
            also: vec![Write::HostArtefact { name, content }],
        })
    }

    /// Has the gate read the series, and writes down what it says.
    async fn conclude(
        &self,
        job: &ClaimedJob,
        record: &TaskRecord,
        repo: &Repo,
        effective: &Effective,
        landed: &ObjectId,
    ) -> anyhow::Result<(Vec<Write>, Option<WatchEnd>)> {
        let pipeline = effective.pipeline()?;
        let Some(entry) = pipeline.watch_entry() else {
            return Ok((Vec::new(), None));
        };
        let subject = Subject {
            job,
            record,
            repo,
            head: landed,
            base: landed,
        };
        let answered = self.judging.ask(subject, entry, effective).await?;
        let item = &record.task.work_item;
        let commit = landed.clone();
        let end = match &answered.judged.judgement {
            Judgement::Pass => Some(WatchEnd::Healthy),
            Judgement::Fail { .. } => Some(WatchEnd::Degraded { puts_back: false }),
            Judgement::NotApplicable | Judgement::Wait { .. } | Judgement::Inconclusive { .. } => {
                None
            }
        };
        let kind = match &answered.judged.judgement {
            Judgement::Pass | Judgement::NotApplicable => None,
            Judgement::Fail { findings, .. } => Some(NoticeKind::Degraded {
                commit,
                findings: findings.clone(),
            }),
            Judgement::Wait { reason, .. } => Some(NoticeKind::HealthUnknown {
                commit,
                reason: reason.clone(),
            }),
            Judgement::Inconclusive { reason, detail } => Some(NoticeKind::HealthUnknown {
                commit,
                reason: format!("{reason}: {detail}"),
            }),
        };
        if let Some((name, log)) = answered.owned()
            && name == POST_DEPLOY_LOG
        {
            let path = format!("{}/{name}", artefact::folder(item));
            publish_docs(self.ledger.now(), record, repo, landed, &path, log).await?;
        }
        let mut also = vec![answered.keep()];
        also.extend(kind.map(|kind| Write::Announce {
            key: format!("post-deploy:{landed}"),
            kind,
        }));
        Ok((also, end))
    }
}

/// Ends this claim and keeps what was seen under it.
fn next_probe(until_ms: i64, seen: Option<EvidenceRow>) -> Ending {
    Ending::PutOff {
        until_ms,
        why: PutOff::new(PutOffKind::Probe, "the next probe of production"),
        also: seen.into_iter().map(Write::Evidence).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(made: &[i64]) -> Series {
        let probe = |at_ms: &i64| Probe {
            at_ms: *at_ms,
            ok: true,
            exit_code: 0,
            output: String::new(),
        };
        Series {
            started_ms: 1_000,
            window_s: 30,
            planned: 3,
            reaction: String::new(),
            probes: made.iter().map(probe).collect(),
        }
    }

    #[test]
    fn probes_are_spread_over_the_window_and_missed_ones_come_in_no_burst() {
        assert_eq!(series(&[]).due(1_000), Some(1_000));
        assert_eq!(series(&[1_000]).due(1_010), Some(11_000));
        // The host was down from 11 s to 29 s: the second probe is late, the third keeps its distance.
        assert_eq!(series(&[1_000, 29_000]).due(29_010), Some(34_000));
        assert_eq!(series(&[1_000, 11_000, 21_000]).due(21_010), None);
    }

    #[test]
    fn series_ends_with_its_window_though_probes_are_missing() {
        assert_eq!(series(&[1_000]).due(42_000), None);
    }
}
