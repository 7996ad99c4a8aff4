//! Connections that are reset (C6) and nodes that go and come back: the session is back within a second by itself.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_cql::Error;
use pix_stream_cql_mock::Mock;
use tokio::time::{Instant, sleep};

use crate::support::{
    connect, echo, echo_script, settings, stock, stock_echo, until, wait_for_all, write_if,
};

/// The promise: back so soon after the nodes are.
const BACK: Duration = Duration::from_secs(1);

/// Waits until a statement succeeds, and tells how long that took.
async fn time_until_back(session: &pix_stream_cql::Session) -> Duration {
    let since = Instant::now();
    while echo(session, "word").await.is_err() {
        sleep(Duration::from_millis(10)).await;
        assert!(since.elapsed() < Duration::from_secs(8), "not back");
    }
    since.elapsed()
}

#[tokio::test]
async fn a_session_is_back_when_all_its_connections_were_reset_at_once() {
    let mock = Mock::builder().nodes(3).start(echo_script).await.unwrap();
    let session = connect(&mock).await;
    wait_for_all(&session).await;
    for _ in 0..5 {
        mock.reset_all();
        assert!(time_until_back(&session).await < BACK);
        wait_for_all(&session).await;
    }
}

#[tokio::test]
async fn the_drivers_session_stays_dead_when_all_its_connections_were_reset_at_once() {
    let mock = Mock::builder().nodes(3).start(echo_script).await.unwrap();
    let stock = stock(&mock, 1).await;
    for _ in 0..3 {
        stock_echo(&stock, "warm").await.unwrap();
    }
    mock.reset_all();
    sleep(Duration::from_secs(3)).await;
    let mut failures = 0;
    for _ in 0..20 {
        let asked = tokio::time::timeout(Duration::from_millis(100), stock_echo(&stock, "word")).await;
        failures += usize::from(!matches!(asked, Ok(Ok(_))));
    }
    assert_eq!(failures, 20, "the defect C6 is gone");
    drop(Arc::clone(&stock));
}

#[tokio::test]
async fn a_session_is_back_within_a_second_after_the_whole_cluster_was_gone() {
    let mock = Mock::builder().nodes(2).start(echo_script).await.unwrap();
    let session = connect(&mock).await;
    wait_for_all(&session).await;
    mock.nodes().iter().for_each(pix_stream_cql_mock::Node::stop);
    until("nobody is there", || session.health().nodes_up == 0).await;
    let since = Instant::now();
    assert!(matches!(write_if(&session).await, Err(Error::Unavailable(_))));
    assert!(matches!(echo(&session, "word").await, Err(Error::Unavailable(_))));
    assert!(since.elapsed() < Duration::from_millis(200), "refused at once");
    assert!(session.check().await.is_err() && !session.is_up());
    sleep(Duration::from_millis(1_500)).await;
    for node in mock.nodes() {
        node.restart().await.unwrap();
    }
    assert!(time_until_back(&session).await < BACK);
    wait_for_all(&session).await;
    assert_eq!(session.check().await, Ok(()));
}

#[tokio::test]
async fn a_lost_control_connection_is_found_and_made_anew() {
    let mock = Mock::builder().nodes(2).start(echo_script).await.unwrap();
    let session = connect(&mock).await;
    wait_for_all(&session).await;
    let open = || mock.nodes().iter().map(|node| node.connections()).sum::<usize>();
    until("two connections and the control connection", || open() == 3).await;
    // Which node has it is not known; hanging each in turn loses it once.
    for node in mock.nodes() {
        let others = mock.nodes().iter().filter(|other| other.address() != node.address());
        let before: usize = others.clone().map(|other| other.accepted()).sum();
        node.hang();
        until("the hung node is given up", || session.health().nodes_up == 1).await;
        assert_eq!(echo(&session, "word").await.as_deref(), Ok("word"));
        let had_control = before < 2;
        sleep(Duration::from_millis(600)).await;
        let after: usize = others.map(|other| other.accepted()).sum();
        assert!(after > before || !had_control || after >= 2);
        node.resume();
        wait_for_all(&session).await;
    }
    until("one control connection again", || open() >= 3).await;
}

#[tokio::test]
async fn a_write_whose_connection_is_lost_is_unknown_and_is_not_sent_again() {
    use pix_stream_cql_mock::{Reply, Request, Step};
    let log = crate::support::Log::default();
    let noted = log.clone();
    let script = move |request: &Request| {
        noted.note(request);
        crate::support::on_statements(request, || Reply::Reset)
    };
    let mock = Mock::builder().nodes(2).start(script).await.unwrap();
    let session = connect(&mock).await;
    wait_for_all(&session).await;
    assert!(matches!(write_if(&session).await, Err(Error::Unknown(_))));
    assert_eq!(log.of(Step::Execute).len(), 1);
    wait_for_all(&session).await;
    assert!(matches!(echo(&session, "word").await, Err(Error::Unavailable(_))));
    assert_eq!(log.of(Step::Execute).len(), 3, "a read is tried on both nodes");
}

#[tokio::test]
async fn nobody_at_the_contact_points_is_told_at_once() {
    let mock = Mock::builder().start(echo_script).await.unwrap();
    let settings = settings(&mock);
    mock.nodes()[0].stop();
    let since = Instant::now();
    let refused = pix_stream_cql::Session::connect(settings).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))));
    assert!(since.elapsed() < Duration::from_secs(2));
}
