//! The host as its users meet it: real programs, real git, real gates, stateful fakes only for what is outside.
#![expect(
    clippy::unwrap_used,
    reason = "in a test a failed unwrap is the report"
)]

mod admission;
mod alerts;
mod authors;
mod backup;
mod bad_input;
mod bases;
mod batches;
mod cage;
mod chat;
mod claude;
mod command_line;
mod crashes;
mod demo;
mod deploying;
mod deploys;
mod disk;
mod drills;
mod dropping;
mod evidence;
mod forge;
mod forge_people;
mod forge_shapes;
mod gate_run;
mod gateway;
mod http;
mod init;
mod items;
mod layers;
mod left;
mod live;
mod machines;
mod mcp;
mod merging;
mod mover;
mod moving;
mod network;
mod onboarding;
mod packaging;
mod pages;
mod pages_door;
mod pausing;
mod people;
mod plane;
mod plane_people;
mod plane_sdk;
mod reaping;
mod reconciling;
mod recorded;
mod repositories;
mod results;
mod rework;
mod risk;
mod security;
mod stopping;
mod transitions;
mod trust;
mod turns;
mod unfit;
mod webhooks;
mod windows;
mod witnesses;
mod zombies;
