//! What every Intake must do (requirement B.5): hand out each entry, in order, to one worker at a time, until somebody
//! says what became of it.

use std::time::Duration;

use bytes::Bytes;
use pix_stream_ports::intake::{Depth, Entry, Intake, Taken};

use crate::contract::join_all;

/// Longer than any test takes: who waits this long waits for an entry.
const LONG: Duration = Duration::from_secs(30);

/// An empty queue of its own for each test, with what a producer and time do to it.
pub trait Bench {
    /// The Intake under test.
    type Intake: Intake;

    /// One more worker on the queue, on a node of its own.
    fn worker(&self) -> impl Future<Output = Self::Intake>;

    /// What a producer does. Returns the entry's id.
    fn put(&self, ispb: &str, producer: &str, xml: Bytes) -> impl Future<Output = Box<str>>;

    /// Whoever holds the queue does not ask for so long that it loses it.
    fn let_hold_lapse(&self) -> impl Future<Output = ()>;

    /// The ids and reasons of what was refused, in order.
    fn refused(&self) -> impl Future<Output = Vec<(Box<str>, String)>>;
}

/// Runs every test, each on a bench that `make` makes anew.
pub async fn test_all<B: Bench>(make: impl AsyncFn() -> B) {
    an_empty_intake_has_nothing(make().await).await;
    entries_come_in_order_as_they_were_left(make().await).await;
    one_worker_holds_the_queue_until_it_lets_go(make().await).await;
    who_waits_is_handed_what_comes(make().await).await;
    what_was_acknowledged_never_comes_again(make().await).await;
    what_a_dead_worker_held_comes_before_what_is_new(make().await).await;
    who_lost_its_hold_is_handed_nothing_until_it_begins_anew(make().await).await;
    what_was_taken_is_fetched_again(make().await).await;
    what_was_refused_is_put_aside_with_the_reason(make().await).await;
    the_depth_tells_what_waits_and_what_is_held(make().await).await;
}

async fn put(bench: &impl Bench, n: u32) -> Entry {
    let (ispb, producer) = (format!("{:08}", 99_999_000 + n), format!("CN=núcleo {n}"));
    let xml = Bytes::from(format!("<Envelope>\u{0}{n}</Envelope>"));
    let id = bench.put(&ispb, &producer, xml.clone()).await;
    Entry { id, ispb, producer, xml }
}

async fn put_all(bench: &impl Bench, numbers: impl IntoIterator<Item = u32>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for n in numbers {
        entries.push(put(bench, n).await);
    }
    entries
}

/// The next entries of who holds the queue.
async fn take(intake: &impl Intake, limit: u32) -> Vec<Entry> {
    let taken = intake.take(limit, Duration::ZERO).await.unwrap();
    assert!(taken.hold.is_some(), "it holds the queue");
    taken.entries
}

/// Another one holds the queue.
async fn expect_nothing(intake: &impl Intake) {
    assert_eq!(intake.take(10, Duration::ZERO).await, Ok(Taken::default()));
}

fn ids(entries: &[Entry]) -> Vec<Box<str>> {
    entries.iter().map(|entry| entry.id.clone()).collect()
}

async fn an_empty_intake_has_nothing(bench: impl Bench) {
    let worker = bench.worker().await;
    assert_eq!(take(&worker, 10).await, []);
    assert_eq!(worker.depth().await, Ok(Depth::default()));
    assert_eq!(worker.acknowledge(Vec::new()).await, Ok(()));
    assert_eq!(worker.acknowledge(vec!["1-0".into()]).await, Ok(()), "unknown ids do no harm");
    assert_eq!(bench.refused().await, []);
}

async fn entries_come_in_order_as_they_were_left(bench: impl Bench) {
    let worker = bench.worker().await;
    let mut sent = put_all(&bench, 1..=5).await;
    let anonymous = Entry {
        id: bench.put("99999A04", "", Bytes::new()).await,
        ispb: "99999A04".to_owned(),
        producer: String::new(),
        xml: Bytes::new(),
    };
    sent.push(anonymous);
    assert_eq!(take(&worker, 2).await, sent[..2]);
    assert_eq!(take(&worker, 3).await, sent[2..5]);
    assert_eq!(take(&worker, 3).await, sent[5..]);
    assert_eq!(take(&worker, 3).await, []);
}

async fn one_worker_holds_the_queue_until_it_lets_go(bench: impl Bench) {
    let (one, another) = (bench.worker().await, bench.worker().await);
    let sent = put_all(&bench, 1..=6).await;
    assert_eq!(
        one.take(0, Duration::ZERO).await.map(|taken| (taken.hold.is_some(), taken.entries)),
        Ok((true, vec![]))
    );
    expect_nothing(&another).await;
    assert_eq!(take(&one, 4).await, sent[..4]);
    expect_nothing(&another).await;
    one.acknowledge(ids(&sent[1..2])).await.unwrap();
    assert_eq!(another.release().await, Ok(()), "it has nothing to let go");
    expect_nothing(&another).await;
    assert_eq!(one.release().await, Ok(()));
    let left = [&sent[..1], &sent[2..]].concat();
    assert_eq!(take(&another, 2).await, left[..2]);
    expect_nothing(&one).await;
    assert_eq!(take(&another, 10).await, left[2..3], "what was handed out before comes first, and apart");
    assert_eq!(take(&another, 10).await, left[3..]);
    assert_eq!(take(&another, 10).await, []);
}

