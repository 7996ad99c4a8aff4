//! Stream ids (C1, C2): an answer reaches the request it belongs to, however many requests came in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::iter;
use pix_stream_cql::{Session, Settings};
use pix_stream_cql_mock::{Gate, Mock, Reply, Request};
use tokio::time::timeout;

use crate::support::{
    PATIENCE, connect, echo, echo_within, on_statements, options, said, settings, stock, stock_echo, until,
    word,
};

/// One less than the ids of protocol v4, which the driver gives out in turn.
const IDS: usize = 32_767;
const SLOW: usize = 100;

/// A cluster of one node that answers words beginning with `a` or `b` when told so.
async fn gated() -> (Mock, Gate, Gate, Arc<AtomicUsize>) {
    let (a, b, held) = (Gate::default(), Gate::default(), Arc::new(AtomicUsize::new(0)));
    let (gate_a, gate_b, count) = (a.clone(), b.clone(), Arc::clone(&held));
    let script = move |request: &Request| {
        on_statements(request, || {
            let gate = match word(request).as_bytes() {
                [b'a', ..] => &gate_a,
                [b'b', ..] => &gate_b,
                _ => return Reply::Now(said(request)),
            };
            count.fetch_add(1, Ordering::Relaxed);
            Reply::When(gate.clone(), said(request))
        })
    };
    (Mock::builder().start(script).await.unwrap(), a, b, held)
}

