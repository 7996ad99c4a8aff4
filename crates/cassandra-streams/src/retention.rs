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
