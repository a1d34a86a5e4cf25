//! What the host asks of a window: a notifier in which people can answer.

use std::fmt::Debug;

use super::PortAnswer;
use crate::prompt::{Choice, PromptId};

/// What a press of a button says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// A person wants to answer so and is to be asked once more.
    Wants(Choice),
    /// A person was asked once more and means it.
    Means(Choice),
    /// A person was asked once more and does not mean it.
    TakesBack,
}

/// A press of a button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tap {
    /// Rises with everything that comes in at the window.
    pub position: i64,
    /// The window's own name for this press, for the answer to it.
    pub id: String,
    /// The question, and what is said to it; none if it is not a button of this host's.
    pub says: Option<(PromptId, Press)>,
    /// Whoever pressed, by the window's own name for them; none for programs.
    pub account: Option<String>,
    /// The message with the button, by the window's own name; none if the window does not say.
    pub message: Option<String>,
    /// What that message says; empty if the window does not say.
    pub text: String,
}

/// What people see of a question after a press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buttons {
    /// Every choice.
    All,
    /// Whether this choice is meant.
    Sure(Choice),
    /// None: it is settled.
    None,
    /// As they were.
    Unchanged,
}

/// What a press came to, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// For whoever pressed, and nobody else: one line. Empty if there is nothing to say.
    pub said: String,
    /// For everybody: what the buttons become.
    pub buttons: Buttons,
    /// For everybody: a line below the question; none leaves the text as it was.
    pub settled: Option<String>,
}

/// A place where people answer questions.
pub trait Window: Send + Sync + Debug {
    /// Waits for presses after `position`, oldest first, a while at most; none may have come by then. Asked again and
    /// again by one caller, which confirms with `position` what it has dealt with and written down.
    fn taps(&self, position: i64) -> PortAnswer<'_, Vec<Tap>>;

    /// Shows what a press came to. Called once per press, after the decision is written: a failure changes nothing.
    fn reply<'a>(&'a self, tap: &'a Tap, shown: &'a Shown) -> PortAnswer<'a, ()>;
}
