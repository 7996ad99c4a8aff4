//! How the core calls its stores: each call within a deadline and measured (`store`), what it is told when one fails
//! (`error`), the health of stores in a cluster (`health`), what is done when they or the node cannot keep up
//! (`pressure`), and the queue of records on their way to the audit log (`audit`). Knows no use case and no rule of
//! streams.

pub mod audit;
mod error;
mod health;
pub mod metrics;
mod pressure;
pub mod store;

pub use error::{AdminRefusal, Error};
pub use health::{Health, Store, check, watch};
pub use pix_stream_pace::{Kind, Settings as PressureSettings};
pub use pressure::{Pressure, run as run_pressure};
