//! Drills (issue 7, items 6 and 7): every runbook carried out command by command, and incidents under a real Prometheus.
//!
//! A page of `docs/runbooks` is the script: its symptom is brought about, its commands are run in their order, and what
//! they must say is held against what they say. An incident is brought about under load, and the shipped alert has to
//! fire. Nothing here is part of the server, and nothing of the server is linked: all goes through its commands.

pub mod drills;
pub mod ground;
pub mod incidents;
pub mod page;
pub mod prometheus;
pub mod report;
pub mod rules;
pub mod run;
pub mod server;
pub mod service;
pub mod shell;
