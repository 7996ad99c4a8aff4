//! Reading: messages of a range, the ends, and the first message since a time.

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::error::Error;
use pix_stream_ports::journal::{Extent, Stored};

use super::layout::{self, FIRST};
use super::streams::{Level, Position, Streams};

/// Messages of the first page of a read; the next ones follow the size of what was read.
const PAGE_FIRST: u64 = 16;
/// The most messages of a page.
const PAGE_MAX: u64 = 128;
/// The most XML that a page should bring: a fraction of what the store sends in one answer.
const PAGE_BYTES: u64 = 2 * 1024 * 1024;
/// Messages of which a search by time reads the times at once.
const TIMES_PAGE: u64 = 256;
/// How far the times of messages that follow each other may step back: nodes' clocks differ.
const SLACK: std::time::Duration = std::time::Duration::from_secs(5);

impl Streams {
    /// Where the next batch of a participant goes. Begins with a bucket that was the last one once, or with the hint.
    pub(crate) async fn find_position(
        &self,
        ispb: Ispb,
        bucket: Option<u64>,
        level: Level,
    ) -> Result<Position, Error> {
        let mut bucket = match bucket {
            Some(bucket) => bucket,
            None => self.hints(ispb).await?.last_bucket,
        };
        let mut found = self.statics(ispb, bucket, level).await?;
        while found.is_none() && bucket > 0 {
            bucket -= 1;
            found = self.statics(ispb, bucket, level).await?;
        }
        let Some(mut statics) = found else {
            return Ok(Position { bucket: 0, next: FIRST, held: None });
        };
        while layout::is_full(bucket, statics.next) {
            match self.statics(ispb, bucket + 1, level).await? {
                Some(following) => (bucket, statics) = (bucket + 1, following),
                None => break,
            }
        }
        Ok(Position::behind(bucket, &statics))
    }

    /// Reads messages of a range below the head, ascending, until `bytes_max` are exceeded; at least one.
    pub(crate) async fn read_range(
        &self,
        ispb: Ispb,
        range: Range,
        bytes_max: u64,
    ) -> Result<Vec<Stored>, Error> {
        let (mut all, mut bytes): (Vec<Stored>, u64) = (Vec::new(), 0);
        let (mut left, mut page) = (range, PAGE_FIRST);
        while !left.is_empty() {
            let (bucket, part) = self.part(ispb, left).await?;
            let wanted = Range::new(part.start(), part.end().min(part.start().plus(page)));
            for stored in self.read_page(ispb, bucket, wanted).await? {
                let size = stored.xml.len() as u64;
                if !all.is_empty() && bytes.saturating_add(size) > bytes_max {
                    return Ok(all);
                }
                bytes = bytes.saturating_add(size);
                all.push(stored);
            }
            left = left.from_floor(wanted.end());
            if all.is_empty() && !left.is_empty() {
                // What was removed between messages that are held may be long: go to where there is something again.
                let next = self.times(ispb, left, 1).await?;
                left = next
                    .first()
                    .map_or(Range::EMPTY, |(sequence, _)| left.from_floor(Sequence::new(*sequence)));
            }
            let average = bytes / (all.len() as u64).max(1) + 1;
            let room = PAGE_BYTES.min(bytes_max.saturating_sub(bytes));
            page = (room / average + 1).min(PAGE_MAX);
        }
        Ok(all)
    }

    /// Reads a few messages of one bucket.
    async fn read_page(&self, ispb: Ispb, bucket: u64, range: Range) -> Result<Vec<Stored>, Error> {
        let wanted: Vec<u64> = (range.start().value()..range.end().value()).collect();
        let read = async |level| {
            let found = self.stored(ispb, (bucket, range), range.len(), level).await?;
            Ok(found.into_iter().map(|stored| (stored.sequence.value(), stored)).collect())
        };
        self.read_all((ispb, bucket), &wanted, Level::Reader, read).await
    }

    /// The first message within an extent that was published at or after a time.
    pub(crate) async fn find_since(
        &self,
        ispb: Ispb,
        extent: Extent,
        at: Timestamp,
    ) -> Result<Sequence, Error> {
        let early = at.before(SLACK);
        let (mut low, mut high) = (extent.first, extent.next);
        // Everything below `low` is too early, whatever the slack; `high` and above may be late enough.
        while high.distance_from(low) > TIMES_PAGE {
            let middle = Sequence::new(low.value().midpoint(high.value()));
            match self.times(ispb, Range::new(middle, high), 1).await?.first() {
                Some((sequence, published)) if *published < early => low = Sequence::new(sequence + 1),
                Some(_) | None => high = middle,
            }
        }
        let mut left = Range::new(low, extent.next);
        while !left.is_empty() {
            let times = self.times(ispb, left, TIMES_PAGE).await?;
            let Some((last, _)) = times.last() else { break };
            if let Some((sequence, _)) = times.iter().find(|(_, published)| *published >= at) {
                return Ok(Sequence::new(*sequence));
            }
            left = left.from_floor(Sequence::new(last + 1));
        }
        Ok(extent.next)
    }

    /// When the first few messages that are left of a range were published.
    pub(crate) async fn times(
        &self,
        ispb: Ispb,
        range: Range,
        limit: u64,
    ) -> Result<Vec<(u64, Timestamp)>, Error> {
        let mut left = range;
        while !left.is_empty() {
            let (bucket, part) = self.part(ispb, left).await?;
            let times = self.published(ispb, (bucket, part), limit).await?;
            if !times.is_empty() {
                return Ok(times);
            }
            left = left.from_floor(part.end());
        }
        Ok(Vec::new())
    }
}
