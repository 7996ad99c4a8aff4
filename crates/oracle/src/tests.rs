//! Each invariant, broken once: the oracle must see it.

use pix_stream_domain::limits::Rules;
use pix_stream_domain::sequence::Range;
use pix_stream_domain::stream::{Command, Context, Cursor, Form, Generation, Supply};
use pix_stream_domain::token::Keyring;
use pix_stream_domain::version::Incarnation;

use super::*;

const IDLE: Duration = Duration::from_secs(10);

fn ispb() -> Ispb {
    "99999A04".parse().unwrap()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_000_000 + seconds * 1000)
}

fn item(n: u64) -> Item {
    let mut random = [0; 16];
    random[..8].copy_from_slice(&n.to_be_bytes());
    Item { resource_id: ResourceId::new(at(0), random), digest: Digest::of(&n.to_be_bytes()) }
}

/// The token of stream `stream` for a batch; `pull` tells it from others.
fn token(stream: u32, pull: u64, start: u64, end: u64) -> String {
    let cursor = Cursor {
        slot: 0,
        generation: Generation { incarnation: Incarnation::new(1), number: stream },
        pull,
        empties: 0,
        batch: Range::new(Sequence::new(start), Sequence::new(end)),
        issued_at: at(0),
        expires_at: at(300),
    };
    Keyring::new((1, [7; 32]), None).sign(ispb(), 0, &cursor).as_str().to_owned()
}

fn deliver(oracle: &mut Oracle, presented: Option<&str>, text: &str, seconds: u64) -> Result<(), Violation> {
    deliver_with(oracle, presented, text, seconds, |items| items)
}

fn deliver_with(
    oracle: &mut Oracle,
    presented: Option<&str>,
    text: &str,
    seconds: u64,
    change: impl FnOnce(Vec<Item>) -> Vec<Item>,
) -> Result<(), Violation> {
    let batch = pix_stream_domain::token::inspect(text).unwrap().cursor.batch;
    let items = change(batch.iter().map(|n| item(n.value())).collect());
    let bodies: Vec<u8> = items.iter().flat_map(|item| item.digest.0).collect();
    let answer = Answer {
        presented,
        token: text,
        items: &items,
        body: Digest::of(&bodies),
        is_received: true,
        asked_at: at(seconds),
        answered_at: at(seconds),
    };
    oracle.on_delivered(ispb(), &answer)
}

fn oracle_with(messages: u64) -> Oracle {
    let mut oracle = Oracle::new(IDLE);
    for n in 1..=messages {
        oracle.on_published(ispb(), Sequence::new(n), item(n)).unwrap();
    }
    oracle
}

#[track_caller]
fn assert_breaks(result: Result<(), Violation>, invariant: u8) {
    assert_eq!(result.map_err(|violation| violation.invariant), Err(invariant));
}

#[test]
fn an_honest_history_is_no_violation_and_is_counted() {
    let mut oracle = oracle_with(4);
    let (first, second) = (token(1, 1, 1, 3), token(1, 2, 3, 5));
    deliver(&mut oracle, None, &first, 0).unwrap();
    deliver(&mut oracle, Some(&first), &second, 1).unwrap();
    deliver(&mut oracle, Some(&first), &second, 2).unwrap();
    assert!(oracle.is_drained());
    oracle.on_confirmed(ispb(), &second, at(3)).unwrap();
    let report = oracle.finish(&[(ispb(), Sequence::new(4))]).unwrap();
    assert_eq!(report, Report { published: 4, received: 4, confirmed: 4, skipped: 0, redelivered: 0 });
}

#[test]
fn invariant_1_a_message_behind_the_watermark_that_nobody_got_is_lost() {
    let mut oracle = oracle_with(4);
    deliver(&mut oracle, None, &token(1, 1, 1, 3), 0).unwrap();
    assert!(!oracle.is_drained());
    let lost = oracle.finish(&[(ispb(), Sequence::new(4))]).unwrap_err();
    assert_eq!(lost.invariant, 1);
    assert!(lost.to_string().contains("Published"), "{lost}");
    oracle.on_skipped(ispb(), Sequence::new(5));
    assert!(oracle.finish(&[(ispb(), Sequence::new(4))]).is_ok());
}

#[test]
fn invariant_2_one_token_advances_once() {
    let mut oracle = oracle_with(6);
    let first = token(1, 1, 1, 3);
    deliver(&mut oracle, None, &first, 0).unwrap();
    deliver(&mut oracle, Some(&first), &token(1, 2, 3, 5), 1).unwrap();
    assert_breaks(deliver(&mut oracle, Some(&first), &token(1, 3, 5, 7), 2), 2);
}

#[test]
fn invariant_3_a_message_is_out_on_one_live_stream() {
    let mut oracle = oracle_with(2);
    deliver(&mut oracle, None, &token(1, 1, 1, 3), 0).unwrap();
    assert_breaks(deliver(&mut oracle.clone(), None, &token(2, 2, 1, 3), 9), 3);
    assert!(deliver(&mut oracle.clone(), None, &token(2, 2, 1, 3), 10).is_ok());
    oracle.on_presented(ispb(), &token(1, 1, 1, 3), true);
    assert!(deliver(&mut oracle, None, &token(2, 2, 1, 3), 9).is_ok());
}

