//! What only a look inside can show: disks that fill up, syncs that fail, room that runs out.

mod erasure;
mod quarantine;
mod reserve;

use std::sync::atomic::Ordering;

use bytes::Bytes;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::resource_id::ResourceId;

use super::*;

const TERMS: Terms = Terms { window: Duration::from_secs(3600), retention: None };
const ALL: u64 = u64::MAX;

fn ispb() -> Ispb {
    "99999A04".parse().unwrap()
}

fn everything() -> Range {
    Range::new(Sequence::FIRST, Sequence::new(u64::MAX))
}

fn message(n: u64) -> NewMessage {
    let published_at = Timestamp::from_unix_millis(1_800_000_000_000 + n);
    let xml = Bytes::from(vec![b'x'; 3600]);
    NewMessage {
        key: MessageKey { business_id: format!("M{n}").into(), digest: Digest::of(&xml), published_at },
        resource_id: ResourceId::new(published_at, [7; 16]),
        message_type: "pacs.008.spi.1.16".into(),
        xml,
    }
}

fn open(dir: &Path, bytes_max: Option<u64>) -> EmbeddedJournal {
    let options = Options { bytes_max, pause_after_full: Duration::ZERO, ..Options::default() };
    EmbeddedJournal::open(dir, options).unwrap()
}

fn is_full<T: std::fmt::Debug>(answer: &Result<T, AppendError>) -> bool {
    matches!(answer, Err(AppendError::Store(Error::Full(_))))
}

#[tokio::test]
async fn a_full_disk_refuses_changes_serves_reads_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), None);
    let first = journal.append(ispb(), vec![message(1)], TERMS).await.unwrap();
    journal.store.conditions().is_full.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        let refused = journal.append(ispb(), vec![message(2)], TERMS).await;
        assert!(is_full(&refused), "{refused:?}");
        assert!(matches!(journal.raise_incarnation(ispb()).await, Err(Error::Full(_))));
        assert!(matches!(journal.check().await, Err(Error::Full(_))));
        assert_eq!(journal.read(ispb(), everything(), ALL).await.unwrap().len(), 1, "reads go on");
    }
    journal.store.conditions().is_full.store(false, Ordering::Relaxed);
    assert_eq!(journal.check().await, Ok(()));
    let second = journal.append(ispb(), vec![message(2)], TERMS).await.unwrap();
    assert_eq!((second[0].sequence, second[0].is_repeat), (Sequence::new(2), false));
    let again = journal.append(ispb(), vec![message(1)], TERMS).await.unwrap();
    assert_eq!((again[0].resource_id, again[0].is_repeat), (first[0].resource_id, true));
    assert_eq!(journal.read(ispb(), everything(), ALL).await.unwrap().len(), 2);
}

#[tokio::test]
async fn without_room_to_grow_reads_go_on_and_removal_makes_room() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), Some(2 * 1024 * 1024));
    let mut stored = 0;
    let refused = loop {
        let answer = journal.append(ispb(), (0..8).map(|i| message(stored + i)).collect(), TERMS).await;
        match answer {
            Ok(_) => stored += 8,
            Err(error) => break Err::<(), _>(error),
        }
        assert!(stored < 10_000, "the limit never took effect");
    };
    assert!(is_full(&refused), "{refused:?}");
    assert!(stored > 100, "only {stored} messages fitted");
    let read = journal.read(ispb(), everything(), ALL).await.unwrap();
    assert_eq!(read.len() as u64, stored, "reads go on, and nothing acknowledged is lost");
    journal.store.conditions().bytes_max.store(u64::MAX, Ordering::Relaxed);
    let appended = journal.append(ispb(), vec![message(stored)], TERMS).await.unwrap();
    assert_eq!(appended[0].sequence, Sequence::new(stored + 1));
}

