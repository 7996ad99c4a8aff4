//! The Cassandra stores from outside. What needs a Cassandra is skipped where none is named.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in a function that it calls")]

mod audit;
mod journal;
mod migration_lock;
mod migrations;
mod quarantine;
mod regions;
mod relay;
mod serial_states;
mod support;
mod tables;
mod unknown;
