//! The audit log of each node, copied block by block to where the writer of its files cannot reach it (invariant 10).
//!
//! Files come first: what is answered for is in them. The copy follows within a second or two while the archive answers,
//! and goes on where it stopped after any outage.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pix_stream_domain::audit::ChainId;
use pix_stream_evidence::tail::{Block, Tail};
use pix_stream_ports::audit_archive::{self, AuditArchive, day_of};
use pix_stream_ports::clock::Clock;
use pix_stream_ports::error::Error;

use crate::metrics::AUDIT_SHIPPED;

/// How often new entries are looked for, and how long after a failure.
const EVERY: Duration = Duration::from_secs(1);
/// Bytes of one block, about; a line may go over it.
const BLOCK_BYTES: usize = 128 * 1024;

/// Copies the log of a chain in `folder` until the process ends.
pub async fn run(archive: impl AuditArchive, (chain, folder): (ChainId, PathBuf), clock: Arc<dyn Clock>) {
    let mut shipper = Shipper { archive, chain, folder, clock, place: None };
    let mut is_failing = false;
    loop {
        let outcome = shipper.follow().await;
        match &outcome {
            Ok(()) if is_failing => tracing::info!("the audit log is copied again"),
            Err(why) if !is_failing => {
                tracing::warn!(%why, "the audit log is not copied to Cassandra for now")
            }
            Ok(()) | Err(_) => {}
        }
        is_failing = outcome.is_err();
        tokio::time::sleep(EVERY).await;
    }
}

/// Who copies one log, and how far that is.
struct Shipper<A> {
    archive: A,
    chain: ChainId,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    /// Behind what the archive has; `None` until it was asked.
    place: Option<Tail>,
}

impl<A: AuditArchive> Shipper<A> {
    /// Copies what is new.
    async fn follow(&mut self) -> Result<(), Error> {
        // Taken out: after a failure it is not known what became of a block, and by now a longer one may start at its
        // first entry, which would be refused in its place for ever. Then it goes on behind what the archive has.
        let mut tail = match self.place.take() {
            Some(tail) => tail,
            None => self.find_place().await?,
        };
        while let Some(block) = read(&mut tail, BLOCK_BYTES).await? {
            self.ship(&filed(&block, self.today())).await?;
            tail.advance(&block);
        }
        self.place = Some(tail);
        Ok(())
    }

    /// Behind what the archive has: blocks whose end it did not keep are finished first. Were one passed over, its
    /// entries would be refused for ever or, from the next day on, stand there twice.
    async fn find_place(&self) -> Result<Tail, Error> {
        loop {
            let end = self.archive.last(self.chain).await?;
            let mut tail = Tail::before(&self.folder, end.map_or(1, |end| end.next_index));
            let kept = self.archive.find_next(self.chain, end, self.today()).await?;
            let Some(kept) = kept else { return Ok(tail) };
            // As many whole lines as it has, if they are the same.
            match read(&mut tail, kept.lines.len().max(1)).await? {
                Some(own) if filed(&own, kept.day) == kept => self.ship(&kept).await?,
                // What it was made of was removed here since: nothing is going to stand in its place.
                Some(own) if own.first > kept.first_index => return Ok(tail),
                Some(_) | None => {
                    let first = kept.first_index;
                    return Err(Error::Damaged(format!("another audit block starts at {first}")));
                }
            }
        }
    }

    async fn ship(&self, block: &audit_archive::Block) -> Result<(), Error> {
        self.archive.ship(self.chain, block).await?;
        ::metrics::counter!(AUDIT_SHIPPED).increment(block.entries.into());
        Ok(())
    }

    fn today(&self) -> i32 {
        day_of(self.clock.now())
    }
}

/// A block as it is kept under a day.
fn filed(block: &Block, day: i32) -> audit_archive::Block {
    let entries = u32::try_from(block.last - block.first + 1).unwrap_or(u32::MAX);
    let lines = Bytes::from(block.lines.clone());
    audit_archive::Block { day, first_index: block.first, entries, lines, head: block.head }
}

/// The next block; files are read where blocking is no harm.
async fn read(place: &mut Tail, bytes_max: usize) -> Result<Option<Block>, Error> {
    let mut tail = std::mem::replace(place, Tail::before(Path::new(""), 1));
    let reading = tokio::task::spawn_blocking(move || {
        let block = tail.read(bytes_max);
        (tail, block)
    });
    let (tail, block) = reading.await.map_err(|error| Error::Unavailable(error.to_string()))?;
    *place = tail;
    block.map_err(|error| Error::Unavailable(error.to_string()))
}

#[cfg(test)]
mod tests;
