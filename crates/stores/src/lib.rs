//! Real Redis and Cassandra as child processes on loopback, without containers (issue 6, items 7 and 8).
//!
//! Starts them, waits until they answer, signals, restarts and stops them; installs or fetches what is missing, or
//! says what to install. For tests, fault drills and `cargo xtask stack`; no part of the server. Drivers, schemas
//! and what is stored are not known here.

mod authority;
pub mod cassandra;
mod deadline;
mod error;
pub mod install;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod redis;
mod tail;
pub mod test;
mod tls;
mod way;

pub use authority::Authority;
pub use cassandra::Cassandra;
pub use error::Error;
pub use process::Process;
pub use proxy::Proxy;
pub use redis::Redis;
pub use tls::TlsFiles;
