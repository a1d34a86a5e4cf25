//! Who is it that a source says did something?

use orch_config::HostConfig;
use orch_domain::id::{DoorName, PersonName, UnixMs};
use orch_domain::person::{Caller, Channel, PersonRole};
use orch_process::identity::user_name;
use orch_store::{OWN_TRACKER, StoreError, Tx};

/// Person that a user of this machine is: as `people` has it; else the host's own user is an admin of that name.
pub(crate) fn person_of_user(config: &HostConfig, uid: u32) -> Option<(PersonName, PersonRole)> {
    let user = user_name(uid).unwrap_or_default();
    if let Some(known) = config.person_of_user(uid, &user) {
        return Some(known);
    }
    let is_own = uid == rustix::process::geteuid().as_raw();
    // A user who is called as nobody may be, the host for one, is signed for by a name that anybody may have.
    let named = PersonName::new(user.clone())
        .or_else(|_| PersonName::new(format!("{user}-user")))
        .or_else(|_| PersonName::new(format!("uid-{uid}")));
    is_own
        .then_some(())
        .and(named.ok())
        .map(|name| (name, PersonRole::Admin))
}

/// The person whose account of a tracker `actor` is; none for strangers and bots.
pub(crate) async fn person_of_account(
    tx: &mut Tx,
    config: &HostConfig,
    tracker: &DoorName,
    actor: &str,
    now: UnixMs,
) -> Result<Option<Caller>, StoreError> {
    let known = match config.person_of_account(tracker, actor) {
        None if tracker.as_str() == OWN_TRACKER => local(tx, config, actor, now).await?,
        known => known,
    };
    Ok(known.map(|(person, role)| Caller {
        person,
        role,
        channel: Channel::Tracker,
    }))
}

/// The local tracker has the names of those whom the host itself let move an issue.
async fn local(
    tx: &mut Tx,
    config: &HostConfig,
    actor: &str,
    now: UnixMs,
) -> Result<Option<(PersonName, PersonRole)>, StoreError> {
    let Ok(person) = PersonName::new(actor) else {
        return Ok(None);
    };
    let by_token = tx.role_by_token(&person, now).await?;
    let own = person_of_user(config, rustix::process::geteuid().as_raw());
    let as_user = own
        .filter(|(name, _)| *name == person)
        .map(|(_, role)| role);
    let role = config.role_of(&person).max(by_token).max(as_user);
    Ok(role.map(|role| (person, role)))
}
