//! Six streams, abandonment, long poll.

use super::*;

#[test]
fn six_streams_may_be_open_and_the_seventh_is_refused() {
    let mut world = World::with_messages(100);
    let start = world.now;
    for _ in 0..6 {
        world.open();
    }
    let free_at = start.after(world.rules.idle);
    assert_eq!(world.open(), Outcome::Refused(Refusal::ThreadLimit { used: 6, cap: 6, free_at }));
    assert_eq!(world.state.unconfirmed(Sequence::new(101)), 100);
}

#[test]
fn a_stream_takes_the_lowest_free_slot_and_says_which() {
    let mut world = World::with_messages(100);
    let tokens: Vec<Cursor> = (0..6).map(|_| grant_of(world.open()).token).collect();
    assert_eq!(tokens.iter().map(|t| t.slot).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    world.close(tokens[2]);
    assert_eq!(grant_of(world.open()).token.slot, 2);
}

#[test]
fn closing_frees_the_slot_at_once() {
    let mut world = World::with_messages(100);
    let tokens: Vec<Cursor> = (0..6).map(|_| grant_of(world.open()).token).collect();
    world.close(tokens[0]);
    assert!(matches!(world.open(), Outcome::Batch(_)));
}

#[test]
fn a_stream_without_a_read_for_ten_seconds_after_its_answer_is_abandoned() {
    let mut world = World::with_messages(10);
    world.opened(1, 11);
    world.pass(Duration::from_millis(9_999));
    assert_eq!(world.apply(&Command::Expire), Outcome::Unchanged);
    world.pass(Duration::from_millis(1));
    let Outcome::Adjusted(done) = world.apply(&Command::Expire) else { panic!("nothing expired") };
    assert_eq!((done.abandoned, done.redeliver, done.watermark), (1, 10, Sequence::new(0)));
    assert_eq!((world.state.live_count(), world.waiting()), (0, vec![range(1, 11)]));
}

#[test]
fn a_start_frees_what_was_abandoned_without_waiting_for_the_sweeper() {
    let mut world = World::with_messages(60);
    for _ in 0..6 {
        world.open();
    }
    world.pass_idle_time();
    world.opened(1, 11);
    assert_eq!(world.state.live_count(), 1);
}

#[test]
fn a_waiting_read_does_not_count_as_idle() {
    let mut world = World::with_messages(1);
    let first = world.opened(1, 2);
    world.pass(Duration::from_secs(9));
    let waiting = grant_of(world.pull_waiting(first)).token;
    world.pass(Duration::from_secs(14));
    world.publish(1);
    world.pulled(waiting, 2, 3);
}

#[test]
fn a_lowered_cap_lets_open_streams_live_and_refuses_new_ones() {
    let mut world = World::with_messages(100);
    let tokens: Vec<Cursor> = (0..6).map(|_| grant_of(world.open()).token).collect();
    world.apply(&Command::SetCap { cap: 2 });
    assert!(matches!(world.pull(tokens[5]), Outcome::Batch(grant) if grant.cap == 2));
    for token in &tokens[..5] {
        assert!(matches!(world.open(), Outcome::Refused(Refusal::ThreadLimit { cap: 2, .. })));
        world.close(*token);
    }
    assert!(matches!(world.open(), Outcome::Batch(_)));
}

#[test]
fn a_cap_is_one_to_six() {
    let mut world = World::with_messages(0);
    for cap in [0, 7, 255] {
        assert_eq!(world.apply(&Command::SetCap { cap }), Outcome::Refused(Refusal::Cap));
    }
    assert_eq!(world.state.cap(), 6);
}

#[test]
fn a_clock_that_steps_back_does_not_keep_a_dead_stream_for_longer() {
    let mut world = World::with_messages(10);
    world.opened(1, 11);
    world.now = world.now.before(Duration::from_secs(900));
    world.apply(&Command::Expire);
    world.pass(world.rules.idle + crate::limits::LONG_POLL_MAX);
    world.opened(1, 11);
    assert_eq!(world.state.live_count(), 1);
}

#[test]
fn every_change_raises_the_version_and_nothing_else_does() {
    let mut world = World::with_messages(20);
    let before = world.state.version();
    let token = world.opened(1, 11);
    assert_eq!(world.state.version(), before.next());
    world.apply(&Command::Expire);
    world.pull(Cursor { generation: Generation::default(), ..token });
    assert_eq!(world.state.version(), before.next());
}
