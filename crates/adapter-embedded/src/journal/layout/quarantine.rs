//! How the quarantine lies in the file: what is known of an entry, its bytes, the way from bytes to the entry that
//! has them already, and how much there is.

use bytes::Bytes;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::{self, Ispb};
use pix_stream_domain::resource_id::{self, ResourceId};
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::codec::Rule;
use pix_stream_ports::quarantine::{EntryId, Summary, Usage};
use redb::TableDefinition;

use super::super::fault::Fault;
use super::{Body, CRC_LEN, push_text, seal};

/// Key of an entry: its id, so oldest first.
pub(crate) type ById = [u8; resource_id::LEN];
/// Key of an entry by content: ISPB, SHA-256 of the bytes.
pub(crate) type ByContent = [u8; ispb::LEN + 32];

/// What is known of entries.
pub(crate) const ENTRIES: TableDefinition<'_, &ById, &[u8]> = TableDefinition::new("quarantine");
/// Their bytes, apart from it, so that listing reads none.
pub(crate) const BODIES: TableDefinition<'_, &ById, &[u8]> = TableDefinition::new("quarantine_bodies");
/// The entry of each content.
pub(crate) const CONTENTS: TableDefinition<'_, &ByContent, &[u8]> =
    TableDefinition::new("quarantine_contents");
/// How much there is, under [`USAGE_KEY`].
pub(crate) const USAGE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("quarantine_usage");
/// The one key of [`USAGE`].
pub(crate) const USAGE_KEY: &str = "usage";

pub(crate) fn by_content(ispb: Ispb, digest: Digest) -> ByContent {
    let mut key = [0; ispb::LEN + 32];
    key[..ispb::LEN].copy_from_slice(ispb.as_bytes());
    key[ispb::LEN..].copy_from_slice(&digest.0);
    key
}

/// The key that all entries from before a time are below, and all others not.
pub(crate) fn start_of(at: Timestamp) -> ById {
    let mut key = *ResourceId::new(at, [0; 16]).as_bytes();
    // Behind the time an id has sixteen bytes, some of which say what kind of UUID they are.
    key[resource_id::LEN - 16..].fill(0);
    key
}

pub(crate) fn id_of(key: &ById) -> Result<EntryId, Fault> {
    let id = ResourceId::from_bytes(*key);
    id.map(EntryId).map_err(|error| Fault::Record(format!("an entry of the quarantine: {error}")))
}

pub(crate) fn encode_entry(key: &ById, summary: &Summary, digest: Digest) -> Vec<u8> {
    let mut body = Vec::with_capacity(256);
    body.extend_from_slice(&digest.0);
    body.extend_from_slice(summary.ispb.as_bytes());
    body.extend_from_slice(&summary.at.unix_millis().to_be_bytes());
    body.extend_from_slice(&summary.bytes.to_be_bytes());
    body.extend_from_slice(&summary.attempts.to_be_bytes());
    push_text(&mut body, summary.rule.code());
    push_text(&mut body, &summary.producer);
    push_text(&mut body, &summary.intake);
    summary.findings.iter().for_each(|finding| push_text(&mut body, finding));
    seal(key, &body)
}

pub(crate) fn decode_entry(key: &ById, record: &[u8]) -> Result<(Summary, Digest), Fault> {
    let mut body = Body::of("quarantine", key, record)?;
    let digest = Digest(*body.array()?);
    let ispb = Ispb::from_bytes(*body.array()?).map_err(|_| body.wrong())?;
    let at = Timestamp::from_unix_millis(body.u64()?);
    let (bytes, attempts) = (body.u32()?, body.u32()?);
    let rule = Rule::find(body.counted_text()?).ok_or_else(|| body.wrong())?;
    let (producer, intake) = (body.counted_text()?.to_owned(), body.counted_text()?.to_owned());
    let mut findings = Vec::new();
    while !body.rest.is_empty() {
        findings.push(body.counted_text()?.to_owned());
    }
    let id = id_of(key)?;
    Ok((Summary { id, ispb, at, producer, intake, rule, findings, bytes, attempts }, digest))
}

pub(crate) fn encode_body(key: &ById, xml: &[u8]) -> Vec<u8> {
    seal(key, xml)
}

/// The bytes of an entry, copied once, out of redb's page.
pub(crate) fn decode_body(key: &ById, record: &[u8]) -> Result<Bytes, Fault> {
    Ok(Bytes::copy_from_slice(Body::of("quarantine_bodies", key, record)?.rest))
}

/// How many bytes an entry counts for, by the length of their record.
pub(crate) fn body_len(record: &[u8]) -> u64 {
    record.len().saturating_sub(CRC_LEN + 1) as u64
}

pub(crate) fn encode_content(key: &ByContent, id: EntryId) -> Vec<u8> {
    seal(key, id.0.as_bytes())
}

pub(crate) fn decode_content(key: &ByContent, record: &[u8]) -> Result<EntryId, Fault> {
    let mut body = Body::of("quarantine_contents", key, record)?;
    let id = EntryId(body.resource_id()?);
    body.end()?;
    Ok(id)
}

pub(crate) fn encode_usage(usage: Usage) -> Vec<u8> {
    seal(USAGE_KEY.as_bytes(), &[usage.entries.to_be_bytes(), usage.bytes.to_be_bytes()].concat())
}

pub(crate) fn decode_usage(record: &[u8]) -> Result<Usage, Fault> {
    let mut body = Body::of("quarantine_usage", USAGE_KEY.as_bytes(), record)?;
    let usage = Usage { entries: body.u64()?, bytes: body.u64()? };
    body.end()?;
    Ok(usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_comes_back_as_it_was_or_not_at_all() {
        let at = Timestamp::from_unix_millis(1_800_000_000_123);
        let id = EntryId(ResourceId::new(at, [7; 16]));
        let summary = Summary {
            id,
            ispb: "99999A04".parse().unwrap(),
            at,
            producer: "CN=núcleo".to_owned(),
            intake: "publish".to_owned(),
            rule: Rule::Recipient,
            findings: vec!["1:2 Envelope/AppHdr/To is not the participant".to_owned(), String::new()],
            bytes: 3,
            attempts: 2,
        };
        let key = id.0.as_bytes();
        let record = encode_entry(key, &summary, Digest::of(b"xml"));
        assert_eq!(decode_entry(key, &record).unwrap(), (summary, Digest::of(b"xml")));
        for at in 0..record.len() {
            let mut broken = record.clone();
            broken[at] ^= 1;
            assert!(decode_entry(key, &broken).is_err(), "a flipped bit at {at}");
            assert!(decode_entry(key, &record[..at]).is_err(), "cut at {at}");
        }
        let body = encode_body(key, b"xml");
        assert_eq!((body_len(&body), decode_body(key, &body).unwrap()), (3, Bytes::from_static(b"xml")));
    }

    #[test]
    fn entries_from_before_a_time_are_below_its_start() {
        let at = |millis: u64| Timestamp::from_unix_millis(1_800_000_000_000 + millis);
        let start = start_of(at(5));
        assert!(ResourceId::new(at(4), [0xff; 16]).as_bytes() < &start);
        assert!(ResourceId::new(at(5), [0; 16]).as_bytes() > &start);
    }
}
