//! What is read from a snapshot.

use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::switches::Switches;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::journal::{Checkpoint, Extent, Known, MessageKey, Stored};
use redb::{Key, ReadOnlyTable, ReadTransaction, ReadableTable, TableError, Value};

use super::fault::Fault;
use super::layout::{self, ByIspb, BySequence, Ends, KnownEntry, switches};
use super::quarantine;

/// The extent of a participant who never got a message.
const NOTHING: Extent = Extent { first: Sequence::FIRST, next: Sequence::FIRST };

pub(crate) fn extent(
    extents: &impl ReadableTable<&'static ByIspb, &'static [u8]>,
    ispb: Ispb,
) -> Result<Extent, Fault> {
    Ok(ends(extents, ispb)?.extent)
}

/// The extent with the gaps in it.
pub(crate) fn ends(
    extents: &impl ReadableTable<&'static ByIspb, &'static [u8]>,
    ispb: Ispb,
) -> Result<Ends, Fault> {
    match extents.get(ispb.as_bytes())? {
        Some(record) => Ends::decode(ispb.as_bytes(), record.value()),
        None => Ok(Ends::of(NOTHING)),
    }
}

/// The entry of a message's business id that is younger than `window`, counted back from that message.
pub(crate) fn find_known(
    known: &impl ReadableTable<&'static [u8], &'static [u8]>,
    ispb: Ispb,
    key: &MessageKey,
    window: Duration,
) -> Result<Option<KnownEntry>, Fault> {
    let place = layout::by_business_id(ispb, &key.business_id);
    let Some(record) = known.get(place.as_slice())? else { return Ok(None) };
    let entry = KnownEntry::decode(&place, record.value())?;
    Ok(Some(entry).filter(|entry| key.published_at.since(entry.published_at) < window))
}

pub(crate) fn all_known(
    transaction: &ReadTransaction,
    ispb: Ispb,
    keys: &[MessageKey],
    window: Duration,
) -> Result<Vec<Option<Known>>, Fault> {
    let known = transaction.open_table(layout::KNOWN)?;
    let find = |key: &MessageKey| {
        let entry = find_known(&known, ispb, key, window)?;
        Ok(entry.map(|KnownEntry { sequence, resource_id, digest, .. }| Known {
            sequence,
            resource_id,
            is_same: digest == key.digest,
        }))
    };
    keys.iter().map(find).collect()
}

/// Reads what is left of a range. The extent says which messages must be there, so that a page that leads astray is
/// damage, and neither a gap nor somebody else's message.
pub(crate) fn messages(
    transaction: &ReadTransaction,
    ispb: Ispb,
    range: Range,
    bytes_max: u64,
) -> Result<Vec<Stored>, Fault> {
    let ends = ends(&transaction.open_table(layout::EXTENTS)?, ispb)?;
    let Extent { first, next } = ends.extent;
    let mut left = Range::new(range.start().max(first), range.end().min(next));
    let table = transaction.open_table(layout::MESSAGES)?;
    let (start, end) = (layout::by_sequence(ispb, left.start()), layout::by_sequence(ispb, left.end()));
    let mut entries = table.range::<&BySequence>(&start..&end)?;
    let (mut stored, mut bytes) = (Vec::new(), 0_u64);
    while !left.is_empty() {
        let sequence = left.start();
        if let Some(gap) = ends.gap_at(sequence) {
            left = left.from_floor(gap.end());
            continue;
        }
        left = left.from_floor(sequence.plus(1));
        let (key, record) = entries.next().ok_or_else(|| missing(ispb, sequence))??;
        if *key.value() != layout::by_sequence(ispb, sequence) {
            return Err(missing(ispb, sequence));
        }
        let message = layout::read_message(key.value(), record.value())?;
        bytes = bytes.saturating_add(message.xml.len() as u64);
        if bytes > bytes_max && !stored.is_empty() {
            break;
        }
        stored.push(message);
    }
    Ok(stored)
}

fn missing(ispb: Ispb, sequence: Sequence) -> Fault {
    Fault::Record(format!("message {sequence} of {ispb} is missing"))
}