async fn who_waits_is_handed_what_comes(bench: impl Bench) {
    let worker = bench.worker().await;
    let both =
        join_all([true, false].map(|waits| {
            let (worker, bench) = (&worker, &bench);
            async move {
                if waits { worker.take(10, LONG).await.unwrap().entries } else { vec![put(bench, 1).await] }
            }
        }));
    let both = both.await;
    assert_eq!(both[0], both[1]);
}

async fn what_was_acknowledged_never_comes_again(bench: impl Bench) {
    let (one, another) = (bench.worker().await, bench.worker().await);
    let sent = put_all(&bench, 1..=4).await;
    assert_eq!(take(&one, 10).await, sent);
    assert_eq!(one.acknowledge(ids(&sent[..2])).await, Ok(()));
    assert_eq!(
        another.acknowledge(ids(&sent[1..])).await,
        Ok(()),
        "twice, and by who does not hold the queue"
    );
    bench.let_hold_lapse().await;
    assert_eq!(take(&another, 10).await, []);
    assert_eq!(another.depth().await, Ok(Depth::default()));
}

async fn what_a_dead_worker_held_comes_before_what_is_new(bench: impl Bench) {
    let dead = bench.worker().await;
    let held = put_all(&bench, 1..=3).await;
    assert_eq!(take(&dead, 10).await, held);
    drop(dead);
    let alive = bench.worker().await;
    expect_nothing(&alive).await;
    bench.let_hold_lapse().await;
    let new = put_all(&bench, 4..=5).await;
    assert_eq!(take(&alive, 2).await, held[..2], "the limit holds for them, too");
    assert_eq!(take(&alive, 2).await, held[2..]);
    assert_eq!(take(&alive, 10).await, new);
    assert_eq!(take(&alive, 10).await, []);
}

async fn who_lost_its_hold_is_handed_nothing_until_it_begins_anew(bench: impl Bench) {
    let (one, another) = (bench.worker().await, bench.worker().await);
    let sent = put_all(&bench, 1..=3).await;
    let first = one.take(1, Duration::ZERO).await.unwrap();
    assert_eq!(first.entries, sent[..1]);
    assert_eq!(one.take(1, Duration::ZERO).await.map(|taken| taken.hold), Ok(first.hold), "one hold");
    bench.let_hold_lapse().await;
    assert_eq!(take(&another, 10).await, sent[..2]);
    expect_nothing(&one).await;
    another.acknowledge(ids(&sent[..1])).await.unwrap();
    another.release().await.unwrap();
    let anew = one.take(10, Duration::ZERO).await.unwrap();
    assert_eq!(anew.entries, sent[1..2]);
    assert!(anew.hold.is_some() && anew.hold != first.hold, "{anew:?}");
    assert_eq!(take(&one, 10).await, sent[2..]);

    bench.let_hold_lapse().await;
    let again = one.take(10, Duration::ZERO).await.unwrap();
    assert_eq!(again.entries, sent[1..], "somebody else may have had it meanwhile");
    assert_ne!(again.hold, anew.hold);
}

async fn what_was_taken_is_fetched_again(bench: impl Bench) {
    let worker = bench.worker().await;
    let sent = put_all(&bench, 1..=4).await;
    assert_eq!(take(&worker, 4).await, sent);
    assert_eq!(worker.fetch(Vec::new()).await, Ok(Vec::new()));
    assert_eq!(worker.fetch(ids(&sent[1..3])).await, Ok(sent[1..3].to_vec()));
    worker.acknowledge(ids(&sent[1..2])).await.unwrap();
    assert_eq!(worker.fetch(ids(&sent[..3])).await, Ok(vec![sent[0].clone(), sent[2].clone()]));
    assert_eq!(take(&worker, 4).await, [], "that hands out nothing");
}

async fn what_was_refused_is_put_aside_with_the_reason(bench: impl Bench) {
    let worker = bench.worker().await;
    let sent = put_all(&bench, 1..=2).await;
    assert_eq!(take(&worker, 10).await, sent);
    assert_eq!(worker.refuse(sent[1].clone(), "no such participant").await, Ok(()));
    bench.let_hold_lapse().await;
    assert_eq!(take(&worker, 10).await, sent[..1], "it does not come again");
    assert_eq!(bench.refused().await, [(sent[1].id.clone(), "no such participant".to_owned())]);
}

async fn the_depth_tells_what_waits_and_what_is_held(bench: impl Bench) {
    let worker = bench.worker().await;
    let sent = put_all(&bench, 1..=5).await;
    assert_eq!(worker.depth().await, Ok(Depth { waiting: 5, pending: 0 }));
    assert_eq!(take(&worker, 3).await, sent[..3]);
    assert_eq!(worker.depth().await, Ok(Depth { waiting: 2, pending: 3 }));
    worker.acknowledge(ids(&sent[..1])).await.unwrap();
    assert_eq!(worker.depth().await, Ok(Depth { waiting: 2, pending: 2 }));
}