fn words(letter: char) -> Vec<String> {
    (0..SLOW).map(|i| format!("{letter}{i}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_answers_reach_their_own_requests_after_the_ids_went_round() {
    let (mock, gate_a, gate_b, held) = gated().await;
    let session = Session::connect(Settings { heartbeat: PATIENCE, ..settings(&mock) }).await.unwrap();
    let patient = options().timeout(PATIENCE);
    let first = words('a');
    let second = words('b');
    let ask = |word: &String| {
        let (session, word, patient) = (session.clone(), word.clone(), patient.clone());
        tokio::spawn(async move { echo_within(&session, &word, &patient).await })
    };
    let firsts: Vec<_> = first.iter().map(ask).collect();
    until("the first are on their way", || held.load(Ordering::Relaxed) == SLOW).await;
    let between = iter(0..IDS + SLOW).map(|_| echo_within(&session, "quick", &patient)).buffer_unordered(256);
    let wrong = between.filter(|said| std::future::ready(said.as_deref() != Ok("quick"))).count().await;
    assert_eq!(wrong, 0);
    let seconds: Vec<_> = second.iter().map(ask).collect();
    until("the second are on their way", || held.load(Ordering::Relaxed) == 2 * SLOW).await;
    gate_a.open();
    let said: Vec<_> = join_all(firsts).await.into_iter().map(|said| said.unwrap().unwrap()).collect();
    assert_eq!(said, first);
    gate_b.open();
    let said: Vec<_> = join_all(seconds).await.into_iter().map(|said| said.unwrap().unwrap()).collect();
    assert_eq!(said, second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_drivers_transport_gives_late_answers_to_other_requests() {
    let (mock, gate_a, _gate_b, held) = gated().await;
    let stock = stock(&mock, 1).await;
    let ask = |word: String| {
        let stock = Arc::clone(&stock);
        tokio::spawn(async move { stock_echo(&stock, &word).await })
    };
    let firsts: Vec<_> = words('a').into_iter().map(ask).collect();
    until("the first are on their way", || held.load(Ordering::Relaxed) == SLOW).await;
    // Half of the second then have ids of the first, and no quick one has: that would end the connection (C2).
    iter(0..IDS - SLOW - SLOW / 2).map(|_| stock_echo(&stock, "quick")).buffer_unordered(256).count().await;
    let seconds: Vec<_> = words('b').into_iter().map(ask).collect();
    until("the second are on their way", || held.load(Ordering::Relaxed) == 2 * SLOW).await;
    gate_a.open();
    let answered = timeout(PATIENCE, futures_util::future::select_all(seconds)).await.expect("in time").0;
    let said = answered.unwrap().expect("an answer, though none was given to it");
    assert!(said.starts_with('a'), "the defect C1 is gone: {said}");
    drop(firsts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_request_hurts_no_other_and_gets_its_answer() {
    let (mock, gate, _, held) = gated().await;
    let session = Session::connect(Settings { heartbeat: PATIENCE, ..settings(&mock) }).await.unwrap();
    let patient = options().timeout(PATIENCE);
    let slow = {
        let (session, patient) = (session.clone(), patient.clone());
        tokio::spawn(async move { echo_within(&session, "a", &patient).await })
    };
    until("the slow one is on its way", || held.load(Ordering::Relaxed) == 1).await;
    let quick = iter(0..IDS + SLOW).map(|_| echo_within(&session, "quick", &patient)).buffer_unordered(256);
    assert_eq!(quick.filter(|said| std::future::ready(said.is_err())).count().await, 0);
    gate.open();
    assert_eq!(slow.await.unwrap().as_deref(), Ok("a"));
    assert_eq!(mock.nodes()[0].accepted(), 3, "knock, control and one connection, never replaced");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_drivers_transport_fails_a_slow_request_when_the_ids_went_round() {
    let (mock, _gate, _, held) = gated().await;
    let stock = stock(&mock, 1).await;
    let slow = {
        let stock = Arc::clone(&stock);
        tokio::spawn(async move { stock_echo(&stock, "a").await })
    };
    until("the slow one is on its way", || held.load(Ordering::Relaxed) == 1).await;
    iter(0..IDS + 1).map(|_| stock_echo(&stock, "quick")).buffer_unordered(256).count().await;
    let said = timeout(PATIENCE, slow).await.expect("the defect C2 is gone: it still waits").unwrap();
    assert!(said.is_err(), "the gate is shut");
}

#[tokio::test]
async fn a_connection_with_too_many_orphans_is_replaced_and_the_others_are_counted() {
    let (mock, gate, _, _) = gated().await;
    let limits = Settings { orphans_max: 4, request_timeout: Duration::from_millis(100), ..settings(&mock) };
    let session = Session::connect(limits).await.unwrap();
    let before = mock.nodes()[0].accepted();
    assert_eq!(echo(&session, "quick").await.as_deref(), Ok("quick"));
    for orphans in 1..=4 {
        assert!(echo(&session, "a").await.is_err());
        assert_eq!(session.health().orphans, orphans);
    }
    assert_eq!(mock.nodes()[0].accepted(), before);
    assert!(echo(&session, "a").await.is_err());
    until("another connection takes over", || mock.nodes()[0].accepted() > before && session.is_up()).await;
    assert_eq!(echo(&session, "quick").await.as_deref(), Ok("quick"));
    gate.open();
}

#[tokio::test]
async fn a_late_answer_frees_its_id() {
    let (mock, gate, _, _) = gated().await;
    let session = connect(&mock).await;
    assert!(echo_within(&session, "a", &options().timeout(Duration::from_millis(50))).await.is_err());
    assert_eq!(session.health().orphans, 1);
    gate.open();
    until("the late answer came", || session.health().orphans == 0).await;
    assert_eq!(echo(&session, "quick").await.as_deref(), Ok("quick"));
}

#[tokio::test]
async fn more_requests_than_the_limit_are_refused_unsent() {
    let (mock, gate, _, held) = gated().await;
    let limits = Settings { in_flight_max: 3, heartbeat: PATIENCE, ..settings(&mock) };
    let session = Session::connect(limits).await.unwrap();
    echo(&session, "quick").await.unwrap();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let session = session.clone();
            tokio::spawn(async move { echo_within(&session, "a", &options().timeout(PATIENCE)).await })
        })
        .collect();
    until("the connection is full", || held.load(Ordering::Relaxed) == 3).await;
    assert!(matches!(crate::support::write_if(&session).await, Err(pix_stream_cql::Error::Unavailable(_))));
    gate.open();
    for said in join_all(waiting).await {
        assert_eq!(said.unwrap().as_deref(), Ok("a"));
    }
}
