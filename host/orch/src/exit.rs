//! What do exit codes mean beside 0 and 1?

/// The command line makes no sense.
pub(crate) const USAGE: u8 = 64;
