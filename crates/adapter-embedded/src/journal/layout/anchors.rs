//! How the anchors of audit chains lie in the file: one record a chain.

use pix_stream_domain::audit::{ChainId, Head};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::anchors::Anchor;
use redb::TableDefinition;

use super::super::fault::Fault;
use super::{Body, seal};

/// The newest anchor of each chain, by its name.
pub(crate) const ANCHORS: TableDefinition<'_, &[u8; 8], &[u8]> = TableDefinition::new("audit_anchors");

pub(crate) fn encode(anchor: &Anchor) -> Vec<u8> {
    let mut body = anchor.head.entry.to_be_bytes().to_vec();
    body.extend_from_slice(&anchor.head.hash.0);
    body.extend_from_slice(&anchor.at.unix_millis().to_be_bytes());
    body.push(u8::from(anchor.broken_at.is_some()));
    body.extend_from_slice(&anchor.broken_at.unwrap_or_default().unix_millis().to_be_bytes());
    seal(&anchor.chain.0, &body)
}

pub(crate) fn decode(chain: &[u8; 8], record: &[u8]) -> Result<Anchor, Fault> {
    let mut body = Body::of("audit_anchors", chain, record)?;
    let head = Head { entry: body.u64()?, hash: Digest(*body.array()?) };
    let at = Timestamp::from_unix_millis(body.u64()?);
    let is_broken = body.u8()? != 0;
    let broken_at = Timestamp::from_unix_millis(body.u64()?);
    body.end()?;
    Ok(Anchor { chain: ChainId(*chain), head, at, broken_at: is_broken.then_some(broken_at) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_come_back_as_they_were_or_not_at_all() {
        let head = Head { entry: 7, hash: Digest::of(b"seven") };
        let at = Timestamp::from_unix_millis(1_800_000_000_123);
        for broken_at in [None, Some(at)] {
            let anchor = Anchor { chain: ChainId([9; 8]), head, at, broken_at };
            let record = encode(&anchor);
            assert_eq!(decode(&anchor.chain.0, &record).unwrap(), anchor);
            for byte in 0..record.len() {
                let mut broken = record.clone();
                broken[byte] ^= 1;
                assert!(decode(&anchor.chain.0, &broken).is_err(), "a flipped bit at {byte}");
                assert!(decode(&anchor.chain.0, &record[..byte]).is_err(), "cut at {byte}");
            }
        }
    }
}
