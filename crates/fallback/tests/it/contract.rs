//! The contract of a Coordinator holds on either side.

use std::time::Duration;

use pix_stream_fallback::{Fallback, Settings};
use pix_stream_testkit::FakeCoordinator;
use pix_stream_testkit::contract::coordinator::test_all;
use pix_stream_testkit::fake::serial_states::FakeSerialStates;

fn make() -> (Fallback<FakeCoordinator, FakeSerialStates>, FakeCoordinator) {
    let primary = FakeCoordinator::new(1);
    (Fallback::new(primary.clone(), FakeSerialStates::new(2), Settings::new("here")), primary)
}

#[tokio::test(start_paused = true)]
async fn the_contract_holds_while_the_primary_answers() {
    test_all(async || make().0).await;
}

#[tokio::test(start_paused = true)]
async fn the_contract_holds_while_it_is_out_of_reach() {
    test_all(async || {
        let (fallback, primary) = make();
        primary.faults().set_down(true);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(fallback.status().is_degraded);
        fallback
    })
    .await;
}
