//! An audit archive in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use pix_stream_domain::audit::ChainId;
use pix_stream_ports::audit_archive::{AuditArchive, BLOCK_BYTES_MAX, Block, End, days_behind};
use pix_stream_ports::error::Error;

use crate::fake::faults::Faults;
use crate::fake::lock;

/// Blocks by chain, day and first entry.
type Blocks = BTreeMap<(ChainId, i32, u64), Block>;

/// An archive whose handles share one store. Blocks and ends are apart, as in the real one.
#[derive(Debug, Clone)]
pub struct FakeAuditArchive {
    kept: Arc<Mutex<Kept>>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct Kept {
    blocks: Blocks,
    ends: BTreeMap<ChainId, End>,
    /// How many blocks are kept from now on without their ends.
    ends_lost: u32,
}

impl FakeAuditArchive {
    /// An empty archive.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { kept: Arc::default(), faults: Faults::new(seed) }
    }

    /// Its faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The next `n` blocks are kept, but their ends are not, and whoever ships them gets an error.
    pub fn lose_next_ends(&self, n: u32) {
        lock(&self.kept).ends_lost = n;
    }

    /// All blocks of a chain, without faults or waiting.
    #[must_use]
    pub fn peek(&self, chain: ChainId) -> Vec<Block> {
        let kept = lock(&self.kept);
        kept.blocks.iter().filter(|(key, _)| key.0 == chain).map(|(_, block)| block.clone()).collect()
    }
}

impl Kept {
    fn ship(&mut self, chain: ChainId, block: &Block) -> Result<(), Error> {
        let first = block.first_index;
        let stored = self.blocks.entry((chain, block.day, first)).or_insert_with(|| block.clone());
        if stored != block {
            let is_part = stored.entries < block.entries && block.lines.starts_with(&stored.lines);
            return Err(if is_part {
                Error::Unavailable(format!("the first part of an audit block stands at {first}"))
            } else {
                Error::Damaged(format!("another audit block starts at {first}"))
            });
        }
        if self.ends_lost > 0 {
            self.ends_lost -= 1;
            return Err(Error::Unavailable("a fault was injected: the end is lost".to_owned()));
        }
        let next_index = first + u64::from(block.entries);
        let end = End { day: block.day, next_index, head: block.head };
        let last = self.ends.entry(chain).or_insert(end);
        // Ends only rise.
        if last.next_index < next_index {
            *last = end;
        }
        Ok(())
    }
}

impl AuditArchive for FakeAuditArchive {
    async fn ship(&self, chain: ChainId, block: &Block) -> Result<(), Error> {
        if block.lines.len() > BLOCK_BYTES_MAX {
            return Err(Error::Damaged("an audit block is too large".to_owned()));
        }
        let fate = self.faults.begin().await?;
        let outcome = lock(&self.kept).ship(chain, block);
        fate.answer(()).await?;
        outcome
    }

    async fn last(&self, chain: ChainId) -> Result<Option<End>, Error> {
        let fate = self.faults.begin().await?;
        let last = lock(&self.kept).ends.get(&chain).copied();
        fate.answer(last).await
    }

    async fn find_next(&self, chain: ChainId, end: Option<End>, today: i32) -> Result<Option<Block>, Error> {
        let fate = self.faults.begin().await?;
        let first = end.map_or(1, |end| end.next_index);
        let block = {
            let kept = lock(&self.kept);
            let mut days = days_behind(end, today).into_iter();
            days.find_map(|day| kept.blocks.get(&(chain, day, first)).cloned())
        };
        fate.answer(block).await
    }

    async fn read(&self, chain: ChainId, (day, from): (i32, u64), limit: u32) -> Result<Vec<Block>, Error> {
        let fate = self.faults.begin().await?;
        let blocks =
            self.peek(chain).into_iter().filter(|block| block.day == day && block.first_index >= from);
        let blocks = blocks.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
        fate.answer(blocks).await
    }

    async fn chains(&self) -> Result<Vec<(ChainId, Vec<i32>)>, Error> {
        let fate = self.faults.begin().await?;
        let mut chains: BTreeMap<ChainId, Vec<i32>> = BTreeMap::new();
        for (chain, day, _) in lock(&self.kept).blocks.keys() {
            let days = chains.entry(*chain).or_default();
            if days.last() != Some(day) {
                days.push(*day);
            }
        }
        fate.answer(chains.into_iter().collect()).await
    }
}
