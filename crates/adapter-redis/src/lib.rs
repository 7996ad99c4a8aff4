//! The Coordinator of a cluster and the Intake, on Redis (design, section 4; requirement B.5).
//!
//! Redis holds what must be agreed on right now, and may forget all of it: every key expires, and what a restarted
//! or promoted server still has is known to be old (ADR 0018). No rule is decided in Redis: its one script compares
//! and swaps. The driver, `fred`, is named in this crate alone, with the settings that make it recover by itself.
//!
//! - [`RedisCoordinator`]: states by compare-and-swap, news by publish/subscribe, fresh messages as one value a group
//!   commit, the rate window that all nodes share.
//! - [`RedisIntake`]: a Redis Stream with a consumer group.

mod admit;
mod answer;
mod caller;
mod connection;
mod coordinator;
mod error;
mod fresh;
mod intake;
mod keys;
pub mod metrics;
mod news;
mod options;
mod reign;
mod share;
mod subscription;
mod swaps;

pub use coordinator::RedisCoordinator;
pub use intake::{IntakeOptions, RedisIntake};
pub use options::{Credentials, Options, OptionsError, Topology};
