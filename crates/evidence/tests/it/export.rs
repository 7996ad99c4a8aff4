//! A period with its proof (issue 7, item 5): what is exported can be checked by itself, and no byte of it changed.

use pix_stream_domain::audit::{ChainId, Message};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_evidence::export::{Exporter, Period, Stored};
use pix_stream_evidence::proof::{ProofError, Proved, check};

use crate::made::{OURS, anchor, chain, moment, records};

const NAME: ChainId = ChainId([5; 8]);

/// Entries 30 to 59 of 120.
fn period(ispb: Option<Ispb>) -> Period {
    Period { since: moment(30), until: moment(60), ispb, sequences: Range::EMPTY }
}

fn export(period: Period, is_stored: bool) -> Vec<u8> {
    let whole = chain(&records(120));
    let stored = |_, message: &Message| {
        let message_type = "pacs.008.spi.1.16".to_owned();
        is_stored.then(|| Stored { message_type, bytes: 8, sha256: message.digest.to_string() })
    };
    let mut exporter = Exporter::begin(Vec::new(), period, moment(200), stored).unwrap();
    exporter.begin_chain(&NAME.to_string()).unwrap();
    for (line, _) in &whole {
        exporter.see(line.trim_end().as_bytes()).unwrap();
    }
    exporter.end_chain(Some(&anchor(NAME, &whole, 100))).unwrap();
    exporter.begin_chain("0000000000000000").unwrap();
    exporter.end_chain(None).unwrap();
    exporter.finish().unwrap().0
}

fn prove(bytes: &[u8]) -> Result<Proved, ProofError> {
    check(bytes)
}

#[test]
fn a_period_is_proved_with_all_its_messages_and_nothing_left_out_at_its_ends() {
    let bytes = export(period(None), true);
    let proved = prove(&bytes).unwrap();
    assert_eq!((proved.messages, proved.links), (20, 0), "two publishes of every three entries");
    let section = &proved.sections[0];
    assert!(section.covers_since && section.covers_until, "{section:?}");
    assert!(!section.holds_anchor, "it lies behind the period");
    assert!(section.end.first < 31 && section.end.last > 60, "{section:?}");
    assert_eq!(proved.sections[1].end.first, 0);
}

#[test]
fn of_one_participant_others_are_only_places_in_the_chain() {
    let ours: Ispb = OURS.parse().unwrap();
    let bytes = export(period(Some(ours)), false);
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(!text.contains("99999002"));
    let proved = prove(&bytes).unwrap();
    assert_eq!(proved.messages, 10);
    assert_eq!(proved.links, proved.entries / 3);
    assert!(proved.sections[0].covers_since && proved.sections[0].covers_until);
    let sequences = Range::new(Sequence::new(12), Sequence::new(14));
    let bytes = export(Period { sequences, ..period(Some(ours)) }, false);
    assert_eq!(prove(&bytes).unwrap().messages, 2);
}

#[test]
fn no_changed_byte_goes_unnoticed() {
    for ispb in [None, Some(OURS.parse().unwrap())] {
        let bytes = export(Period { until: moment(33), ..period(ispb) }, true);
        prove(&bytes).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= if at % 2 == 0 { 1 } else { 0x20 };
            assert!(prove(&changed).is_err(), "byte {at} of {}", String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn no_line_can_be_left_out_repeated_or_moved() {
    let bytes = export(period(None), true);
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for at in 0..lines.len() {
        let without = [&lines[..at], &lines[at + 1..]].concat().concat();
        assert!(prove(&without).is_err(), "without line {at}");
        let twice = [&lines[..=at], &lines[at..]].concat().concat();
        assert!(prove(&twice).is_err(), "line {at} twice");
        if at > 0 {
            let mut moved = lines.clone();
            moved.swap(at - 1, at);
            assert!(prove(&moved.concat()).is_err(), "lines {} and {at} exchanged", at - 1);
        }
        assert!(prove(&lines[..at].concat()).is_err(), "cut before line {at}");
    }
}

/// Whoever makes the last line fit again is found by what it covers.
fn sealed(text: &str) -> Vec<u8> {
    let body = text.trim_end().rsplit_once('\n').unwrap().0.to_owned() + "\n";
    let messages = body.lines().filter(|line| line.starts_with("{\"message\":")).count();
    let is_entry = |line: &&str| line.starts_with("{\"n\":") || line.starts_with("{\"link\":");
    let entries = body.lines().filter(is_entry).count();
    let sha256 = Digest::of(body.as_bytes());
    format!("{body}{{\"messages\":{messages},\"entries\":{entries},\"sha256\":\"{sha256}\"}}\n").into()
}

#[test]
fn a_message_that_is_left_out_or_changed_is_missed_even_when_the_end_fits_again() {
    let text = String::from_utf8(export(period(None), true)).unwrap();
    assert_eq!(sealed(&text), text.as_bytes(), "the end is made as the exporter makes it");
    let message = text.lines().find(|line| line.starts_with("{\"message\":")).unwrap();
    let reason = |bytes: &[u8]| prove(bytes).unwrap_err().to_string();
    let without = text.replace(&format!("{message}\n"), "");
    assert!(reason(&sealed(&without)).contains("is not the message that its publish names here"));
    let other = text.replacen("\"publisher\":\"core\"", "\"publisher\":\"nobody\"", 1);
    assert!(reason(&sealed(&other)).contains("is not the message that its publish names here"));
    let entry = text.lines().find(|line| line.contains("\"event\":\"read\"")).unwrap();
    let without = text.replace(&format!("{entry}\n"), "");
    assert!(reason(&sealed(&without)).contains("entries are missing"));
    let stored = text.replacen("\"bytes\":8,\"sha256\":\"", "\"bytes\":8,\"sha256\":\"00", 1);
    assert!(reason(&sealed(&stored)).contains("stored bytes"));
}
