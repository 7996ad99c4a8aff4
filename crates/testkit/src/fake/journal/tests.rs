//! What the fake's own faults do; what the port promises is tested by the contract.

use bytes::Bytes;

use super::*;

fn ispb() -> Ispb {
    "99999A04".parse().unwrap()
}

fn message(id: &str, bytes: &'static [u8]) -> NewMessage {
    let published_at = Timestamp::from_unix_millis(1_767_225_600_000);
    NewMessage {
        key: MessageKey { business_id: id.into(), digest: Digest::of(bytes), published_at },
        resource_id: ResourceId::new(published_at, [id.as_bytes()[0]; 16]),
        message_type: "pacs.008.spi.1.16".into(),
        xml: Bytes::from_static(bytes),
    }
}

const TERMS: Terms = Terms { window: Duration::from_secs(24 * 3600), retention: None };

#[tokio::test]
async fn an_append_with_a_lost_answer_is_settled_by_repeating_it() {
    let journal = FakeJournal::new(1);
    journal.faults().lose_next_answers(1);
    assert!(journal.append(ispb(), vec![message("a", b"1")], TERMS).await.is_err());
    let again = journal.append(ispb(), vec![message("a", b"1")], TERMS).await.unwrap();
    assert_eq!((again[0].sequence, again[0].is_repeat), (Sequence::FIRST, true));
    assert_eq!(journal.peek_head(ispb()), Sequence::new(2));
}

#[tokio::test]
async fn a_conflict_within_one_request_stores_nothing() {
    let journal = FakeJournal::new(1);
    let request = vec![message("a", b"1"), message("b", b"2"), message("a", b"3")];
    assert_eq!(journal.append(ispb(), request, TERMS).await, Err(AppendError::Conflict { index: 2 }));
    assert_eq!(journal.peek_head(ispb()), Sequence::FIRST);
}

#[tokio::test]
async fn a_full_journal_refuses_messages_takes_small_changes_and_reads_on() {
    let journal = FakeJournal::new(1);
    journal.append(ispb(), vec![message("a", b"1")], TERMS).await.unwrap();
    journal.set_full(true);
    let refused = journal.append(ispb(), vec![message("b", b"2")], TERMS).await;
    assert!(matches!(refused, Err(AppendError::Store(Error::Full(_)))));
    let incarnation = journal.raise_incarnation(ispb()).await.unwrap();
    let state = StreamState::new(incarnation, Sequence::FIRST);
    let checkpoint = vec![(ispb(), Checkpoint { state, is_last: false })];
    assert_eq!(journal.save_checkpoints(checkpoint.clone()).await, Ok(()));
    let range = Range::new(Sequence::FIRST, Sequence::new(9));
    assert_eq!(journal.read(ispb(), range, 0).await.unwrap().len(), 1);

    journal.set_exhausted(true);
    assert!(matches!(journal.raise_incarnation(ispb()).await, Err(Error::Full(_))));
    assert!(matches!(journal.save_checkpoints(checkpoint).await, Err(Error::Full(_))));
    assert_eq!(journal.read(ispb(), range, 0).await.unwrap().len(), 1);
}
