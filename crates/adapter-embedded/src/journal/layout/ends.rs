//! How the ends of a participant's messages lie in the file, with the gaps that removal left between messages that
//! are held: what is missing in no gap is damage.

use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_ports::journal::Extent;

use super::super::fault::Fault;
use super::{Body, ByIspb, RECORD, seal_as};

/// The layout version of ends with gaps: builds that do not know them must not take them for damage.
const RECORD_WITH_GAPS: u8 = 2;

/// Where messages start and end, and which between are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) extent: Extent,
    /// Ascending, apart from each other, and behind the first message.
    gaps: Vec<Range>,
}

impl Ends {
    pub(crate) const fn of(extent: Extent) -> Self {
        Self { extent, gaps: Vec::new() }
    }

    pub(crate) fn encode(&self, key: &ByIspb) -> Vec<u8> {
        let mut body = Vec::with_capacity(16);
        let mut put = |sequence: Sequence| body.extend_from_slice(&sequence.value().to_be_bytes());
        put(self.extent.first);
        put(self.extent.next);
        for gap in &self.gaps {
            put(gap.start());
            put(gap.end());
        }
        seal_as(if self.gaps.is_empty() { RECORD } else { RECORD_WITH_GAPS }, key, &body)
    }

    pub(crate) fn decode(key: &ByIspb, record: &[u8]) -> Result<Self, Fault> {
        let (layout, mut body) = Body::up_to(RECORD_WITH_GAPS, "extents", key, record)?;
        let extent = Extent { first: Sequence::new(body.u64()?), next: Sequence::new(body.u64()?) };
        let (mut gaps, mut behind) = (Vec::new(), extent.first);
        while layout == RECORD_WITH_GAPS && !body.rest.is_empty() {
            let gap = Range::new(Sequence::new(body.u64()?), Sequence::new(body.u64()?));
            if gap.is_empty() || gap.start() <= behind || gap.end() > extent.next {
                return Err(body.wrong());
            }
            behind = gap.end();
            gaps.push(gap);
        }
        body.end()?;
        if Sequence::FIRST <= extent.first && extent.first <= extent.next {
            Ok(Self { extent, gaps })
        } else {
            Err(body.wrong())
        }
    }

    /// The gap in which a sequence number lies.
    pub(crate) fn gap_at(&self, sequence: Sequence) -> Option<Range> {
        let one = Range::new(sequence, sequence.plus(1));
        self.gaps.iter().copied().find(|gap| gap.contains(one))
    }

    /// The newest message that is left.
    pub(crate) fn last(&self) -> Option<Sequence> {
        let Extent { first, next } = self.extent;
        let last = next.previous();
        let last = self.gap_at(last).map_or(last, |gap| gap.start().previous());
        (first < next).then_some(last)
    }

    /// Notes that everything below a sequence number is gone.
    pub(crate) fn start_at(&mut self, first: Sequence) {
        let first = self.gap_at(first).map_or(first, Range::end);
        self.extent.first = self.extent.first.max(first);
        self.gaps.retain(|gap| gap.start() > self.extent.first);
    }

    /// Notes that a range is gone.
    pub(crate) fn open_gap(&mut self, range: Range) {
        let touches = |gap: &&Range| gap.start() <= range.end() && range.start() <= gap.end();
        let start =
            self.gaps.iter().filter(touches).map(|gap| gap.start()).fold(range.start(), Sequence::min);
        let end = self.gaps.iter().filter(touches).map(|gap| gap.end()).fold(range.end(), Sequence::max);
        self.gaps.retain(|gap| !touches(&gap));
        self.gaps.push(Range::new(start, end));
        self.gaps.sort_unstable_by_key(|gap| gap.start());
        if start <= self.extent.first {
            self.start_at(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(first: u64, next: u64) -> Ends {
        Ends::of(Extent { first: Sequence::new(first), next: Sequence::new(next) })
    }

    fn range(start: u64, end: u64) -> Range {
        Range::new(Sequence::new(start), Sequence::new(end))
    }

    #[test]
    fn gaps_that_touch_become_one_and_vanish_with_what_was_before_them() {
        let mut ends = ends(3, 40);
        ends.open_gap(range(10, 15));
        ends.open_gap(range(20, 25));
        ends.open_gap(range(15, 18));
        assert_eq!(ends.gap_at(Sequence::new(17)), Some(range(10, 18)));
        assert_eq!((ends.gap_at(Sequence::new(9)), ends.gap_at(Sequence::new(18))), (None, None));
        ends.open_gap(range(35, 40));
        assert_eq!(ends.last(), Some(Sequence::new(34)));
        ends.start_at(Sequence::new(12));
        assert_eq!(ends.extent.first, Sequence::new(18), "the oldest that is left");
        ends.open_gap(range(18, 20));
        assert_eq!(ends.extent.first, Sequence::new(25));
        ends.start_at(Sequence::new(35));
        assert_eq!((ends.extent.first, ends.last()), (Sequence::new(40), None));
        assert_eq!(ends, self::ends(40, 40));
    }

    #[test]
    fn ends_come_back_as_they_were_and_older_builds_read_those_without_gaps() {
        let key = b"99999A04";
        let plain = ends(3, 40);
        assert_eq!(Ends::decode(key, &plain.encode(key)).unwrap(), plain);
        assert_eq!(plain.encode(key)[super::super::CRC_LEN], RECORD);
        let mut gaps = plain.clone();
        gaps.open_gap(range(10, 15));
        gaps.open_gap(range(20, 40));
        let record = gaps.encode(key);
        assert_eq!(Ends::decode(key, &record).unwrap(), gaps);
        for at in 0..record.len() {
            let mut broken = record.clone();
            broken[at] ^= 1;
            assert!(Ends::decode(key, &broken).is_err(), "a flipped bit at {at}");
        }
    }
}
