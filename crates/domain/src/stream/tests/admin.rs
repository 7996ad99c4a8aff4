//! The operator's commands, and retention.

use super::*;

#[track_caller]
fn adjusted(outcome: Outcome) -> Adjustment {
    let Outcome::Adjusted(adjustment) = outcome else { panic!("not an adjustment: {outcome:?}") };
    adjustment
}

#[test]
fn a_paused_participant_gets_no_messages_and_loses_none() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    world.apply(&Command::Pause);
    assert!(world.state.is_paused());
    assert_eq!(world.pull(first), Outcome::Refused(Refusal::Paused));
    assert_eq!(world.open(), Outcome::Refused(Refusal::Paused));
    assert_eq!(world.watermark(), 0);
    world.apply(&Command::Resume);
    world.pulled(first, 11, 21);
}

#[test]
fn a_paused_participant_may_still_close() {
    let mut world = World::with_messages(10);
    let first = world.opened(1, 11);
    world.apply(&Command::Pause);
    assert!(matches!(world.close(first), Outcome::Closed { .. }));
}

#[test]
fn a_dead_token_is_gone_also_while_paused() {
    let mut world = World::with_messages(10);
    let first = world.opened(1, 11);
    world.close(first);
    world.apply(&Command::Pause);
    assert_eq!(world.pull(first), GONE);
}

#[test]
fn a_released_slot_is_free_and_what_its_stream_held_is_delivered_again() {
    let mut world = World::with_messages(30);
    world.opened(1, 11);
    let second = world.opened(11, 21);
    let done = adjusted(world.apply(&Command::Release { slot: 0 }));
    assert_eq!((done.released, done.redeliver, done.skipped, done.abandoned), (true, 10, 0, 0));
    assert_eq!(world.state.live_count(), 1);
    assert_eq!(world.apply(&Command::Release { slot: 0 }), Outcome::Unchanged, "again changes nothing");
    world.pulled(second, 1, 11);
}

#[test]
fn a_client_whose_slot_was_released_may_still_confirm_what_waits() {
    let mut world = World::with_messages(30);
    let first = world.opened(1, 11);
    world.apply(&Command::Release { slot: 0 });
    let next = world.pull(first);
    assert_eq!(grant_of(next).confirmed, range(1, 11));
    let first = batch_of(next, 11, 21);
    world.apply(&Command::Release { slot: 0 });
    world.opened(11, 21);
    assert_eq!(world.pull(first), GONE, "another stream has it now");
}

#[test]
fn a_released_stream_that_holds_nothing_does_not_take_its_slot_again() {
    let mut world = World::with_messages(10);
    let first = world.opened(1, 11);
    let waiting = grant_of(world.pull_waiting(first)).token;
    let idle = world.opened_empty();
    for slot in [0, 1] {
        let done = adjusted(world.apply(&Command::Release { slot }));
        assert_eq!((done.released, done.redeliver), (true, 0));
    }
    assert_eq!(world.pull_waiting(waiting), GONE);
    assert_eq!(world.pull(idle), GONE);
    assert_eq!(world.watermark(), 10, "what was confirmed stays confirmed");
}

#[test]
fn a_seventh_slot_cannot_be_released() {
    let mut world = World::with_messages(1);
    assert_eq!(world.apply(&Command::Release { slot: 6 }), Outcome::Refused(Refusal::Slot));
}

#[test]
fn a_rewind_delivers_again_and_says_how_many() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    let second = world.pulled(first, 11, 21);
    world.close(second);
    let done = adjusted(world.apply(&Command::Rewind { to: Sequence::new(6) }));
    assert_eq!((done.watermark_before.value(), done.watermark.value()), (20, 5));
    assert_eq!((done.redeliver, done.skipped), (15, 0));
    world.opened(6, 16);
}

#[test]
fn a_rewind_leaves_live_streams_what_they_hold() {
    let mut world = World::with_messages(30);
    let first = world.opened(1, 11);
    let second = world.opened(11, 21);
    let first = world.pulled(first, 21, 31);
    let done = adjusted(world.apply(&Command::Rewind { to: Sequence::FIRST }));
    assert_eq!(done.redeliver, 10);
    assert_eq!(world.waiting(), [range(1, 11)]);
    assert_eq!(grant_of(world.pull(second)).confirmed, range(11, 21));
    assert!(matches!(world.close(first), Outcome::Closed { confirmed, .. } if confirmed == range(21, 31)));
}

