//! Verbs about the tokens of persons.

use clap::Subcommand;
use orch_domain::person::PersonRole;

use super::args::Part;

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token for a person. It is printed this once and kept nowhere.
    New {
        /// Name of the person, as decisions are signed with it.
        name: String,
        /// viewer, operator, approver or admin; each may do what those before it may.
        #[arg(long, value_parser = role)]
        role: PersonRole,
        /// How long it counts, such as 90d; for ever if not given.
        #[arg(long)]
        expires: Option<String>,
    },
    /// List tokens with whose they are, what they allow, and whether they count.
    List(Part),
    /// Revoke one token by its number, or all of a person by their name.
    Revoke {
        /// Number or name, as `orch token list` prints them.
        which: String,
    },
}

fn role(text: &str) -> Result<PersonRole, String> {
    PersonRole::parse(text).ok_or_else(|| {
        let names = PersonRole::ALL.map(PersonRole::as_str).join(", ");
        format!("there is no role `{text}`; use {names}")
    })
}
