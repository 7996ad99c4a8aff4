//! An auditor's walk over made-up chains of two nodes.

use pix_stream_domain::audit::Record;
use pix_stream_domain::time::Timestamp;

use super::*;
use crate::line;

const AT: u64 = 1_800_000_000_000;

fn record(second: u64, event: Event) -> Record {
    let at = Timestamp::from_unix_millis(AT + second * 1_000);
    let request_id = format!("r{second}").into();
    Record { at, request_id, ispb: Some("99999001".parse().unwrap()), event }
}

fn range(first: u64, last: u64) -> Range {
    Range::new(Sequence::new(first), Sequence::new(last + 1))
}

fn token(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

fn id() -> ResourceId {
    ResourceId::new(Timestamp::from_unix_millis(AT), [3; 16])
}

fn message(sequence: u64, is_repeat: bool) -> Message {
    let resource_id = if sequence == 7 { id() } else { ResourceId::new(Timestamp::default(), [9; 16]) };
    Message { sequence: Sequence::new(sequence), resource_id, digest: token("bytes"), is_repeat }
}

fn publish(messages: &[Message]) -> Event {
    Event::Publish { actor: "core".into(), batch: range(7, 8), repeats: 0, messages: messages.into() }
}

fn read(redeemed: Option<&str>, issued: &str, confirmed: Range, batch: Range, replay: bool) -> Event {
    Event::Read { redeemed: redeemed.map(token), issued: token(issued), confirmed, batch, replay }
}

fn lines(records: Vec<Record>) -> Vec<String> {
    let (mut head, mut lines) = (Digest::default(), Vec::new());
    for (n, record) in (1..).zip(records) {
        let mut out = String::new();
        head = line::write(&mut out, n, &record, head);
        lines.push(out.trim_end().to_owned());
    }
    lines
}

fn walk(chains: &[(&str, Vec<String>)]) -> Option<Journey> {
    let mut inquiry = Inquiry::new(id());
    for (chain, lines) in chains {
        lines.iter().for_each(|line| inquiry.see(chain, line.as_bytes()));
    }
    let mut journey = inquiry.found()?;
    for (chain, lines) in chains {
        lines.iter().for_each(|line| journey.see(chain, line.as_bytes()));
    }
    journey.sort();
    Some(journey)
}

#[test]
fn a_message_is_followed_from_its_publisher_to_its_confirmation() {
    let none = Range::EMPTY;
    let a = lines(vec![
        record(0, publish(&[message(7, false), message(8, false)])),
        record(9, publish(&[message(7, true)])),
        record(1, read(Some("t0"), "t1", range(1, 6), range(7, 8), false)),
        record(2, read(Some("t0"), "t1", none, range(7, 8), true)),
        record(3, Event::Close { redeemed: token("t0"), confirmed: none, returned: range(7, 8) }),
    ]);
    let b = lines(vec![
        record(4, read(None, "u1", none, range(7, 7), false)),
        record(5, Event::Redeem { redeemed: token("u1"), confirmed: range(7, 7) }),
        record(6, read(Some("u1"), "u2", none, range(8, 9), false)),
        record(
            7,
            Event::ReplayRead { session: 4, redeemed: token("s0"), issued: token("s1"), batch: range(5, 9) },
        ),
        record(
            8,
            Event::Admin {
                actor: "ana".into(),
                command: "participant.rewind".into(),
                detail: "to 7".into(),
                done: true,
            },
        ),
    ]);
    let journey = walk(&[("a", a), ("b", b)]).unwrap();
    assert_eq!((journey.ispb.as_str(), journey.sequence), ("99999001", 7));
    assert_eq!(journey.sha256, Some(token("bytes").to_string()));
    let published: Vec<_> =
        journey.published.iter().map(|p| (p.place.entry, &*p.publisher, p.repeat)).collect();
    assert_eq!(published, [(1, "core", false), (2, "core", true)]);
    let carried: Vec<_> = journey
        .carried
        .iter()
        .map(|c| (&*c.place.chain, c.place.entry, c.token_sha256.clone(), c.replay, c.session))
        .collect();
    let hash = |name: &str| token(name).to_string();
    assert_eq!(
        carried,
        [
            ("a", 3, hash("t1"), false, None),
            ("a", 4, hash("t1"), true, None),
            ("b", 1, hash("u1"), false, None),
            ("b", 4, hash("s1"), false, Some(4)),
        ]
    );
    let confirmed: Vec<_> =
        journey.confirmed.iter().map(|c| (c.place.entry, c.token_sha256.clone(), c.by)).collect();
    assert_eq!(confirmed, [(2, hash("u1"), "read")], "by the token that came with it");
    assert_eq!(journey.returned.len(), 1);
    assert_eq!(journey.moved[0].detail, "to 7");
}

#[test]
fn a_message_that_only_a_repeat_names_is_found_and_an_unknown_one_is_not() {
    let chain = lines(vec![record(0, publish(&[message(7, true)]))]);
    let journey = walk(&[("a", chain)]).unwrap();
    assert!(journey.published[0].repeat, "its first request may have been cut off from its answer");
    assert_eq!(walk(&[("a", lines(vec![record(0, publish(&[message(8, false)]))]))]), None);
}

#[test]
fn another_participants_entries_of_the_same_sequence_are_not_its() {
    let mut other = record(1, read(None, "t", Range::EMPTY, range(7, 7), false));
    other.ispb = Some("99999002".parse().unwrap());
    let chain = lines(vec![record(0, publish(&[message(7, false)])), other]);
    assert_eq!(walk(&[("a", chain)]).unwrap().carried, []);
}
