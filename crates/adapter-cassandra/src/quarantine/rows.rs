//! How the quarantine lies in its partition: keys, bodies, statements. No I/O.
//!
//! Keys are texts whose order is that of ids: so lists of them can be asked for, and one range holds one kind.

use std::fmt::Write as _;

use pix_stream_cassandra_streams::body::{self, Body, push_text};
use pix_stream_cql::Value;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::{self, ResourceId};
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::codec::Rule;
use pix_stream_ports::quarantine::{EntryId, Summary};

/// The one partition.
pub(super) const ID: i32 = 0;
/// The letter before the keys of entries, and the one after it.
pub(super) const ENTRIES: (&str, &str) = ("e", "f");

pub(super) fn entry_key(id: EntryId) -> String {
    format!("e{}", hex(id.0.as_bytes()))
}

/// The key that all entries from before a time are below, and all others not.
pub(super) fn start_of(at: Timestamp) -> String {
    let mut start = *ResourceId::new(at, [0; 16]).as_bytes();
    // Behind the time an id has sixteen bytes, some of which say what kind of UUID they are.
    start[resource_id::LEN - 16..].fill(0);
    format!("e{}", hex(&start))
}

/// The way from a content to the entry that has it.
pub(super) fn content_key(ispb: Ispb, digest: Digest) -> String {
    format!("c{ispb}{}", hex(&digest.0))
}

/// The way from a participant to an entry.
pub(super) fn participant_key(ispb: Ispb, id: EntryId) -> String {
    format!("p{ispb}{}", hex(id.0.as_bytes()))
}

/// The keys between which those of a participant's entries are, behind one of them.
pub(super) fn participant_range(ispb: Ispb, after: Option<EntryId>) -> (String, String) {
    let start = after.map_or_else(|| format!("p{ispb}"), |after| participant_key(ispb, after));
    (start, format!("p{ispb}g"))
}

/// The key of the entry that a participant's key leads to.
pub(super) fn entry_of_participant(key: &str) -> Option<String> {
    key.get(1 + pix_stream_domain::ispb::LEN..).map(|id| format!("e{id}"))
}

pub(super) fn id_of(entry_key: &str) -> Option<EntryId> {
    let mut bytes = [0; resource_id::LEN];
    let digits = entry_key.strip_prefix('e')?;
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    ResourceId::from_bytes(bytes).ok().map(EntryId)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An entry's body; its id is its key.
pub(super) fn encode(summary: &Summary, digest: Digest) -> Value {
    let mut body = body::begin();
    body.extend_from_slice(&digest.0);
    body.extend_from_slice(summary.ispb.as_bytes());
    body.extend_from_slice(&summary.at.unix_millis().to_be_bytes());
    body.extend_from_slice(&summary.bytes.to_be_bytes());
    body.extend_from_slice(&summary.attempts.to_be_bytes());
    push_text(&mut body, summary.rule.code());
    push_text(&mut body, &summary.producer);
    push_text(&mut body, &summary.intake);
    summary.findings.iter().for_each(|finding| push_text(&mut body, finding));
    Value::from(body)
}

pub(super) fn decode(key: &str, body: &[u8]) -> Option<(Summary, Digest)> {
    let id = id_of(key)?;
    let mut body = Body::of(body)?;
    let digest = Digest(body.array()?);
    let ispb = Ispb::from_bytes(body.array()?).ok()?;
    let at = Timestamp::from_unix_millis(body.u64()?);
    let (bytes, attempts) = (body.u32()?, body.u32()?);
    let rule = Rule::find(body.text()?)?;
    let (producer, intake) = (body.text()?.to_owned(), body.text()?.to_owned());
    let mut findings = Vec::new();
    while !body.is_at_end() {
        findings.push(body.text()?.to_owned());
    }
    Some((Summary { id, ispb, at, producer, intake, rule, findings, bytes, attempts }, digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(millis: u64, rest: u8) -> EntryId {
        EntryId(ResourceId::new(Timestamp::from_unix_millis(1_800_000_000_000 + millis), [rest; 16]))
    }

    #[test]
    fn an_entry_comes_back_as_it_was() {
        let summary = Summary {
            id: id(123, 7),
            ispb: "99999A04".parse().unwrap(),
            at: Timestamp::from_unix_millis(1_800_000_000_123),
            producer: "CN=núcleo".to_owned(),
            intake: "publish".to_owned(),
            rule: Rule::Recipient,
            findings: vec!["1:2 Envelope/AppHdr/To is not the participant".to_owned(), String::new()],
            bytes: 3,
            attempts: 2,
        };
        let Value::Blob(body) = encode(&summary, Digest::of(b"xml")) else { panic!("a body is bytes") };
        let key = entry_key(summary.id);
        assert_eq!(decode(&key, &body), Some((summary, Digest::of(b"xml"))));
        assert_eq!(decode("e00", &body), None);
        assert_eq!(decode(&key, &body[..body.len() - 1]), None);
    }

    #[test]
    fn keys_are_ordered_as_ids_are_and_kinds_are_apart() {
        let ispb: Ispb = "99999A04".parse().unwrap();
        let (first, second) = (id(4, 0xff), id(5, 0));
        assert!(entry_key(first) < start_of(Timestamp::from_unix_millis(1_800_000_000_005)));
        assert!(entry_key(second) > start_of(Timestamp::from_unix_millis(1_800_000_000_005)));
        assert!(participant_key(ispb, first) < participant_key(ispb, second));
        let (start, end) = participant_range(ispb, Some(first));
        assert!(start == participant_key(ispb, first) && participant_key(ispb, second) < end);
        let other: Ispb = "99999A05".parse().unwrap();
        assert!(end < participant_key(other, first));
        for entry in [first, second] {
            let key = entry_key(entry);
            assert!(ENTRIES.0 < key.as_str() && key.as_str() < ENTRIES.1);
            assert_eq!(id_of(&key), Some(entry));
            assert_eq!(entry_of_participant(&participant_key(ispb, entry)), Some(key));
        }
        assert!(content_key(ispb, Digest::of(b"x")).as_str() < ENTRIES.0);
    }
}
