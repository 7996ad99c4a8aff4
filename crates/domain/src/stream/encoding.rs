//! The state as bytes, for checkpoints and for stores that keep bytes. Versioned; big-endian; under 2 KB.

use std::time::Duration;

use crate::sequence::{Range, Sequence};
use crate::stream::ranges::Ranges;
use crate::stream::slot::{Form, Generation, Presented, Slot, Stream};
use crate::stream::{SLOTS, StreamState};
use crate::time::Timestamp;
use crate::version::{Incarnation, Version};
use crate::wire::{Reader, Writer};

/// The format that this build writes. A reader refuses a higher one.
const FORMAT: u8 = 1;

/// Why bytes are not a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer build.
    #[error("the stream state has format {0}, this build reads up to {FORMAT}: run the newer build")]
    Newer(u8),
    /// Cut short, too long, or with a value that cannot be.
    #[error("the stream state is damaged")]
    Damaged,
}

impl StreamState {
    /// The state as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(FORMAT);
        out.u32(self.version.incarnation.value());
        out.u64(self.version.counter);
        out.u64(self.frontier.value());
        out.u64(self.floor.value());
        out.u32(self.next_generation);
        out.u64(self.rewound);
        out.u8(self.cap);
        out.u8(u8::from(self.paused));
        out.u64(self.settling_until.unix_millis());
        out.u32(u32::try_from(self.settle.as_millis()).unwrap_or(u32::MAX));
        out.u8(u8::try_from(self.returned.count()).unwrap_or(u8::MAX));
        self.returned.iter().for_each(|range| put_range(&mut out, range));
        for slot in &self.slots {
            put_generation(&mut out, slot.closed.unwrap_or_default());
            match &slot.live {
                None => out.u8(0),
                Some(stream) => put_stream(&mut out, stream),
            }
        }
        out.into_bytes()
    }

    /// Reads a state from its bytes, and checks it.
    ///
    /// # Errors
    /// [`DecodeError::Newer`] for a format of a later build, [`DecodeError::Damaged`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes.first() {
            Some(&FORMAT) => {}
            Some(&newer) if newer > FORMAT => return Err(DecodeError::Newer(newer)),
            Some(_) | None => return Err(DecodeError::Damaged),
        }
        let mut input = Reader::new(&bytes[1..]);
        let state = read_state(&mut input).filter(|_| input.is_at_end()).ok_or(DecodeError::Damaged)?;
        state.check().map_err(|_| DecodeError::Damaged)?;
        Ok(state)
    }
}

fn read_state(input: &mut Reader<'_>) -> Option<StreamState> {
    let version = Version { incarnation: Incarnation::new(input.u32()?), counter: input.u64()? };
    let frontier = Sequence::new(input.u64()?);
    let floor = Sequence::new(input.u64()?);
    let next_generation = input.u32()?;
    let rewound = input.u64()?;
    let (cap, paused) = (input.u8()?, input.u8()? != 0);
    let settling_until = Timestamp::from_unix_millis(input.u64()?);
    let settle = Duration::from_millis(input.u32()?.into());
    let count = input.u8()?;
    let returned: Ranges =
        (0..count).map(|_| read_range(input)).collect::<Option<Vec<_>>>()?.into_iter().collect();
    let mut slots: [Slot; SLOTS] = Default::default();
    for slot in &mut slots {
        slot.closed = Some(read_generation(input)?).filter(|g| *g != Generation::default());
        slot.live = read_stream(input)?;
    }
    Some(StreamState {
        version,
        frontier,
        floor,
        returned,
        slots,
        next_generation,
        rewound,
        cap,
        paused,
        settling_until,
        settle,
    })
}

fn put_range(out: &mut Writer, range: Range) {
    out.u64(range.start().value());
    out.u64(range.end().value());
}

fn read_range(input: &mut Reader<'_>) -> Option<Range> {
    let (start, end) = (input.u64()?, input.u64()?);
    (start <= end).then(|| Range::new(Sequence::new(start), Sequence::new(end)))
}

