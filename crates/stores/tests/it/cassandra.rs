//! Cassandra, started, killed and started again (issue 6, item 7). Drills: seconds to minutes each.

use pix_stream_stores::cassandra::Options;
use pix_stream_stores::{Cassandra, test};

#[test]
fn a_killed_node_comes_back_on_the_same_port() {
    let Some(_turn) = test::drill() else { return };
    let directory = tempfile::tempdir().unwrap();
    let cassandra = Cassandra::start(&Options::new(directory.path())).unwrap();
    let address = cassandra.address();
    let node = &cassandra.nodes()[0];
    node.process().kill().unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
    node.process().restart().unwrap();
    assert!(std::net::TcpStream::connect(address).is_ok());
    cassandra.stop().unwrap();
}

#[test]
fn nodes_of_three_data_centres_know_each_other() {
    let Some(_turn) = test::drill() else { return };
    let directory = tempfile::tempdir().unwrap();
    let options = Options { datacenters: vec![1, 1, 1], ..Options::new(directory.path()) };
    let cassandra = Cassandra::start(&options).unwrap();
    assert_eq!(cassandra.nodes().len(), 3);
    assert_eq!(cassandra.contact_points("dc3"), [cassandra.nodes()[2].address()]);
}
