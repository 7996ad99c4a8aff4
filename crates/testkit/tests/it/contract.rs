//! The contracts of the ports, on the fakes (issue 4, item 4): what is tested over fakes is tested over the same
//! promises that the adapters keep.

use pix_stream_ports::audit_archive::AuditArchive as _;
use std::time::Duration;

use bytes::Bytes;
use pix_stream_testkit::contract;
use pix_stream_testkit::fake::{
    FakeAnchors, FakeAuditArchive, FakeAuditLog, FakeCoordinator, FakeIntake, FakeJournal, FakeQuarantine,
    FakeSerialStates,
};

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
async fn the_serial_states_keep_their_contract() {
    contract::serial_states::test_all(async || FakeSerialStates::new(SEED)).await;
    contract::serial_states::test_regions(async || {
        let states = FakeSerialStates::new(SEED);
        (states.clone(), states.another_region(1, SEED))
    })
    .await;
}

#[tokio::test]
async fn the_serial_states_keep_what_they_acknowledged_over_a_restart() {
    let states = FakeSerialStates::new(SEED);
    contract::serial_states::test_reopening(async || states.clone()).await;
}

#[tokio::test]
async fn the_audit_log_keeps_its_contract() {
    let read =
        |log: &FakeAuditLog| log.records().iter().map(|record| record.request_id.to_string()).collect();
    contract::audit_log::test_all(async || FakeAuditLog::new(SEED), read).await;
}

#[tokio::test]
async fn anchors_keep_their_contract() {
    contract::anchors::test_all(async || FakeAnchors::new(SEED)).await;
    let anchors = FakeAnchors::new(SEED);
    contract::anchors::test_reopening(async || anchors.clone()).await;
}

#[tokio::test]
async fn the_audit_archive_keeps_its_contract() {
    contract::audit_archive::test_all(&FakeAuditArchive::new(SEED)).await;
    let archive = FakeAuditArchive::new(SEED);
    contract::audit_archive::test_lost_ends(&archive, async |chain, block| {
        archive.lose_next_ends(1);
        archive.ship(chain, block).await.unwrap_err();
    })
    .await;
}

struct IntakeBench(FakeIntake);

impl contract::intake::Bench for IntakeBench {
    type Intake = FakeIntake;

    async fn worker(&self) -> FakeIntake {
        self.0.another_node()
    }

    async fn put(&self, ispb: &str, producer: &str, xml: Bytes) -> Box<str> {
        self.0.put(ispb, producer, xml)
    }

    async fn let_hold_lapse(&self) {
        tokio::time::advance(Duration::from_secs(31)).await;
    }

    async fn refused(&self) -> Vec<(Box<str>, String)> {
        self.0.peek_refused().into_iter().map(|(entry, reason)| (entry.id, reason)).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn the_intake_keeps_its_contract() {
    contract::intake::test_all(async || IntakeBench(FakeIntake::new(SEED))).await;
}
