//! The stores of several nodes, opened as a configuration says.

mod secrets;

use std::path::PathBuf;

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
}
