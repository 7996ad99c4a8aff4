//! What a failed statement means to the callers of the ports.

use pix_stream_cql::Error as Failure;
use pix_stream_ports::error::Error;

/// The answer of a port for a failed statement. Its texts may name tables and columns, never content.
#[must_use]
pub fn store_error(failure: Failure) -> Error {
    match failure {
        Failure::Unavailable(why) => Error::Unavailable(format!("cassandra: {why}")),
        Failure::Unknown(why) => Error::Unavailable(format!("cassandra: outcome unknown: {why}")),
        Failure::Rejected { code, message } => {
            Error::Damaged(format!("cassandra refused a statement with code {code:#06x}: {message}"))
        }
    }
}
