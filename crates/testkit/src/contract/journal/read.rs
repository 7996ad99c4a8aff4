//! Reading, finding a time, and removing.

use std::time::Duration;

use bytes::Bytes;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::journal::{Extent, Journal, NewMessage, Stored};

use super::{ALL_BYTES, at, message, messages, range, read_all, terms};
use crate::contract::ispb;

pub(super) async fn test_all<J: Journal>(make: &impl AsyncFn() -> J) {
    a_range_is_read_ascending_and_exactly(make().await).await;
    bytes_come_back_as_they_were_sent(make().await).await;
    bytes_bound_an_answer_but_one_message_always_comes(make().await).await;
    a_time_is_found(make().await).await;
    removing_is_bounded_and_keeps_the_head(make().await).await;
    a_removed_message_is_missing_and_its_number_is_not_given_again(make().await).await;
    what_is_removed_between_leaves_the_rest_where_it_is(make().await).await;
    a_time_is_found_beside_what_was_removed_between(make().await).await;
    removing_below_goes_on_behind_what_was_removed_between(make().await).await;
    keeping_changes_no_message(make().await).await;
}

/// Messages of so long ago that no window of idempotency is open any longer, ten seconds apart.
pub(super) fn old_messages(numbers: std::ops::RangeInclusive<u64>) -> Vec<NewMessage> {
    let old = |n: u64| {
        let mut message = message(n, n, 0);
        let published_at = old(n);
        let mut random = [7; 16];
        random[..8].copy_from_slice(&n.to_be_bytes());
        message.key.published_at = published_at;
        message.resource_id = ResourceId::new(published_at, random);
        message
    };
    numbers.map(old).collect()
}

fn old(n: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_600_000_000_000 + 10_000 * n)
}

fn numbers(stored: &[Stored]) -> Vec<u64> {
    stored.iter().map(|one| one.sequence.value()).collect()
}

async fn a_range_is_read_ascending_and_exactly(journal: impl Journal) {
    // The neighbours in every order that a store may keep.
    for n in [1, 2, 3] {
        journal.append(ispb(n), messages(1..=300, 0), terms()).await.unwrap();
    }
    let some = journal.read(ispb(2), range(250, 260), ALL_BYTES).await.unwrap();
    assert_eq!(numbers(&some), (250..260).collect::<Vec<_>>());
    assert_eq!(some[0].resource_id, message(250, 250, 0).resource_id);
    let end = journal.read(ispb(2), range(299, 400), ALL_BYTES).await.unwrap();
    assert_eq!(numbers(&end), vec![299, 300]);
    assert_eq!(journal.read(ispb(2), range(301, 400), ALL_BYTES).await, Ok(Vec::new()));
    assert_eq!(journal.read(ispb(2), Range::EMPTY, ALL_BYTES).await, Ok(Vec::new()));
}

async fn bytes_come_back_as_they_were_sent(journal: impl Journal) {
    let bodies: [&[u8]; 5] =
        [b" \t\r\n<a> </a>\r\n ", b"\xef\xbb\xbf<a/>", b"\0\xff\xfe\0", b" ", &[b'x'; 256 * 1024]];
    let sent: Vec<_> = messages(1..=5, 0)
        .into_iter()
        .zip(bodies)
        .map(|(message, xml)| NewMessage { xml: Bytes::copy_from_slice(xml), ..message })
        .collect();
    journal.append(ispb(1), sent, terms()).await.unwrap();
    for (stored, body) in read_all(&journal, ispb(1)).await.iter().zip(bodies) {
        assert!(stored.xml == body, "message {}", stored.sequence);
    }
    assert_eq!(read_all(&journal, ispb(1)).await.len(), bodies.len());
}

async fn bytes_bound_an_answer_but_one_message_always_comes(journal: impl Journal) {
    let sent: Vec<_> = messages(1..=10, 0)
        .into_iter()
        .map(|message| NewMessage { xml: vec![b'x'; 1000].into(), ..message })
        .collect();
    journal.append(ispb(1), sent, terms()).await.unwrap();
    for (bytes_max, count) in [(0, 1), (999, 1), (1000, 1), (1999, 1), (2000, 2), (5500, 5), (ALL_BYTES, 10)]
    {
        let read = journal.read(ispb(1), range(1, 11), bytes_max).await.unwrap();
        assert_eq!(read.len(), count, "messages of 1000 bytes in {bytes_max}");
    }
}

