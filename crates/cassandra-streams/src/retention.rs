//! Removing and keeping. A removed message is out of sight at once; its row goes a while later, because until the
//! window of idempotency is over it tells a repeat. Rows that expire by themselves are not waited for.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::error::Error;
use pix_stream_ports::journal::Extent;

use super::layout::FIRST;
use super::rows::{Hints, WholeRow};
use super::streams::Streams;

/// Rows of which it is asked at once how long they live, to be kept.
const KEEP_PAGE: u64 = 1_000;
/// Messages that are read at once to be written again: up to 4 MiB of the largest.
const KEEP_WHOLE: u64 = 16;
/// Such reads of a page, each with its writes, that go on at once.
const KEEP_READS: usize = 4;
/// A row that lives this much longer than it must is left alone: clocks of servers and stores differ.
const KEEP_MARGIN: Duration = Duration::from_secs(3_600);
/// Rows of which the times are read at once, to be deleted together.
const REMOVE_PAGE: u64 = 256;
/// Rows of such a read that are written at once.
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

    /// Writes the messages of a range below the head again that expire before their time, so that they do not expire
    /// at all: those of the first page, and answers where that ends. What is done is done: a call that fails half way
    /// is repeated, and skips it. A row that expires between the look and the read of it is gone; one that does before
    /// it is written comes back whole, because every column of it is written.
    pub(crate) async fn keep_page(&self, ispb: Ispb, range: Range, need: &Need) -> Result<Sequence, Error> {
        let (bucket, part) = self.part(ispb, range).await?;
        let page = Range::new(part.start(), part.end().min(part.start().plus(KEEP_PAGE)));
        let short = self.short_lived(ispb, (bucket, page), need).await?;
        futures_util::stream::iter(runs(&short).map(|run| self.keep_run(ispb, (bucket, run), need)))
            .buffer_unordered(KEEP_READS)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(page.end())
    }

    /// The same for a few messages, which are read whole.
    async fn keep_run(&self, ispb: Ispb, (bucket, run): (u64, Range), need: &Need) -> Result<(), Error> {
        let rows = self.whole(ispb, (bucket, run), run.len()).await?;
        let is_short = |row: &WholeRow| {
            let published = u64::try_from(row.published_at).unwrap_or_default();
            need.exceeds(Timestamp::from_unix_millis(published), row.life)
        };
        let short = rows.into_iter().filter(is_short);
        futures_util::stream::iter(short.map(|row| self.rewrite(ispb, bucket, row)))
            .buffer_unordered(KEEP_WRITES)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }
}

/// For how long messages must not expire by themselves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    /// The time of the question.
    pub(crate) now: Timestamp,
    /// From publishing on; `None`: for ever.
    pub(crate) retention: Option<Duration>,
}

impl Need {
    /// Whether that is more than a row will live for, which expires in so many seconds, or never.
    pub(crate) fn exceeds(&self, published: Timestamp, life: Option<i32>) -> bool {
        let Some(life) = life else { return false };
        let life = Duration::from_secs(u64::try_from(life).unwrap_or_default());
        self.retention.is_none_or(|retention| {
            self.now.after(life) < published.after(retention.saturating_add(KEEP_MARGIN))
        })
    }
}

/// The ranges of at most [`KEEP_WHOLE`] sequence numbers that hold these, which ascend: none begins or ends with
/// another one.
fn runs(sequences: &[u64]) -> impl Iterator<Item = Range> {
    let mut left = sequences;
    std::iter::from_fn(move || {
        let first = *left.first()?;
        let (run, rest) = left.split_at(left.partition_point(|sequence| *sequence < first + KEEP_WHOLE));
        left = rest;
        run.last().map(|last| Range::new(Sequence::new(first), Sequence::new(last + 1)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_rows_are_read_in_short_runs_around_those_that_expire() {
        let found = |sequences: &[u64]| -> Vec<(u64, u64)> {
            runs(sequences).map(|run| (run.start().value(), run.end().value())).collect()
        };
        assert_eq!(found(&[]), []);
        assert_eq!(found(&[7]), [(7, 8)]);
        assert_eq!(found(&(1..=40).collect::<Vec<_>>()), [(1, 17), (17, 33), (33, 41)]);
        assert_eq!(found(&[1, 16, 17, 900, 901]), [(1, 17), (17, 18), (900, 902)]);
    }

    #[test]
    fn a_row_is_written_again_if_it_expires_before_its_time() {
        let at = |seconds| Timestamp::from_unix_millis(1_000 * seconds);
        let day = 24 * 3_600;
        let of =
            |retention: Option<u64>| Need { now: at(day), retention: retention.map(Duration::from_secs) };
        assert!(of(None).exceeds(at(0), Some(i32::MAX)), "under legal hold nothing may expire");
        assert!(!of(None).exceeds(at(0), None) && !of(Some(90 * day)).exceeds(at(0), None));
        // Published a day ago and to be gone in a day more: good for a retention of less than two.
        let life = Some(24 * 3_600);
        assert!(!of(Some(day)).exceeds(at(0), life));
        assert!(of(Some(2 * day)).exceeds(at(0), life), "clocks may differ");
        assert!(of(Some(3 * day)).exceeds(at(0), life));
    }
}
