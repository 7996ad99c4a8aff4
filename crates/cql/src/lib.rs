//! A CQL session that never waits for ever and never says more than it knows.
//!
//! It takes the codec, the cluster's metadata and the load balancing interface from `cdrs-tokio`, and brings its
//! own connections: stream ids that are not reused while an answer may still come, a deadline on every request, and a
//! supervisor that rebuilds what is dead (ADR 0016). Its [`Error`] tells what a caller of conditional writes
//! must know: whether a statement may have been carried out.
//!
//! It knows nothing of tables, keyspaces or messages of ours.

mod agreement;
mod answer;
mod balancing;
mod call;
mod decode;
mod dial;
mod driver;
mod error;
mod link;
mod node;
mod nodes;
mod prepared;
mod pulse;
mod rows;
mod session;
mod settings;
mod statement;
mod streams;
mod supervisor;
mod value;

pub use error::Error;
pub use rows::{Row, Rows};
pub use session::{Health, Session};
pub use settings::{Credentials, Settings};
pub use statement::{Consistency, Options, PagingState, Serial, Statement};
pub use value::Value;