async fn a_time_is_found(journal: impl Journal) {
    assert_eq!(journal.find_since(ispb(1), at(0)).await, Ok(Sequence::FIRST), "nothing there");
    for n in 1..=20 {
        journal.append(ispb(1), messages([n], 10 * n), terms()).await.unwrap();
    }
    for (seconds, found) in [(0, 1), (10, 1), (11, 2), (100, 10), (101, 11), (200, 20), (201, 21)] {
        assert_eq!(journal.find_since(ispb(1), at(seconds)).await, Ok(Sequence::new(found)), "at {seconds}");
    }
    journal.remove_below(ispb(1), Sequence::new(8), 100).await.unwrap();
    assert_eq!(journal.find_since(ispb(1), at(0)).await, Ok(Sequence::new(8)), "the oldest that is left");
    assert_eq!(journal.find_since(ispb(1), at(95)).await, Ok(Sequence::new(10)));
    journal.remove_below(ispb(1), Sequence::new(100), 100).await.unwrap();
    assert_eq!(journal.find_since(ispb(1), at(0)).await, Ok(Sequence::new(21)), "none is left");
}

async fn removing_is_bounded_and_keeps_the_head(journal: impl Journal) {
    journal.append(ispb(1), messages(1..=10, 0), terms()).await.unwrap();
    journal.append(ispb(2), messages(1..=10, 0), terms()).await.unwrap();
    let extent = |first, next| Ok(Extent { first: Sequence::new(first), next: Sequence::new(next) });
    assert_eq!(journal.remove_below(ispb(1), Sequence::new(6), 3).await, Ok(3));
    assert_eq!(journal.extent(ispb(1)).await, extent(4, 11));
    assert_eq!(journal.remove_below(ispb(1), Sequence::new(6), 3).await, Ok(2));
    assert_eq!(journal.remove_below(ispb(1), Sequence::new(6), 3).await, Ok(0));
    assert_eq!(journal.extent(ispb(1)).await, extent(6, 11));
    assert_eq!(journal.remove_below(ispb(1), Sequence::new(1000), 100).await, Ok(5));
    assert_eq!(journal.extent(ispb(1)).await, extent(11, 11));
    assert_eq!(journal.remove_below(ispb(3), Sequence::new(1000), 100).await, Ok(0));
    assert_eq!(read_all(&journal, ispb(2)).await.len(), 10, "others keep theirs");
}

async fn a_removed_message_is_missing_and_its_number_is_not_given_again(journal: impl Journal) {
    journal.append(ispb(1), messages(1..=4, 0), terms()).await.unwrap();
    journal.remove_below(ispb(1), Sequence::new(3), 100).await.unwrap();
    assert_eq!(numbers(&read_all(&journal, ispb(1)).await), vec![3, 4]);
    journal.remove_below(ispb(1), Sequence::new(5), 100).await.unwrap();
    assert_eq!(journal.read(ispb(1), range(1, 5), ALL_BYTES).await, Ok(Vec::new()));
    let next = journal.append(ispb(1), messages([50], 1), terms()).await.unwrap();
    assert_eq!(next[0].sequence, Sequence::new(5));
}

