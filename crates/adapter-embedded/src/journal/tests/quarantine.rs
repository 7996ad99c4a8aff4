//! The quarantine and the switches in the journal's file (issue 5, items 3 and 5): a file from before they were
//! there, a full disk, damaged records.

use pix_stream_ports::codec::Rule;
use pix_stream_ports::quarantine::{Entry, EntryId, Limits, Put, Quarantine, Summary, Usage};

use super::super::layout::quarantine as tables;
use super::super::reserve::RESERVE_BYTES;
use super::*;

const ROOMY: Limits = Limits { entries: 100_000, bytes: 1 << 30 };

fn id(n: u64) -> EntryId {
    EntryId(ResourceId::new(Timestamp::from_unix_millis(1_800_000_000_000 + n), [7; 16]))
}

fn entry(n: u64) -> Entry {
    let mut xml = n.to_string().into_bytes();
    xml.resize(3600, b'x');
    let summary = Summary {
        id: id(n),
        ispb: ispb(),
        at: id(n).0.published_at(),
        producer: "CN=icom".to_owned(),
        intake: "publish".to_owned(),
        rule: Rule::Schema,
        findings: vec!["1:1 Envelope is empty".to_owned()],
        bytes: 3600,
        attempts: 1,
    };
    Entry { summary, xml: Bytes::from(xml) }
}

fn switches(revision: u64) -> Switches {
    let mut switches = Switches::default();
    switches.revision = revision;
    switches.set("pacs.008.spi.1.16", None, Some(false)).unwrap();
    switches
}

#[tokio::test]
async fn a_file_from_before_there_was_a_quarantine_opens_and_takes_entries() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), None);
    journal.append(ispb(), vec![message(1)], TERMS).await.unwrap();
    drop(journal);
    let file = redb::Database::open(dir.path().join(open::FILE)).unwrap();
    let names: Vec<String> = redb::ReadableDatabase::begin_read(&file)
        .unwrap()
        .list_tables()
        .unwrap()
        .map(|table| redb::TableHandle::name(&table).to_owned())
        .collect();
    assert!(!names.iter().any(|name| name.starts_with("quarantine") || name == "switches"), "{names:?}");
    drop(file);
    let journal = open(dir.path(), None);
    assert_eq!(journal.load_switches().await, Ok(Switches::default()));
    assert_eq!(journal.list(None, None, 10).await, Ok(Vec::new()));
    assert_eq!(journal.find(id(1)).await, Ok(None));
    assert_eq!(journal.usage().await, Ok(Usage::default()));
    assert_eq!(journal.put(entry(1), ROOMY).await, Ok(Put::New));
    assert_eq!(journal.save_switches(switches(1)).await, Ok(true));
    drop(journal);
    let journal = open(dir.path(), None);
    assert_eq!(journal.find(id(1)).await, Ok(Some(entry(1))));
    assert_eq!(journal.load_switches().await, Ok(switches(1)));
    assert_eq!(journal.read(ispb(), everything(), ALL).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_full_disk_takes_no_entries_but_removes_them_in_the_room_of_small_changes() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), None);
    for n in 0..9 {
        journal.put(entry(n), ROOMY).await.unwrap();
    }
    journal.store.conditions().is_reserve_last.store(true, Ordering::Relaxed);
    let refused = journal.put(entry(10), ROOMY).await;
    assert!(matches!(refused, Err(Error::Full(_))), "{refused:?}");
    assert!(matches!(journal.save_switches(switches(1)).await, Err(Error::Full(_))));
    assert!(dir.path().join("reserve").exists(), "entries leave the reserve alone");
    assert_eq!(journal.list(None, None, 100).await.unwrap().len(), 9, "reads go on");
    assert_eq!(journal.remove(id(0)).await, Ok(true));
    assert_eq!(journal.remove_before(id(3).0.published_at(), 100).await, Ok(2));
    assert_eq!(journal.usage().await, Ok(Usage { entries: 6, bytes: 6 * 3600 }));
    journal.store.conditions().is_reserve_last.store(false, Ordering::Relaxed);
    assert_eq!(journal.put(entry(10), ROOMY).await, Ok(Put::New));
}

#[tokio::test]
async fn removed_entries_make_room_for_messages_on_a_disk_that_stays_full() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Arc::new(open(dir.path(), None));
    let stored = RESERVE_BYTES / 3600 + 20;
    let mut puts = tokio::task::JoinSet::new();
    for n in 0..stored {
        let journal = Arc::clone(&journal);
        puts.spawn(async move { journal.put(entry(n), ROOMY).await.unwrap() });
    }
    puts.join_all().await;
    journal.store.conditions().is_reserve_last.store(true, Ordering::Relaxed);
    journal.raise_incarnation(ispb()).await.unwrap();
    assert!(is_full(&journal.append(ispb(), vec![message(1)], TERMS).await));
    while journal.remove_before(id(stored).0.published_at(), 500).await.unwrap() > 0 {}
    journal.append(ispb(), vec![message(1)], TERMS).await.unwrap();
}

#[tokio::test]
async fn a_damaged_entry_is_told_and_can_be_removed() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), None);
    for n in 0..3 {
        journal.put(entry(n), ROOMY).await.unwrap();
    }
    journal
        .store
        .write(store::Room::Usual, |tables| {
            let mut entries = tables.transaction.open_table(tables::ENTRIES)?;
            entries.insert(id(1).0.as_bytes(), b"no record".as_slice())?;
            Ok(())
        })
        .map_err(|(_, error)| error)
        .unwrap();
    assert!(matches!(journal.find(id(1)).await, Err(Error::Damaged(_))));
    assert_eq!(journal.find(id(2)).await, Ok(Some(entry(2))), "the others are not hurt");
    assert_eq!(journal.remove(id(1)).await, Ok(true));
    assert_eq!(journal.usage().await, Ok(Usage { entries: 2, bytes: 2 * 3600 }));
    assert_eq!(journal.put(entry(1), ROOMY).await, Ok(Put::New), "what pointed to it is passed over");
    assert_eq!(journal.find(id(1)).await, Ok(Some(entry(1))));
}
