//! Fresh messages as one node hands them to another: a few numbers, and the deflate segments that answers are made of
//! anyway. Unpacking inflates them; nothing is deflated twice, and what travels is a fifth of the XML.
//!
//! Layout, big-endian: format 1 · count 1; then for each message sequence 8 · resource id 24 · head length 2 · XML length
//! 4 · CRC-32 of the plain bytes 4 · segment length 4; then all heads that do not come out of a segment (the first
//! message's), then the segments. The first message is packed by its `alone` segment, which covers its XML; each other by
//! its `chained` one, which covers its whole part and refers back into the part before it.

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress};
use pix_stream_domain::checksum::Checksum;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::Sequence;
use pix_stream_ports::codec::{Packed, Packing, Part, Segment};

use crate::deflate;

/// The layout above.
const FORMAT: u8 = 1;
/// Most messages of one chunk; the count is one byte.
const COUNT_MAX: usize = 255;
/// Bytes of one message's numbers.
const ENTRY_LEN: usize = 8 + 24 + 2 + 4 + 4 + 4;
/// No message is larger than this, whatever a chunk says.
const PLAIN_MAX: usize = 16 * 1024 * 1024;

/// Packs messages that follow one another.
pub(crate) fn pack(messages: &[Packing<'_>]) -> Option<Bytes> {
    let (first, _) = messages.split_first()?;
    if messages.len() > COUNT_MAX {
        return None;
    }
    let mut entries = vec![FORMAT, u8::try_from(messages.len()).ok()?];
    let mut segments = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let segment = if index == 0 { message.alone } else { message.chained }?;
        entries.extend_from_slice(&message.sequence.value().to_be_bytes());
        entries.extend_from_slice(message.resource_id.as_bytes());
        entries.extend_from_slice(&u16::try_from(message.part.head().len()).ok()?.to_be_bytes());
        entries.extend_from_slice(&u32::try_from(message.part.xml_len()).ok()?.to_be_bytes());
        entries.extend_from_slice(&segment.checksum.crc().to_be_bytes());
        entries.extend_from_slice(&u32::try_from(segment.deflated.len()).ok()?.to_be_bytes());
        segments.extend_from_slice(&segment.deflated);
    }
    entries.extend_from_slice(&first.part.head());
    entries.extend_from_slice(&segments);
    Some(Bytes::from(entries))
}

/// The numbers of one message.
struct Entry {
    sequence: Sequence,
    resource_id: ResourceId,
    head: usize,
    xml: usize,
    crc: u32,
    deflated: usize,
}

/// Reads what [`pack`] made.
pub(crate) fn unpack(chunk: &[u8]) -> Option<Vec<Packed>> {
    let (&[format, count], mut rest) = chunk.split_first_chunk::<2>()?;
    if format != FORMAT || count == 0 {
        return None;
    }
    let mut entries = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let (entry, behind) = rest.split_first_chunk::<ENTRY_LEN>()?;
        entries.push(read_entry(entry)?);
        rest = behind;
    }
    let (head, mut rest) = rest.split_at_checked(entries.first()?.head)?;
    let mut messages: Vec<Packed> = Vec::with_capacity(entries.len());
    for entry in entries {
        let (deflated, behind) = rest.split_at_checked(entry.deflated)?;
        rest = behind;
        let previous = messages.last().map(|message| message.part.clone());
        messages.push(unpack_one(&entry, head, previous.as_ref(), deflated)?);
    }
    rest.is_empty().then_some(messages)
}

fn unpack_one(entry: &Entry, head: &[u8], previous: Option<&Part>, deflated: &[u8]) -> Option<Packed> {
    let whole = entry.head.checked_add(entry.xml)?.checked_add(deflate::PART_END.len())?;
    let xml = entry.head..entry.head + entry.xml;
    let (plain_len, dictionary) = match previous {
        None => (entry.xml, Vec::new()),
        Some(previous) => (whole, deflate::dictionary(previous.bytes())),
    };
    let plain = inflate(deflated, &dictionary, plain_len)?;
    if crc32fast::hash(&plain) != entry.crc {
        return None;
    }
    let checksum = Checksum::new(entry.crc, u32::try_from(plain_len).ok()?);
    let segment = Some(Segment { deflated: Bytes::copy_from_slice(deflated), checksum });
    let bytes = match previous {
        None => Bytes::from([head, &plain, deflate::PART_END].concat()),
        Some(_) => Bytes::from(plain),
    };
    let (alone, chained) = if previous.is_none() { (segment, None) } else { (None, segment) };
    let part = Part::new(bytes, xml);
    Some(Packed { sequence: entry.sequence, resource_id: entry.resource_id, part, alone, chained })
}

