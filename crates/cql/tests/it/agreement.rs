//! Whether all nodes have the same schema: nobody is left out (issue 6, item 1).

use pix_stream_cql::{Error, Session};
use pix_stream_cql_mock::Mock;

use crate::support::{LIMIT, PATIENCE, connect, echo_script, until, wait_for_all};

async fn cluster() -> (Mock, Session) {
    let mock = Mock::builder().nodes(3).start(echo_script).await.unwrap();
    let session = connect(&mock).await;
    wait_for_all(&session).await;
    (mock, session)
}

#[tokio::test]
async fn every_node_is_asked_for_its_own_version() {
    let (mock, session) = cluster().await;
    assert_eq!(session.schema_versions(PATIENCE).await, Ok(1));
    for node in mock.nodes() {
        node.set_schema_untold(9);
        assert_eq!(session.schema_versions(PATIENCE).await, Ok(2), "what none of the others knows of counts");
        node.set_schema_untold(0);
    }
    assert_eq!(session.schema_versions(PATIENCE).await, Ok(1));
}

#[tokio::test]
async fn who_is_away_counts_with_what_others_have_seen() {
    let (mock, session) = cluster().await;
    mock.nodes()[1].stop();
    until("the node is away", || session.health().nodes_up == 2).await;
    assert_eq!(session.schema_versions(PATIENCE).await, Ok(1));
    for node in [0, 2] {
        mock.nodes()[node].set_schema(9);
    }
    assert_eq!(session.schema_versions(PATIENCE).await, Ok(2), "it has not taken the change up");
    mock.nodes().iter().for_each(|node| node.stop());
    until("all are away", || session.health().nodes_up == 0).await;
    assert!(matches!(session.schema_versions(PATIENCE).await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn a_node_of_another_data_centre_counts() {
    let mock = Mock::builder().datacenters(&["dc1", "dc2"]).start(echo_script).await.unwrap();
    let session = connect(&mock).await;
    assert_eq!(session.health().nodes, 1);
    mock.nodes()[1].set_schema(9);
    assert_eq!(session.schema_versions(PATIENCE).await, Ok(2));
}

#[tokio::test]
async fn while_a_connected_node_is_silent_nobody_knows() {
    let (mock, session) = cluster().await;
    mock.nodes()[1].hang();
    assert!(matches!(session.schema_versions(LIMIT).await, Err(Error::Unavailable(_))));
    mock.nodes()[1].resume();
    assert_eq!(session.schema_versions(PATIENCE).await, Ok(1));
}
