//! An audit archive in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use pix_stream_domain::audit::ChainId;
use pix_stream_ports::audit_archive::{AuditArchive, BLOCK_BYTES_MAX, Block, End};
use pix_stream_ports::error::Error;

use crate::fake::faults::Faults;
use crate::fake::lock;

/// Blocks by chain, day and first entry.
type Blocks = BTreeMap<(ChainId, i32, u64), Block>;

/// An archive whose handles share one store.
#[derive(Debug, Clone)]
pub struct FakeAuditArchive {
    blocks: Arc<Mutex<Blocks>>,
    faults: Faults,
}

impl FakeAuditArchive {
    /// An empty archive.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { blocks: Arc::default(), faults: Faults::new(seed) }
    }

    /// Its faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// All blocks of a chain, without faults or waiting.
    #[must_use]
    pub fn peek(&self, chain: ChainId) -> Vec<Block> {
        let blocks = lock(&self.blocks);
        blocks.iter().filter(|(key, _)| key.0 == chain).map(|(_, block)| block.clone()).collect()
    }
}

impl AuditArchive for FakeAuditArchive {
    async fn ship(&self, chain: ChainId, block: &Block) -> Result<(), Error> {
        if block.lines.len() > BLOCK_BYTES_MAX {
            return Err(Error::Damaged("an audit block is too large".to_owned()));
        }
        let fate = self.faults.begin().await?;
        let key = (chain, block.day, block.first_index);
        let is_same = *lock(&self.blocks).entry(key).or_insert_with(|| block.clone()) == *block;
        fate.answer(()).await?;
        let first = block.first_index;
        if is_same { Ok(()) } else { Err(Error::Damaged(format!("another audit block starts at {first}"))) }
    }

    async fn last(&self, chain: ChainId) -> Result<Option<End>, Error> {
        let fate = self.faults.begin().await?;
        let end = |block: Block| End {
            day: block.day,
            next_index: block.first_index + u64::from(block.entries),
            head: block.head,
        };
        let ends = self.peek(chain).into_iter().map(end);
        let last = ends.max_by_key(|end| end.next_index);
        fate.answer(last).await
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
        for (chain, day, _) in lock(&self.blocks).keys() {
            let days = chains.entry(*chain).or_default();
            if days.last() != Some(day) {
                days.push(*day);
            }
        }
        fate.answer(chains.into_iter().collect()).await
    }
}
