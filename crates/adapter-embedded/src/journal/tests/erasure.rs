//! What is left of a message once it is removed (issue 7, item 5): nothing that can be read, and what of it may still
//! lie in the file.

use super::*;
use crate::journal::open::FILE;

/// Text that no record has but these messages.
const MARK: &[u8] = b"ERASE-ME-12345678901";

fn marked(n: u64) -> NewMessage {
    let xml: Vec<u8> = MARK.iter().copied().cycle().take(3_600).collect();
    NewMessage { xml: xml.into(), ..message(n) }
}

/// How often the mark lies in the journal's file.
fn marks(dir: &Path) -> usize {
    let file = std::fs::read(dir.join(FILE)).unwrap();
    file.windows(MARK.len()).filter(|window| *window == MARK).count()
}

/// A journal with marked messages and some others behind them, of which the marked ones were removed.
async fn removed(dir: &Path, marked_ones: u64) -> EmbeddedJournal {
    let journal = open(dir, None);
    for n in 0..marked_ones + 100 {
        let one = if n < marked_ones { marked(n) } else { message(n) };
        journal.append(ispb(), vec![one], TERMS).await.unwrap();
    }
    let below = Sequence::new(marked_ones + 1);
    assert_eq!(journal.remove_below(ispb(), below, 1_000).await, Ok(u32::try_from(marked_ones).unwrap()));
    journal
}

#[tokio::test]
async fn a_removed_message_is_in_no_answer_and_what_comes_next_is_written_over_it() {
    let dir = tempfile::tempdir().unwrap();
    let journal = removed(dir.path(), 100).await;
    let left = journal.read(ispb(), everything(), ALL).await.unwrap();
    assert!(left.len() == 100 && left.iter().all(|one| !one.xml.windows(MARK.len()).any(|w| w == MARK)));
    assert!(marks(dir.path()) > 0, "its bytes lie in room that is free, until that is used again");
    for n in 1_000..1_200 {
        journal.append(ispb(), vec![message(n)], TERMS).await.unwrap();
    }
    assert_eq!(marks(dir.path()), 0, "twice as many messages later nothing is left of them");
}

#[tokio::test]
async fn compacting_the_file_leaves_nothing_of_what_was_removed() {
    let dir = tempfile::tempdir().unwrap();
    drop(removed(dir.path(), 100).await);
    assert!(marks(dir.path()) > 0);
    let before = std::fs::metadata(dir.path().join(FILE)).unwrap().len();
    EmbeddedJournal::compact(dir.path(), Options::default()).unwrap();
    assert_eq!(marks(dir.path()), 0);
    assert!(
        std::fs::metadata(dir.path().join(FILE)).unwrap().len() < before,
        "and the room is the disk's again"
    );
    assert_eq!(open(dir.path(), None).read(ispb(), everything(), ALL).await.unwrap().len(), 100);
}
