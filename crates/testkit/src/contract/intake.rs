//! What every Intake must do (requirement B.5): hand out each entry until somebody says what became of it.

use std::time::Duration;

use bytes::Bytes;
use pix_stream_ports::intake::{Depth, Entry, Intake};

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

    /// Lets so much time pass that entries which were handed out may be handed out again.
    fn let_claims_lapse(&self) -> impl Future<Output = ()>;

    /// The ids and reasons of what was refused, in order.
    fn refused(&self) -> impl Future<Output = Vec<(Box<str>, String)>>;
}

/// Runs every test, each on a bench that `make` makes anew.
pub async fn test_all<B: Bench>(make: impl AsyncFn() -> B) {
    an_empty_intake_has_nothing(make().await).await;
    entries_come_in_order_as_they_were_left(make().await).await;
    an_entry_is_handed_to_one_worker(make().await).await;
    who_waits_is_handed_what_comes(make().await).await;
    what_was_acknowledged_never_comes_again(make().await).await;
    what_a_dead_worker_held_comes_again_in_turn_with_what_is_new(make().await).await;
    what_nobody_finishes_does_not_keep_new_entries_waiting(make().await).await;
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

async fn take(intake: &impl Intake, limit: u32) -> Vec<Entry> {
    intake.take(limit, Duration::ZERO).await.unwrap()
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

async fn an_entry_is_handed_to_one_worker(bench: impl Bench) {
    let workers = [bench.worker().await, bench.worker().await, bench.worker().await];
    let sent = put_all(&bench, 1..=30).await;
    let mut taken = Vec::new();
    while taken.len() < sent.len() {
        let round = join_all(workers.iter().map(|worker| take(worker, 4))).await.concat();
        assert!(!round.is_empty(), "{} of 30 came", taken.len());
        taken.extend(round);
    }
    taken.sort_by(|a, b| a.ispb.cmp(&b.ispb));
    assert_eq!(taken, sent, "each exactly once");
}

async fn who_waits_is_handed_what_comes(bench: impl Bench) {
    let worker = bench.worker().await;
    let both = join_all([true, false].map(|waits| {
        let (worker, bench) = (&worker, &bench);
        async move { if waits { worker.take(10, LONG).await.unwrap() } else { vec![put(bench, 1).await] } }
    }));
    let both = both.await;
    assert_eq!(both[0], both[1]);
}

async fn what_was_acknowledged_never_comes_again(bench: impl Bench) {
    let (one, another) = (bench.worker().await, bench.worker().await);
    let sent = put_all(&bench, 1..=4).await;
    assert_eq!(take(&one, 10).await, sent);
    assert_eq!(one.acknowledge(ids(&sent[..2])).await, Ok(()));
    assert_eq!(another.acknowledge(ids(&sent[1..])).await, Ok(()), "twice, and by another worker");
    bench.let_claims_lapse().await;
    assert_eq!(take(&one, 10).await, []);
    assert_eq!(take(&another, 10).await, []);
    assert_eq!(one.depth().await, Ok(Depth::default()));
}

async fn what_a_dead_worker_held_comes_again_in_turn_with_what_is_new(bench: impl Bench) {
    let dead = bench.worker().await;
    let held = put_all(&bench, 1..=3).await;
    assert_eq!(take(&dead, 10).await, held);
    drop(dead);
    let alive = bench.worker().await;
    assert_eq!(take(&alive, 10).await, [], "it may still be at work");
    bench.let_claims_lapse().await;
    let new = put_all(&bench, 4..=5).await;
    assert_eq!(take(&alive, 2).await, held[..2], "the limit holds for them, too");
    assert_eq!(take(&alive, 10).await, new);
    assert_eq!(take(&alive, 10).await, held[2..]);
    assert_eq!(take(&alive, 10).await, [], "it holds them now");
}

async fn what_nobody_finishes_does_not_keep_new_entries_waiting(bench: impl Bench) {
    let worker = bench.worker().await;
    let stuck = put_all(&bench, 1..=40).await;
    assert_eq!(take(&worker, 100).await, stuck);
    bench.let_claims_lapse().await;
    assert_eq!(take(&worker, 5).await.len(), 5, "they come again");
    let new = put_all(&bench, 41..=50).await;
    let mut came = Vec::new();
    for _ in 0..4 {
        came.extend(take(&worker, 5).await.into_iter().filter(|entry| new.contains(entry)));
    }
    assert_eq!(came, new, "half of the takes are for what is new");
}

async fn what_was_refused_is_put_aside_with_the_reason(bench: impl Bench) {
    let worker = bench.worker().await;
    let sent = put_all(&bench, 1..=2).await;
    assert_eq!(take(&worker, 10).await, sent);
    assert_eq!(worker.refuse(sent[1].clone(), "no such participant").await, Ok(()));
    bench.let_claims_lapse().await;
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
