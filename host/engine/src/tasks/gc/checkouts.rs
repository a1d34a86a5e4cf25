//! Which folders of tests, tools and probes a host left behind.

use orch_views::disk::{Fate, GcItem, LeftoverKind};

use super::rules::DAY_MS;
use super::{Action, Collector, Planned, name_of, off_thread, rules, usage};

/// Checkouts that were last written more than a day ago: whoever makes one removes it within its timeout, and
/// the start of a host removes those of the dead.
pub(super) async fn look(collector: &Collector) -> anyhow::Result<Vec<Planned>> {
    let (folder, now) = (collector.paths.checkouts(), collector.ledger.now());
    let found = off_thread(move || {
        let users = usage::Users::look()?;
        let old = usage::folders_in(&folder).into_iter().filter_map(|path| {
            let age_ms = now - usage::written_ms(&path);
            (age_ms >= DAY_MS).then_some((path, age_ms))
        });
        let judged = old.map(|(path, age_ms)| {
            let fate = match rules::unused(&users.of(&path)) {
                Ok(()) => Fate::Goes("no process uses it".to_owned()),
                Err(reason) => Fate::Kept(reason),
            };
            let bytes = matches!(fate, Fate::Goes(_)).then(|| usage::bytes(&path));
            (path, age_ms, fate, bytes)
        });
        anyhow::Ok(judged.collect::<Vec<_>>())
    })
    .await??;
    let planned = found
        .into_iter()
        .map(|(path, age_ms, fate, bytes)| Planned {
            item: GcItem {
                kind: LeftoverKind::Checkout,
                name: name_of(collector, &path),
                bytes,
                age_s: age_ms / 1000,
                why: "whoever made it did not remove it within a day".to_owned(),
                fate,
            },
            action: Action::Trash(path),
        });
    Ok(planned.collect())
}
