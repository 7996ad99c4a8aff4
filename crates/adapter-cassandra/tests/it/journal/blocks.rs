//! Buckets with a soft border and blocks of fingerprints, over more than one bucket (ADR 0017).

use std::time::Duration;

use pix_stream_adapter_cassandra::journal::{CassandraJournal, Options};
use pix_stream_cql::Value;
use pix_stream_domain::sequence::Sequence;
use pix_stream_ports::journal::{Journal as _, NewMessage};

use super::{WINDOW, at, ispb, journal, message, messages, range, terms};
use crate::support::Space;

/// Messages of a request: no divisor of 10,000, so that one lies across the border.
const REQUEST: u64 = 300;
/// Requests: the last ones are in the second bucket.
const REQUESTS: u64 = 35;
/// How long a block may take to be written in the background.
const PATIENCE: Duration = Duration::from_secs(10);

/// Publishes `REQUESTS` requests; the first half an hour before a window's length, the second half after.
async fn publish(journal: &CassandraJournal) {
    for n in 0..REQUESTS {
        let seconds = if n < REQUESTS / 2 { 0 } else { WINDOW.as_secs() };
        let numbers = n * REQUEST + 1..=(n + 1) * REQUEST;
        let appended = journal.append(ispb(1), messages(numbers, seconds), terms()).await.unwrap();
        assert_eq!(appended[0].sequence.value(), n * REQUEST + 1);
    }
}

async fn blocks(space: &Space) -> usize {
    space.execute("SELECT block FROM {k}.pix_idempotency", Vec::new()).await.len()
}

/// Waits until all full blocks are written.
async fn wait_for_blocks(space: &Space, count: usize) {
    let all = async {
        while blocks(space).await < count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
}

async fn is_repeat(journal: &CassandraJournal, sent: NewMessage) -> bool {
    journal.append(ispb(1), vec![sent], terms()).await.unwrap()[0].is_repeat
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_goes_on_over_the_border_of_a_bucket() {
    let Some(space) = Space::migrated("journal_blocks").await else { return };
    let first = journal(&space, Options::default());
    publish(&first).await;
    let count = REQUESTS * REQUEST;

    let statics = "SELECT DISTINCT ispb, bucket, first, head FROM {k}.pix_streams";
    let mut buckets: Vec<(i64, i64, i64)> = space
        .execute(statics, Vec::new())
        .await
        .iter()
        .map(|row| ["bucket", "first", "head"].map(|column| row.bigint(column).unwrap().unwrap()).into())
        .collect();
    buckets.sort_unstable();
    let border = i64::try_from(10_000_u64.next_multiple_of(REQUEST)).unwrap() + 1;
    let end = i64::try_from(count).unwrap() + 1;
    assert_eq!(buckets, vec![(0, 1, border), (1, border, end)], "a request is in one bucket as a whole");

    let second = journal(&space, Options::default());
    assert_eq!(second.extent(ispb(1)).await.unwrap().next, Sequence::new(count + 1));
    let across = second.read(ispb(1), range(9_990, 10_350), u64::MAX).await.unwrap();
    let sequences: Vec<u64> = across.iter().map(|stored| stored.sequence.value()).collect();
    assert_eq!(sequences, (9_990..10_350).collect::<Vec<_>>(), "a read crosses the border");
    assert_eq!(second.find_since(ispb(1), at(1)).await, Ok(Sequence::new(REQUESTS / 2 * REQUEST + 1)));

    wait_for_blocks(&space, usize::try_from(count / 500).unwrap()).await;
    knows_what_is_within_the_window(&second).await;
    makes_missing_blocks_again(&space).await;
    removes_over_the_border(&second).await;
    space.drop().await;
}

/// A node that starts finds repeats of the window by blocks and rows, and lets older business ids go.
async fn knows_what_is_within_the_window(journal: &CassandraJournal) {
    let late = WINDOW.as_secs() + 1;
    let count = REQUESTS * REQUEST;
    for number in [REQUESTS / 2 * REQUEST + 1, 9_999, 10_001, 10_200, count] {
        assert!(is_repeat(journal, message(number, late)).await, "message {number}");
    }
    assert!(!is_repeat(journal, message(7, late)).await, "its window is over");
    assert!(is_repeat(journal, message(7, late + 1)).await, "and begins anew");
}

async fn makes_missing_blocks_again(space: &Space) {
    let delete = "DELETE FROM {k}.pix_idempotency WHERE ispb = ? AND bucket = ? AND block = ?";
    for block in [19, 20] {
        let key =
            vec![Value::from(ispb(1).as_str()), Value::BigInt(block * 500 / 10_000), Value::BigInt(block)];
        space.execute(delete, key).await;
    }
    let third = journal(space, Options::default());
    let before = blocks(space).await;
    assert!(is_repeat(&third, message(9_700, WINDOW.as_secs() + 1)).await);
    assert_eq!(blocks(space).await, before + 2, "what was missing is written again");
}

async fn removes_over_the_border(journal: &CassandraJournal) {
    let removed = journal.remove_below(ispb(1), Sequence::new(10_300), 20_000).await;
    assert_eq!(removed, Ok(10_299));
    let left = journal.read(ispb(1), range(1, 10_302), u64::MAX).await.unwrap();
    assert_eq!(left.len(), 2);
    assert_eq!(left[0].sequence, Sequence::new(10_300));
}

/// A participant whose window does not fit into the memory for fingerprints is refused, and says why; when others
/// hold it, they give way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_for_fingerprints_is_bounded_and_shared() {
    let Some(space) = Space::migrated("journal_memory").await else { return };
    let journal = journal(&space, Options { fingerprints_max: 1_024, ..Options::default() });
    for n in 1..=3 {
        // The third one makes one of the others give way: who gives way when all are busy is tested in paused time.
        journal.append(ispb(n), messages(1..=300, 0), terms()).await.unwrap();
    }
    assert!(journal.append(ispb(3), messages([1], 1), terms()).await.unwrap()[0].is_repeat);
    for start in [301, 601] {
        journal.append(ispb(3), messages(start..start + 300, 0), terms()).await.unwrap();
    }
    let refused = journal.append(ispb(3), messages(901..=1_100, 0), terms()).await.unwrap_err();
    assert!(refused.to_string().contains("do not fit even alone"), "{refused}");
    let repeats = journal.append(ispb(3), messages(1..=300, 1), terms()).await.unwrap();
    assert!(repeats.iter().all(|answer| answer.is_repeat), "what it knows is answered all the same");
    space.drop().await;
}
