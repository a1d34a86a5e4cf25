//! What has to survive a crash: files that are there whole or not at all, and the points at which tests crash.

mod file;
mod point;

pub use file::replace;
pub use point::{environment, point};
