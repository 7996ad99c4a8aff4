//! What must never be lost, on Apache Cassandra: order, messages, checkpoints, participants, quarantine, regions.
//!
//! [`journal::CassandraJournal`] puts the streams of messages (`pix-stream-cassandra-streams`) and what is small
//! ([`tables::Tables`]) together. Statements go through `pix-stream-cql`, which knows nothing of
//! ours and never sends a conditional write twice.

pub mod anchors;
pub mod audit;
mod fault;
pub mod journal;
pub mod metrics;
pub mod migrations;
pub mod quarantine;
pub mod regions;
mod register;
pub mod serial_states;
pub mod tables;

pub use journal::CassandraJournal;
