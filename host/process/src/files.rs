//! File trees that somebody else made: looked through, mended, measured and removed.
//!
//! Whoever made such a tree may have taken rights away, nested it deeper than any path reaches, and put links and
//! pipes where files are expected. Nothing here follows a link: every step goes from an open folder to a name in it.
//! What is in the files is not looked at here.

mod beneath;
mod carry;
mod handle;
mod remove;
mod stamps;
mod usage;
mod walk;

pub use beneath::{put_beneath, read_beneath};
pub use carry::{Carry, CarryError, carry};
pub use remove::{RemoveError, make_usable, remove};
pub use stamps::Stamps;
pub use usage::used_bytes;
pub(crate) use usage::{Used, used};
pub(crate) use walk::{ENTRIES_MAX, Found, Kind, Mending, Next, Walked, walk};

#[cfg(test)]
pub(crate) mod tests;