#[test]
fn no_older_token_of_an_ended_stream_confirms_what_a_rewind_brought_back() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    let second = world.pulled(first, 11, 21);
    world.pass_idle_time();
    world.apply(&Command::Rewind { to: Sequence::FIRST });
    assert_eq!(world.pull(first), GONE);
    assert_eq!(world.pull(second), GONE);
    let again = world.opened(1, 11);
    world.pass_idle_time();
    world.pulled(again, 11, 21);
}

#[test]
fn a_rewind_twice_adds_nothing_the_second_time() {
    let mut world = World::with_messages(10);
    let first = world.opened(1, 11);
    world.close(first);
    let rewind = Command::Rewind { to: Sequence::FIRST };
    assert_eq!(adjusted(world.apply(&rewind)).redeliver, 10);
    assert_eq!(adjusted(world.apply(&rewind)).redeliver, 0);
}

#[test]
fn a_rewind_beyond_what_was_handed_out_is_refused() {
    let mut world = World::with_messages(10);
    let position = Refusal::Position { first: Sequence::FIRST, last: Sequence::FIRST };
    assert_eq!(world.apply(&Command::Rewind { to: Sequence::new(2) }), Outcome::Refused(position));
    assert_eq!(world.apply(&Command::Rewind { to: Sequence::new(0) }), Outcome::Refused(position));
}

#[test]
fn an_advance_skips_and_says_how_many() {
    let mut world = World::with_messages(30);
    world.opened(1, 11);
    world.pass_idle_time();
    let done = adjusted(world.apply(&Command::Advance { to: Sequence::new(16) }));
    assert_eq!((done.watermark.value(), done.skipped), (15, 15));
    assert_eq!(world.state.floor(), Sequence::new(16));
    world.opened(16, 26);
}

#[test]
fn an_advance_lets_a_live_stream_confirm_but_does_not_bring_its_batch_back() {
    let mut world = World::with_messages(30);
    let first = world.opened(1, 11);
    let done = adjusted(world.apply(&Command::Advance { to: Sequence::new(6) }));
    assert_eq!((done.skipped, done.watermark.value()), (0, 0));
    world.pass_idle_time();
    world.apply(&Command::Expire);
    assert_eq!(world.waiting(), [range(6, 11)]);
    assert_eq!(world.pull(first), GONE, "part of its batch no longer waits");
    world.opened(6, 16);
}

#[test]
fn an_advance_beyond_the_newest_or_behind_the_watermark_is_refused() {
    let mut world = World::with_messages(10);
    let first = world.opened(1, 11);
    world.close(first);
    let position = Refusal::Position { first: Sequence::new(11), last: Sequence::new(11) };
    assert_eq!(world.apply(&Command::Advance { to: Sequence::new(12) }), Outcome::Refused(position));
    assert_eq!(world.apply(&Command::Advance { to: Sequence::new(10) }), Outcome::Refused(position));
}

#[test]
fn a_dry_run_on_a_copy_gives_the_counts_of_the_real_one() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    world.close(first);
    let context = Context { now: world.now, rules: &world.rules, supply: &world.messages };
    let rewind = Command::Rewind { to: Sequence::new(4) };
    let dry = world.state.clone().apply(&rewind, &context);
    assert_eq!(dry, world.apply(&rewind));
}

#[test]
fn retention_forgets_what_the_journal_no_longer_has_and_counts_it() {
    let mut world = World::with_messages(30);
    world.opened(1, 11);
    world.pass_idle_time();
    world.apply(&Command::Expire);
    let retain = Command::RetainFrom { first: Sequence::new(21) };
    assert_eq!(adjusted(world.apply(&retain)).skipped, 20);
    assert_eq!(world.apply(&retain), Outcome::Unchanged);
    world.opened(21, 31);
}

#[test]
fn nothing_but_a_rewind_takes_the_watermark_back() {
    let mut world = World::with_messages(40);
    let first = world.opened(1, 11);
    let second = world.opened(11, 21);
    let mut highest = 0;
    let mut step = |world: &World| {
        assert!(world.watermark() >= highest);
        highest = world.watermark();
    };
    world.close(first);
    step(&world);
    world.apply(&Command::Advance { to: Sequence::new(25) });
    step(&world);
    world.pull(second);
    step(&world);
    world.pass_idle_time();
    world.apply(&Command::Expire);
    step(&world);
    world.apply(&Command::RetainFrom { first: Sequence::new(30) });
    step(&world);
}
