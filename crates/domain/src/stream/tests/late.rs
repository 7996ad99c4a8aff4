//! Late return: a token that comes back after its stream was abandoned.

use super::*;

#[test]
fn a_late_token_resumes_when_its_batch_still_waits_and_nothing_is_repeated() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    world.pass_idle_time();
    let second = world.pulled(first, 11, 21);
    assert_eq!((world.watermark(), second.generation), (10, first.generation));
}

#[test]
fn a_late_return_is_good_until_the_token_expires() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    world.pass(world.rules.token_life - Duration::from_millis(1));
    world.pulled(first, 11, 21);

    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    world.pass(world.rules.token_life);
    assert_eq!(world.pull(first), GONE);
    world.opened(1, 11);
}

#[test]
fn a_late_token_is_gone_when_any_of_its_batch_was_leased_since() {
    let mut world = World::with_messages(10);
    let first = world.opened(1, 11);
    world.pass_idle_time();
    batch_of(world.apply(&Command::Open { form: Form::Single, wait: NO_WAIT }), 1, 2);
    assert_eq!(world.pull(first), GONE);
    assert_eq!(world.close(first), GONE);
}

#[test]
fn a_late_token_is_gone_when_any_of_its_batch_was_confirmed_since() {
    let mut world = World::with_messages(10);
    let first = world.opened(1, 11);
    world.pass_idle_time();
    let one = batch_of(world.apply(&Command::Open { form: Form::Single, wait: NO_WAIT }), 1, 2);
    world.close(one);
    assert_eq!(world.pull(first), GONE);
    world.opened(2, 11);
}

#[test]
fn a_late_delete_confirms_without_a_slot() {
    let mut world = World::with_messages(70);
    let first = world.opened(1, 11);
    world.pass_idle_time();
    world.apply(&Command::Expire);
    world.rules.batch_max = 1;
    world.messages.head = 1;
    for _ in 0..6 {
        world.open();
    }
    world.messages.head = 71;
    let outcome = world.close(first);
    assert_eq!(outcome, Outcome::Closed { confirmed: range(1, 11), returned: Range::EMPTY });
    assert_eq!(world.watermark(), 10);
    assert_eq!(world.pull(first), GONE, "its slot remembers that it was closed");
}

#[test]
fn a_late_token_with_an_empty_batch_resumes_when_a_slot_is_free() {
    let mut world = World::with_messages(0);
    let first = world.opened_empty();
    world.pass_idle_time();
    world.publish(1);
    world.pulled(first, 1, 2);
}

#[test]
fn a_late_token_with_an_empty_batch_is_gone_when_its_stream_was_closed() {
    let mut world = World::with_messages(0);
    let first = world.opened_empty();
    world.close(first);
    assert_eq!(world.pull(first), GONE);
    world.opened_empty();
    assert_eq!(world.pull(first), GONE, "the slot is taken again and still remembers");
}

#[test]
fn a_late_token_is_gone_when_all_slots_are_taken() {
    let mut world = World::with_messages(0);
    let first = world.opened_empty();
    world.pass_idle_time();
    let others: Vec<Cursor> = (0..6).map(|_| world.opened_empty()).collect();
    assert_eq!(world.pull(first), GONE);
    world.close(others[3]);
    world.pulled_empty(first);
}

#[test]
fn a_late_stream_returns_into_its_own_slot_or_another_free_one() {
    let mut world = World::with_messages(0);
    let first = world.opened_empty();
    world.pass_idle_time();
    world.opened_empty();
    assert_eq!((first.slot, world.pulled_empty(first).slot), (0, 1));
}

#[test]
fn a_token_older_than_the_lost_answer_is_gone_when_late() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    let _lost = world.pulled(first, 11, 21);
    world.pass_idle_time();
    assert_eq!(world.pull(first), GONE, "its batch was confirmed");
    world.opened(11, 21);
}

#[test]
fn a_late_return_replays_like_any_other_answer() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    world.pass_idle_time();
    let second = world.pulled(first, 11, 21);
    assert_eq!(world.pulled(first, 11, 21), second);
}

#[test]
fn late_returns_that_would_leave_too_many_ranges_are_gone() {
    let mut world = World::with_messages(0);
    let mut tokens = Vec::new();
    for n in 1..=200 {
        world.publish(1);
        let token = world.opened(n, n + 1);
        world.pulled_empty(token);
        tokens.push(token);
        world.pass(Duration::from_millis(1));
        world.close(token);
    }
    // All wait again, and no slot remembers more than the last stream that was closed in it.
    world.state.returned.insert(range(1, 201));
    let every_second = tokens.iter().skip(1).step_by(2);
    let confirmed = every_second.filter(|token| world.close(**token) != GONE).count();
    assert_eq!(world.state.returned().count(), crate::limits::RETURNED_RANGES_SPLIT_MAX);
    // One less of them split a range, and the last token of all splits none.
    assert_eq!(confirmed, crate::limits::RETURNED_RANGES_SPLIT_MAX);
}
