//! Connections that are reset (C6) and nodes that go and come back: the session is back within a second by itself.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_cql::Error;
use pix_stream_cql_mock::Mock;
use tokio::time::{Instant, sleep};

use crate::support::{
    LIMIT, connect, echo, echo_script, settings, stock, stock_echo, until, wait_for_all, write_if,
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
    assert!(since.elapsed() < LIMIT, "refused at once");
    assert!(session.check().await.is_err() && !session.is_up());
    sleep(Duration::from_millis(1_500)).await;
    for node in mock.nodes() {
        node.restart().await.unwrap();
    }
    assert!(time_until_back(&session).await < BACK);
    wait_for_all(&session).await;
    assert_eq!(session.check().await, Ok(()));
}

/// Node and connection of the control connection.
fn control(mock: &Mock) -> Option<(usize, usize)> {
    mock.nodes().iter().enumerate().find_map(|(node, mock)| Some((node, mock.control()?)))
}

#[tokio::test]
async fn a_mute_control_connection_is_found_and_made_anew_while_statements_go_on() {
    let mock = Mock::builder().nodes(1).start(echo_script).await.unwrap();
    let session = connect(&mock).await;
    let (_, first) = control(&mock).unwrap();
    mock.nodes()[0].mute(first);
    until("another control connection", || control(&mock).is_some_and(|(_, now)| now != first)).await;
    assert_eq!(echo(&session, "word").await.as_deref(), Ok("word"));
    mock.nodes()[0].resume();
    until("the mute one was closed", || mock.nodes()[0].connections() == 2).await;
}

#[tokio::test]
async fn a_session_outlives_its_control_connection() {
    let mock = Mock::builder().nodes(2).start(echo_script).await.unwrap();
    let session = connect(&mock).await;
    wait_for_all(&session).await;
    for _ in 0..3 {
        let (node, connection) = control(&mock).unwrap();
        let accepted = || mock.nodes().iter().map(|node| node.accepted()).sum::<usize>();
        let before = accepted();
        mock.nodes()[node].reset_one(connection);
        until("another control connection", || accepted() > before).await;
        assert_eq!(echo(&session, "word").await.as_deref(), Ok("word"));
        assert_eq!(session.health().nodes, 2);
    }
}

#[tokio::test]
async fn the_drivers_session_forgets_its_nodes_with_its_control_connection() {
    let mock = Mock::builder().start(echo_script).await.unwrap();
    let stock = stock(&mock, 1).await;
    stock_echo(&stock, "warm").await.unwrap();
    let (_, first) = control(&mock).unwrap();
    mock.nodes()[0].reset_one(first);
    until("another control connection", || control(&mock).is_some_and(|(_, now)| now != first)).await;
    let failed = stock_echo(&stock, "word").await.expect_err("the cause of C6 is gone");
    assert!(failed.to_string().contains("No nodes available"), "{failed}");
}

#[tokio::test]
async fn the_last_user_of_a_session_takes_all_connections_along() {
    let mock = Mock::builder().nodes(3).start(echo_script).await.unwrap();
    let session = connect(&mock).await;
    wait_for_all(&session).await;
    let open = || mock.nodes().iter().map(|node| node.connections()).sum::<usize>();
    let accepted = || mock.nodes().iter().map(|node| node.accepted()).sum::<usize>();
    for _ in 0..3 {
        let before = accepted();
        mock.reset_all();
        until("one connection for each node and one for control", || {
            accepted() >= before + 4 && open() == 4 && session.health().nodes_up == 3
        })
        .await;
    }
    let other = session.clone();
    drop(session);
    assert_eq!(echo(&other, "word").await.as_deref(), Ok("word"));
    drop(other);
    until("none is open", || open() == 0).await;
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
