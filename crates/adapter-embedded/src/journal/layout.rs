//! How the journal lies in its file: tables, keys and records.
//!
//! Keys are fixed-width and big-endian, so that their byte order is the order of sequence numbers. Every record
//! starts with a CRC-32 over its key and the rest, then the version of its layout: redb trusts its pages after a
//! clean shutdown, and delivered bytes must equal published bytes (design, invariant 9).

use bytes::Bytes;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::{self, Ispb};
use pix_stream_domain::participant::{Limits, Participant};
use pix_stream_domain::resource_id::{self, ResourceId};
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Incarnation;
use pix_stream_ports::journal::{Checkpoint, NewMessage, Stored};
use redb::TableDefinition;

use super::fault::Fault;

pub(crate) mod anchors;
mod ends;
pub(crate) mod quarantine;
pub(crate) mod switches;

pub(crate) use ends::Ends;

/// The format that this build writes; a file of a later one is refused. Tables that came later and that an earlier
/// build can leave alone - [`anchors`], [`quarantine`], [`switches`] - are made by the first change that needs them, and do not
/// raise it.
pub(crate) const FORMAT: u64 = 1;
/// Key of the format in [`META`].
pub(crate) const FORMAT_KEY: &str = "format";

/// Key of everything that a participant has once.
pub(crate) type ByIspb = [u8; ispb::LEN];
/// Key of a message: ISPB, sequence.
pub(crate) type BySequence = [u8; 16];
/// Key of an idempotency entry by age: ISPB, time of publishing, sequence.
pub(crate) type ByAge = [u8; 24];

/// What is known of the file itself. This table's shape never changes.
pub(crate) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// Messages.
pub(crate) const MESSAGES: TableDefinition<'_, &BySequence, &[u8]> = TableDefinition::new("messages");
/// The ends of each participant's messages; stays when all of them are removed.
pub(crate) const EXTENTS: TableDefinition<'_, &ByIspb, &[u8]> = TableDefinition::new("extents");
/// Idempotency: ISPB and business id to the stored message.
pub(crate) const KNOWN: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("known");
/// The business ids of [`KNOWN`], oldest first, so that old ones are found without a search.
pub(crate) const AGES: TableDefinition<'_, &ByAge, &[u8]> = TableDefinition::new("ages");
/// Checkpoints of stream states.
pub(crate) const CHECKPOINTS: TableDefinition<'_, &ByIspb, &[u8]> = TableDefinition::new("checkpoints");
/// Incarnations.
pub(crate) const INCARNATIONS: TableDefinition<'_, &ByIspb, &[u8]> = TableDefinition::new("incarnations");
/// Participants.
pub(crate) const PARTICIPANTS: TableDefinition<'_, &ByIspb, &[u8]> = TableDefinition::new("participants");

/// The layout version of every record that this build writes, but for participants of whom more is known.
const RECORD: u8 = 1;
/// The layout version of participants with what an earlier build does not know.
const RECORD_OF_MORE: u8 = 2;
const CRC_LEN: usize = 4;

pub(crate) fn by_sequence(ispb: Ispb, sequence: Sequence) -> BySequence {
    let mut key = [0; 16];
    key[..8].copy_from_slice(ispb.as_bytes());
    key[8..].copy_from_slice(&sequence.value().to_be_bytes());
    key
}

pub(crate) fn by_age(ispb: Ispb, at: Timestamp, sequence: Sequence) -> ByAge {
    let mut key = [0; 24];
    key[..8].copy_from_slice(ispb.as_bytes());
    key[8..16].copy_from_slice(&at.unix_millis().to_be_bytes());
    key[16..].copy_from_slice(&sequence.value().to_be_bytes());
    key
}

/// The sequence number at the end of a [`ByAge`] or [`BySequence`] key.
pub(crate) fn sequence_of(key: &[u8]) -> Sequence {
    let (_, tail) = key.split_last_chunk().unwrap_or((&[], &[0; 8]));
    Sequence::new(u64::from_be_bytes(*tail))
}

pub(crate) fn by_business_id(ispb: Ispb, business_id: &str) -> Vec<u8> {
    [ispb.as_bytes(), business_id.as_bytes()].concat()
}

/// An entry of [`KNOWN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownEntry {
    pub(crate) sequence: Sequence,
    pub(crate) resource_id: ResourceId,
    pub(crate) digest: Digest,
    pub(crate) published_at: Timestamp,
}

impl KnownEntry {
    pub(crate) fn encode(&self, key: &[u8]) -> Vec<u8> {
        let mut body = Vec::with_capacity(80);
        body.extend_from_slice(&self.sequence.value().to_be_bytes());
        body.extend_from_slice(self.resource_id.as_bytes());
        body.extend_from_slice(&self.digest.0);
        body.extend_from_slice(&self.published_at.unix_millis().to_be_bytes());
        seal(key, &body)
    }