fn read_entry(bytes: &[u8; ENTRY_LEN]) -> Option<Entry> {
    let (sequence, rest) = bytes.split_first_chunk::<8>()?;
    let (resource_id, rest) = rest.split_first_chunk::<24>()?;
    let (head, rest) = rest.split_first_chunk::<2>()?;
    let (xml, rest) = rest.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let (deflated, _) = rest.split_first_chunk::<4>()?;
    Some(Entry {
        sequence: Sequence::new(u64::from_be_bytes(*sequence)),
        resource_id: ResourceId::from_bytes(*resource_id).ok()?,
        head: usize::from(u16::from_be_bytes(*head)),
        xml: usize::try_from(u32::from_be_bytes(*xml)).ok().filter(|len| *len <= PLAIN_MAX)?,
        crc: u32::from_be_bytes(*crc),
        deflated: usize::try_from(u32::from_be_bytes(*deflated)).ok()?,
    })
}

/// Inflates a segment to exactly `len` bytes.
fn inflate(deflated: &[u8], dictionary: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut inflater = Decompress::new(false);
    if !dictionary.is_empty() {
        inflater.set_dictionary(dictionary).ok()?;
    }
    let mut plain = Vec::with_capacity(len);
    inflater.decompress_vec(deflated, &mut plain, FlushDecompress::Sync).ok()?;
    let took_all = usize::try_from(inflater.total_in()).is_ok_and(|taken| taken == deflated.len());
    (plain.len() == len && took_all).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode;

    fn messages(count: u64, metadata: bool) -> Vec<(Sequence, ResourceId, Part, Segment, Segment)> {
        let mut made: Vec<(Sequence, ResourceId, Part, Segment, Segment)> = Vec::new();
        for n in 1..=count {
            let id = ResourceId::new(pix_stream_domain::time::Timestamp::from_unix_millis(n), [7; 16]);
            let xml = format!("<Envelope><Id>{n}</Id><Name>José {}</Name></Envelope>", n * 7919).repeat(30);
            let further = pix_stream_ports::codec::Metadata {
                message_type: "pacs.008.spi.1.16".to_owned(),
                sequence: Sequence::new(n),
            };
            let part = encode::render(id, xml.as_bytes(), metadata.then_some(&further));
            let previous = made.last().map_or(Bytes::new(), |(_, _, part, ..)| part.bytes().clone());
            let alone = deflate::alone(&part.xml());
            let chained = deflate::chained(part.bytes(), &previous);
            made.push((Sequence::new(n), id, part, alone, chained));
        }
        made
    }

    fn packing(made: &(Sequence, ResourceId, Part, Segment, Segment)) -> Packing<'_> {
        let (sequence, resource_id, part, alone, chained) = made;
        Packing {
            sequence: *sequence,
            resource_id: *resource_id,
            part,
            alone: Some(alone),
            chained: Some(chained),
        }
    }

    #[test]
    fn what_was_packed_comes_out_with_its_segments() {
        for metadata in [false, true] {
            let made = messages(10, metadata);
            let chunk = pack(&made.iter().map(packing).collect::<Vec<_>>()).unwrap();
            let unpacked = unpack(&chunk).unwrap();
            assert_eq!(unpacked.len(), 10);
            for (index, (message, (sequence, id, part, alone, chained))) in
                unpacked.iter().zip(&made).enumerate()
            {
                assert_eq!((message.sequence, message.resource_id, &message.part), (*sequence, *id, part));
                let (is_first, expected) = (index == 0, if index == 0 { alone } else { chained });
                let segment = if is_first { &message.alone } else { &message.chained };
                assert_eq!(segment.as_ref(), Some(expected));
            }
            let plain: usize = made.iter().map(|(_, _, part, ..)| part.bytes().len()).sum();
            assert!(chunk.len() < plain / 4, "{} bytes for {plain}", chunk.len());
        }
    }

    #[test]
    fn a_changed_or_cut_chunk_is_refused() {
        let made = messages(3, false);
        let chunk = pack(&made.iter().map(packing).collect::<Vec<_>>()).unwrap();
        for len in 0..chunk.len() {
            assert_eq!(unpack(&chunk[..len]), None, "cut to {len}");
        }
        let whole = unpack(&chunk).unwrap();
        for at in 0..chunk.len() {
            let mut changed = chunk.to_vec();
            changed[at] ^= 0x55;
            // Sequence, id and head are not summed up; what is delivered is: the XML never differs unnoticed.
            for message in unpack(&changed).into_iter().flatten() {
                assert!(whole.iter().any(|known| known.part.xml() == message.part.xml()), "byte {at}");
            }
        }
    }

    #[test]
    fn messages_without_segments_are_not_packed() {
        let made = messages(2, false);
        let mut packing: Vec<_> = made.iter().map(packing).collect();
        packing[1].chained = None;
        assert_eq!(pack(&packing), None);
        assert_eq!(pack(&[]), None);
    }
}
