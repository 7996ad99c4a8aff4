//! Lives of rows: retention, holds, removal (issue 6, item 2).

use std::time::Duration;

use pix_stream_adapter_cassandra::CassandraJournal;
use pix_stream_adapter_cassandra::journal::Options;
use pix_stream_cql::Value;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_ports::journal::{Journal as _, Terms};

use super::{WINDOW, ispb, journal, messages, read_all, terms};
use crate::support::Space;

fn everything() -> Range {
    Range::new(Sequence::FIRST, Sequence::new(u64::MAX))
}

/// The lives of the rows of a participant's first bucket, in seconds, by sequence number.
async fn lives(space: &Space) -> Vec<Option<i32>> {
    let text = "SELECT seq, TTL(xml) AS life FROM {k}.pix_streams WHERE ispb = ? AND bucket = 0";
    let rows = space.execute(text, vec![Value::from(ispb(1).as_str())]).await;
    rows.iter().map(|row| row.int("life").unwrap()).collect()
}

/// Keeps a range step by step. Returns where each step got to.
async fn keep_all(journal: &CassandraJournal, range: Range, retention: Option<Duration>) -> Vec<Sequence> {
    let (mut left, mut steps) = (range, Vec::new());
    while !left.is_empty() {
        let got = journal.keep(ispb(1), left, retention).await.unwrap();
        left = left.from_floor(got);
        steps.push(got);
    }
    steps
}

