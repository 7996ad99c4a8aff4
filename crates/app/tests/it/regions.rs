//! Regions (issue 6, item 6; design, section 8): who does not sequence a participant serves nothing of it, and forgets it.

use std::time::Duration;

use pix_stream_app::{Change, Error, Settings};
use pix_stream_ports::regions::Sequencing;

use crate::world::{OPERATOR, World, numbers, settle, timed};

fn elsewhere() -> Sequencing {
    Sequencing::Elsewhere { region: "south".into() }
}

fn is_elsewhere<T: std::fmt::Debug>(refused: Result<T, Error>) -> bool {
    matches!(&refused, Err(Error::Unavailable { cause, .. }) if cause.contains("south"))
}

#[tokio::test(start_paused = true)]
async fn a_participant_of_another_region_is_not_served_here() {
    let world = World::cluster(Settings::default()).await;
    world.publish(20).await;
    let first = world.open().await.unwrap();
    world.ports.regions.set(world.ispb, elsewhere());
    assert!(is_elsewhere(world.open().await));
    assert!(is_elsewhere(world.pull(&first).await));
    assert!(is_elsewhere(world.close(&first).await));
    assert!(is_elsewhere(world.send(vec![world.message(100)]).await));
    assert!(is_elsewhere(world.change(Change::Pause).await));
    assert!(is_elsewhere(world.app.status(world.ispb).await));
}

#[tokio::test(start_paused = true)]
async fn waiting_reads_end_when_the_participant_leaves() {
    let world = World::cluster(Settings::default()).await;
    let waiting = world.begin_open().await;
    world.ports.regions.set(world.ispb, Sequencing::Nobody { why: "south: the claim is over".into() });
    let (ended, late) = timed(waiting).await;
    assert!(is_elsewhere(ended.unwrap()));
    assert!(late <= Duration::from_millis(200), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_for_a_participant_that_left_and_its_last_state_is_saved() {
    let world = World::cluster(Settings::default()).await;
    world.publish(20).await;
    let first = world.open().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.pull(&first).await.unwrap();
    world.ports.regions.set(world.ispb, elsewhere());
    tokio::time::sleep(Duration::from_millis(150)).await;
    let saved = world.ports.journal.peek_checkpoint(world.ispb).unwrap().state;
    assert_eq!(Some(saved), world.ports.coordinator.peek(world.ispb));
    let journal = world.ports.journal.faults();
    let before = journal.operations();
    tokio::time::sleep(Duration::from_secs(4)).await;
    // Health twice a second; participants and switches may be looked at once.
    assert!(journal.operations() - before <= 2 * 4 + 3, "{}", journal.operations() - before);
}

#[tokio::test(start_paused = true)]
async fn a_history_that_another_region_went_on_with_is_not_taken_up_again() {
    let here = World::cluster(Settings { region: 1, ..Settings::default() }).await;
    here.publish(60).await;
    let first = here.open().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    here.ports.regions.set(here.ispb, elsewhere());
    tokio::time::sleep(Duration::from_secs(20)).await;
    // The other region has a Coordinator of its own, and the same Journal.
    let there = here.in_another_region(2).await;
    let second = there.pull(&first).await.unwrap();
    assert_eq!(numbers(&second), (11..=20).collect::<Vec<_>>(), "a token of the other region is honoured");
    let third = there.pull(&second).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    there.ports.regions.set(here.ispb, Sequencing::Elsewhere { region: "north".into() });
    here.ports.regions.set(here.ispb, Sequencing::Here);
    settle().await;
    let fourth = here.pull(&third).await.unwrap();
    assert_eq!(numbers(&fourth), (31..=40).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_region_that_comes_back_does_not_guess_when_the_journal_does_not_say() {
    let world = World::cluster(Settings::default()).await;
    world.publish(20).await;
    let first = world.open().await.unwrap();
    world.ports.regions.set(world.ispb, elsewhere());
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.ports.regions.set(world.ispb, Sequencing::Here);
    world.ports.journal.faults().set_down(true);
    assert!(matches!(world.pull(&first).await, Err(Error::Unavailable { .. })));
    world.ports.journal.faults().clear();
    world.pull(&first).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn readiness_tells_of_claims_that_are_not_certain() {
    let world = World::cluster(Settings::default()).await;
    world.ports.regions.set(world.ispb, Sequencing::Nobody { why: "the claim was not renewed".into() });
    let health = world.app.health().await;
    let region = health.iter().find(|dependency| dependency.name == "region").unwrap();
    assert!(region.fault.as_ref().unwrap().contains("not renewed") && !region.serves_reads);
    world.ports.regions.set(world.ispb, elsewhere());
    assert!(world.app.health().await.iter().all(|dependency| dependency.name != "region"));
}

#[tokio::test(start_paused = true)]
async fn a_hold_keeps_messages_that_are_past_retention() {
    let retention = Duration::from_secs(3_600);
    let world = World::cluster(Settings { retention, ..Settings::default() }).await;
    world.publish(3).await;
    let dry = world.app.set_hold(world.ispb, None, true, true, OPERATOR).await.unwrap();
    assert!(dry.changed && !world.app.find_participant(world.ispb).unwrap().held);
    assert!(world.app.set_hold(world.ispb, None, true, false, OPERATOR).await.unwrap().participant.held);
    assert!(
        world.app.set_hold(world.ispb, None, true, false, OPERATOR).await.unwrap().participant.held,
        "again is no harm"
    );
    tokio::time::sleep(2 * retention).await;
    assert_eq!(world.ports.journal.peek_messages(world.ispb).len(), 3);
    assert!(!world.app.set_hold(world.ispb, None, false, false, OPERATOR).await.unwrap().participant.held);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(world.ports.journal.peek_messages(world.ispb).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_failed_half_way_is_finished_by_the_same_command() {
    let world = World::cluster(Settings::default()).await;
    settle().await;
    world.ports.journal.faults().lose_next_answers(1);
    let failed = world.app.set_hold(world.ispb, None, true, false, OPERATOR).await;
    assert!(matches!(failed, Err(Error::Unavailable { .. })), "{failed:?}");
    let again = world.app.set_hold(world.ispb, None, true, false, OPERATOR).await;
    let done = match again {
        Err(Error::Refused(_)) => world.app.set_hold(world.ispb, None, true, false, OPERATOR).await,
        other => other,
    };
    assert!(done.unwrap().participant.held);
}
