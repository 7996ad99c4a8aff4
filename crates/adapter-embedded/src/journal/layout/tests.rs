//! Records survive the way through bytes, and nothing but their own bytes at their own key is a record.

use std::time::Duration;

use pix_stream_ports::journal::Extent;

use super::*;

fn ispb() -> Ispb {
    "99999A04".parse().unwrap()
}

fn id() -> ResourceId {
    ResourceId::new(Timestamp::from_unix_millis(1_800_000_000_123), [7; 16])
}

#[test]
fn a_message_comes_back_as_it_was() {
    let message = NewMessage {
        key: pix_stream_ports::journal::MessageKey {
            business_id: "M99999A04".into(),
            digest: Digest::of(b"x"),
            published_at: Timestamp::from_unix_millis(5),
        },
        resource_id: id(),
        message_type: "pacs.008.spi.1.16".into(),
        xml: Bytes::from_static(b"<Envelope/>"),
    };
    let key = by_sequence(ispb(), Sequence::new(258));
    let mut record = vec![0; message_len(&message)];
    write_message(&key, &message, &mut record);
    let stored = read_message(&key, &record).unwrap();
    assert_eq!(stored.sequence, Sequence::new(258));
    assert_eq!((stored.resource_id, &*stored.message_type), (id(), "pacs.008.spi.1.16"));
    assert_eq!(stored.xml, message.xml);
    for at in 0..record.len() {
        let mut broken = record.clone();
        broken[at] ^= 1;
        assert!(read_message(&key, &broken).is_err(), "a flipped bit at {at}");
        assert!(read_message(&key, &record[..at]).is_err(), "cut at {at}");
    }
    let elsewhere = by_sequence(ispb(), Sequence::new(259));
    assert!(read_message(&elsewhere, &record).is_err(), "a record under another key");
}

#[test]
fn keys_sort_as_their_numbers_do() {
    let keys: Vec<_> =
        [1, 255, 256, 65_536, u64::MAX].map(|n| by_sequence(ispb(), Sequence::new(n))).into_iter().collect();
    assert!(keys.is_sorted());
    assert_eq!(sequence_of(&keys[3]), Sequence::new(65_536));
    assert!(
        by_age(ispb(), Timestamp::from_unix_millis(9), Sequence::new(7))
            < by_age(ispb(), Timestamp::from_unix_millis(10), Sequence::FIRST)
    );
}

#[test]
fn a_participant_comes_back_as_it_was() {
    let limits = Limits { requests_per_second: None, backlog_high_water: Some(0) };
    let plain = Participant::new(ispb(), Timestamp::from_unix_millis(7));
    let known =
        Participant { name: "Banco Ação".to_owned(), limits, held: true, revision: 3, ..plain.clone() };
    let more =
        Participant { offboarded: true, retention: Some(Duration::from_secs(86_400)), ..known.clone() };
    for (sent, layout) in [(plain, RECORD), (known, RECORD), (more, RECORD_OF_MORE)] {
        let record = encode_participant(&sent);
        assert_eq!(record[CRC_LEN], layout, "an older build reads who uses nothing that is new");
        assert_eq!(decode_participant(ispb().as_bytes(), &record).unwrap(), sent);
    }
}

#[test]
fn small_records_come_back_as_they_were() {
    let ispb = ispb();
    let extent = Extent { first: Sequence::new(4), next: Sequence::new(9) };
    let ends = Ends::of(extent);
    assert_eq!(Ends::decode(ispb.as_bytes(), &ends.encode(ispb.as_bytes())).unwrap(), ends);
    let three = Incarnation::new(3);
    assert_eq!(
        decode_incarnation(ispb.as_bytes(), &encode_incarnation(ispb.as_bytes(), three)).unwrap(),
        three
    );
    let checkpoint = Checkpoint { state: StreamState::new(three, Sequence::new(5)), is_last: true };
    let record = encode_checkpoint(ispb.as_bytes(), &checkpoint);
    assert_eq!(decode_checkpoint(ispb.as_bytes(), &record).unwrap(), checkpoint);
    let entry = KnownEntry {
        sequence: Sequence::new(5),
        resource_id: id(),
        digest: Digest::of(b"y"),
        published_at: Timestamp::from_unix_millis(8),
    };
    let key = by_business_id(ispb, "M1");
    assert_eq!(KnownEntry::decode(&key, &entry.encode(&key)).unwrap(), entry);
}

#[test]
fn a_record_of_a_later_layout_says_so() {
    let ispb = ispb();
    let mut record = encode_incarnation(ispb.as_bytes(), Incarnation::new(1));
    record[CRC_LEN] = RECORD + 1;
    let crc = checksum(ispb.as_bytes(), &record[CRC_LEN..]);
    record[..CRC_LEN].copy_from_slice(&crc.to_be_bytes());
    let error = decode_incarnation(ispb.as_bytes(), &record).unwrap_err().to_string();
    assert!(error.contains("newer build"), "{error}");
}
