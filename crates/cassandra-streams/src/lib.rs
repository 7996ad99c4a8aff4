//! The order of messages on Apache Cassandra: appending, idempotency, reading, retention. What of the Journal port is
//! about streams; checkpoints, participants and the port itself are `pix-stream-adapter-cassandra`'s.
//!
//! [`StreamJournal`] appends with one conditional batch a group and settles every unknown outcome before it answers
//! (`lane`). It rests on three tables: messages by bucket, hints on their ends, blocks of fingerprints (ADR 0017).

pub mod body;
mod ends;
pub mod fault;
pub mod journal;
mod lane;
mod lanes;
mod layout;
pub mod metrics;
mod plan;
mod reads;
mod remembered;
mod retention;
mod rows;
mod streams;
mod texts;

pub use journal::{Epochs, Options, StreamJournal};
