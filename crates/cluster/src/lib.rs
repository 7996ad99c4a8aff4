//! The stores of several nodes, opened as a configuration says: what `[cassandra]`, `[redis]` and `[region]` come to.
//!
//! No rule of streams and nothing of a server stands here: only which adapter gets which option.

mod advice;
mod coordinator;
pub mod metrics;
mod open;
pub mod ship;
mod tls;

use std::path::PathBuf;

pub use coordinator::ClusterCoordinator;
pub use open::{Means, Stores, migrations, redis_options, regions, session, stores};

/// Why the stores of a cluster cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that the configuration names cannot be used.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A password cannot be read.
    #[error(transparent)]
    Password(#[from] pix_stream_config::PasswordError),
    /// TLS is on and no authority is named.
    #[error("{section}.tls needs {section}.ca")]
    NoAuthority {
        /// The section of the configuration.
        section: &'static str,
    },
    /// Cassandra cannot be reached or used.
    #[error("cassandra: {0}")]
    Cassandra(#[from] pix_stream_cql::Error),
    /// The schema is not the one of this build.
    #[error(transparent)]
    Unfit(#[from] pix_stream_adapter_cassandra::migrations::Unfit),
    /// Redis cannot be used as it is configured.
    #[error("redis: {0}")]
    Store(#[from] pix_stream_ports::error::Error),
    /// The schema's migrations cannot be read or carried out.
    #[error(transparent)]
    Migrations(#[from] pix_stream_adapter_cassandra::migrations::Error),
}
