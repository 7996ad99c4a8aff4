//! Appending: order, all or nothing, safe from many tasks.

use pix_stream_domain::sequence::Sequence;
use pix_stream_ports::journal::{AppendError, Extent, Journal};

use super::{message, messages, read_all, sequences, terms};
use crate::contract::{ispb, join_all};

pub(super) async fn test_all<J: Journal>(make: &impl AsyncFn() -> J) {
    sequences_start_at_one_and_have_no_gaps(make().await).await;
    participants_have_orders_of_their_own(make().await).await;
    an_empty_request_stores_nothing(make().await).await;
    bytes_come_back_as_they_were(make().await).await;
    a_refused_request_stores_nothing(make().await).await;
    concurrent_requests_leave_no_gap_and_stay_together(make().await).await;
    racing_repeats_store_one_message(make().await).await;
    a_dropped_append_is_done_or_not_done(make().await).await;
}

async fn sequences_start_at_one_and_have_no_gaps(journal: impl Journal) {
    let first = journal.append(ispb(1), messages(1..=3, 0), terms()).await.unwrap();
    let second = journal.append(ispb(1), messages(4..=5, 0), terms()).await.unwrap();
    assert_eq!((sequences(&first), sequences(&second)), (vec![1, 2, 3], vec![4, 5]));
    assert!(first.iter().chain(&second).all(|one| !one.is_repeat));
    let stored = read_all(&journal, ispb(1)).await;
    assert_eq!(stored.iter().map(|one| one.sequence.value()).collect::<Vec<_>>(), vec![1, 2, 3, 4, 5]);
}

async fn participants_have_orders_of_their_own(journal: impl Journal) {
    for n in 1..=3 {
        // The same business ids: idempotency, too, is per participant.
        let appended = journal.append(ispb(n), messages(1..=2, 0), terms()).await.unwrap();
        assert_eq!(sequences(&appended), vec![1, 2]);
        assert!(appended.iter().all(|one| !one.is_repeat));
    }
    assert_eq!(read_all(&journal, ispb(2)).await.len(), 2);
    assert_eq!(read_all(&journal, ispb(9)).await.len(), 0);
}

async fn an_empty_request_stores_nothing(journal: impl Journal) {
    assert_eq!(journal.append(ispb(1), Vec::new(), terms()).await, Ok(Vec::new()));
    assert_eq!(
        journal.extent(ispb(1)).await,
        Ok(Extent { first: Sequence::FIRST, next: Sequence::FIRST }),
        "a participant without messages"
    );
}

async fn bytes_come_back_as_they_were(journal: impl Journal) {
    let mut sent = messages(1..=3, 0);
    sent[0].xml = (0..=255u8).cycle().take(256 * 1024).collect::<Vec<_>>().into();
    sent[1].xml = "<a>\r\n\u{1f4b8} ]]&gt;</a>".into();
    sent[1].message_type = "camt.054.spi.1.9".into();
    sent[2].xml = "<".into();
    journal.append(ispb(1), sent.clone(), terms()).await.unwrap();
    let stored = read_all(&journal, ispb(1)).await;
    assert_eq!(stored.len(), sent.len());
    for (stored, sent) in stored.iter().zip(&sent) {
        assert_eq!(stored.xml, sent.xml);
        assert_eq!((stored.resource_id, &stored.message_type), (sent.resource_id, &sent.message_type));
    }
}

async fn a_refused_request_stores_nothing(journal: impl Journal) {
    journal.append(ispb(1), messages(1..=2, 0), terms()).await.unwrap();
    let mut request = messages(10..=14, 1);
    request[3] = message(2, 999, 1);
    let refused = journal.append(ispb(1), request, terms()).await;
    assert_eq!(refused, Err(AppendError::Conflict { index: 3 }));
    assert_eq!(read_all(&journal, ispb(1)).await.len(), 2, "nothing of a refused request is stored");
    let appended = journal.append(ispb(1), messages(10..=12, 2), terms()).await.unwrap();
    assert_eq!(sequences(&appended), vec![3, 4, 5], "a refused request uses up no sequence number");
    assert!(appended.iter().all(|one| !one.is_repeat), "a refused request leaves no business id");
}

async fn concurrent_requests_leave_no_gap_and_stay_together(journal: impl Journal) {
    const REQUESTS: u64 = 64;
    let requests = (0..REQUESTS).map(|n| {
        // Every fourth request is bad in its middle; the others must not notice.
        let mut request = messages(10 * n + 1..=10 * n + 3, n);
        if n % 4 == 3 {
            request[1] = message(10 * n + 1, 5000, n);
        }
        journal.append(ispb(1), request, terms())
    });
    let answers = join_all(requests).await;
    let mut given = Vec::new();
    for (n, answer) in answers.iter().enumerate() {
        match answer {
            Ok(appended) => {
                assert_ne!(n % 4, 3, "request {n} conflicts with itself");
                let own = sequences(appended);
                assert_eq!(own, vec![own[0], own[0] + 1, own[0] + 2], "a request stays together, in order");
                given.extend(own);
            }
            Err(error) => assert_eq!((n % 4, error), (3, &AppendError::Conflict { index: 1 })),
        }
    }
    given.sort_unstable();
    assert_eq!(given, (1..=REQUESTS / 4 * 9).collect::<Vec<_>>(), "no gap, nothing twice");
    let stored = read_all(&journal, ispb(1)).await;
    for (n, answer) in answers.iter().enumerate() {
        for (i, one) in answer.iter().flatten().enumerate() {
            let expected = message(10 * n as u64 + 1 + i as u64, 10 * n as u64 + 1 + i as u64, n as u64);
            let found = &stored[usize::try_from(one.sequence.value()).unwrap() - 1];
            assert_eq!((found.resource_id, &found.xml), (expected.resource_id, &expected.xml));
        }
    }
}

async fn racing_repeats_store_one_message(journal: impl Journal) {
    let answers = join_all((0..16).map(|_| journal.append(ispb(1), messages([7], 0), terms()))).await;
    let appended: Vec<_> = answers.into_iter().map(|answer| answer.unwrap()[0]).collect();
    assert_eq!(appended.iter().filter(|one| !one.is_repeat).count(), 1);
    assert!(appended.iter().all(|one| one.sequence == Sequence::FIRST));
    assert_eq!(read_all(&journal, ispb(1)).await.len(), 1);
}

async fn a_dropped_append_is_done_or_not_done(journal: impl Journal) {
    for n in 0..8 {
        let mut append = Box::pin(journal.append(ispb(1), messages(10 * n..10 * n + 3, n), terms()));
        let polled = std::future::poll_fn(|context| std::task::Poll::Ready(append.as_mut().poll(context)));
        let _ = polled.await;
        drop(append);
    }
    let again = journal.append(ispb(1), messages(0..3, 0), terms()).await.unwrap();
    assert!(again.iter().all(|one| one.is_repeat == again[0].is_repeat), "all of a request or none");
    let stored = read_all(&journal, ispb(1)).await;
    assert_eq!(stored.len() % 3, 0, "no request is there by half");
    assert!(stored.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.plus(1)));
}
