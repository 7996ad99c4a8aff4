//! Made-up chains.

use std::path::Path;

use pix_stream_domain::audit::{ChainId, Event, Head, Message, Record};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::time::Timestamp;
use pix_stream_evidence::{line, names};
use pix_stream_ports::anchors::Anchor;

/// When the chains begin: 2026-01-05, noon.
pub(crate) const BEGAN: u64 = 1_767_614_400_000;
/// Between two entries.
pub(crate) const STEP: u64 = 30_000;

/// The participant of most entries.
pub(crate) const OURS: &str = "99999001";

/// A moment, in entries since the beginning.
pub(crate) fn moment(entries: u64) -> Timestamp {
    Timestamp::from_unix_millis(BEGAN + entries * STEP)
}

/// The message with this sequence number.
pub(crate) fn message(sequence: u64) -> Message {
    Message {
        sequence: Sequence::new(sequence),
        resource_id: ResourceId::new(moment(sequence * 3), [u8::try_from(sequence).unwrap(); 16]),
        digest: Digest::of(&sequence.to_be_bytes()),
        is_repeat: false,
    }
}

/// Entry by entry in turn: a publish of ours, a publish of somebody else, a read of ours.
pub(crate) fn records(count: u64) -> Vec<Record> {
    let record = |index: u64| {
        let sequence = index / 3 + 1;
        let batch = Range::new(Sequence::new(sequence), Sequence::new(sequence + 1));
        let token = |n: u64| Digest::of(format!("token {n}").as_bytes());
        let event = if index % 3 < 2 {
            let messages = [message(sequence)].into();
            Event::Publish { actor: "core".into(), batch, repeats: 0, messages }
        } else {
            let (redeemed, issued) = (Some(token(sequence - 1)), token(sequence));
            Event::Read { redeemed, issued, confirmed: Range::EMPTY, batch, replay: false }
        };
        let ispb = if index % 3 == 1 { "99999002" } else { OURS };
        let request_id = format!("r{index}").into();
        Record { at: moment(index), request_id, ispb: Some(ispb.parse().unwrap()), event }
    };
    (0..count).map(record).collect()
}

/// Lines of a chain with the hash of each.
pub(crate) fn chain(records: &[Record]) -> Vec<(String, Digest)> {
    let (mut head, mut lines) = (Digest::default(), Vec::new());
    for (n, record) in (1..).zip(records) {
        let mut out = String::new();
        head = line::write(&mut out, n, record, head);
        lines.push((out, head));
    }
    lines
}

/// Writes a chain into files of `each` entries.
pub(crate) fn write(dir: &Path, chain: &[(String, Digest)], each: usize, name: ChainId) {
    for (index, lines) in chain.chunks(each).enumerate() {
        let text: String = lines.iter().map(|(line, _)| line.as_str()).collect();
        let first = u64::try_from(index * each + 1).unwrap();
        std::fs::write(dir.join(names::file_name(first)), text).unwrap();
    }
    std::fs::write(dir.join(names::CHAIN_FILE), name.to_string()).unwrap();
}

/// An anchor at an entry, from 1.
pub(crate) fn anchor(name: ChainId, chain: &[(String, Digest)], entry: u64) -> Anchor {
    let hash = chain[usize::try_from(entry).unwrap() - 1].1;
    Anchor { chain: name, head: Head { entry, hash }, at: moment(entry), broken_at: None }
}
