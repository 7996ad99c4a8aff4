//! The sections of the configuration file: plain structs with their defaults and their keys.
//!
//! Rules between keys stand in `check`; a rule about one key is its range here.

mod limits;
mod network;
mod operation;
mod store;
mod stream;

pub use limits::{Limits, Rate};
pub use network::{Listen, Tls};
pub use operation::{Log, Roles};
pub use store::{Audit, Coordinator, Journal, Keys};
pub use stream::{Publish, Schemas, Stream, Wire};
