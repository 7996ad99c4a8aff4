//! Nodes and connections that say nothing (C3, C4, C5): no caller waits past its limit, and what is alive is used.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_cql::{Error, Session, Settings};
use pix_stream_cql_mock::{Mock, Reply, Request};
use tokio::time::{Instant, timeout};

use crate::support::{
    LIMIT, Log, connect, echo, echo_script, on_statements, options, said, settings, stock, stock_echo, until,
    wait_for_all, write_if,
};
use pix_stream_cql_mock::Step;

/// How long a test watches something not happen.
const WHILE: Duration = Duration::from_millis(1_500);

#[tokio::test]
async fn a_node_that_hangs_holds_nobody_past_the_limit() {
    let mock = Mock::builder().start(echo_script).await.unwrap();
    let session = connect(&mock).await;
    echo(&session, "warm").await.unwrap();
    assert_eq!(write_if(&session).await, Ok(None));
    mock.nodes()[0].hang();
    let since = Instant::now();
    assert!(matches!(write_if(&session).await, Err(Error::Unknown(_))));
    assert!(since.elapsed() < 2 * LIMIT, "{:?}", since.elapsed());
    let since = Instant::now();
    assert!(matches!(echo(&session, "word").await, Err(Error::Unavailable(_))));
    assert!(since.elapsed() < 2 * LIMIT, "{:?}", since.elapsed());
}

#[tokio::test]
async fn the_drivers_transport_waits_for_a_hung_node_for_ever() {
    let mock = Mock::builder().start(echo_script).await.unwrap();
    let stock = stock(&mock, 1).await;
    stock_echo(&stock, "warm").await.unwrap();
    mock.nodes()[0].hang();
    assert!(timeout(WHILE, stock_echo(&stock, "word")).await.is_err(), "the defect C3 is gone");
}

#[tokio::test]
async fn after_two_silent_requests_other_nodes_are_asked_until_the_hung_one_is_back() {
    let log = Log::default();
    let noted = log.clone();
    let script = move |request: &Request| {
        noted.note(request);
        echo_script(request)
    };
    let mock = Mock::builder().nodes(3).start(script).await.unwrap();
    let session = connect(&mock).await;
    wait_for_all(&session).await;
    for _ in 0..6 {
        echo(&session, "warm").await.unwrap();
    }
    mock.nodes()[0].hang();
    until("the hung node is avoided", || session.health().nodes_up == 2).await;
    let since = Instant::now();
    for _ in 0..20 {
        assert_eq!(echo(&session, "word").await.as_deref(), Ok("word"));
    }
    assert!(since.elapsed() < 2 * LIMIT, "{:?}", since.elapsed());
    mock.nodes()[0].resume();
    wait_for_all(&session).await;
    let before = log.of(Step::Execute).len();
    for _ in 0..6 {
        echo(&session, "again").await.unwrap();
    }
    assert!(log.of(Step::Execute)[before..].iter().any(|request| request.node == 0));
}

#[tokio::test]
async fn an_idempotent_statement_goes_to_a_second_node_within_the_same_limit() {
    let script = |request: &Request| {
        on_statements(request, || if request.node == 0 { Reply::Never } else { Reply::Now(said(request)) })
    };
    let mock = Mock::builder().nodes(2).start(script).await.unwrap();
    let session = connect(&mock).await;
    wait_for_all(&session).await;
    let since = Instant::now();
    for _ in 0..2 {
        assert_eq!(echo(&session, "word").await.as_deref(), Ok("word"));
    }
    assert!(since.elapsed() < 2 * LIMIT, "{:?}", since.elapsed());
}

#[tokio::test]
async fn one_mute_connection_does_not_keep_another_from_being_replaced() {
    let mock = Mock::builder().start(echo_script).await.unwrap();
    let session = Session::connect(Settings { connections_per_node: 2, ..settings(&mock) }).await.unwrap();
    let node = &mock.nodes()[0];
    until("knock, control and two connections", || node.accepted() == 4 && node.connections() == 3).await;
    echo(&session, "warm").await.unwrap();
    node.mute(2);
    node.reset_one(3);
    until("both are replaced", || node.accepted() >= 6).await;
    until("a statement goes through", || session.is_up()).await;
    assert_eq!(echo(&session, "word").await.as_deref(), Ok("word"));
}

#[tokio::test]
async fn the_drivers_pool_replaces_nothing_while_one_connection_is_mute() {
    let mock = Mock::builder().start(echo_script).await.unwrap();
    let stock = stock(&mock, 2).await;
    let node = &mock.nodes()[0];
    stock_echo(&stock, "warm").await.unwrap();
    until("control and two connections", || node.connections() == 3).await;
    // Its heartbeat waits for this connection, and holds the pool's lock.
    node.mute(1);
    until("a heartbeat is stuck", || node.stuck() == 1).await;
    node.reset_one(2);
    tokio::time::sleep(WHILE).await;
    assert_eq!(node.accepted(), 3, "the defect C4 is gone");
    drop(stock);
}

#[tokio::test]
async fn a_connection_that_is_being_made_holds_up_no_statement() {
    let mock = Mock::builder().start(echo_script).await.unwrap();
    let session = Session::connect(Settings { connections_per_node: 2, ..settings(&mock) }).await.unwrap();
    let node = &mock.nodes()[0];
    until("knock, control and two connections", || node.accepted() == 4 && node.connections() == 3).await;
    echo(&session, "warm").await.unwrap();
    node.mute_new();
    node.reset_one(3);
    until("a new connection is being made", || node.accepted() > 4).await;
    for _ in 0..20 {
        assert_eq!(echo(&session, "word").await.as_deref(), Ok("word"));
    }
}

#[tokio::test]
async fn the_drivers_pool_stops_while_a_connection_is_being_made() {
    let mock = Mock::builder().start(echo_script).await.unwrap();
    let stock = stock(&mock, 2).await;
    let node = &mock.nodes()[0];
    stock_echo(&stock, "warm").await.unwrap();
    until("control and two connections", || node.connections() == 3).await;
    node.mute_new();
    node.reset_one(2);
    until("a new connection is being made", || node.accepted() > 3).await;
    let asked = timeout(WHILE, stock_echo(&stock, "word")).await;
    assert!(asked.is_err(), "the defect C5 is gone");
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_an_orphan_and_no_confusion() {
    let mock = Mock::builder()
        .start(|request: &Request| {
            on_statements(request, || Reply::After(Duration::from_millis(80), said(request)))
        })
        .await
        .unwrap();
    let session = Arc::new(connect(&mock).await);
    echo(&session, "warm").await.unwrap();
    assert!(timeout(Duration::from_millis(20), echo(&session, "gone")).await.is_err());
    assert_eq!(session.health().orphans, 1);
    assert_eq!(crate::support::echo_within(&session, "here", &options()).await.as_deref(), Ok("here"));
    until("the answer came to nobody", || session.health().orphans == 0).await;
}
