//! The Quarantine on a real Cassandra: its contract, with another node beside it (issue 6, item 1).

use bytes::Bytes;
use pix_stream_adapter_cassandra::quarantine::CassandraQuarantine;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::codec::Rule;
use pix_stream_ports::quarantine::{Entry, EntryId, Limits, Put, Quarantine as _, Summary, Usage};
use pix_stream_testkit::contract;

use super::support::{Space, entropy};

const TABLES: [&str; 2] = ["pix_quarantine", "pix_quarantine_bodies"];

fn quarantine(space: &Space) -> CassandraQuarantine {
    CassandraQuarantine::new(&space.session, &space.keyspace, &entropy())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quarantine_keeps_its_contract() {
    let Some(space) = Space::migrated("quarantine").await else { return };
    contract::quarantine::test_all(async || {
        space.truncate(&TABLES).await;
        quarantine(&space)
    })
    .await;
    space.truncate(&TABLES).await;
    contract::quarantine::test_reopening(async || quarantine(&space)).await;
    space.truncate(&TABLES).await;
    two_nodes_stay_within_the_limits_and_remove_each_entry_once(&space).await;
    space.drop().await;
}

/// More entries than one page of a list and than one batch of a removal holds.
const MANY: u64 = 130;

async fn two_nodes_stay_within_the_limits_and_remove_each_entry_once(space: &Space) {
    let nodes = [quarantine(space), quarantine(space)];
    let limits = Limits { entries: MANY, bytes: u64::MAX };
    let puts = (1..=MANY + 10).map(|n| {
        let node = &nodes[usize::from(n % 3 == 0)];
        async move { node.put(entry(n), limits).await.unwrap() }
    });
    let put: Vec<Put> = futures_util::future::join_all(puts).await;
    assert_eq!(put.iter().filter(|put| **put == Put::New).count() as u64, MANY);
    assert_eq!(put.iter().filter(|put| **put == Put::Full).count(), 10);
    let all = nodes[0].list(None, None, 1_000).await.unwrap();
    assert_eq!(all.len() as u64, MANY);
    assert!(all.is_sorted_by_key(|summary| summary.id));
    let own = nodes[1].list(Some(all[0].ispb), None, 1_000).await.unwrap();
    assert_eq!(own, all.iter().filter(|summary| summary.ispb == all[0].ispb).cloned().collect::<Vec<_>>());

    let removals = nodes.iter().map(|node| node.remove_before(at(1_000), 50));
    let removed: u32 = futures_util::future::join_all(removals).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(removed, 100, "neither counts what the other one removed");
    let left = nodes[0].list(None, None, 1_000).await.unwrap();
    assert_eq!(left, all[100..], "the oldest are gone");
    let bytes = left.iter().map(|summary| u64::from(summary.bytes)).sum();
    assert_eq!(nodes[1].usage().await, Ok(Usage { entries: MANY - 100, bytes }));
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_800_000_000_000 + 1_000 * seconds)
}

/// Entry `n`, of one of seven participants.
fn entry(n: u64) -> Entry {
    let xml = Bytes::from(format!("<Envelope>{n}</Envelope>"));
    let summary = Summary {
        id: EntryId(ResourceId::new(at(n), [7; 16])),
        ispb: format!("{:08}", n % 7).parse().unwrap(),
        at: at(n),
        producer: "CN=icom".to_owned(),
        intake: "publish".to_owned(),
        rule: Rule::Schema,
        findings: Vec::new(),
        bytes: u32::try_from(xml.len()).unwrap(),
        attempts: 1,
    };
    Entry { summary, xml }
}