/// Searches by halves: times rise with sequence numbers but for a clock that was set back, and then the answer is
/// off by the messages of that span.
pub(crate) fn find_since(
    transaction: &ReadTransaction,
    ispb: Ispb,
    at: Timestamp,
) -> Result<Sequence, Fault> {
    let ends = ends(&transaction.open_table(layout::EXTENTS)?, ispb)?;
    let Extent { mut first, next } = ends.extent;
    let table = transaction.open_table(layout::MESSAGES)?;
    let mut end = next;
    while first < end {
        let middle = first.plus(end.distance_from(first) / 2);
        // Where there is nothing, the next message that is left says it.
        let asked = ends.gap_at(middle).map_or(middle, Range::end);
        if asked >= end {
            end = middle;
            continue;
        }
        let key = layout::by_sequence(ispb, asked);
        let record = table.get(&key)?;
        let record = record.ok_or_else(|| missing(ispb, asked))?;
        if layout::published_at(&key, record.value())? < at {
            first = asked.plus(1);
        } else {
            end = middle;
        }
    }
    Ok(ends.gap_at(end).map_or(end, Range::end))
}

pub(crate) fn checkpoint(transaction: &ReadTransaction, ispb: Ispb) -> Result<Option<Checkpoint>, Fault> {
    let table = transaction.open_table(layout::CHECKPOINTS)?;
    let record = table.get(ispb.as_bytes())?;
    record.map(|record| layout::decode_checkpoint(ispb.as_bytes(), record.value())).transpose()
}

pub(crate) fn participants(transaction: &ReadTransaction) -> Result<Vec<Participant>, Fault> {
    let mut participants = Vec::new();
    for entry in transaction.open_table(layout::PARTICIPANTS)?.iter()? {
        let (key, record) = entry?;
        participants.push(layout::decode_participant(key.value(), record.value())?);
    }
    Ok(participants)
}

/// A table that the first change makes which needs it: until then there is none.
pub(crate) fn existing<K: Key + 'static, V: Value + 'static>(
    opened: Result<ReadOnlyTable<K, V>, TableError>,
) -> Result<Option<ReadOnlyTable<K, V>>, Fault> {
    match opened {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn load_switches(transaction: &ReadTransaction) -> Result<Switches, Fault> {
    let Some(table) = existing(transaction.open_table(switches::SWITCHES))? else {
        return Ok(Switches::default());
    };
    let record = table.get(switches::KEY)?;
    record.map_or(Ok(Switches::default()), |record| switches::decode(record.value()))
}

/// Reads of every participant what a start needs: ends, newest message, checkpoint. A file that was cut or changed
/// while the server was down shows here, in time that grows with the participants and not with the messages.
pub(crate) fn check(transaction: &ReadTransaction) -> Result<(), Fault> {
    participants(transaction)?;
    load_switches(transaction)?;
    quarantine::usage(transaction)?;
    let messages = transaction.open_table(layout::MESSAGES)?;
    transaction.open_table(layout::KNOWN)?;
    transaction.open_table(layout::AGES)?;
    for entry in transaction.open_table(layout::EXTENTS)?.iter()? {
        let (key, record) = entry?;
        let ends = Ends::decode(key.value(), record.value())?;
        let ispb =
            Ispb::from_bytes(*key.value()).map_err(|error| Fault::Record(format!("extents: {error}")))?;
        if let Some(last) = ends.last() {
            for sequence in [ends.extent.first, last] {
                let key = layout::by_sequence(ispb, sequence);
                let record = messages.get(&key)?;
                let record = record.ok_or_else(|| missing(ispb, sequence))?;
                layout::published_at(&key, record.value())?;
            }
        }
    }
    for entry in transaction.open_table(layout::CHECKPOINTS)?.iter()? {
        let (key, record) = entry?;
        layout::decode_checkpoint(key.value(), record.value())?;
    }
    for entry in transaction.open_table(layout::INCARNATIONS)?.iter()? {
        let (key, record) = entry?;
        layout::decode_incarnation(key.value(), record.value())?;
    }
    Ok(())
}
