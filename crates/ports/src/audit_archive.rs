//! The audit archive: blocks of the chains of all nodes, away from the nodes that wrote them.

use std::collections::BTreeSet;
use std::future::Future;

use bytes::Bytes;
use pix_stream_domain::audit::ChainId;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::time::Timestamp;

use crate::error::Error;

/// Most bytes of lines in one block: an answer of a store must hold it with room to spare.
pub const BLOCK_BYTES_MAX: usize = 512 * 1024;
const DAY_MILLIS: u64 = 24 * 60 * 60 * 1_000;
/// How long a node may have been away, in days, for a block without its end to be found at its return.
const AWAY_DAYS: i32 = 400;
/// The same for a chain's first block: a new chain looks there for nothing, and should not look long.
const AWAY_AT_FIRST_DAYS: i32 = 32;

/// Keeps blocks of chains; a block is written once and never changed.
pub trait AuditArchive: Send + Sync + 'static {
    /// Keeps a block of a chain and the chain's end, durably when it returns. The same block again is no error. These
    /// are two writes: after a failure the block may be kept without the end, see [`AuditArchive::find_next`].
    ///
    /// # Errors
    /// [`Error::Damaged`]: another block stands in its place, or it has more than [`BLOCK_BYTES_MAX`].
    /// [`Error::Unavailable`]: the store failed, or the block's own first part stands in its place: ship what
    /// [`AuditArchive::find_next`] tells, and go on behind it.
    fn ship(&self, chain: ChainId, block: &Block) -> impl Future<Output = Result<(), Error>> + Send;

    /// Where a chain goes on, as far as ends are kept; `None` before the first.
    fn last(&self, chain: ChainId) -> impl Future<Output = Result<Option<End>, Error>> + Send;

    /// The block that stands behind `end`, which [`AuditArchive::last`] told: its own end was not kept. Shipping it
    /// again, as it is, keeps that. Looks under [`days_behind`], and settles what was being written there: what it
    /// does not find is not going to appear, but for requests that have not reached the store yet.
    fn find_next(
        &self,
        chain: ChainId,
        end: Option<End>,
        today: i32,
    ) -> impl Future<Output = Result<Option<Block>, Error>> + Send;

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

/// The days under which a block may stand whose end was not kept: from that of the end before it to `today`, and one
/// more at either side, since clocks are set.
#[must_use]
pub fn days_behind(end: Option<End>, today: i32) -> BTreeSet<i32> {
    let around = |day: i32| day.saturating_sub(1)..=day.saturating_add(1);
    let (from, away) = end.map_or((i32::MIN, AWAY_AT_FIRST_DAYS), |end| (end.day, AWAY_DAYS));
    let since = from.max(today.saturating_sub(away));
    (since..=today).chain(around(today)).chain(end.into_iter().flat_map(|end| around(end.day))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(day: Option<i32>, today: i32) -> Vec<i32> {
        let end = day.map(|day| End { day, next_index: 2, head: Digest::default() });
        days_behind(end, today).into_iter().collect()
    }

    #[test]
    fn a_block_is_looked_for_from_the_day_of_the_end_before_it_to_tomorrow() {
        assert_eq!(behind(Some(100), 100), [99, 100, 101]);
        assert_eq!(behind(Some(100), 102), [99, 100, 101, 102, 103]);
        assert_eq!(behind(Some(101), 100), [99, 100, 101, 102], "the clock was set back");
    }

    #[test]
    fn how_many_days_are_looked_at_is_bounded() {
        let days = behind(Some(10), 20_000);
        assert_eq!(days[..4], [9, 10, 11, 19_600]);
        assert_eq!((days.len(), days.last()), (405, Some(&20_001)));
        assert_eq!(behind(Some(20_000), 10), [9, 10, 11, 19_999, 20_000, 20_001]);
        assert_eq!(behind(None, 20_000).len(), 34);
        assert_eq!(behind(Some(i32::MAX), i32::MIN).len(), 4, "at the ends of what can be counted");
    }
}
