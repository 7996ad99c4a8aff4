//! A run of messages as bytes for other nodes: the first deflated alone, each next one behind the one before it.

use std::sync::Arc;

use bytes::Bytes;
use pix_stream_domain::sequence::Range;
use pix_stream_ports::Ports;
use pix_stream_ports::codec::{Codec, Packing, Segment};
use pix_stream_ports::coordinator::Chunk;

use crate::message::Message;

/// Most messages of one chunk.
pub const CHUNK_MESSAGES_MAX: usize = 64;
/// Most bytes of the parts in one chunk, unless one message alone has more.
pub const CHUNK_BYTES_MAX: usize = 1024 * 1024;
/// Up to so many bytes are packed or unpacked where they are, behind every request: some 200 µs.
const INLINE_MAX: usize = 32 * 1024;

/// Packs messages that follow one another; makes the segments that are missing. `None` when there are none.
fn pack(messages: &[Arc<Message>], codec: &impl Codec) -> Option<Chunk> {
    let (first, last) = (messages.first()?, messages.last()?);
    let segments: Vec<Segment> = messages
        .iter()
        .enumerate()
        .map(|(index, message)| match index.checked_sub(1) {
            None => alone(message, codec),
            Some(before) => chained(message, &messages[before], codec),
        })
        .collect();
    let packing = |(index, (message, segment))| {
        let (message, is_first): (&Arc<Message>, bool) = (message, index == 0);
        Packing {
            sequence: message.sequence,
            resource_id: message.resource_id,
            part: &message.part,
            alone: is_first.then_some(segment),
            chained: (!is_first).then_some(segment),
        }
    };
    let packing: Vec<Packing<'_>> = messages.iter().zip(&segments).enumerate().map(packing).collect();
    let range = Range::new(first.sequence, last.sequence.plus(1));
    codec.pack(&packing).map(|bytes| Chunk { range, bytes })
}

/// The messages of a chunk; `None` when it is not one, or not of this range.
fn unpack(bytes: &[u8], range: Range, codec: &impl Codec) -> Option<Vec<Arc<Message>>> {
    let packed = codec.unpack(bytes)?;
    let is_whole = packed.iter().map(|packed| packed.sequence).eq(range.iter());
    is_whole.then(|| packed.into_iter().map(|packed| Arc::new(Message::unpacked(packed))).collect())
}

/// Packs, on a thread for blocking work when there is much to deflate.
pub async fn pack_behind<P: Ports>(messages: Vec<Arc<Message>>, ports: &Arc<P>) -> Option<Chunk> {
    let bytes: usize = messages.iter().map(|message| message.part.bytes().len()).sum();
    if bytes <= INLINE_MAX {
        return pack(&messages, ports.codec());
    }
    let ports = Arc::clone(ports);
    let packing = move || pack(&messages, ports.codec());
    tokio::task::spawn_blocking(packing).await.ok().flatten()
}

/// Unpacks, on a thread for blocking work when there is much to inflate.
pub async fn unpack_behind<P: Ports>(
    bytes: Bytes,
    range: Range,
    ports: &Arc<P>,
) -> Option<Vec<Arc<Message>>> {
    if bytes.len() <= INLINE_MAX {
        return unpack(&bytes, range, ports.codec());
    }
    let ports = Arc::clone(ports);
    let unpacking = move || unpack(&bytes, range, ports.codec());
    tokio::task::spawn_blocking(unpacking).await.ok().flatten()
}

/// What an answer had to do without is made all the same, and kept by nobody here.
fn alone(message: &Message, codec: &impl Codec) -> Segment {
    message.alone().cloned().unwrap_or_else(|| {
        let segment = codec.alone(&message.part);
        message.keep_alone(segment.clone());
        segment
    })
}

fn chained(message: &Message, previous: &Message, codec: &impl Codec) -> Segment {
    message.chained().cloned().unwrap_or_else(|| {
        let segment = codec.chained(&message.part, &previous.part);
        message.keep_chained(segment.clone());
        segment
    })
}

#[cfg(test)]
mod tests {
    use pix_stream_domain::resource_id::ResourceId;
    use pix_stream_domain::sequence::Sequence;
    use pix_stream_domain::time::Timestamp;
    use pix_stream_testkit::FakeCodec;

    use super::*;

    fn messages(count: u64) -> Vec<Arc<Message>> {
        let make = |n: u64| {
            let id = ResourceId::new(Timestamp::from_unix_millis(n), [7; 16]);
            let xml = FakeCodec::message(&format!("M{n}"), "99999A04".parse().unwrap(), 100);
            Arc::new(Message::new(Sequence::new(n), id, FakeCodec.render(id, &xml, None)))
        };
        (5..5 + count).map(make).collect()
    }

    #[test]
    fn what_is_packed_comes_out_the_same_with_its_segments() {
        let sent = messages(3);
        let chunk = pack(&sent, &FakeCodec).unwrap();
        assert_eq!(chunk.range, Range::new(Sequence::new(5), Sequence::new(8)));
        let got = unpack(&chunk.bytes, chunk.range, &FakeCodec).unwrap();
        for (sent, got) in sent.iter().zip(&got) {
            assert_eq!(
                (sent.sequence, sent.resource_id, &sent.part),
                (got.sequence, got.resource_id, &got.part)
            );
            assert_eq!((sent.alone(), sent.chained()), (got.alone(), got.chained()));
        }
        assert!(got[0].alone().is_some() && got[1].chained().is_some());
    }

    #[test]
    fn a_message_that_was_answered_undeflated_is_packed_and_stays_so() {
        let sent = messages(2);
        sent.iter().for_each(|message| message.fix_segments());
        let chunk = pack(&sent, &FakeCodec).unwrap();
        assert!(unpack(&chunk.bytes, chunk.range, &FakeCodec).is_some());
        assert!(sent.iter().all(|message| message.alone().is_none() && message.chained().is_none()));
    }

    #[test]
    fn a_chunk_of_other_messages_is_refused() {
        let chunk = pack(&messages(3), &FakeCodec).unwrap();
        let other = Range::new(Sequence::new(5), Sequence::new(9));
        assert!(unpack(&chunk.bytes, other, &FakeCodec).is_none());
        assert!(unpack(b"no chunk", chunk.range, &FakeCodec).is_none());
    }
}
