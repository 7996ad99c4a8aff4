//! The audit archive: blocks of the chains of all nodes, away from the nodes that wrote them.

use std::future::Future;

use bytes::Bytes;
use pix_stream_domain::audit::ChainId;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::time::Timestamp;

use crate::error::Error;

/// Most bytes of lines in one block: an answer of a store must hold it with room to spare.
pub const BLOCK_BYTES_MAX: usize = 512 * 1024;
const DAY_MILLIS: u64 = 24 * 60 * 60 * 1_000;

/// Keeps blocks of chains; a block is written once and never changed.
pub trait AuditArchive: Send + Sync + 'static {
    /// Keeps a block of a chain, durably when it returns. The same block again is no error.
    ///
    /// # Errors
    /// [`Error::Damaged`]: another block stands in its place, or it has more than [`BLOCK_BYTES_MAX`]. Otherwise the
    /// store failed: ship it again.
    fn ship(&self, chain: ChainId, block: &Block) -> impl Future<Output = Result<(), Error>> + Send;

    /// Where a chain goes on; `None` before its first block.
    fn last(&self, chain: ChainId) -> impl Future<Output = Result<Option<End>, Error>> + Send;

    /// The blocks of a chain on one day, from an entry on, at most `limit`, ascending.
    fn read(
        &self,
        chain: ChainId,
        place: (i32, u64),
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Block>, Error>> + Send;

    /// All chains with the days of which blocks are kept, both ascending. Reads the keys of everything: for auditors.
    fn chains(&self) -> impl Future<Output = Result<Vec<(ChainId, Vec<i32>)>, Error>> + Send;
}

/// Lines of one chain that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The day under which it is kept, from [`day_of`].
    pub day: i32,
    /// The number of the first entry.
    pub first_index: u64,
    /// How many entries.
    pub entries: u32,
    /// Their lines, each with its line end, at most [`BLOCK_BYTES_MAX`].
    pub lines: Bytes,
    /// The hash of the last one.
    pub head: Digest,
}

/// Where an archived chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The day of its last block.
    pub day: i32,
    /// The number of the entry that follows.
    pub next_index: u64,
    /// The hash of the last entry.
    pub head: Digest,
}

/// The days since 1970-01-01 (UTC) by which blocks are kept.
#[must_use]
pub fn day_of(at: Timestamp) -> i32 {
    i32::try_from(at.unix_millis() / DAY_MILLIS).unwrap_or(i32::MAX)
}
