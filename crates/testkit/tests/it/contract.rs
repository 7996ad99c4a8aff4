//! The contracts of the ports, on the fakes (issue 4, item 4): what is tested over fakes is tested over the same
//! promises that the adapters keep.

use pix_stream_testkit::contract;
use pix_stream_testkit::fake::{FakeAuditLog, FakeCoordinator, FakeJournal, FakeQuarantine};

const SEED: u64 = 7;

#[tokio::test]
async fn the_journal_keeps_its_contract() {
    contract::journal::test_all(async || FakeJournal::new(SEED)).await;
}

#[tokio::test]
async fn the_journal_keeps_what_it_acknowledged_over_a_restart() {
    let journal = FakeJournal::new(SEED);
    contract::journal::test_reopening(async || journal.clone()).await;
}

#[tokio::test]
async fn the_quarantine_keeps_its_contract() {
    contract::quarantine::test_all(async || FakeQuarantine::new(SEED)).await;
}

#[tokio::test]
async fn the_quarantine_keeps_what_it_acknowledged_over_a_restart() {
    let quarantine = FakeQuarantine::new(SEED);
    contract::quarantine::test_reopening(async || quarantine.clone()).await;
}

#[tokio::test]
async fn the_coordinator_keeps_its_contract() {
    contract::coordinator::test_all(async || FakeCoordinator::new(SEED)).await;
}

#[tokio::test]
async fn the_audit_log_keeps_its_contract() {
    let read =
        |log: &FakeAuditLog| log.records().iter().map(|record| record.request_id.to_string()).collect();
    contract::audit_log::test_all(async || FakeAuditLog::new(SEED), read).await;
}
