//! The contract of the Journal (issue 6, item 8).

use pix_stream_adapter_cassandra::journal::Options;
use pix_stream_testkit::contract;

use super::journal;
use crate::support::Space;

/// What the contract touches.
const TABLES: [&str; 7] = [
    "pix_streams",
    "pix_extents",
    "pix_idempotency",
    "pix_cursors",
    "pix_incarnations",
    "pix_participants",
    "pix_switches",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_keeps_its_contract() {
    let Some(space) = Space::migrated("journal_contract").await else { return };
    contract::journal::test_all(async || {
        for table in TABLES {
            space.execute(&format!("TRUNCATE {{k}}.{table}"), Vec::new()).await;
        }
        journal(&space, Options::default())
    })
    .await;
    space.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_keeps_what_it_acknowledged_over_a_restart() {
    let Some(space) = Space::migrated("journal_restart").await else { return };
    contract::journal::test_reopening(async || journal(&space, Options::default())).await;
    space.drop().await;
}