#[tokio::test]
async fn a_failed_sync_is_no_success_and_the_journal_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), None);
    journal.append(ispb(), vec![message(1)], TERMS).await.unwrap();
    journal.store.conditions().sync_fails.store(true, Ordering::Relaxed);
    let answer = journal.append(ispb(), vec![message(2)], TERMS).await;
    assert!(matches!(answer, Err(AppendError::Store(Error::Unavailable(_)))), "{answer:?}");
    journal.store.conditions().sync_fails.store(false, Ordering::Relaxed);
    let appended = journal.append(ispb(), vec![message(2), message(3)], TERMS).await.unwrap();
    assert_eq!(appended.iter().map(|one| one.sequence.value()).collect::<Vec<_>>(), vec![2, 3]);
    assert_eq!(journal.read(ispb(), everything(), ALL).await.unwrap().len(), 3);
    drop(journal);
    assert_eq!(open(dir.path(), None).read(ispb(), everything(), ALL).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_newer_file_is_refused_and_both_versions_are_named() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), None));
    let database = redb::Database::open(dir.path().join(open::FILE)).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(layout::META).unwrap().insert(layout::FORMAT_KEY, 7).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = EmbeddedJournal::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 7, known: layout::FORMAT, .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("format 7") && text.contains("newer build"), "{text}");
}

#[tokio::test]
async fn outlived_business_ids_are_removed_a_few_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), None);
    let terms = Terms { window: Duration::from_millis(100), ..TERMS };
    journal.append(ispb(), (0..50).map(message).collect(), terms).await.unwrap();
    for n in 0..5 {
        journal.append(ispb(), vec![message(1000 + n)], terms).await.unwrap();
    }
    let left = journal
        .store
        .read(|transaction| {
            use redb::ReadableTableMetadata;
            Ok((transaction.open_table(layout::KNOWN)?.len()?, transaction.open_table(layout::AGES)?.len()?))
        })
        .unwrap();
    assert_eq!(left, (5, 5), "50 outlived ones went with 5 commits of 10 each");
    assert_eq!(journal.read(ispb(), everything(), ALL).await.unwrap().len(), 55);
}

#[tokio::test]
async fn a_damaged_record_of_one_participant_does_not_hurt_others_in_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), None);
    let (bad, good): (Ispb, Ispb) = ("99999001".parse().unwrap(), "99999002".parse().unwrap());
    journal
        .store
        .write(store::Room::Usual, |tables| {
            tables.extents.insert(bad.as_bytes(), b"no record".as_slice())?;
            Ok(())
        })
        .map_err(|(_, error)| error)
        .unwrap();
    // The first request keeps the writer busy, so that the others share its next commit.
    let first = journal.append(ispb(), (0..100).map(message).collect(), TERMS);
    let hurt = journal.append(bad, vec![message(1)], TERMS);
    let unhurt = journal.append(good, vec![message(1)], TERMS);
    let (first, hurt, unhurt) = tokio::join!(first, hurt, unhurt);
    assert!(first.is_ok() && unhurt.is_ok(), "{unhurt:?}");
    assert!(matches!(hurt, Err(AppendError::Store(Error::Damaged(_)))), "{hurt:?}");
}

#[tokio::test]
async fn a_start_on_a_full_disk_serves_reads_until_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), None);
    journal.append(ispb(), vec![message(1)], TERMS).await.unwrap();
    drop(journal);
    let path = dir.path().join(open::FILE);
    let bytes = std::fs::read(&path).unwrap();
    let conditions = Conditions::new(None);
    let options = Options::default();
    conditions.is_full.store(true, Ordering::Relaxed);
    let refused = open::reopen(&path, &options, &conditions);
    assert!(matches!(refused, Err(OpenError::Full { .. })));
    let database = open::reopen_for_reading(&path, &options, &conditions).unwrap();
    let read =
        reads::messages(&redb::ReadableDatabase::begin_read(&database).unwrap(), ispb(), everything(), ALL);
    assert_eq!(read.unwrap().len(), 1);
    drop(database);
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "nothing reached the file");
}

#[tokio::test]
async fn a_message_that_vanished_is_damage_and_not_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), None);
    journal.append(ispb(), (1..=5).map(message).collect(), TERMS).await.unwrap();
    drop(journal);
    let file = redb::Database::open(dir.path().join("journal.redb")).unwrap();
    let change = file.begin_write().unwrap();
    let gone = layout::by_sequence(ispb(), Sequence::new(3));
    assert!(change.open_table(layout::MESSAGES).unwrap().remove(&gone).unwrap().is_some());
    change.commit().unwrap();
    drop(file);
    let journal = open(dir.path(), None);
    for bytes_max in [1, ALL] {
        let range = Range::new(Sequence::new(3), Sequence::new(6));
        let read = journal.read(ispb(), range, bytes_max).await;
        assert!(matches!(read, Err(Error::Damaged(_))), "{read:?}");
    }
}
