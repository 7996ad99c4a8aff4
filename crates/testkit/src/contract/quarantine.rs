//! What every Quarantine must do.

use bytes::Bytes;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::codec::Rule;
use pix_stream_ports::quarantine::{Entry, EntryId, Limits, Put, Quarantine, Summary, Usage};

use crate::contract::{ispb, join_all};

/// Limits that no test reaches by accident.
const ROOMY: Limits = Limits { entries: 1_000, bytes: 1_000_000 };

/// Runs every test, each on a Quarantine that `make` makes anew and empty.
pub async fn test_all<Q: Quarantine>(make: impl AsyncFn() -> Q) {
    an_entry_comes_back_as_it_was(make().await).await;
    every_rule_and_any_text_is_kept(make().await).await;
    the_same_bytes_are_kept_once_for_each_participant(make().await).await;
    what_was_removed_is_new_again(make().await).await;
    entries_are_listed_oldest_first_page_by_page(make().await).await;
    neither_limit_is_exceeded(make().await).await;
    the_oldest_are_removed_up_to_a_time_and_a_number(make().await).await;
    of_racing_puts_of_the_same_bytes_one_is_kept(make().await).await;
    racing_puts_stay_within_the_limits(make().await).await;
}

/// What was acknowledged is there after the Quarantine was closed and opened again. `open` opens the same store
/// each time; the one before is dropped by then.
pub async fn test_reopening<Q: Quarantine>(open: impl AsyncFn() -> Q) {
    let first = open().await;
    for n in 1..=5 {
        assert_eq!(first.put(entry(n, 1), ROOMY).await, Ok(Put::New));
    }
    assert_eq!(first.put(with_id(entry(4, 1), 40), ROOMY).await, Ok(Put::Known(id(4))));
    assert_eq!(first.remove(id(2)).await, Ok(true));
    assert_eq!(first.remove_before(at(2), 10).await, Ok(1));
    let usage = first.usage().await.unwrap();
    drop(first);

    let second = open().await;
    assert_eq!(ids(&second.list(None, None, 10).await.unwrap()), [id(3), id(4), id(5)]);
    assert_eq!(second.find(id(3)).await, Ok(Some(entry(3, 1))));
    assert_eq!(second.find(id(4)).await.unwrap().unwrap().summary.attempts, 2);
    assert_eq!(second.usage().await, Ok(usage));
    assert_eq!(second.put(with_id(entry(5, 1), 50), ROOMY).await, Ok(Put::Known(id(5))));
    assert_eq!(second.put(with_id(entry(2, 1), 20), ROOMY).await, Ok(Put::New), "it was removed");
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_800_000_000_000 + 1000 * seconds)
}

/// The id of entry `n`, which was put away `n` seconds after the start of the suite's time.
fn id(n: u64) -> EntryId {
    EntryId(ResourceId::new(at(n), [7; 16]))
}

/// Entry `n` of a participant; its bytes differ from those of others.
fn entry(n: u64, participant: u32) -> Entry {
    let xml = Bytes::from(format!("<Envelope><!-- {n:04} --></Envelope>"));
    let summary = Summary {
        id: id(n),
        ispb: ispb(participant),
        at: at(n),
        producer: "CN=icom".to_owned(),
        intake: "publish".to_owned(),
        rule: Rule::Schema,
        findings: vec![format!("{n}:7 Envelope/AppHdr is empty"), "9:1 Envelope/Document is not".to_owned()],
        bytes: u32::try_from(xml.len()).unwrap(),
        attempts: 1,
    };
    Entry { summary, xml }
}

fn with_id(mut entry: Entry, n: u64) -> Entry {
    (entry.summary.id, entry.summary.at) = (id(n), at(n));
    entry
}

fn ids(summaries: &[Summary]) -> Vec<EntryId> {
    summaries.iter().map(|summary| summary.id).collect()
}

