//! Removing and keeping. A removed message is out of sight at once; its row goes a while later, because until the
//! window of idempotency is over it tells a repeat. Rows that expire by themselves are not waited for.

use futures_util::{StreamExt as _, TryStreamExt as _};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::error::Error;
use pix_stream_ports::journal::Extent;

use super::layout::FIRST;
use super::rows::Hints;
use super::streams::Streams;

/// Messages that are read at once to be kept: up to 4 MiB of the largest.
const KEEP_PAGE: u64 = 16;
/// Rows of which the times are read at once, to be deleted together.
const REMOVE_PAGE: u64 = 256;
/// Rows of a page that are written at once.
const KEEP_WRITES: usize = 8;

impl Streams {
    /// Deletes the rows of removed messages that nobody asks about any longer: those that were published before
    /// `until`. Bucket by bucket, and each deletion takes in the ones before it, so that they merge.
    pub(crate) async fn sweep(
        &self,
        ispb: Ispb,
        (hints, first): (Hints, Sequence),
        until: Timestamp,
    ) -> Result<(), Error> {
        let start = Sequence::new(hints.swept.max(FIRST));
        if start >= first {
            return Ok(());
        }
        let old = self.find_since(ispb, Extent { first: start, next: first }, until).await?;
        let mut left = Range::new(start, old);
        while !left.is_empty() {
            let (bucket, part) = self.part(ispb, left).await?;
            self.remove(ispb, bucket, part.end().value()).await?;
            left = left.from_floor(part.end());
        }
        if start < old {
            self.raise_swept(ispb, old.value()).await?;
        }
        Ok(())
    }

    /// Deletes rows of a range that were published before `until`, up to the first that was not; at most `limit` and
    /// those that are read with them. Returns how many.
    pub(crate) async fn remove_range(
        &self,
        ispb: Ispb,
        range: Range,
        until: Timestamp,
        limit: u32,
    ) -> Result<u32, Error> {
        let (mut left, mut removed) = (range, 0_u32);
        while !left.is_empty() && removed < limit {
            let page = REMOVE_PAGE.min(u64::from(limit - removed));
            let times = self.times(ispb, left, page).await?;
            let old: Vec<u64> = times
                .iter()
                .take_while(|(_, published)| *published < until)
                .map(|(sequence, _)| *sequence)
                .collect();
            let (Some(first), Some(last)) = (old.first(), old.last()) else { break };
            let (bucket, part) =
                self.part(ispb, Range::new(Sequence::new(*first), Sequence::new(last + 1))).await?;
            self.remove_slice(ispb, bucket, part).await?;
            removed = removed.saturating_add(u32::try_from(old.len()).unwrap_or(u32::MAX));
            left = left.from_floor(part.end());
        }
        Ok(removed)
    }

    /// Writes every message of a range that expires again, so that it does not. What is done is done: a call that
    /// fails half way is repeated, and skips it.
    pub(crate) async fn keep_range(&self, ispb: Ispb, range: Range) -> Result<(), Error> {
        let mut left = range;
        while !left.is_empty() {
            let (bucket, part) = self.part(ispb, left).await?;
            let page = Range::new(part.start(), part.end().min(part.start().plus(KEEP_PAGE)));
            let rows = self.whole(ispb, (bucket, page), page.len()).await?;
            let expiring = rows.into_iter().filter(|row| row.life.is_some());
            futures_util::stream::iter(expiring.map(|row| self.rewrite(ispb, bucket, row)))
                .buffer_unordered(KEEP_WRITES)
                .try_collect::<Vec<()>>()
                .await?;
            left = left.from_floor(page.end());
        }
        Ok(())
    }
}
