//! What a claim is worth: its place in the line, and what is refused once it is lost.

#[path = "qualification/fixture.rs"]
mod fixture;
#[path = "claims/priorities.rs"]
mod priorities;
#[path = "claims/zombies.rs"]
mod zombies;
