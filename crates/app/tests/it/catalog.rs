//! The catalogue and its switches (issue 5, item 3): who sees what, what publishing then says, and that a switch
//! outlives a crash and reaches other nodes.

use std::time::Duration;

use pix_stream_app::{AdminRefusal, App, Error, Rule, TypeStatus};
use pix_stream_domain::audit::Event;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::token::Keyring;
use pix_stream_ports::clock::Clock as _;
use pix_stream_testkit::fake::codec::MESSAGE_TYPE;

use crate::world::{OPERATOR, World};

async fn switch(world: &World, own: bool, on: Option<bool>) -> Result<TypeStatus, Error> {
    let ispb = own.then_some(world.ispb);
    world.app.switch_type(MESSAGE_TYPE, ispb, on, false, OPERATOR).await
}

/// The rule by which a new message is refused, if it is.
async fn refused_by(world: &World) -> Option<Rule> {
    match world.send(vec![world.message(100)]).await {
        Ok(_) => None,
        Err(Error::InvalidMessage { part: 1, fault }) => Some(fault.first.rule),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_type_that_is_switched_off_is_not_listed_and_its_messages_are_refused() {
    let world = World::new().await;
    assert_eq!(world.app.catalog(None), [MESSAGE_TYPE]);
    let status = switch(&world, false, Some(false)).await.unwrap();
    assert_eq!(
        status,
        TypeStatus { message_type: MESSAGE_TYPE.to_owned(), is_loaded: true, on: false, own: Vec::new() }
    );
    assert_eq!(world.app.catalog(Some(world.ispb)), Vec::<String>::new());
    assert_eq!(refused_by(&world).await, Some(Rule::DisabledType));
    assert_eq!(world.app.types(), [status]);
    switch(&world, false, None).await.unwrap();
    assert_eq!(world.app.catalog(Some(world.ispb)), [MESSAGE_TYPE]);
    assert_eq!(refused_by(&world).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_participants_own_switch_goes_before_the_one_for_all() {
    let world = World::new().await;
    switch(&world, false, Some(false)).await.unwrap();
    let status = switch(&world, true, Some(true)).await.unwrap();
    assert_eq!((status.on, status.own), (false, vec![(world.ispb, true)]));
    assert_eq!(world.app.catalog(None), Vec::<String>::new());
    assert_eq!(world.app.catalog(Some(world.ispb)), [MESSAGE_TYPE]);
    assert_eq!(refused_by(&world).await, None);
}

#[tokio::test(start_paused = true)]
async fn repeats_of_stored_messages_are_answered_also_when_their_type_is_off() {
    let world = World::new().await;
    let stored = world.message(100);
    world.send(vec![stored.clone()]).await.unwrap();
    switch(&world, false, Some(false)).await.unwrap();
    assert!(world.send(vec![stored.clone()]).await.unwrap()[0].is_repeat);
    let mixed = world.send(vec![stored, world.message(100)]).await;
    assert!(matches!(mixed, Err(Error::InvalidMessage { part: 1, .. })), "{mixed:?}");
    assert_eq!(world.ports.journal.peek_messages(world.ispb).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_what_would_hold_and_changes_nothing() {
    let world = World::new().await;
    let dry = world.app.switch_type(MESSAGE_TYPE, None, Some(false), true, OPERATOR).await.unwrap();
    assert!(!dry.on);
    assert_eq!(world.app.catalog(None), [MESSAGE_TYPE]);
    assert_eq!(refused_by(&world).await, None);
}

#[tokio::test(start_paused = true)]
async fn unknown_types_and_participants_are_refused() {
    let world = World::new().await;
    let unknown = world.app.switch_type("pacs.999.spi.1.1", None, Some(false), false, OPERATOR).await;
    assert!(matches!(unknown, Err(Error::Refused(AdminRefusal::Value(_)))), "{unknown:?}");
    let nobody = Some("12345678".parse().unwrap());
    let nobody = world.app.switch_type(MESSAGE_TYPE, nobody, Some(false), false, OPERATOR).await;
    assert_eq!(nobody, Err(Error::NotOnboarded));
}

#[tokio::test(start_paused = true)]
async fn a_type_that_passes_without_a_schema_is_switched_like_any_other() {
    const WITHOUT: &str = "pain.009.spi.1.3";
    let world = World::new().await;
    let off = world.app.switch_type(WITHOUT, None, Some(false), false, OPERATOR).await.unwrap();
    assert_eq!((off.is_loaded, off.on), (false, false));
    let xml = format!("<m id=\"M1\" type=\"{WITHOUT}\" to=\"{}\"/>", world.ispb);
    let refused = world.send(vec![xml.clone().into()]).await;
    let Err(Error::InvalidMessage { fault, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!((fault.first.rule, fault.first.path.as_str()), (Rule::DisabledType, "Envelope"));
    world.app.switch_type(WITHOUT, None, None, false, OPERATOR).await.unwrap();
    world.send(vec![xml.into()]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn switches_survive_a_crash_right_after_them() {
    let world = World::new().await;
    switch(&world, false, Some(false)).await.unwrap();
    let world = world.crash().await;
    assert_eq!(refused_by(&world).await, Some(Rule::DisabledType));
}

#[tokio::test(start_paused = true)]
async fn another_node_follows_within_seconds_and_a_change_on_what_it_knew_before_is_a_lost_race() {
    let world = World::new().await;
    let keyring = Keyring::new((1, [7; 32]), None);
    let other = App::start(world.ports.another_node(), keyring, world.app.settings().clone()).await.unwrap();
    switch(&world, false, Some(false)).await.unwrap();
    let raced = other.switch_type(MESSAGE_TYPE, Some(world.ispb), Some(true), false, OPERATOR).await;
    assert_eq!(raced, Err(Error::Refused(AdminRefusal::Raced)));
    assert_eq!(other.catalog(None), Vec::<String>::new(), "the loser knows what the winner did");
    switch(&world, false, Some(true)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(other.catalog(None), [MESSAGE_TYPE]);
}

#[tokio::test(start_paused = true)]
async fn switches_are_recorded_also_when_they_are_refused() {
    let world = World::new().await;
    world.ports.journal.onboard(Participant::new("12345678".parse().unwrap(), world.ports.clock.now()));
    for on in [Some(false), Some(false), Some(true), None] {
        switch(&world, false, on).await.unwrap();
    }
    for dry_run in [false, true] {
        world.app.switch_type("no\nsuch", None, Some(false), dry_run, OPERATOR).await.unwrap_err();
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    let told: Vec<_> = world.ports.audit_log.records().into_iter().map(|record| record.event).collect();
    let [
        Event::Admin { command: first, .. },
        _,
        _,
        Event::Admin { command, detail, done, .. },
        Event::Admin { detail: tried, .. },
    ] = &told[..]
    else {
        panic!("what changes nothing is not recorded: {told:?}");
    };
    assert_eq!((&**first, &**command, *done), ("type.disable", "type.disable", false));
    assert!(detail.starts_with("\"no\\nsuch\": no schema"), "{detail}");
    assert!(tried.starts_with("\"no\\nsuch\": dry run: no schema"), "{tried}");
}
