//! What the use cases promise, one promise a test: the whole core over fakes, in paused time.
//!
//! Rules of streams have tests in `pix-stream-domain`; everything at once, under faults, is `tests/sim`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in a function that it calls")]

mod audit;
mod backlog;
mod catalog;
mod chunks;
mod drain;
mod hot;
mod keeping;
mod long_poll;
mod nodes;
mod offboarding;
mod operator;
mod outages;
mod quarantine;
mod recovery;
mod regions;
mod replay;
mod retention;
mod stores;
mod world;
