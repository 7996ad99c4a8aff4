//! The audit log: an append-only chain of records that shows removal and change (design, invariant 10).

use std::future::Future;

use pix_stream_domain::audit::{ChainId, Head, Record};

use crate::error::Error;

/// Appends records to the chain.
pub trait AuditLog: Send + Sync + 'static {
    /// Appends records in order. When it returns `Ok` they have left this process: a `kill -9` does not lose
    /// them. Power loss may lose what was appended since the last [`AuditLog::sync`].
    fn append(&self, records: Vec<Record>) -> impl Future<Output = Result<(), Error>> + Send;

    /// Brings everything appended to the disk. Tells where the chain stands there: what of it may be anchored.
    fn sync(&self) -> impl Future<Output = Result<Head, Error>> + Send;

    /// The chain's name.
    fn chain(&self) -> ChainId;

    /// What was found wrong with it when it was opened, for people; nothing stops for it.
    fn finding(&self) -> Option<String>;
}