/// The times at which the rows of a participant's first bucket were written, in microseconds.
async fn written(space: &Space) -> Vec<i64> {
    let text = "SELECT seq, WRITETIME(xml) AS at FROM {k}.pix_streams WHERE ispb = ? AND bucket = 0";
    let rows = space.execute(text, vec![Value::from(ispb(1).as_str())]).await;
    rows.iter().map(|row| row.bigint("at").unwrap().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_live_as_long_as_they_are_wanted_and_a_day_more() {
    let Some(space) = Space::migrated("journal_lives").await else { return };
    let journal = journal(&space, Options::default());
    let day = 24 * 3600;
    journal.append(ispb(1), messages(1..=2, 0), terms()).await.unwrap();
    let short = Terms { retention: Some(Duration::from_secs(60)), ..terms() };
    journal.append(ispb(1), messages([3], 0), short).await.unwrap();
    let held = Terms { retention: None, ..terms() };
    journal.append(ispb(1), messages([4], 0), held).await.unwrap();
    let before = lives(&space).await;
    for life in &before[..3] {
        let life = life.unwrap();
        assert!((2 * day - 60..=2 * day).contains(&life), "{life}: no row is gone while it tells a repeat");
    }
    assert_eq!(before[3], None, "what is held does not expire");

    let stored = read_all(&journal, ispb(1)).await;
    for _ in 0..2 {
        keep_all(&journal, everything(), None).await;
        assert_eq!(lives(&space).await, vec![None; 4], "a hold takes the expiry off");
        assert_eq!(read_all(&journal, ispb(1)).await, stored, "and changes nothing else");
    }
    space.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_of_a_range_takes_the_expiry_off_that_range_alone() {
    let Some(space) = Space::migrated("journal_range_hold").await else { return };
    let journal = journal(&space, Options::default());
    journal.append(ispb(1), messages(1..=40, 0), terms()).await.unwrap();
    let held = Range::new(Sequence::new(3), Sequence::new(37));
    for _ in 0..2 {
        keep_all(&journal, held, None).await;
        for (life, number) in lives(&space).await.into_iter().zip(1..) {
            let is_held = (3..37).contains(&number);
            assert_eq!(life.is_none(), is_held, "message {number}: {life:?}");
        }
    }
    space.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_takes_the_expiry_off_page_by_page_and_nothing_newer_is_overwritten() {
    let Some(space) = Space::migrated("journal_pages_hold").await else { return };
    let journal = journal(&space, Options::default());
    let held = Terms { retention: None, ..terms() };
    let requests = [(1..=300, terms()), (301..=600, held), (601..=900, terms()), (901..=1_200, terms())];
    for (numbers, terms) in requests {
        journal.append(ispb(1), messages(numbers, 0), terms).await.unwrap();
    }
    let (stored, before) = (read_all(&journal, ispb(1)).await, written(&space).await);
    let steps = keep_all(&journal, everything(), None).await;
    assert_eq!(steps, [Sequence::new(1_001), everything().end()], "a call does a thousand");
    assert_eq!(lives(&space).await, vec![None; 1_200]);
    assert_eq!(read_all(&journal, ispb(1)).await, stored, "and nothing else is changed");
    for (number, (before, after)) in (1..).zip(before.into_iter().zip(written(&space).await)) {
        let was_held = (301..=600).contains(&number);
        assert_eq!(after - before, i64::from(!was_held), "message {number}: whatever came later wins");
    }
    space.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_longer_retention_takes_the_expiry_off_what_expires_before_it_alone() {
    let Some(space) = Space::migrated("journal_longer").await else { return };
    let journal = journal(&space, Options::default());
    journal.append(ispb(1), messages(1..=3, 0), terms()).await.unwrap();
    let long = Terms { retention: Some(9 * WINDOW), ..terms() };
    journal.append(ispb(1), messages(4..=5, 0), long).await.unwrap();
    let are_kept = |lives: Vec<Option<i32>>| lives.iter().map(Option::is_none).collect::<Vec<_>>();
    keep_all(&journal, everything(), Some(WINDOW)).await;
    assert_eq!(are_kept(lives(&space).await), [false; 5], "all live for that long");
    keep_all(&journal, everything(), Some(5 * WINDOW)).await;
    assert_eq!(are_kept(lives(&space).await), [true, true, true, false, false]);
    keep_all(&journal, everything(), Some(20 * WINDOW)).await;
    assert_eq!(are_kept(lives(&space).await), [true; 5]);
    space.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_between_held_ones_are_deleted_once_they_tell_no_repeat() {
    let Some(space) = Space::migrated("journal_between").await else { return };
    let journal = journal(&space, Options::default());
    let held = Terms { retention: None, ..terms() };
    journal.append(ispb(1), messages(1..=9, 0), held).await.unwrap();
    let between = Range::new(Sequence::new(4), Sequence::new(7));
    assert_eq!(journal.remove_between(ispb(1), between, 100).await, Ok(0), "they still tell repeats");
    let later = journal_at(&space, WINDOW.as_secs() + 50);
    assert_eq!(later.remove_between(ispb(1), between, 100).await, Ok(3));
    assert_eq!(later.remove_between(ispb(1), between, 100).await, Ok(0));
    assert_eq!(lives(&space).await, vec![None; 6], "their rows are gone, the others stay");
    let left: Vec<_> = read_all(&later, ispb(1)).await.iter().map(|one| one.sequence.value()).collect();
    assert_eq!(left, [1, 2, 3, 7, 8, 9]);
    space.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_row_is_deleted_once_it_tells_no_repeat() {
    let Some(space) = Space::migrated("journal_sweep").await else { return };
    let first = journal(&space, Options::default());
    let held = Terms { retention: None, ..terms() };
    first.append(ispb(1), messages(1..=5, 0), held).await.unwrap();
    first.append(ispb(1), messages(6..=9, 100), held).await.unwrap();
    assert_eq!(first.remove_below(ispb(1), Sequence::new(8), 100).await, Ok(7));
    assert_eq!(read_all(&first, ispb(1)).await.len(), 2);
    assert_eq!(lives(&space).await.len(), 9, "until the window is over, rows tell repeats");

    // Of the second request the window is not over yet.
    let later = journal_at(&space, WINDOW.as_secs() + 50);
    assert_eq!(later.remove_below(ispb(1), Sequence::new(8), 100).await, Ok(0));
    assert_eq!(lives(&space).await.len(), 4, "the rows of the first request are gone");
    assert_eq!(read_all(&later, ispb(1)).await.len(), 2);
    let next = later.append(ispb(1), messages([10], 200), held).await.unwrap();
    assert_eq!(next[0].sequence, Sequence::new(10));
    space.drop().await;
}

/// A journal whose clock stands so many seconds after the start.
fn journal_at(space: &Space, seconds: u64) -> CassandraJournal {
    super::journal_with(space, (super::at(seconds), 0), Options::default())
}