fn put_generation(out: &mut Writer, generation: Generation) {
    out.u32(generation.incarnation.value());
    out.u32(generation.number);
}

fn read_generation(input: &mut Reader<'_>) -> Option<Generation> {
    Some(Generation { incarnation: Incarnation::new(input.u32()?), number: input.u32()? })
}

fn put_stream(out: &mut Writer, stream: &Stream) {
    out.u8(match stream.form {
        Form::Single => 1,
        Form::Multipart => 2,
    });
    put_generation(out, stream.generation);
    out.u64(stream.pull);
    out.u32(stream.empties);
    match stream.presented {
        None => out.u8(0),
        Some(Presented { pull, empties }) => {
            out.u8(1);
            out.u64(pull);
            out.u32(empties);
        }
    }
    put_range(out, stream.batch);
    out.u8(u8::from(stream.held));
    out.u64(stream.issued_at.unix_millis());
    out.u64(stream.deadline.unix_millis());
}

/// `Some(None)` is a free slot, `None` damage.
fn read_stream(input: &mut Reader<'_>) -> Option<Option<Stream>> {
    let form = match input.u8()? {
        0 => return Some(None),
        1 => Form::Single,
        2 => Form::Multipart,
        _ => return None,
    };
    let generation = read_generation(input)?;
    let (pull, empties) = (input.u64()?, input.u32()?);
    let presented = match input.u8()? {
        0 => None,
        1 => Some(Presented { pull: input.u64()?, empties: input.u32()? }),
        _ => return None,
    };
    let (batch, held) = (read_range(input)?, input.u8()? != 0);
    let issued_at = Timestamp::from_unix_millis(input.u64()?);
    let deadline = Timestamp::from_unix_millis(input.u64()?);
    Some(Some(Stream { generation, pull, empties, presented, batch, held, form, issued_at, deadline }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{RETURNED_RANGES_MAX, STATE_BYTES_MAX};

    #[test]
    fn the_largest_state_stays_under_its_limit() {
        let mut state = StreamState::new(Incarnation::new(1), Sequence::FIRST);
        state.frontier = Sequence::new(1_000_000);
        for i in 0..RETURNED_RANGES_MAX as u64 {
            state.returned.insert(Range::new(Sequence::new(10 * i + 1), Sequence::new(10 * i + 2)));
        }
        for (i, slot) in (0u64..).zip(&mut state.slots) {
            let batch = Range::new(Sequence::new(900_000 + i * 10), Sequence::new(900_010 + i * 10));
            slot.closed = Some(Generation { incarnation: Incarnation::new(9), number: 1 });
            slot.live = Some(Stream {
                generation: Generation::default(),
                pull: i,
                empties: 7,
                presented: Some(Presented { pull: i, empties: 3 }),
                batch,
                held: true,
                form: Form::Multipart,
                issued_at: Timestamp::from_unix_millis(5),
                deadline: Timestamp::from_unix_millis(6),
            });
        }
        let bytes = state.encode();
        assert!(bytes.len() <= STATE_BYTES_MAX, "{} bytes", bytes.len());
        assert_eq!(StreamState::decode(&bytes), Ok(state));
    }

    #[test]
    fn a_cut_state_is_damaged_and_a_newer_one_says_so() {
        let bytes = StreamState::new(Incarnation::new(1), Sequence::FIRST).encode();
        for cut in 0..bytes.len() {
            assert_eq!(StreamState::decode(&bytes[..cut]), Err(DecodeError::Damaged), "cut at {cut}");
        }
        let mut newer = bytes.clone();
        newer[0] = FORMAT + 1;
        assert_eq!(StreamState::decode(&newer), Err(DecodeError::Newer(FORMAT + 1)));
        assert_eq!(StreamState::decode(&[bytes.as_slice(), &[0]].concat()), Err(DecodeError::Damaged));
    }
}
