//! The book finds what must not happen, and lets what faults explain.

use pix_stream_domain::sequence::Range;
use pix_stream_domain::stream::{Cursor, Generation};
use pix_stream_domain::token::{KEY_LEN, Keyring};
use pix_stream_domain::version::Incarnation;

use super::*;

fn ispb(n: u32) -> Ispb {
    format!("{:08}", 99_900_000 + n).parse().unwrap()
}

fn item(n: u8) -> Item {
    let at = Timestamp::from_unix_millis(1_800_000_000_000);
    Item { resource_id: ResourceId::new(at, [n; 16]), digest: Digest::of(&[n]) }
}

/// A token for the messages `first..=last`.
fn token(n: u32, (first, last): (u64, u64), pull: u64) -> String {
    let keys = Keyring::new((1, [7; KEY_LEN]), None);
    let cursor = Cursor {
        generation: Generation { incarnation: Incarnation::new(1), number: 1 },
        slot: 0,
        pull,
        empties: 0,
        batch: Range::new(Sequence::new(first), Sequence::new(last + 1)),
        issued_at: START,
        expires_at: START.after(IDLE),
    };
    keys.sign(ispb(n), 0, &cursor).as_str().to_owned()
}

fn publish(book: &Book, n: u32, item: Item) {
    book.offer(ispb(n), item.digest);
    book.acknowledge(ispb(n), item.digest, item.resource_id);
}

fn deliver(book: &Book, n: u32, presented: Option<&str>, token: &str, items: &[Item]) {
    let (body, asked) = (Digest::of(token.as_bytes()), book.now());
    book.deliver(ispb(n), &Delivery { presented, token, items, body, asked });
}

#[tokio::test(start_paused = true)]
async fn what_arrives_and_is_confirmed_is_fine() {
    let book = Book::new(1);
    publish(&book, 1, item(1));
    let batch = token(1, (1, 1), 1);
    deliver(&book, 1, None, &batch, &[item(1)]);
    assert_eq!(book.open(), (0, 1));
    book.present(ispb(1), &batch, false);
    book.confirm(ispb(1), &batch);
    assert_eq!(book.open(), (0, 0));
    assert!(book.finish().violations.is_empty(), "{:?}", book.finish().violations);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_never_arrives_is_lost() {
    let book = Book::new(1);
    publish(&book, 1, item(1));
    let violations = book.finish().violations;
    assert!(violations[0].starts_with("invariant 1"), "{violations:?}");
}

#[tokio::test(start_paused = true)]
async fn other_bytes_and_other_participants_are_found() {
    let book = Book::new(2);
    publish(&book, 1, item(1));
    deliver(&book, 2, None, &token(2, (1, 1), 1), &[item(1)]);
    assert!(book.finish().violations[0].starts_with("invariant 8"));
    let book = Book::new(1);
    publish(&book, 1, item(1));
    let forged = Item { digest: Digest::of(b"other"), ..item(1) };
    deliver(&book, 1, None, &token(1, (1, 1), 1), &[forged]);
    assert!(book.finish().violations[0].starts_with("invariant 9"));
}

#[tokio::test(start_paused = true)]
async fn what_was_confirmed_comes_again_only_around_a_fault_that_loses() {
    for (waits, is_fine) in [(Duration::ZERO, true), (Duration::from_secs(30), false)] {
        let book = Book::new(1);
        publish(&book, 1, item(1));
        let (first, again) = (token(1, (1, 1), 1), token(1, (1, 1), (1 << HISTORY_BIT) + 1));
        deliver(&book, 1, None, &first, &[item(1)]);
        book.present(ispb(1), &first, false);
        book.confirm(ispb(1), &first);
        tokio::time::advance(waits).await;
        let fault = book.begin_fault("kill", true, Bounds::default());
        book.end_fault(fault);
        deliver(&book, 1, None, &again, &[item(1)]);
        book.present(ispb(1), &again, false);
        book.confirm(ispb(1), &again);
        let finished = book.finish();
        assert_eq!(finished.violations.is_empty(), is_fine, "{:?}", finished.violations);
        assert_eq!((finished.counts.confirmed_again, finished.counts.redelivered), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn redeliveries_that_nothing_explains_are_too_many() {
    let book = Book::new(1);
    publish(&book, 1, item(1));
    deliver(&book, 1, None, &token(1, (1, 1), 1), &[item(1)]);
    tokio::time::advance(2 * IDLE).await;
    deliver(&book, 1, None, &token(1, (1, 1), 2), &[item(1)]);
    let finished = book.finish();
    assert_eq!((finished.counts.redelivered, finished.bound), (1, 0));
    assert!(finished.violations.iter().any(|what| what.contains("redeliveries")));
}
