//! Reading, finding a time, and removing.

use bytes::Bytes;
use pix_stream_domain::sequence::{Range, Sequence};
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
