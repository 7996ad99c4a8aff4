//! Participants and switches as bytes: versioned, big-endian, so that a newer build reads what an older one wrote.

use pix_stream_cassandra_streams::body::{self, Body, push_bytes, push_text};
use pix_stream_domain::ispb::{self, Ispb};
use pix_stream_domain::participant::{Limits, Participant};
use pix_stream_domain::switches::Switches;
use pix_stream_domain::time::Timestamp;

/// The owner of a switch for all participants: no ISPB has these bytes.
const ALL: [u8; ispb::LEN] = [0; ispb::LEN];

/// The layout of participants with what an earlier build does not know.
const LAYOUT_OF_MORE: u8 = 2;

const HAS_RATE: u8 = 1;
const IS_HELD: u8 = 2;
const HAS_HIGH_WATER: u8 = 4;

/// Everything but the key and the revision, which have columns.
pub(super) fn encode_participant(participant: &Participant) -> Vec<u8> {
    let Limits { requests_per_second, backlog_high_water } = participant.limits;
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let mut body = body::begin();
    body.push(
        flag(requests_per_second.is_some(), HAS_RATE)
            | flag(participant.held, IS_HELD)
            | flag(backlog_high_water.is_some(), HAS_HIGH_WATER),
    );
    body.extend_from_slice(&participant.created_at.unix_millis().to_be_bytes());
    body.extend_from_slice(&requests_per_second.unwrap_or_default().to_be_bytes());
    body.extend_from_slice(&backlog_high_water.unwrap_or_default().to_be_bytes());
    if let Some(later) = participant.encode_later() {
        body[0] = LAYOUT_OF_MORE;
        push_bytes(&mut body, &later);
    }
    body.extend_from_slice(participant.name.as_bytes());
    body
}

/// `None` for bytes that this build cannot have written, nor an older one.
pub(super) fn decode_participant(ispb: Ispb, revision: u64, body: &[u8]) -> Option<Participant> {
    let (layout, mut body) = Body::up_to(LAYOUT_OF_MORE, body)?;
    let flags = body.u8()?;
    let created_at = Timestamp::from_unix_millis(body.u64()?);
    let requests_per_second = body.u32()?;
    let backlog_high_water = body.u64()?;
    let limits = Limits {
        requests_per_second: (flags & HAS_RATE != 0).then_some(requests_per_second),
        backlog_high_water: (flags & HAS_HIGH_WATER != 0).then_some(backlog_high_water),
    };
    let held = flags & IS_HELD != 0;
    let known = Participant { limits, held, revision, ..Participant::new(ispb, created_at) };
    let participant = if layout == LAYOUT_OF_MORE { known.decode_later(body.bytes()?)? } else { known };
    let name = std::str::from_utf8(body.rest()).ok()?.to_owned();
    Some(Participant { name, ..participant })
}

/// Everything but the revision, which has a column.
pub(super) fn encode_switches(switches: &Switches) -> Vec<u8> {
    let mut body = body::begin();
    for (message_type, ispb, on) in switches.iter() {
        body.push(u8::from(on));
        let owner = ispb.map_or(ALL, |ispb| *ispb.as_bytes());
        body.extend_from_slice(&owner);
        push_text(&mut body, message_type);
    }
    body
}

/// `None` for bytes that this build cannot have written, nor an older one.
pub(super) fn decode_switches(revision: u64, body: &[u8]) -> Option<Switches> {
    let mut body = Body::of(body)?;
    let mut switches = Switches::default();
    switches.revision = revision;
    while !body.is_at_end() {
        let on = body.u8()? != 0;
        let ispb = match body.array()? {
            ALL => None,
            ispb => Some(Ispb::from_bytes(ispb).ok()?),
        };
        switches.set(body.text()?, ispb, Some(on)).ok()?;
    }
    Some(switches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ispb() -> Ispb {
        "99999A04".parse().unwrap()
    }

    #[test]
    fn a_participant_comes_back_as_it_was() {
        let plain = Participant::new(ispb(), Timestamp::from_unix_millis(1_800_000_000_123));
        let limits = Limits { requests_per_second: Some(0), backlog_high_water: Some(u64::MAX) };
        let full =
            Participant { name: "Banco Ação".to_owned(), limits, held: true, revision: 9, ..plain.clone() };
        let more = Participant { offboarded: true, ..full.clone() };
        for (sent, layout) in [(plain, 1), (full, 1), (more, LAYOUT_OF_MORE)] {
            let body = encode_participant(&sent);
            assert_eq!(body[0], layout, "an older build reads who uses nothing that is new");
            assert_eq!(decode_participant(sent.ispb, sent.revision, &body), Some(sent));
        }
    }

    #[test]
    fn switches_come_back_as_they_were() {
        let mut sent = Switches::default();
        assert_eq!(decode_switches(0, &encode_switches(&sent)), Some(sent.clone()));
        sent.revision = 7;
        sent.set("pacs.008.spi.1.16", None, Some(false)).unwrap();
        sent.set("pacs.008.spi.1.16", Some(ispb()), Some(true)).unwrap();
        assert_eq!(decode_switches(7, &encode_switches(&sent)), Some(sent));
    }

    #[test]
    fn other_bytes_are_refused() {
        let body = encode_participant(&Participant::new(ispb(), Timestamp::default()));
        for end in 0..body.len() {
            assert_eq!(decode_participant(ispb(), 1, &body[..end]), None, "cut at {end}");
        }
        assert_eq!(decode_participant(ispb(), 1, &[&[3], &body[1..]].concat()), None, "a later layout");
        assert_eq!(decode_switches(1, &[]), None);
        assert_eq!(decode_switches(1, &[1, 1, 0]), None);
    }
}
