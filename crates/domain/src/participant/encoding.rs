//! What a participant got later, as bytes: whether it is offboarded, its retention, holds by time, its replay session.
//! Big-endian. Stores keep it beside what they always had, and only where there is any of it, so that a participant who
//! uses none of this is still read by builds that do not know it.

use std::time::Duration;

use super::Participant;
use crate::holds::Holds;
use crate::replay::ReplaySession;
use crate::sequence::{Range, Sequence};
use crate::time::{TimeRange, Timestamp};
use crate::wire::{Reader, Writer};

const IS_OFFBOARDED: u8 = 1;
const HAS_RETENTION: u8 = 2;
const HAS_REPLAY: u8 = 4;

impl Participant {
    /// What came later, as bytes; `None` when there is nothing of it.
    #[must_use]
    pub fn encode_later(&self) -> Option<Vec<u8>> {
        let Self { offboarded, retention, holds, replay, .. } = self;
        if !offboarded && retention.is_none() && holds.is_empty() && replay.is_none() {
            return None;
        }
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let mut out = Writer::default();
        out.u8(flag(*offboarded, IS_OFFBOARDED)
            | flag(retention.is_some(), HAS_RETENTION)
            | flag(replay.is_some(), HAS_REPLAY));
        if let Some(retention) = retention {
            out.u64(retention.as_secs());
        }
        if let Some(ReplaySession { id, range, opened_at, expires_at }) = replay {
            out.u64(*id);
            out.u64(range.start().value());
            out.u64(range.end().value());
            out.u64(opened_at.unix_millis());
            out.u64(expires_at.unix_millis());
        }
        out.u8(u8::try_from(holds.iter().len()).unwrap_or(u8::MAX));
        for range in holds.iter() {
            out.u64(range.from().unix_millis());
            out.u64(range.to().unix_millis());
        }
        Some(out.into_bytes())
    }

    /// The participant with what [`Participant::encode_later`] wrote; `None` for other bytes.
    #[must_use]
    pub fn decode_later(mut self, bytes: &[u8]) -> Option<Self> {
        let mut input = Reader::new(bytes);
        let flags = input.u8()?;
        if flags & !(IS_OFFBOARDED | HAS_RETENTION | HAS_REPLAY) != 0 {
            return None;
        }
        self.offboarded = flags & IS_OFFBOARDED != 0;
        if flags & HAS_RETENTION != 0 {
            self.retention = Some(Duration::from_secs(input.u64()?));
        }
        if flags & HAS_REPLAY != 0 {
            self.replay = Some(ReplaySession {
                id: input.u64()?,
                range: Range::new(Sequence::new(input.u64()?), Sequence::new(input.u64()?)),
                opened_at: Timestamp::from_unix_millis(input.u64()?),
                expires_at: Timestamp::from_unix_millis(input.u64()?),
            });
        }
        let mut holds = Holds::default();
        for _ in 0..input.u8()? {
            let mut moment = || input.u64().map(Timestamp::from_unix_millis);
            holds.add(TimeRange::new(moment()?, moment()?)?).ok()?;
        }
        self.holds = holds;
        input.is_at_end().then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_later_comes_back_and_other_bytes_are_refused() {
        let plain = Participant::new("99999A04".parse().unwrap(), Timestamp::from_unix_millis(5));
        assert_eq!(plain.encode_later(), None, "older builds read who uses none of it");
        let moment = Timestamp::from_unix_millis;
        let mut full = plain.clone();
        (full.offboarded, full.retention) = (true, Some(Duration::from_secs(86_400)));
        full.replay = Some(ReplaySession {
            id: 9,
            range: Range::new(Sequence::new(3), Sequence::new(8)),
            opened_at: moment(7),
            expires_at: moment(9),
        });
        for n in 0..16 {
            full.holds.add(TimeRange::new(moment(10 * n), moment(10 * n + 3)).unwrap()).unwrap();
        }
        let mut only_held = plain.clone();
        only_held.holds.add(TimeRange::new(moment(1), moment(2)).unwrap()).unwrap();
        for sent in [full, only_held] {
            let bytes = sent.encode_later().unwrap();
            assert_eq!(plain.clone().decode_later(&bytes), Some(sent));
            for cut in 0..bytes.len() {
                assert_eq!(plain.clone().decode_later(&bytes[..cut]), None, "cut at {cut}");
            }
            assert_eq!(plain.clone().decode_later(&[bytes.as_slice(), &[0]].concat()), None);
        }
        assert_eq!(plain.clone().decode_later(&[8, 0]), None, "a later build's");
    }
}
