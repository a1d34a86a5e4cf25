//! How is the host, in numbers? What a monitoring system reads: gathered when it asks, from the same views that people
//! see. Names are few and labels bounded: by closed lists, or by what the operator has configured.

use orch_engine::{Api, CommandError};
use orch_views::host::{BackgroundState, StatusView};
use orch_views::queue::QueueView;
use orch_views::resilience::BreakerPhase;
use prometheus::{GaugeVec, IntCounterVec, Opts, Registry, TextEncoder};

/// Address of the numbers.
pub(crate) const PATH: &str = "/metrics";
/// What they are.
pub(crate) const KIND: &str = prometheus::TEXT_FORMAT;
/// Names that there are at most.
#[cfg(test)]
const NAMES_MAX: usize = 60;

/// The numbers as they are now.
pub(crate) async fn text(api: Api) -> Result<String, CommandError> {
    let (status, queue) = (
        api.views.host.status().await?,
        api.views.queue.show().await?,
    );
    let numbers = Numbers::default();
    let written = numbers
        .of_status(&status)
        .and_then(|()| numbers.of_queue(&queue));
    let written = written.and_then(|()| TextEncoder::new().encode_to_string(&numbers.0.gather()));
    written.map_err(|error| CommandError::host(format!("numbers cannot be written: {error}")))
}

/// Numbers that are written once.
#[derive(Default)]
struct Numbers(Registry);

type Written = Result<(), prometheus::Error>;

impl Numbers {
    /// What goes up and down, by the values of one label.
    fn gauges<'a>(
        &self,
        (name, help): (&str, &str),
        label: &str,
        values: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> Written {
        let family = GaugeVec::new(Opts::new(name, help), &[label])?;
        for (value, number) in values {
            family.with_label_values(&[value]).set(number);
        }
        self.0.register(Box::new(family))
    }

    fn gauge(&self, (name, help): (&str, &str), number: f64) -> Written {
        let gauge = prometheus::Gauge::new(name, help)?;
        gauge.set(number);
        self.0.register(Box::new(gauge))
    }

    /// What only goes up while the host runs.
    fn counter(&self, (name, help): (&str, &str), number: u64) -> Written {
        let counter = prometheus::IntCounter::new(name, help)?;
        counter.inc_by(number);
        self.0.register(Box::new(counter))
    }

    fn counters<'a>(
        &self,
        (name, help): (&str, &str),
        labels: &[&str],
        values: impl IntoIterator<Item = (Vec<&'a str>, u64)>,
    ) -> Written {
        let family = IntCounterVec::new(Opts::new(name, help), labels)?;
        for (of, number) in values {
            family.with_label_values(&of).inc_by(number);
        }
        self.0.register(Box::new(family))
    }

    fn of_status(&self, status: &StatusView) -> Written {
        let build = ("orch_build_info", "The version of the program; always 1");
        self.gauges(build, "version", [(status.version.as_str(), 1.0)])?;
        let started = (
            "orch_start_time_seconds",
            "When the host started, Unix seconds",
        );
        self.gauge(started, seconds(status.started_ms))?;
        let tasks = (
            "orch_tasks",
            "Tasks under way, and those of them that only a person can move on",
        );
        self.gauges(
            tasks,
            "which",
            [
                ("live", float(status.tasks.live)),
                ("needs-person", float(status.tasks.blocked)),
            ],
        )?;
        let gates = (
            "orch_gates",
            "Gates that judge, and gate files that do not load",
        );
        self.gauges(
            gates,
            "which",
            [
                ("loaded", float(status.gates.loaded)),
                ("failed", float(status.gates.failed)),
            ],
        )?;
        let running = (
            "orch_background_running",
            "Whether a background task is at work",
        );
        let tasks = || status.background.iter();
        self.gauges(
            running,
            "task",
            tasks().map(|task| {
                let runs = task.state == BackgroundState::Running;
                (task.name.as_str(), f64::from(u8::from(runs)))
            }),
        )?;
        let panics = (
            "orch_background_panics_total",
            "Panics of a background task",
        );
        self.counters(
            panics,
            &["task"],
            tasks().map(|task| (vec![task.name.as_str()], u64::from(task.panics))),
        )?;
        let deliveries = (
            "orch_webhook_deliveries_total",
            "Deliveries of webhooks by what became of them",
        );
        let of = status.webhooks.iter().flat_map(|(source, count)| {
            [
                ("accepted", count.accepted),
                ("doubled", count.doubled),
                ("refused", count.refused),
                ("stranger", count.strangers),
                ("dead", count.dead),
            ]
            .map(|(outcome, count)| (vec![source.as_str(), outcome], count))
        });
        self.counters(deliveries, &["source", "outcome"], of)
    }

    fn of_queue(&self, queue: &QueueView) -> Written {
        let counts = queue.counts;
        let jobs = ("orch_jobs", "Jobs in the database by state");
        self.gauges(
            jobs,
            "state",
            [
                ("scheduled", signed(counts.scheduled)),
                ("ready", signed(counts.ready)),
                ("running", signed(counts.running)),
                ("done", signed(counts.done)),
                ("dead", signed(counts.dead)),
                ("cancelled", signed(counts.cancelled)),
            ],
        )?;
        self.gauge(
            ("orch_alerts_open", "Alerts that nobody has acknowledged"),
            float(queue.alerts.open),
        )?;
        self.gauge(
            ("orch_tasks_stopping", "Tasks that are being stopped"),
            float(queue.stop.stopping),
        )?;
        self.gauge(
            ("orch_agents_max", "Agents that may run at once"),
            f64::from(queue.max_concurrency),
        )?;
        self.gauge(
            ("orch_leases_held", "Leases that are held"),
            float(queue.transition_lease.leases.len() as u64),
        )?;
        self.gauge(
            (
                "orch_deploys_watched",
                "Landed commits that are watched after their deploy",
            ),
            signed(queue.post_deploy.watching),
        )?;
        self.of_money(queue)?;
        self.of_brakes(queue)?;
        self.of_recovery(queue)
    }

