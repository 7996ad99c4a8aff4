//! The contracts of the ports, on the embedded stores (issue 4, item 4).

use pix_stream_adapter_embedded::LocalCoordinator;
use pix_stream_adapter_embedded::audit_log::{self, FileAuditLog};
use pix_stream_adapter_embedded::journal::{EmbeddedJournal, Options};
use pix_stream_domain::time::Timestamp;
use pix_stream_testkit::contract;

#[tokio::test]
async fn the_journal_keeps_its_contract() {
    let dir = tempfile::tempdir().unwrap();
    let made = std::cell::Cell::new(0);
    contract::journal::test_all(async || {
        made.set(made.get() + 1);
        EmbeddedJournal::open(&dir.path().join(made.get().to_string()), Options::default()).unwrap()
    })
    .await;
}

#[tokio::test]
async fn the_journal_keeps_what_it_acknowledged_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    contract::journal::test_reopening(async || {
        EmbeddedJournal::open(dir.path(), Options::default()).unwrap()
    })
    .await;
}

#[tokio::test]
async fn the_quarantine_keeps_its_contract() {
    let dir = tempfile::tempdir().unwrap();
    let made = std::cell::Cell::new(0);
    contract::quarantine::test_all(async || {
        made.set(made.get() + 1);
        EmbeddedJournal::open(&dir.path().join(made.get().to_string()), Options::default()).unwrap()
    })
    .await;
}

#[tokio::test]
async fn the_quarantine_keeps_what_it_acknowledged_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    contract::quarantine::test_reopening(async || {
        EmbeddedJournal::open(dir.path(), Options::default()).unwrap()
    })
    .await;
}

#[tokio::test]
async fn anchors_keep_their_contract() {
    let dir = tempfile::tempdir().unwrap();
    let made = std::cell::Cell::new(0);
    contract::anchors::test_all(async || {
        made.set(made.get() + 1);
        EmbeddedJournal::open(&dir.path().join(made.get().to_string()), Options::default()).unwrap()
    })
    .await;
    contract::anchors::test_reopening(async || {
        EmbeddedJournal::open(&dir.path().join("again"), Options::default()).unwrap()
    })
    .await;
}

#[tokio::test]
async fn the_coordinator_keeps_its_contract() {
    contract::coordinator::test_all(async || LocalCoordinator::new()).await;
}

#[tokio::test]
async fn the_audit_log_keeps_its_contract() {
    let dir = tempfile::tempdir().unwrap();
    let made = std::cell::Cell::new(0);
    contract::audit_log::test_all(
        async || {
            made.set(made.get() + 1);
            let dir = dir.path().join(made.get().to_string());
            FileAuditLog::open(&dir, &audit_log::Options::default(), Timestamp::default()).unwrap()
        },
        |log| super::audit::request_ids(log.folder()),
    )
    .await;
}