async fn an_entry_comes_back_as_it_was(quarantine: impl Quarantine) {
    assert_eq!(quarantine.list(None, None, 10).await, Ok(Vec::new()));
    assert_eq!(quarantine.find(id(1)).await, Ok(None));
    assert_eq!(quarantine.usage().await, Ok(Usage::default()));
    assert_eq!(quarantine.remove(id(1)).await, Ok(false));
    assert_eq!(quarantine.remove_before(at(9), 10).await, Ok(0));
    let sent = entry(1, 1);
    assert_eq!(quarantine.put(sent.clone(), ROOMY).await, Ok(Put::New));
    assert_eq!(quarantine.find(id(1)).await, Ok(Some(sent.clone())));
    assert_eq!(quarantine.find(id(2)).await, Ok(None));
    assert_eq!(quarantine.list(None, None, 10).await, Ok(vec![sent.summary]));
    assert_eq!(quarantine.usage().await, Ok(Usage { entries: 1, bytes: sent.xml.len() as u64 }));
}

async fn every_rule_and_any_text_is_kept(quarantine: impl Quarantine) {
    for (n, rule) in (1..).zip(Rule::ALL) {
        let mut sent = entry(n, 1);
        sent.summary.rule = rule;
        sent.summary.producer = "CN=núcleo \"1\"\u{0}".to_owned();
        sent.summary.findings = vec![String::new(); usize::try_from(n).unwrap() - 1];
        if n == 2 {
            (sent.xml, sent.summary.bytes) = (Bytes::from_static(b"\xff\x00 not even text"), 16);
        } else if n == 3 {
            (sent.xml, sent.summary.bytes) = (Bytes::new(), 0);
        }
        assert_eq!(quarantine.put(sent.clone(), ROOMY).await, Ok(Put::New));
        assert_eq!(quarantine.find(sent.summary.id).await, Ok(Some(sent)), "{rule:?}");
    }
}

async fn the_same_bytes_are_kept_once_for_each_participant(quarantine: impl Quarantine) {
    assert_eq!(quarantine.put(entry(1, 1), ROOMY).await, Ok(Put::New));
    let mut again = with_id(entry(1, 1), 2);
    again.summary.rule = Rule::Recipient;
    assert_eq!(quarantine.put(again, ROOMY).await, Ok(Put::Known(id(1))));
    assert_eq!(quarantine.put(entry(1, 1), ROOMY).await, Ok(Put::Known(id(1))), "its own id again");
    let kept = quarantine.find(id(1)).await.unwrap().unwrap();
    assert_eq!(
        kept.summary,
        Summary { attempts: 3, ..entry(1, 1).summary },
        "the first is kept, and counted"
    );
    assert_eq!(quarantine.put(with_id(entry(1, 2), 3), ROOMY).await, Ok(Put::New), "another participant");
    assert_eq!(quarantine.put(entry(4, 1), ROOMY).await, Ok(Put::New), "other bytes");
    assert_eq!(quarantine.usage().await.unwrap().entries, 3);
}

async fn what_was_removed_is_new_again(quarantine: impl Quarantine) {
    assert_eq!(quarantine.put(entry(1, 1), ROOMY).await, Ok(Put::New));
    assert_eq!(quarantine.remove(id(1)).await, Ok(true));
    assert_eq!(quarantine.remove(id(1)).await, Ok(false));
    assert_eq!(quarantine.find(id(1)).await, Ok(None));
    assert_eq!(quarantine.usage().await, Ok(Usage::default()));
    assert_eq!(quarantine.put(with_id(entry(1, 1), 2), ROOMY).await, Ok(Put::New));
    assert_eq!(quarantine.remove_before(at(3), 1).await, Ok(1));
    assert_eq!(quarantine.put(with_id(entry(1, 1), 3), ROOMY).await, Ok(Put::New));
    assert_eq!(ids(&quarantine.list(None, None, 10).await.unwrap()), [id(3)]);
}