    fn of_money(&self, queue: &QueueView) -> Written {
        let budget = queue.resilience.budget;
        self.gauge(
            ("orch_runs_under_way", "Runs of agents that have not ended"),
            f64::from(budget.runs_under_way),
        )?;
        self.gauge(
            (
                "orch_spent_today_dollars",
                "What today's runs said they cost",
            ),
            budget.spent_today_usd,
        )?;
        self.gauge(
            (
                "orch_reserved_today_dollars",
                "What runs under way may still cost",
            ),
            budget.reserved_today_usd,
        )?;
        // Without a budget there is nothing that can be used up.
        budget.day_usd.map_or(Ok(()), |day| {
            self.gauge(("orch_budget_day_dollars", "What a day may cost"), day)
        })
    }

    fn of_brakes(&self, queue: &QueueView) -> Written {
        let resilience = &queue.resilience;
        self.gauge(
            ("orch_pauses", "Lanes and repositories that are held back"),
            float(resilience.pauses.len() as u64),
        )?;
        let phases = [
            ("closed", BreakerPhase::Closed),
            ("open", BreakerPhase::Open),
            ("half-open", BreakerPhase::HalfOpen),
        ];
        let breakers = phases.map(|(name, phase)| {
            let of = resilience
                .breakers
                .iter()
                .filter(|b| b.breaker.phase == phase);
            (name, float(of.count() as u64))
        });
        self.gauges(
            ("orch_breakers", "Circuit breakers of providers by phase"),
            "phase",
            breakers,
        )?;
        let fit = resilience
            .preflight
            .iter()
            .map(|(agent, view)| (agent.as_str(), f64::from(u8::from(view.ok))));
        self.gauges(
            (
                "orch_agent_fit",
                "Whether an agent may start, as it was found last",
            ),
            "agent",
            fit,
        )?;
        self.counter(
            (
                "orch_store_writes_total",
                "Writes that the database was asked for",
            ),
            resilience.store.commands,
        )?;
        self.counter(
            ("orch_store_commits_total", "Commits that wrote them"),
            resilience.store.commits,
        )
    }

    fn of_recovery(&self, queue: &QueueView) -> Written {
        let (reaper, reconciler) = (&queue.reaper, &queue.reconcile);
        if let Some(at) = reaper.last_run_ts {
            let last = (
                "orch_reaper_last_look_seconds",
                "When the reaper last looked, Unix seconds",
            );
            self.gauge(last, seconds(at))?;
        }
        self.counter(
            (
                "orch_jobs_reaped_total",
                "Jobs that were taken from owners that were gone",
            ),
            reaper.reaped_total,
        )?;
        self.counter(
            (
                "orch_leases_reclaimed_total",
                "Leases that were taken from holders that were gone",
            ),
            reaper.lease_reclaimed_total,
        )?;
        if let Some(at) = reconciler.last_run_ts {
            let last = (
                "orch_reconciler_last_look_seconds",
                "When forges and trackers were last asked, Unix seconds",
            );
            self.gauge(last, seconds(at))?;
        }
        self.counter(
            (
                "orch_reconciler_looks_total",
                "Times that forges and trackers were asked",
            ),
            reconciler.looks_total,
        )?;
        self.counter(
            (
                "orch_reconciler_made_good_total",
                "Differences that no webhook had told of",
            ),
            reconciler.made_good_total,
        )?;
        self.gauge(
            (
                "orch_sources_failing",
                "Forges and trackers that did not answer at the last look",
            ),
            float(reconciler.failing.len() as u64),
        )
    }
}

/// Counts of this size are exact.
#[expect(clippy::cast_precision_loss, reason = "nobody counts beyond 2^52 here")]
fn float(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "nobody counts beyond 2^52 here")]
fn signed(count: i64) -> f64 {
    count as f64
}

fn seconds(ms: i64) -> f64 {
    signed(ms) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_few_documented_and_said_in_alerts_as_they_are() {
        let source = include_str!("metrics.rs");
        let page = include_str!("../../../docs/operators/monitoring.md");
        let begin = ["\"or", "ch_"].concat();
        let mut names: Vec<&str> = source
            .split(&begin)
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .filter(|name| !name.is_empty())
            .collect();
        names.sort_unstable();
        names.dedup();
        assert!((20..=NAMES_MAX).contains(&names.len()), "{names:?}");
        for name in &names {
            assert!(
                page.contains(&format!("| `orch_{name}`")),
                "`{name}` is not documented"
            );
        }
        let shipped = [
            include_str!("../../../packaging/prometheus/alerts.yaml"),
            include_str!("../../../packaging/grafana/orch.json"),
        ];
        for text in shipped {
            let asked = text.split("orch_").skip(1);
            for asked in asked {
                let name: String = asked
                    .chars()
                    .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                    .collect();
                assert!(names.contains(&name.as_str()), "there is no orch_{name}");
            }
        }
    }
}
