//! Failures of other queues that are public, each as a claim about ours. `docs/reference/qualification.md` says
//! which project, what went wrong there, and which test stands against it here; `page` keeps that list true.

#[path = "qualification/ending.rs"]
mod ending;
#[expect(dead_code, reason = "other tests need more of the fixture than these")]
#[path = "qualification/fixture.rs"]
mod fixture;
#[path = "qualification/page.rs"]
mod page;
#[path = "qualification/queueing.rs"]
mod queueing;
#[path = "qualification/rescue.rs"]
mod rescue;
