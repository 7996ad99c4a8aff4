//! The sections of the configuration file: plain structs with their defaults and their keys.
//!
//! Rules between keys stand in `check`; a rule about one key is its range here.

mod cluster;
mod limits;
mod network;
mod pressure;
mod store;
mod stream;
mod traces;

use std::time::Duration;

pub use cluster::{Cassandra, Intake, Redis, Region};
pub use limits::{Limits, Rate};
pub use network::{Listen, Roles, Tls};
pub use pressure::Backpressure;
pub use store::{Audit, Coordinator, Journal, Keys, Log};
pub use stream::{Publish, Quarantine, Schemas, Stream, Wire};
pub use traces::Traces;

const MINUTE: Duration = seconds(60);
const HOUR: Duration = seconds(3_600);
const DAY: Duration = seconds(86_400);

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}
