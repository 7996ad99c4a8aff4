//! Where statements go: to a replica of their partition, and to no other data centre.

use pix_stream_cql::{Error, Session, Settings, Statement};
use pix_stream_cql_mock::{Mock, Request, Step};

use crate::support::{Log, connect, echo, echo_script, options, settings, until, wait_for_all};

/// The first marker is the key.
fn first_marker(_: &str) -> Vec<u16> {
    vec![0]
}

fn noting(log: &Log) -> impl Fn(&Request) -> pix_stream_cql_mock::Reply + Send + Sync + 'static {
    let log = log.clone();
    move |request| {
        log.note(request);
        echo_script(request)
    }
}

#[tokio::test]
async fn a_partition_is_always_asked_for_at_the_same_replica_and_partitions_at_different_ones() {
    let log = Log::default();
    let mock = Mock::builder().nodes(3).key(first_marker).start(noting(&log)).await.unwrap();
    let session = connect(&mock).await;
    wait_for_all(&session).await;
    let mut seen = [false; 3];
    for key in 0..24 {
        let before = log.of(Step::Execute).len();
        for _ in 0..3 {
            echo(&session, &format!("key{key}")).await.unwrap();
        }
        let nodes: Vec<_> = log.of(Step::Execute)[before..].iter().map(|request| request.node).collect();
        assert!(nodes.iter().all(|node| *node == nodes[0]), "{nodes:?}");
        seen[nodes[0]] = true;
    }
    assert_eq!(seen, [true; 3]);
}

#[tokio::test]
async fn a_batch_that_is_prepared_as_one_statement_goes_to_its_partitions_replica() {
    let log = Log::default();
    let mock = Mock::builder().nodes(3).key(first_marker).start(noting(&log)).await.unwrap();
    let session = connect(&mock).await;
    wait_for_all(&session).await;
    let batch = Statement::new(
        "BEGIN UNLOGGED BATCH INSERT INTO k.t (id, v) VALUES (?, ?); INSERT INTO k.t (id, v) VALUES (?, ?); APPLY BATCH",
    );
    echo(&session, "one partition").await.unwrap();
    for _ in 0..4 {
        let values = ["one partition", "1", "one partition", "2"].map(Into::into).to_vec();
        session.execute(&batch, values, &options()).await.unwrap();
    }
    let nodes: Vec<_> = log.of(Step::Execute).iter().map(|request| request.node).collect();
    assert_eq!(nodes.len(), 5 + usize::from(log.of(Step::Prepare).len() > 9));
    assert!(nodes.iter().all(|node| *node == nodes[0]), "{nodes:?}");
}

#[tokio::test]
async fn statements_stay_in_their_data_centre() {
    let log = Log::default();
    let mock = Mock::builder().datacenters(&["dc1", "dc2", "dc1"]).start(noting(&log)).await.unwrap();
    let session = connect(&mock).await;
    wait_for_all(&session).await;
    assert_eq!(session.health().nodes, 2);
    for _ in 0..12 {
        echo(&session, "word").await.unwrap();
    }
    assert!(log.of(Step::Execute).iter().all(|request| request.node != 1));
    mock.nodes()[0].stop();
    mock.nodes()[2].stop();
    until("the data centre is gone", || session.health().nodes_up == 0).await;
    assert!(matches!(echo(&session, "word").await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn a_data_centre_that_the_cluster_does_not_have_is_told() {
    let mock = Mock::builder().start(echo_script).await.unwrap();
    let elsewhere = Settings { datacenter: "dc9".to_owned(), ..settings(&mock) };
    let Err(Error::Unavailable(why)) = Session::connect(elsewhere).await else { panic!("there is no dc9") };
    assert!(why.contains("dc9"), "{why}");
}

#[tokio::test]
async fn nodes_are_found_through_one_contact_point() {
    let mock = Mock::builder().nodes(3).start(echo_script).await.unwrap();
    let one = Settings { contact_points: mock.contact_points()[..1].to_vec(), ..settings(&mock) };
    let session = Session::connect(one).await.unwrap();
    until("all three are connected", || session.health().nodes_up == 3).await;
}