#[test]
fn invariant_4_a_replay_is_the_same_and_ends_with_the_next_advance() {
    let mut oracle = oracle_with(8);
    let (first, second, third) = (token(1, 1, 1, 3), token(1, 2, 3, 5), token(1, 3, 5, 7));
    deliver(&mut oracle, None, &first, 0).unwrap();
    deliver(&mut oracle, Some(&first), &second, 1).unwrap();
    let swapped = deliver_with(&mut oracle.clone(), Some(&first), &second, 2, |mut items| {
        items.reverse();
        items
    });
    assert_breaks(swapped, 4);
    deliver(&mut oracle, Some(&second), &third, 3).unwrap();
    assert_breaks(deliver(&mut oracle, Some(&first), &second, 4), 4);
}

#[test]
fn invariant_5_a_place_belongs_to_one_message() {
    let mut oracle = oracle_with(2);
    assert_breaks(oracle.on_published(ispb(), Sequence::new(2), item(9)), 5);
    let swapped = deliver_with(&mut oracle, None, &token(1, 1, 1, 3), 0, |mut items| {
        items.reverse();
        items
    });
    assert_breaks(swapped, 5);
}

#[test]
fn invariant_6_a_confirmed_message_comes_again_only_after_a_loss() {
    let mut oracle = oracle_with(2);
    let first = token(1, 1, 1, 3);
    deliver(&mut oracle, None, &first, 0).unwrap();
    oracle.on_confirmed(ispb(), &first, at(1)).unwrap();
    assert_breaks(deliver(&mut oracle.clone(), None, &token(2, 2, 1, 3), 30), 6);
    oracle.on_coordinator_lost(ispb(), None);
    assert!(deliver(&mut oracle, None, &token(2, 2, 1, 3), 30).is_ok());
}

struct Two;

impl Supply for Two {
    fn head(&self) -> Sequence {
        Sequence::new(3)
    }

    fn size(&self, _: Sequence) -> Option<u32> {
        Some(100)
    }
}

/// A state whose one stream confirmed messages 1 and 2.
fn state_after_two() -> StreamState {
    let rules = Rules::default();
    let context = Context { now: at(0), rules: &rules, supply: &Two };
    let mut state = StreamState::new(Incarnation::new(1), Sequence::FIRST);
    state.apply(&Command::Open { form: Form::Multipart, wait: Duration::ZERO }, &context);
    let cursor = state.live().next().map(|(_, stream)| Cursor {
        slot: 0,
        generation: stream.generation,
        pull: stream.pull,
        empties: 0,
        batch: stream.batch,
        issued_at: at(0),
        expires_at: at(300),
    });
    state.apply(&Command::Close { token: cursor.unwrap() }, &context);
    state
}

#[test]
fn invariant_6_what_the_checkpoint_knew_does_not_come_again_even_after_a_loss() {
    let mut oracle = oracle_with(2);
    let first = token(1, 1, 1, 3);
    deliver(&mut oracle, None, &first, 0).unwrap();
    oracle.on_confirmed(ispb(), &first, at(1)).unwrap();
    oracle.on_coordinator_lost(ispb(), Some(&state_after_two()));
    assert_breaks(deliver(&mut oracle, None, &token(2, 2, 1, 3), 30), 6);
}

#[test]
fn invariants_1_5_and_7_show_in_the_state() {
    let state = state_after_two();
    assert_breaks(oracle_with(2).on_state(ispb(), &state, Sequence::new(3)), 1);
    let mut oracle = Oracle::new(IDLE);
    assert_breaks(oracle.on_state(ispb(), &state, Sequence::new(2)), 5);
    oracle.on_state(ispb(), &state, Sequence::new(3)).unwrap();
    let back = StreamState::new(Incarnation::new(1), Sequence::FIRST);
    assert_breaks(oracle.on_state(ispb(), &back, Sequence::new(3)), 7);
    oracle.on_rewound(ispb(), Sequence::FIRST);
    assert!(oracle.on_state(ispb(), &back, Sequence::new(3)).is_ok());
}

#[test]
fn invariant_8_no_message_crosses_participants() {
    let mut oracle = Oracle::new(IDLE);
    let other = "00000001".parse().unwrap();
    oracle.on_published(other, Sequence::FIRST, item(1)).unwrap();
    assert_breaks(deliver(&mut oracle, None, &token(1, 1, 1, 2), 0), 8);
}

#[test]
fn invariant_9_bytes_are_those_that_were_published() {
    let mut oracle = oracle_with(2);
    let changed = deliver_with(&mut oracle, None, &token(1, 1, 1, 3), 0, |mut items| {
        items[1].digest = items[0].digest;
        items
    });
    assert_breaks(changed, 9);
    let unheard = deliver(&mut Oracle::new(IDLE), None, &token(1, 1, 1, 2), 0);
    assert_breaks(unheard, 9);
}

#[test]
fn invariant_10_every_received_token_is_in_the_audit_log() {
    let mut oracle = oracle_with(2);
    let text = token(1, 1, 1, 3);
    deliver(&mut oracle, None, &text, 0).unwrap();
    assert_breaks(oracle.check_audit(&[]), 10);
    let event = Event::Read {
        redeemed: None,
        issued: Digest::of(text.as_bytes()),
        confirmed: Range::EMPTY,
        batch: Range::EMPTY,
        replay: false,
    };
    let record = Record { at: at(0), request_id: "".into(), ispb: Some(ispb()), event };
    assert!(oracle.check_audit(&[record]).is_ok());
}
