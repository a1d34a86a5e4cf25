//! The background tasks of a host: what each is called, what it does, how often, and what it may use.

use futures_util::future::BoxFuture;
use orch_domain::job::Lane;

use super::Host;
use crate::ledger::status::POLL_MAX;
use crate::tasks::attend::Attendant;
use crate::tasks::deliveries::Deliveries;
use crate::tasks::driver::{Definition, Stop};
use crate::tasks::hooks::Hooks;
use crate::tasks::outbox::Delivery;
use crate::tasks::reaper::Reaper;
use crate::tasks::reconciler::Reconciler;
use crate::tasks::windows::Windows;
use crate::tasks::{deliveries, escalation, files, gc, lanes, outbox, patience, retention};

/// The background tasks of a host.
pub(super) fn definitions(host: &Host, attendant: Attendant, reaper: Reaper) -> Vec<Definition> {
    let config = host.config.now();
    let seconds = |s: u32| Some(std::time::Duration::from_secs(u64::from(s)));
    let mut list: Vec<Definition> = Lane::ALL
        .into_iter()
        .map(|lane| {
            let (name, slots) = match lane {
                Lane::Agents => ("lane-agents", config.concurrency.agents),
                Lane::Gates => ("lane-gates", config.concurrency.gates),
                Lane::Effects => ("lane-effects", config.concurrency.effects),
            };
            let attendant = attendant.clone();
            task(
                name,
                "claims the jobs of a lane and runs them",
                Some(POLL_MAX),
                move |mut stop| {
                    let attendant = attendant.clone();
                    Box::pin(async move {
                        let work = |job| attendant.clone().attend(job);
                        lanes::run(&attendant.ledger, lane, slots, work, stop.asked()).await;
                    })
                },
            )
        })
        .collect();
    let (ledger, judges, live) = (
        host.ledger.clone(),
        host.judges.clone(),
        host.config.clone(),
    );
    list.push(task(
        "files",
        "follows the gates folder and the configuration file",
        None,
        move |stop| {
            Box::pin(files::run(
                ledger.clone(),
                judges.clone(),
                live.clone(),
                stop,
            ))
        },
    ));
    let reconciler = Reconciler {
        ledger: host.ledger.clone(),
        config: host.config.clone(),
        repos: host.repos.clone(),
        doors: host.doors.clone(),
        tasks: host.api.tasks.clone(),
        status: host.reconciler.clone(),
    };
    list.push(task(
        "reconciler",
        "asks forge and tracker for what no notice told",
        seconds(config.reconcile.interval_s),
        move |stop| Box::pin(reconciler.clone().run(stop)),
    ));
    list.push(task(
        "reaper",
        "recovers abandoned work and frees leases of the dead",
        seconds(config.reaper.interval_s),
        move |stop| Box::pin(reaper.clone().run(stop)),
    ));
    let repositories = host.api.repositories.clone();
    list.push(task(
        "bases",
        "tests bases that have moved while nothing else of their repositories runs",
        seconds(config.reconcile.interval_s),
        move |stop| Box::pin(repositories.clone().run(stop)),
    ));
    let collector = host.api.collector.clone();
    list.push(task(
        "collector",
        "removes leftovers of ended tasks, old logs and old refs",
        Some(gc::EVERY),
        move |stop| Box::pin(gc::run(collector.clone(), stop)),
    ));
    let delivery = Delivery {
        ledger: host.ledger.clone(),
        config: host.config.clone(),
        paths: host.paths.clone(),
        doors: host.doors.clone(),
        reconciler: host.reconciler.clone(),
    };
    list.push(task(
        "outbox",
        "delivers what transactions left for forges, trackers and people",
        Some(outbox::LOOK),
        move |stop| Box::pin(delivery.clone().run(stop)),
    ));
    let windows = Windows {
        ledger: host.ledger.clone(),
        config: host.config.clone(),
        doors: host.doors.clone(),
        status: host.windows.clone(),
    };
    list.push(task(
        "windows",
        "takes up what people answer in windows",
        None,
        move |stop| Box::pin(windows.clone().run(stop)),
    ));
    let deliveries = Deliveries {
        ledger: host.ledger.clone(),
        sources: host.doors.webhooks.clone(),
        status: host.webhooks.clone(),
        reconciler: host.reconciler.clone(),
    };
    list.push(task(
        "deliveries",
        "looks into deliveries of webhooks",
        Some(deliveries::LOOK),
        move |stop| Box::pin(deliveries.clone().run(stop)),
    ));
    let hooks = Hooks {
        ledger: host.ledger.clone(),
        config: host.config.clone(),
        doors: host.doors.clone(),
    };
    list.push(task(
        "webhooks",
        "looks whether webhooks tell the host what they should",
        seconds(config.reconcile.webhooks_s),
        move |stop| Box::pin(hooks.clone().run(stop)),
    ));
    let (ledger, live) = (host.ledger.clone(), host.config.clone());
    list.push(task(
        "escalation",
        "tells again what nobody has acted on",
        Some(escalation::EVERY),
        move |stop| Box::pin(escalation::run(ledger.clone(), live.clone(), stop)),
    ));
    let ledger = host.ledger.clone();
    list.push(task(
        "patience",
        "blocks tasks that have waited for two weeks",
        Some(patience::EVERY),
        move |stop| Box::pin(patience::run(ledger.clone(), stop)),
    ));
    let (ledger, live) = (host.ledger.clone(), host.config.clone());
    list.push(task(
        "retention",
        "removes rows that have been kept long enough",
        Some(retention::EVERY),
        move |stop| Box::pin(retention::run(ledger.clone(), live.clone(), stop)),
    ));
    list
}

fn task(
    name: &'static str,
    description: &'static str,
    period: Option<std::time::Duration>,
    run: impl Fn(Stop) -> BoxFuture<'static, ()> + Send + Sync + 'static,
) -> Definition {
    Definition {
        name,
        description,
        period,
        run: Box::new(run),
    }
}
