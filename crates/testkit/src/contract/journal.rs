//! What every Journal must do.

mod append;
mod known;
mod read;
mod state;

use std::time::Duration;

use bytes::Bytes;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::journal::{Appended, Extent, Journal, MessageKey, NewMessage, Stored, Terms};

use crate::contract::ispb;

/// The window of idempotency of the suites.
const WINDOW: Duration = Duration::from_secs(24 * 3600);

fn terms() -> Terms {
    Terms { window: WINDOW, retention: Some(30 * WINDOW) }
}
/// More than any suite stores.
const ALL_BYTES: u64 = u64::MAX;

/// Runs every test, each on a Journal that `make` makes anew and empty.
pub async fn test_all<J: Journal>(make: impl AsyncFn() -> J) {
    append::test_all(&make).await;
    known::test_all(&make).await;
    read::test_all(&make).await;
    state::test_all(&make).await;
}

/// What was acknowledged is there after the Journal was closed and opened again. `open` opens the same store each
/// time; the one before is dropped by then.
pub async fn test_reopening<J: Journal>(open: impl AsyncFn() -> J) {
    let first = open().await;
    let appended = first.append(ispb(1), messages(1..=20, 0), terms()).await.unwrap();
    assert_eq!(first.remove_below(ispb(1), Sequence::new(4), 100).await, Ok(3));
    let only = first.append(ispb(2), messages(1..=2, 0), terms()).await.unwrap();
    assert_eq!(first.remove_below(ispb(2), Sequence::new(9), 100).await, Ok(2));
    let incarnation = first.raise_incarnation(ispb(1)).await.unwrap();
    let checkpoint = state::checkpoint(incarnation, 3, true);
    first.save_checkpoints(vec![(ispb(1), checkpoint.clone())]).await.unwrap();
    let participant = state::known_in_full(1, 1);
    assert_eq!(first.save_participant(participant.clone()).await, Ok(true));
    assert_eq!(first.save_switches(state::switches(1, "pacs.008.spi.1.16")).await, Ok(true));
    first.append(ispb(3), read::old_messages(1..=20), terms()).await.unwrap();
    assert_eq!(first.remove_between(ispb(3), range(5, 9), 100).await, Ok(4));
    let before = read_all(&first, ispb(1)).await;
    let with_gap = read_all(&first, ispb(3)).await;
    drop(first);

    let second = open().await;
    assert_eq!(read_all(&second, ispb(1)).await, before, "messages stay as they were");
    assert_eq!(read_all(&second, ispb(3)).await, with_gap, "and so does what was removed between them");
    let kept: Vec<_> = before.iter().map(|stored| (stored.sequence, stored.resource_id)).collect();
    let given: Vec<_> = appended[3..].iter().map(|one| (one.sequence, one.resource_id)).collect();
    assert_eq!(kept, given, "acknowledged messages stay at their place");
    assert_eq!(second.extent(ispb(1)).await, Ok(Extent { first: Sequence::new(4), next: Sequence::new(21) }));
    let next = only[1].sequence.plus(1);
    assert_eq!(
        second.extent(ispb(2)).await,
        Ok(Extent { first: next, next }),
        "the head outlives its messages"
    );
    let again = second.append(ispb(1), messages(1..=20, 0), terms()).await.unwrap();
    assert!(again.iter().zip(&appended).all(|(a, b)| a.is_repeat && a.resource_id == b.resource_id));
    assert!(second.raise_incarnation(ispb(1)).await.unwrap() > incarnation, "incarnations never come twice");
    assert_eq!(second.load_checkpoint(ispb(1)).await, Ok(Some(checkpoint)));
    assert_eq!(second.participants().await, Ok(vec![participant]));
    assert_eq!(second.load_switches().await, Ok(state::switches(1, "pacs.008.spi.1.16")));
}

/// Messages with these numbers, published `seconds` after the start of the suite's time.
fn messages(numbers: impl IntoIterator<Item = u64>, seconds: u64) -> Vec<NewMessage> {
    numbers.into_iter().map(|n| message(n, n, seconds)).collect()
}

/// A message whose business id and bytes can differ from another's independently.
fn message(id: u64, content: u64, seconds: u64) -> NewMessage {
    let published_at = at(seconds);
    let xml = Bytes::from(format!("<Envelope><!-- {content} --></Envelope>"));
    let mut random = [0; 16];
    random[..8].copy_from_slice(&id.to_be_bytes());
    random[8..].copy_from_slice(&(content ^ seconds.rotate_left(32)).to_be_bytes());
    NewMessage {
        key: MessageKey {
            business_id: format!("M99999000{id:023}").into(),
            digest: Digest::of(&xml),
            published_at,
        },
        resource_id: ResourceId::new(published_at, random),
        message_type: "pacs.008.spi.1.16".into(),
        xml,
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_800_000_000_000 + 1000 * seconds)
}

fn sequences(appended: &[Appended]) -> Vec<u64> {
    appended.iter().map(|one| one.sequence.value()).collect()
}

fn range(start: u64, end: u64) -> Range {
    Range::new(Sequence::new(start), Sequence::new(end))
}

async fn read_all(journal: &impl Journal, ispb: Ispb) -> Vec<Stored> {
    journal.read(ispb, range(1, u64::MAX), ALL_BYTES).await.unwrap()
}
