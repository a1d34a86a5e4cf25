//! What people and machines may ask a host to do, by noun. Each order is one event or one durable row.

mod alerts;
mod configuration;
mod done;
mod error;
mod gates;
mod issues;
mod leases;
mod lookup;
mod pauses;
mod people;
mod period;
mod requests;
mod sessions;
mod statuses;
mod tasks;
mod unusable;
mod webhooks;
mod wrong_tokens;

pub use self::alerts::Alerts;
pub use self::configuration::Configuration;
pub(crate) use self::done::status_of;
pub use self::error::CommandError;
pub use self::gates::Gates;
pub use self::issues::Issues;
pub use self::leases::Leases;
pub(crate) use self::lookup::named;
pub use self::pauses::Pauses;
pub(crate) use self::people::token_view;
pub use self::people::{People, Shown};
pub use self::people::{advice, own_person};
pub use self::requests::{Given, KEY_BYTES_MAX, Requests};
pub use self::sessions::{LoggedIn, Sessions};
pub use self::statuses::Statuses;
pub(crate) use self::tasks::NewOfTracker;
pub use self::tasks::{BODY_BYTES_MAX, TITLE_BYTES_MAX, Tasks};
pub use self::webhooks::{NotTaken, Webhooks};