async fn what_is_removed_between_leaves_the_rest_where_it_is(journal: impl Journal) {
    for n in [1, 2] {
        journal.append(ispb(n), old_messages(1..=40), terms()).await.unwrap();
    }
    let before = read_all(&journal, ispb(1)).await;
    assert_eq!(journal.remove_between(ispb(1), range(10, 20), 4).await, Ok(4), "bounded");
    assert_eq!(journal.remove_between(ispb(1), range(10, 20), 100).await, Ok(6));
    assert_eq!(journal.remove_between(ispb(1), range(10, 20), 100).await, Ok(0), "again there is nothing");
    assert_eq!(journal.remove_between(ispb(1), range(15, 25), 100).await, Ok(5), "ranges may overlap");
    assert_eq!(journal.remove_between(ispb(1), Range::EMPTY, 100).await, Ok(0));
    let left: Vec<Stored> =
        before.into_iter().filter(|one| !range(10, 25).iter().any(|s| s == one.sequence)).collect();
    assert_eq!(read_all(&journal, ispb(1)).await, left, "what is left is as it was");
    assert_eq!(
        numbers(&journal.read(ispb(1), range(12, 30), 0).await.unwrap()),
        [25],
        "the next that is left"
    );
    assert_eq!(numbers(&journal.read(ispb(1), range(8, 27), ALL_BYTES).await.unwrap()), [8, 9, 25, 26]);
    assert_eq!(journal.read(ispb(1), range(10, 25), ALL_BYTES).await, Ok(Vec::new()));
    let extent = Extent { first: Sequence::FIRST, next: Sequence::new(41) };
    assert_eq!(journal.extent(ispb(1)).await, Ok(extent));
    assert_eq!(read_all(&journal, ispb(2)).await.len(), 40, "others keep theirs");
    let next = journal.append(ispb(1), messages([50], 1), terms()).await.unwrap();
    assert_eq!(next[0].sequence, Sequence::new(41), "no number is given again");
    assert_eq!(numbers(&journal.read(ispb(1), range(39, 50), ALL_BYTES).await.unwrap()), [39, 40, 41]);
}

async fn a_time_is_found_beside_what_was_removed_between(journal: impl Journal) {
    journal.append(ispb(1), old_messages(1..=40), terms()).await.unwrap();
    assert_eq!(journal.remove_between(ispb(1), range(10, 20), 100).await, Ok(10));
    assert_eq!(journal.remove_between(ispb(1), range(30, 41), 100).await, Ok(11));
    for (n, found) in [(1, 1), (8, 8), (9, 9), (10, 20), (15, 20), (20, 20), (21, 21), (29, 29), (30, 41)] {
        assert_eq!(journal.find_since(ispb(1), old(n)).await, Ok(Sequence::new(found)), "message {n}");
    }
}

async fn removing_below_goes_on_behind_what_was_removed_between(journal: impl Journal) {
    journal.append(ispb(1), old_messages(1..=40), terms()).await.unwrap();
    assert_eq!(journal.remove_between(ispb(1), range(10, 20), 100).await, Ok(10));
    journal.remove_below(ispb(1), Sequence::new(5), 100).await.unwrap();
    assert_eq!(numbers(&journal.read(ispb(1), range(1, 12), ALL_BYTES).await.unwrap()), [5, 6, 7, 8, 9]);
    while journal.remove_below(ispb(1), Sequence::new(25), 100).await.unwrap() > 0 {}
    let extent = Extent { first: Sequence::new(25), next: Sequence::new(41) };
    assert_eq!(journal.extent(ispb(1)).await, Ok(extent));
    assert_eq!(read_all(&journal, ispb(1)).await.len(), 16);
}

async fn keeping_changes_no_message(journal: impl Journal) {
    journal.append(ispb(1), messages(1..=40, 0), terms()).await.unwrap();
    let before = read_all(&journal, ispb(1)).await;
    for kept in [range(5, 9), range(1, u64::MAX), Range::EMPTY, range(100, 200)] {
        for retention in [None, Some(Duration::from_secs(90 * 24 * 3600))] {
            keep_all(&journal, ispb(1), kept, retention).await;
            assert_eq!(read_all(&journal, ispb(1)).await, before);
        }
    }
    keep_all(&journal, ispb(2), range(1, 9), None).await;
}

/// Keeps a range step by step, each of which gets further.
async fn keep_all(journal: &impl Journal, ispb: Ispb, range: Range, retention: Option<Duration>) {
    let mut left = range;
    while !left.is_empty() {
        let got = journal.keep(ispb, left, retention).await.unwrap();
        assert!(left.start() < got && got <= left.end(), "{left:?}: {got:?}");
        left = left.from_floor(got);
    }
}
