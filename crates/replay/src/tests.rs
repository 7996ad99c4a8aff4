//! Replay sessions, by property (issue 7, item 2): whatever was removed, whichever form, however often a token comes, a
//! session delivers exactly what is left of its range, in order, once; and the same token gives the same.

use bytes::Bytes;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::replay::ReplaySession;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::stream::Cursor;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::codec::Codec as _;
use pix_stream_ports::journal::{MessageKey, NewMessage, Terms};
use pix_stream_testkit::FakePorts;
use pix_stream_testkit::sim_clock::{START, SimClock};
use proptest::prelude::*;

use super::*;

const TERMS: Terms = Terms { window: std::time::Duration::from_secs(3600), retention: None };

fn ispb() -> Ispb {
    "99999A04".parse().unwrap()
}

fn message(n: u64) -> NewMessage {
    let xml = Bytes::from(vec![b'x'; if n.is_multiple_of(7) { 30_000 } else { 300 }]);
    NewMessage {
        key: MessageKey {
            business_id: format!("M{n}").into(),
            digest: Digest::of(&xml),
            published_at: START,
        },
        resource_id: ResourceId::new(START, [u8::try_from(n % 250).unwrap(); 16]),
        message_type: "pacs.008.spi.1.16".into(),
        xml,
    }
}

/// What one history does.
#[derive(Debug, Clone)]
struct Plan {
    count: u64,
    session: (u64, u64),
    removed: Vec<(u64, u64)>,
    /// Of each pull: the form, gzip, and how often its answer gets lost.
    pulls: Vec<(bool, bool, u8)>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let removed = prop::collection::vec((1_u64..120, 1_u64..60), 0..4);
    let pulls = prop::collection::vec((any::<bool>(), any::<bool>(), 0_u8..3), 1..6);
    (1_u64..120, 1_u64..120, 1_u64..120, removed, pulls).prop_map(|(count, from, len, removed, pulls)| Plan {
        count,
        session: (from.min(count), (from.min(count) + len).min(count + 1)),
        removed,
        pulls,
    })
}

fn range(start: u64, end: u64) -> Range {
    Range::new(Sequence::new(start), Sequence::new(end))
}

async fn read(
    ports: &FakePorts,
    (session, cursor): (&ReplaySession, &Cursor),
    (form, gzip): (Form, bool),
) -> (Cursor, Vec<Arc<Message>>) {
    let rules = Rules { batch_bytes: 60_000, ..Rules::default() };
    let deadline = Deadline::of_read(std::time::Duration::ZERO);
    let reader = Reader { ports, ispb: ispb(), rules: &rules, deadline };
    let render = |stored: Stored| {
        let part = ports.codec().render(stored.resource_id, &stored.xml, None);
        Message::new(stored.sequence, stored.resource_id, part)
    };
    let rest = session.rest(cursor).unwrap();
    let messages = reader.next_batch(rest, form, gzip, render).await.unwrap();
    let batch = match (messages.first(), messages.last()) {
        (Some(first), Some(last)) => Range::new(first.sequence, last.sequence.plus(1)),
        (None, _) | (_, None) => Range::EMPTY,
    };
    assert_eq!(batch.len(), messages.len() as u64, "no gap");
    (session.after(batch), messages)
}

async fn follow(plan: Plan) {
    let ports = FakePorts::new(7, SimClock::following_tokio(START));
    for n in 1..=plan.count {
        ports.journal.append(ispb(), vec![message(n)], TERMS).await.unwrap();
    }
    for (from, len) in &plan.removed {
        ports.journal.remove_between(ispb(), range(*from, from + len), 1_000).await.unwrap();
    }
    let left: Vec<_> = ports.journal.peek_messages(ispb()).iter().map(|one| one.sequence.value()).collect();
    let (start, end) = plan.session;
    let session = ReplaySession {
        id: 3,
        range: range(start, end),
        opened_at: START,
        expires_at: Timestamp::from_unix_millis(START.unix_millis() + 1),
    };
    let (mut cursor, mut got) = (session.begin(), Vec::new());
    for (single, gzip, lost) in plan.pulls.iter().cycle().copied() {
        let form = if single { Form::Single } else { Form::Multipart };
        let (next, messages) = read(&ports, (&session, &cursor), (form, gzip)).await;
        for _ in 0..lost {
            let (again, same) = read(&ports, (&session, &cursor), (form, gzip)).await;
            assert_eq!(again, next, "the same token again gives the same next token");
            let bytes = |messages: &[Arc<Message>]| -> Vec<_> {
                messages.iter().map(|one| (one.sequence, one.part.bytes().clone())).collect()
            };
            assert_eq!(bytes(&same), bytes(&messages), "and the same messages");
            let deflated = |one: &Arc<Message>| {
                (one.alone().map(|s| s.deflated.clone()), one.chained().map(|s| s.deflated.clone()))
            };
            assert!(same.iter().map(deflated).eq(messages.iter().map(deflated)), "deflated the same way");
        }
        got.extend(messages.iter().map(|one| one.sequence.value()));
        cursor = next;
        if messages.is_empty() {
            break;
        }
    }
    let expected: Vec<_> = left.into_iter().filter(|n| (start..end).contains(n)).collect();
    assert_eq!(got, expected, "all that is left of the range, in order, once");
    let (end, nothing) = read(&ports, (&session, &cursor), (Form::Multipart, true)).await;
    assert!(nothing.is_empty() && end == cursor, "at its end a session stays");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_session_delivers_what_is_left_of_its_range_in_order_and_once(plan in plan()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(follow(plan));
    }
}

#[tokio::test(start_paused = true)]
async fn every_message_of_a_batch_has_the_segment_that_it_is_spliced_from() {
    let ports = FakePorts::new(7, SimClock::following_tokio(START));
    for n in 1..=3 {
        ports.journal.append(ispb(), vec![message(n)], TERMS).await.unwrap();
    }
    let session = ReplaySession { id: 1, range: range(1, 4), opened_at: START, expires_at: START };
    let (_, messages) = read(&ports, (&session, &session.begin()), (Form::Multipart, true)).await;
    assert!(messages[0].alone().is_some());
    assert!(messages[1..].iter().all(|message| message.chained().is_some()));
    let (_, messages) = read(&ports, (&session, &session.begin()), (Form::Multipart, false)).await;
    assert!(messages.iter().all(|message| message.alone().is_none() && message.chained().is_none()));
}
