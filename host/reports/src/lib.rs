//! Which tests failed, and how many ran? Read from what a test run left and printed, by one table of the usual forms.
//!
//! All of it was written by the code that is judged. It names failures for people and agents; it decides nothing. What
//! decides is the exit code ([`FailedTests::adds_nothing_to`] says how far names go).

mod compare;
mod failed;
mod flaky;
mod hints;
mod junit;
mod printed;

pub use failed::FailedTests;
pub use hints::{Hint, hints};
pub use junit::{Unreadable, junit};
pub use printed::{plain, printed};
