//! What two handlers of one process may ask the store for at once: it joins such writes.

use crate::protocol::{Action, Host, Key, Protocol, State, Write};

/// Any two keys of one process, of one job as well: what a store joins comes from one process.
pub(crate) fn possible_together(
    protocol: &Protocol,
    state: &State,
    host: &Host,
    actions: &mut Vec<Action>,
) {
    let of_job = |job| host.epochs(job).map(move |epoch| (job, epoch));
    let keys: Vec<Key> = (0..protocol.jobs)
        .flat_map(of_job)
        .map(|(job, epoch)| Key {
            host: host.id,
            job,
            epoch,
        })
        .collect();
    for (index, first) in keys.iter().enumerate() {
        for second in &keys[index..] {
            let both = [*first, *second];
            actions.push(Action::Both(Write::Renew, both));
            actions.push(Action::Both(Write::Complete, both));
            let may_put_off = state.now < protocol.now_max;
            actions.extend(may_put_off.then_some(Action::Both(Write::PutOff, both)));
        }
    }
}
