//! What a full disk leaves room for (issue 4; decision 0011): small changes and reads, also after a restart, and
//! messages again once there is space.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use pix_stream_domain::stream::StreamState;

use super::super::reserve::RESERVE_BYTES;
use super::*;

fn options(bytes_max: Option<u64>) -> Options {
    Options { bytes_max, pause_after_full: Duration::ZERO, ..Options::default() }
}

fn reserve_of(dir: &Path) -> PathBuf {
    dir.join("reserve")
}

async fn refuses_messages(journal: &EmbeddedJournal) {
    let refused = journal.append(ispb(), vec![message(1_000_000)], TERMS).await;
    assert!(is_full(&refused), "{refused:?}");
    assert!(matches!(journal.check().await, Err(Error::Full(_))));
}

/// What a node does for each participant whose first read comes after a start.
async fn takes_small_changes(journal: &EmbeddedJournal, participants: u32) {
    for n in 0..participants {
        let ispb: Ispb = format!("99999{n:03}").parse().unwrap();
        let incarnation = journal.raise_incarnation(ispb).await.unwrap();
        let state = StreamState::new(incarnation, Sequence::FIRST);
        let checkpoint = Checkpoint { state, is_last: false };
        journal.save_checkpoints(vec![(ispb, checkpoint.clone())]).await.unwrap();
        assert_eq!(journal.load_checkpoint(ispb).await, Ok(Some(checkpoint)));
    }
}

#[tokio::test]
async fn a_restart_on_a_full_disk_lives_off_the_reserve_until_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), None);
    journal.append(ispb(), (1..=9).map(message).collect(), TERMS).await.unwrap();
    drop(journal);
    assert_eq!(std::fs::metadata(reserve_of(dir.path())).unwrap().len(), RESERVE_BYTES);
    let conditions = Conditions::new(None);
    conditions.is_reserve_last.store(true, Ordering::Relaxed);
    let journal = EmbeddedJournal::open_under(dir.path(), options(None), conditions).unwrap();
    refuses_messages(&journal).await;
    assert!(reserve_of(dir.path()).exists(), "messages leave the reserve alone");
    takes_small_changes(&journal, 20).await;
    assert!(!reserve_of(dir.path()).exists());
    refuses_messages(&journal).await;
    assert_eq!(journal.remove_below(ispb(), Sequence::new(4), 100).await, Ok(3));
    assert_eq!(journal.read(ispb(), everything(), ALL).await.unwrap().len(), 6);
    refuses_messages(&journal).await;
    journal.store.conditions().is_reserve_last.store(false, Ordering::Relaxed);
    let appended = journal.append(ispb(), vec![message(10)], TERMS).await.unwrap();
    assert_eq!(appended[0].sequence, Sequence::new(10));
    assert_eq!(std::fs::metadata(reserve_of(dir.path())).unwrap().len(), RESERVE_BYTES);
    assert_eq!(journal.check().await, Ok(()));
}

#[tokio::test]
async fn removal_makes_room_for_messages_on_a_disk_that_stays_full() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), None);
    let stored = RESERVE_BYTES / 3600 + 200;
    for n in 0..stored / 100 {
        journal.append(ispb(), (n * 100..n * 100 + 100).map(message).collect(), TERMS).await.unwrap();
    }
    journal.store.conditions().is_reserve_last.store(true, Ordering::Relaxed);
    takes_small_changes(&journal, 1).await;
    let mut removed = journal.remove_below(ispb(), Sequence::new(stored), 1000).await.unwrap();
    refuses_messages(&journal).await;
    while removed < u32::try_from(RESERVE_BYTES / 3600).unwrap() + 3 {
        removed += journal.remove_below(ispb(), Sequence::new(stored), 500).await.unwrap();
    }
    assert_eq!(journal.check().await, Ok(()));
    let mut taken = 0;
    while journal.append(ispb(), vec![message(stored + taken)], TERMS).await.is_ok() {
        taken += 1;
        assert!(taken < 1000, "messages take the room of small changes");
    }
    assert!(taken > 0);
    takes_small_changes(&journal, 20).await;
}

#[tokio::test]
async fn small_changes_in_one_group_with_refused_messages_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), None);
    journal.store.conditions().is_reserve_last.store(true, Ordering::Relaxed);
    for n in 0..10 {
        let append = journal.append(ispb(), vec![message(n)], TERMS);
        let (raised, refused) = tokio::join!(journal.raise_incarnation(ispb()), append);
        assert!(raised.is_ok() && is_full(&refused), "{raised:?} {refused:?}");
    }
}

#[tokio::test]
async fn a_start_without_a_reserve_uses_what_room_there_is_for_small_changes_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), None));
    std::fs::remove_file(reserve_of(dir.path())).unwrap();
    let conditions = Conditions::new(None);
    conditions.is_reserve_last.store(true, Ordering::Relaxed);
    let journal = EmbeddedJournal::open_under(dir.path(), options(None), conditions).unwrap();
    refuses_messages(&journal).await;
    takes_small_changes(&journal, 3).await;
    journal.store.conditions().is_reserve_last.store(false, Ordering::Relaxed);
    assert_eq!(journal.check().await, Ok(()), "a check finds the room, too");
    assert!(reserve_of(dir.path()).exists());
    journal.append(ispb(), vec![message(1)], TERMS).await.unwrap();
}

#[tokio::test]
async fn at_the_files_limit_small_changes_find_room_and_removal_makes_some_for_messages() {
    const BYTES_MAX: u64 = 3 * 1024 * 1024;
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), Some(BYTES_MAX));
    let mut stored = 0;
    for size in [8, 1] {
        // A few successes in between are possible: pages of earlier commits come free.
        let mut refused = 0;
        while refused < 5 {
            let messages = (0..size).map(|i| message(stored + i)).collect();
            match journal.append(ispb(), messages, TERMS).await {
                Ok(_) => stored += size,
                Err(_) => refused += 1,
            }
            assert!(stored < 10_000, "the limit never took effect");
        }
    }
    drop(journal);
    let journal = open(dir.path(), Some(BYTES_MAX));
    takes_small_changes(&journal, 100).await;
    assert_eq!(journal.read(ispb(), everything(), ALL).await.unwrap().len() as u64, stored);
    let file = std::fs::metadata(dir.path().join(open::FILE)).unwrap();
    assert!(file.blocks() * 512 <= BYTES_MAX + RESERVE_BYTES, "{} bytes taken", file.blocks() * 512);
    assert!(reserve_of(dir.path()).exists(), "room on the disk does not help against a limit");
    let all = Sequence::new(stored);
    while journal.remove_below(ispb(), all, 50).await.unwrap() > 0 {}
    for n in 0..20 {
        journal.append(ispb(), vec![message(stored + n)], TERMS).await.unwrap();
    }
}

#[tokio::test]
async fn a_whole_reserve_is_left_as_it_is_and_a_cut_one_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), None));
    let path = reserve_of(dir.path());
    let made = std::fs::metadata(&path).unwrap();
    assert!(made.blocks() * 512 >= RESERVE_BYTES, "{} bytes are taken", made.blocks() * 512);
    drop(open(dir.path(), None));
    let found = std::fs::metadata(&path).unwrap();
    assert_eq!((found.ino(), found.modified().unwrap()), (made.ino(), made.modified().unwrap()));
    std::fs::File::options().write(true).open(&path).unwrap().set_len(77).unwrap();
    drop(open(dir.path(), None));
    assert_eq!(std::fs::metadata(&path).unwrap().len(), RESERVE_BYTES);
}
