//! What a lane must know before it appends: where the head is, and the fingerprint of every message below it that is
//! within the window.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::error::Error;

use super::{CLOCK_SLACK, LIFE_MARGIN, Lane, Shop, seconds};
use crate::layout::{self, BLOCK};
use crate::metrics as names;
use crate::remembered::{Block, NO_PRINT, Remembered};
use crate::rows::KeyRow;
use crate::streams::Level;

/// Rows that are read to catch up with others; further behind, the blocks of fingerprints are read again.
const CATCH_UP_MAX: u64 = 4 * BLOCK;

impl Lane {
    /// Makes sure that the head is known, as far as anybody on this node saw it, and every message below it that
    /// may count for one that is published at `at`.
    pub(super) async fn ready(&mut self, window: Duration, at: Timestamp) -> Result<(), Error> {
        if self.position.is_some_and(|position| position.next < self.shared.seen()) {
            self.position = None;
        }
        let position = match self.position {
            Some(position) => position,
            None => {
                let streams = &self.shop.streams;
                let here = streams.find_position(self.desk.ispb, self.bucket, Level::Quorum).await?;
                let position = self.follow(here).await?;
                self.bucket = Some(position.bucket);
                self.shared.see(position.next);
                position
            }
        };
        let known = {
            let memory = self.shared.memory();
            let covered = memory.window >= window;
            memory.table.as_ref().filter(|_| covered).map(Remembered::next)
        };
        match known {
            Some(known) if known == position.next => {}
            Some(known) if known < position.next && position.next - known <= CATCH_UP_MAX => {
                self.catch_up(known, position.next).await?;
            }
            other => {
                if let Some(known) = other.filter(|known| *known > position.next) {
                    let (ispb, next) = (self.desk.ispb, position.next);
                    tracing::error!(%ispb, known, next, "the head of a stream went back: cassandra lost messages");
                    self.shared.unsee(next);
                }
                self.fill(position.next, window, at).await?;
            }
        }
        self.position = Some(position);
        Ok(())
    }

    /// Adds the rows that others appended.
    async fn catch_up(&mut self, from: u64, to: u64) -> Result<(), Error> {
        let range = Range::new(Sequence::new(from), Sequence::new(to));
        let rows = self.shop.streams.keys(self.desk.ispb, range).await?;
        let held = self.shared.memory().table.as_ref().map_or(0, Remembered::len);
        let added = usize::try_from(to - from).unwrap_or(usize::MAX);
        self.hold(held.saturating_add(added)).await?;
        if let Some(table) = self.shared.memory().table.as_mut() {
            push_rows(table, &rows, to);
        }
        Ok(())
    }

    /// Reads the fingerprints anew: blocks backwards, until one is older than the window, and rows after the last.
    async fn fill(&mut self, next: u64, window: Duration, at: Timestamp) -> Result<(), Error> {
        let window = window.max(self.shared.memory().window);
        self.shared.memory().table = None;
        self.desk.keep(&self.shop, 0);
        let filled = self.read_prints(next, window, at).await;
        if filled.is_err() {
            // Nothing is known: others shall not lack the memory for it.
            self.desk.keep(&self.shop, 0);
        }
        filled
    }

    async fn read_prints(&mut self, next: u64, window: Duration, at: Timestamp) -> Result<(), Error> {
        let floor = at.before(window + CLOCK_SLACK);
        let open = layout::block_of(next);
        let tail = Range::new(Sequence::new(layout::block_start(open)), Sequence::new(next));
        let rows = self.shop.streams.keys(self.desk.ispb, tail).await?;
        let blocks = self.blocks_below(open, (floor, window), rows.len()).await?;
        let mut table = Remembered::from_block(blocks.last().map_or(open, |block| block.number));
        for block in blocks.iter().rev() {
            table.push_block(block);
        }
        push_rows(&mut table, &rows, next);
        self.hold(table.len()).await?;
        *self.shared.memory() = crate::lanes::Memory { table: Some(table), window };
        Ok(())
    }

    /// Makes sure that this many fingerprints may be held. Others may use the slot while it waits for that.
    async fn hold(&mut self, count: usize) -> Result<(), Error> {
        if self.desk.hold_free(&self.shop, count) {
            return Ok(());
        }
        let had_slot = self.slot.take().is_some();
        self.desk.hold(&self.shop, count).await?;
        if had_slot {
            self.slot = Arc::clone(&self.shop.slots).acquire_owned().await.ok();
        }
        Ok(())
    }

