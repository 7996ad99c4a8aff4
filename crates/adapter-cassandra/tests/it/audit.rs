//! The archive of audit chains and their anchors on a real Cassandra (issue 6, item 1; issue 7, item 5).

use pix_stream_adapter_cassandra::anchors::CassandraAnchors;
use pix_stream_adapter_cassandra::audit::CassandraAuditArchive;
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