    pub(crate) fn decode(key: &[u8], record: &[u8]) -> Result<Self, Fault> {
        let mut body = Body::of("known", key, record)?;
        let entry = Self {
            sequence: Sequence::new(body.u64()?),
            resource_id: body.resource_id()?,
            digest: Digest(*body.array()?),
            published_at: Timestamp::from_unix_millis(body.u64()?),
        };
        body.end()?;
        Ok(entry)
    }
}

/// Length of a message's record.
pub(crate) fn message_len(message: &NewMessage) -> usize {
    CRC_LEN + 1 + resource_id::LEN + 2 + message.message_type.len() + message.xml.len()
}

/// Writes a message's record into its place, which has [`message_len`] bytes: the one copy on its way in.
pub(crate) fn write_message(key: &BySequence, message: &NewMessage, record: &mut [u8]) {
    let type_len = u16::try_from(message.message_type.len()).unwrap_or(u16::MAX);
    let mut at = CRC_LEN;
    let parts: [&[u8]; 5] = [
        &[RECORD],
        message.resource_id.as_bytes(),
        &type_len.to_be_bytes(),
        message.message_type.as_bytes(),
        &message.xml,
    ];
    for part in parts {
        record[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    let crc = checksum(key, &record[CRC_LEN..]);
    record[..CRC_LEN].copy_from_slice(&crc.to_be_bytes());
}

/// Reads a message; its bytes are copied once, out of redb's page.
pub(crate) fn read_message(key: &BySequence, record: &[u8]) -> Result<Stored, Fault> {
    let mut body = Body::of("messages", key, record)?;
    let resource_id = body.resource_id()?;
    let type_len = usize::from(u16::from_be_bytes(*body.array()?));
    let message_type = body.text(type_len)?.into();
    Ok(Stored {
        sequence: sequence_of(key),
        resource_id,
        message_type,
        xml: Bytes::copy_from_slice(body.rest),
    })
}

/// When a message was published, without copying it.
pub(crate) fn published_at(key: &BySequence, record: &[u8]) -> Result<Timestamp, Fault> {
    Ok(Body::of("messages", key, record)?.resource_id()?.published_at())
}

pub(crate) fn encode_incarnation(key: &ByIspb, incarnation: Incarnation) -> Vec<u8> {
    seal(key, &incarnation.value().to_be_bytes())
}

pub(crate) fn decode_incarnation(key: &ByIspb, record: &[u8]) -> Result<Incarnation, Fault> {
    let mut body = Body::of("incarnations", key, record)?;
    let incarnation = Incarnation::new(body.u32()?);
    body.end()?;
    Ok(incarnation)
}

pub(crate) fn encode_checkpoint(key: &ByIspb, checkpoint: &Checkpoint) -> Vec<u8> {
    let mut body = vec![u8::from(checkpoint.is_last)];
    body.extend_from_slice(&checkpoint.state.encode());
    seal(key, &body)
}

pub(crate) fn decode_checkpoint(key: &ByIspb, record: &[u8]) -> Result<Checkpoint, Fault> {
    let mut body = Body::of("checkpoints", key, record)?;
    let is_last = body.u8()? != 0;
    let state = StreamState::decode(body.rest).map_err(|error| {
        Fault::Record(format!("the checkpoint of {}: {error}", String::from_utf8_lossy(key)))
    })?;
    Ok(Checkpoint { state, is_last })
}

pub(crate) fn encode_participant(participant: &Participant) -> Vec<u8> {
    let Limits { requests_per_second, backlog_high_water } = participant.limits;
    let mut body = Vec::new();
    body.extend_from_slice(&participant.revision.to_be_bytes());
    body.extend_from_slice(&participant.created_at.unix_millis().to_be_bytes());
    // Bit 1 came later: records of before have it clear, which is right.
    body.push(u8::from(requests_per_second.is_some()) | (u8::from(participant.held) << 1));
    body.extend_from_slice(&requests_per_second.unwrap_or_default().to_be_bytes());
    body.push(u8::from(backlog_high_water.is_some()));
    body.extend_from_slice(&backlog_high_water.unwrap_or_default().to_be_bytes());
    let layout = match participant.encode_later() {
        Some(later) => {
            body.extend_from_slice(&u32::try_from(later.len()).unwrap_or(u32::MAX).to_be_bytes());
            body.extend_from_slice(&later);
            RECORD_OF_MORE
        }
        None => RECORD,
    };
    body.extend_from_slice(participant.name.as_bytes());
    seal_as(layout, participant.ispb.as_bytes(), &body)
}

pub(crate) fn decode_participant(key: &ByIspb, record: &[u8]) -> Result<Participant, Fault> {
    let (layout, mut body) = Body::up_to(RECORD_OF_MORE, "participants", key, record)?;
    let ispb = Ispb::from_bytes(*key).map_err(|error| Fault::Record(format!("participants: {error}")))?;
    let revision = body.u64()?;
    let created_at = Timestamp::from_unix_millis(body.u64()?);
    let flags = body.u8()?;
    let requests_per_second = Some(flags & 1 != 0).zip(Some(body.u32()?)).filter(|(set, _)| *set);
    let backlog_high_water = Some(body.u8()? != 0).zip(Some(body.u64()?)).filter(|(set, _)| *set);
    let limits = Limits {
        requests_per_second: requests_per_second.map(|(_, limit)| limit),
        backlog_high_water: backlog_high_water.map(|(_, limit)| limit),
    };
    let known = Participant { limits, held: flags & 2 != 0, revision, ..Participant::new(ispb, created_at) };
    let participant = match layout {
        RECORD_OF_MORE => {
            let len = usize::try_from(body.u32()?).map_err(|_| body.wrong())?;
            let later = body.take(len)?;
            known.decode_later(later).ok_or_else(|| body.wrong())?
        }
        _older => known,
    };
    let name = body.text(body.rest.len())?.to_owned();
    Ok(Participant { name, ..participant })
}

fn checksum(key: &[u8], rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(rest);
    hasher.finalize()
}

fn seal(key: &[u8], body: &[u8]) -> Vec<u8> {
    seal_as(RECORD, key, body)
}

fn seal_as(layout: u8, key: &[u8], body: &[u8]) -> Vec<u8> {
    let mut record = vec![0; CRC_LEN];
    record.push(layout);
    record.extend_from_slice(body);
    let crc = checksum(key, &record[CRC_LEN..]);
    record[..CRC_LEN].copy_from_slice(&crc.to_be_bytes());
    record
}

fn push_text(body: &mut Vec<u8>, text: &str) {
    body.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    body.extend_from_slice(text.as_bytes());
}

/// Whose record a key is: the participant it starts with, or the key itself.
fn owner(key: &[u8]) -> String {
    let participant = key.first_chunk().and_then(|ispb| Ispb::from_bytes(*ispb).ok());
    participant
        .map_or_else(|| String::from_utf8_lossy(key).escape_debug().to_string(), |ispb| ispb.to_string())
}

/// The part of a record behind its version, read from the front.
struct Body<'a> {
    table: &'static str,
    rest: &'a [u8],
}

impl<'a> Body<'a> {
    fn of(table: &'static str, key: &[u8], record: &'a [u8]) -> Result<Self, Fault> {
        Self::up_to(RECORD, table, key, record).map(|(_, body)| body)
    }

    /// A record of a layout up to `newest`, and which it is.
    fn up_to(newest: u8, table: &'static str, key: &[u8], record: &'a [u8]) -> Result<(u8, Self), Fault> {
        let wrong =
            |what: &str| Err(Fault::Record(format!("a record of {} in table {table} {what}", owner(key))));
        let Some((crc, rest)) = record.split_first_chunk::<CRC_LEN>() else { return wrong("is cut short") };
        if u32::from_be_bytes(*crc) != checksum(key, rest) {
            return wrong("fails its checksum");
        }
        match rest.split_first() {
            Some((&version, rest)) if (RECORD..=newest).contains(&version) => {
                Ok((version, Self { table, rest }))
            }
            Some((&version, _)) => {
                wrong(&format!("has layout {version}, this build reads {newest}: run the newer build"))
            }
            None => wrong("is cut short"),
        }
    }

    fn wrong(&self) -> Fault {
        Fault::Record(format!("a record in table {} has a value that cannot be", self.table))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(|| self.wrong())?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Fault> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(|| self.wrong())?;
        self.rest = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, Fault> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        Ok(u32::from_be_bytes(*self.array()?))
    }

    fn u64(&mut self) -> Result<u64, Fault> {
        Ok(u64::from_be_bytes(*self.array()?))
    }

    fn text(&mut self, len: usize) -> Result<&'a str, Fault> {
        let bytes = self.take(len)?;
        std::str::from_utf8(bytes).map_err(|_| self.wrong())
    }

    /// A text behind its length, as [`push_text`] wrote it.
    fn counted_text(&mut self) -> Result<&'a str, Fault> {
        let len = self.u32()?;
        self.text(usize::try_from(len).map_err(|_| self.wrong())?)
    }

    fn resource_id(&mut self) -> Result<ResourceId, Fault> {
        let bytes = self.array()?;
        ResourceId::from_bytes(*bytes).map_err(|_| self.wrong())
    }

    fn end(&self) -> Result<(), Fault> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.wrong()) }
    }
}

#[cfg(test)]
mod tests;