    /// As [`Lane::hold`], for this many more than are known, which are published at `at`. What left the window since
    /// the last batch makes room first: a participant at its limit would be refused for ever otherwise.
    pub(super) async fn hold_more(&mut self, added: usize, at: Timestamp) -> Result<(), Error> {
        let held = self.shared.memory().table.as_ref().map_or(0, Remembered::len);
        if self.desk.hold_free(&self.shop, held.saturating_add(added)) {
            return Ok(());
        }
        let held = {
            let mut memory = self.shared.memory();
            let floor = at.before(memory.window + CLOCK_SLACK);
            memory.table.as_mut().map_or(0, |table| {
                table.forget_before(floor);
                table.len()
            })
        };
        self.hold(held.saturating_add(added)).await
    }

    /// The full blocks below one, the last first, down to the last that has a message within the window.
    async fn blocks_below(
        &mut self,
        open: u64,
        (floor, window): (Timestamp, Duration),
        held: usize,
    ) -> Result<Vec<Block>, Error> {
        let mut kept: Vec<Block> = Vec::new();
        let mut stored: Option<(u64, Vec<Block>)> = None;
        for number in (0..open).rev() {
            let partition = layout::block_partition(number);
            if stored.as_ref().is_none_or(|(of, _)| *of != partition) {
                stored = Some((partition, self.shop.streams.blocks(self.desk.ispb, partition).await?));
            }
            let found = stored.as_ref().and_then(|(_, blocks)| blocks.iter().find(|b| b.number == number));
            let block = match found {
                Some(block) => block.clone(),
                None => match self.rebuild(number, (floor, window)).await? {
                    Some(block) => block,
                    None => break,
                },
            };
            if block.newest < floor {
                break;
            }
            kept.push(block);
            let blocks = usize::try_from(BLOCK).unwrap_or(usize::MAX).saturating_mul(kept.len());
            self.hold(held.saturating_add(blocks)).await?;
        }
        Ok(kept)
    }

    /// Makes a block from its rows, and stores it again; `None` when none of them is within the window.
    async fn rebuild(
        &self,
        number: u64,
        (floor, window): (Timestamp, Duration),
    ) -> Result<Option<Block>, Error> {
        let (start, end) = (layout::block_start(number), layout::block_end(number));
        let range = Range::new(Sequence::new(start), Sequence::new(end));
        let rows = self.shop.streams.keys(self.desk.ispb, range).await?;
        let Some(newest) = rows.iter().map(|row| row.published_at).max().filter(|newest| *newest >= floor)
        else {
            return Ok(None);
        };
        let mut table = Remembered::from_block(number);
        push_rows(&mut table, &rows, end);
        let Some(block) = table.block(number) else { return Ok(None) };
        let block = Block { newest, ..block };
        metrics::counter!(names::BLOCKS_REBUILT_TOTAL).increment(1);
        save(&self.shop, self.desk.ispb, &block, window).await;
        Ok(Some(block))
    }
}

/// Adds rows in order up to a sequence number. What is removed or past its life has no fingerprint.
fn push_rows(table: &mut Remembered, rows: &[KeyRow], to: u64) {
    let mut rows = rows.iter().peekable();
    for sequence in table.next()..to {
        match rows.next_if(|row| row.sequence == sequence) {
            Some(row) => table.push(layout::fingerprint(&row.business_id), row.published_at),
            None => table.push(NO_PRINT, Timestamp::default()),
        }
    }
}

/// Stores a block. What fails is made again by whoever finds it missing.
pub(super) async fn save(shop: &Shop, ispb: Ispb, block: &Block, window: Duration) {
    let life = seconds(window + LIFE_MARGIN);
    if let Err(error) = shop.streams.save_block(ispb, block, life).await {
        let number = block.number;
        tracing::warn!(%ispb, number, %error, "a block of fingerprints was not written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_removed_leaves_its_place_without_a_fingerprint() {
        let row = |sequence: u64| KeyRow {
            sequence,
            business_id: format!("M{sequence}").into(),
            published_at: Timestamp::from_unix_millis(sequence),
            writer_of: [0; 16],
        };
        let mut table = Remembered::from_block(0);
        push_rows(&mut table, &[row(2), row(3), row(6)], 8);
        assert_eq!(table.next(), 8);
        assert_eq!(table.find(layout::fingerprint("M3")), vec![3]);
        assert_eq!(table.find(layout::fingerprint("M6")), vec![6]);
        assert_eq!(table.len(), 7);
    }
}