async fn entries_are_listed_oldest_first_page_by_page(quarantine: impl Quarantine) {
    for n in [5, 1, 4, 2, 3, 6] {
        let participant = if n % 2 == 0 { 2 } else { 1 };
        assert_eq!(quarantine.put(entry(n, participant), ROOMY).await, Ok(Put::New));
    }
    let list = async |ispb, after, limit| ids(&quarantine.list(ispb, after, limit).await.unwrap());
    assert_eq!(list(None, None, 100).await, (1..=6).map(id).collect::<Vec<_>>());
    assert_eq!(list(None, None, 2).await, [id(1), id(2)]);
    assert_eq!(list(None, Some(id(2)), 2).await, [id(3), id(4)]);
    assert_eq!(list(None, Some(id(6)), 2).await, []);
    assert_eq!(list(Some(ispb(1)), None, 100).await, [id(1), id(3), id(5)]);
    assert_eq!(list(Some(ispb(1)), Some(id(2)), 1).await, [id(3)], "after an entry of somebody else");
    assert_eq!(list(Some(ispb(3)), None, 100).await, []);
    assert_eq!(list(None, None, 0).await, []);
}

async fn neither_limit_is_exceeded(quarantine: impl Quarantine) {
    let each = entry(1, 1).xml.len() as u64;
    let three = Limits { entries: 3, ..ROOMY };
    for n in 1..=3 {
        assert_eq!(quarantine.put(entry(n, 1), three).await, Ok(Put::New));
    }
    assert_eq!(quarantine.put(entry(4, 1), three).await, Ok(Put::Full));
    assert_eq!(quarantine.find(id(4)).await, Ok(None));
    assert_eq!(quarantine.put(with_id(entry(2, 1), 5), three).await, Ok(Put::Known(id(2))), "needs no room");
    let bytes = |bytes| Limits { bytes, ..ROOMY };
    assert_eq!(quarantine.put(entry(4, 1), bytes(4 * each - 1)).await, Ok(Put::Full));
    assert_eq!(quarantine.usage().await, Ok(Usage { entries: 3, bytes: 3 * each }));
    assert_eq!(quarantine.put(entry(4, 1), bytes(4 * each)).await, Ok(Put::New));
    assert_eq!(quarantine.remove(id(1)).await, Ok(true));
    assert_eq!(quarantine.put(entry(6, 1), bytes(4 * each)).await, Ok(Put::New), "removal makes room");
}

async fn the_oldest_are_removed_up_to_a_time_and_a_number(quarantine: impl Quarantine) {
    for n in 1..=6 {
        assert_eq!(quarantine.put(entry(n, 1), ROOMY).await, Ok(Put::New));
    }
    assert_eq!(quarantine.remove_before(at(1), 10).await, Ok(0), "what is exactly as old stays");
    assert_eq!(quarantine.remove_before(at(5), 3).await, Ok(3));
    assert_eq!(ids(&quarantine.list(None, None, 10).await.unwrap()), [id(4), id(5), id(6)]);
    assert_eq!(quarantine.remove_before(at(5), 3).await, Ok(1));
    assert_eq!(quarantine.remove_before(at(5), 3).await, Ok(0));
    assert_eq!(ids(&quarantine.list(None, None, 10).await.unwrap()), [id(5), id(6)]);
    assert_eq!(quarantine.usage().await, Ok(Usage { entries: 2, bytes: 2 * entry(1, 1).xml.len() as u64 }));
}

async fn of_racing_puts_of_the_same_bytes_one_is_kept(quarantine: impl Quarantine) {
    let put = join_all((1..=8).map(|n| quarantine.put(with_id(entry(1, 1), n), ROOMY))).await;
    let put: Vec<Put> = put.into_iter().map(Result::unwrap).collect();
    assert_eq!(put.iter().filter(|put| **put == Put::New).count(), 1, "{put:?}");
    let kept = quarantine.list(None, None, 10).await.unwrap();
    assert_eq!((kept.len(), kept[0].attempts), (1, 8));
    let winner = kept[0].id;
    assert!(put.iter().all(|put| matches!(put, Put::New) || *put == Put::Known(winner)));
}

async fn racing_puts_stay_within_the_limits(quarantine: impl Quarantine) {
    let five = Limits { entries: 5, ..ROOMY };
    let put = join_all((1..=20).map(|n| quarantine.put(entry(n, 1), five))).await;
    let kept = put.iter().filter(|put| **put == Ok(Put::New)).count();
    let refused = put.iter().filter(|put| **put == Ok(Put::Full)).count();
    assert_eq!((kept, refused), (5, 15));
    assert_eq!(quarantine.usage().await.unwrap().entries, 5);
}
