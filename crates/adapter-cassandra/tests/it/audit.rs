//! The archive of audit chains and their anchors on a real Cassandra (issue 6, item 1; issue 7, item 5).

use pix_stream_adapter_cassandra::anchors::CassandraAnchors;
use pix_stream_adapter_cassandra::audit::CassandraAuditArchive;
use pix_stream_cql::Value;
use pix_stream_domain::audit::ChainId;
use pix_stream_ports::audit_archive::Block;
use pix_stream_testkit::contract;

use super::support::Space;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_archive_keeps_its_contract() {
    let Some(space) = Space::migrated("audit").await else { return };
    let archive = CassandraAuditArchive::new(&space.session, &space.keyspace);
    contract::audit_archive::test_all(&archive).await;
    space.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_whose_end_was_lost_is_found_and_finished_on_any_day() {
    let Some(space) = Space::migrated("audit_ends").await else { return };
    let archive = CassandraAuditArchive::new(&space.session, &space.keyspace);
    contract::audit_archive::test_lost_ends(&archive, async |chain, block| keep(&space, chain, block).await)
        .await;
    space.drop().await;
}

/// The first of the two writes of a block.
async fn keep(space: &Space, chain: ChainId, block: &Block) {
    let insert = "INSERT INTO {k}.pix_audit (node, day, first_index, entry_count, lines, head) \
                  VALUES (?, ?, ?, ?, ?, ?) IF NOT EXISTS";
    let first = i64::try_from(block.first_index).unwrap();
    let count = i32::try_from(block.entries).unwrap();
    let (lines, head) = (Value::Blob(block.lines.clone()), Value::from(block.head.0.to_vec()));
    let values =
        vec![Value::from(chain.to_string()), block.day.into(), first.into(), count.into(), lines, head];
    assert_eq!(space.execute(insert, values).await.applied(), Some(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anchors_keep_their_contract() {
    let Some(space) = Space::migrated("anchors").await else { return };
    contract::anchors::test_all(async || {
        space.truncate(&["pix_audit_anchors"]).await;
        CassandraAnchors::new(&space.session, &space.keyspace)
    })
    .await;
    space.truncate(&["pix_audit_anchors"]).await;
    contract::anchors::test_reopening(async || CassandraAnchors::new(&space.session, &space.keyspace)).await;
    space.drop().await;
}
