//! By what was a process held that is judged?

use crate::words::words;

words! {
    "way of holding what is judged":
    /// What kept a judged process from whatever judges it.
    pub enum HeldBy {
        /// Namespaces: a root, processes and a network of its own.
        Namespaces = "namespaces",
        /// Another user, Landlock and a narrower filter of system calls.
        Landlock = "landlock",
        /// Landlock and a filter narrower still, as the host's own user.
        LandlockSameUser = "landlock-same-user",
        /// A cage of the operator's own.
        External = "external",
        /// Nothing: the operator has switched it off.
        Nothing = "nothing",
    }
}
