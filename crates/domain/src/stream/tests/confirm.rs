//! Confirmation, empty reads, and that a token speaks only for its own batch.

use super::*;

#[test]
fn handing_out_a_batch_does_not_confirm_it() {
    let mut world = World::with_messages(10);
    world.opened(1, 11);
    assert_eq!(world.watermark(), 0);
    assert_eq!(world.state.unconfirmed(Sequence::new(11)), 10);
}

#[test]
fn the_next_get_on_its_token_confirms_a_batch() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    let outcome = world.pull(first);
    assert_eq!(grant_of(outcome).confirmed, range(1, 11));
    batch_of(outcome, 11, 21);
    assert_eq!(world.watermark(), 10);
}

#[test]
fn delete_on_its_token_confirms_a_batch_and_closes_the_stream() {
    let mut world = World::with_messages(10);
    let token = world.opened(1, 11);
    assert_eq!(world.close(token), Outcome::Closed { confirmed: range(1, 11), returned: Range::EMPTY });
    assert_eq!((world.watermark(), world.state.live_count()), (10, 0));
    assert_eq!(world.close(token), GONE);
    assert_eq!(world.pull(token), GONE);
}

#[test]
fn an_empty_answer_confirms_the_batch_of_the_presented_token_too() {
    let mut world = World::with_messages(3);
    let first = world.opened(1, 4);
    world.pulled_empty(first);
    assert_eq!(world.watermark(), 3);
}

#[test]
fn a_read_that_starts_to_wait_has_confirmed() {
    let mut world = World::with_messages(3);
    let first = world.opened(1, 4);
    let outcome = world.pull_waiting(first);
    assert!(matches!(outcome, Outcome::Wait(grant) if grant.confirmed == range(1, 4)));
    assert_eq!(world.watermark(), 3);
}

#[test]
fn an_empty_answer_carries_a_new_token_with_a_fresh_expiry() {
    let mut world = World::with_messages(0);
    let first = world.opened_empty();
    world.pass(Duration::from_secs(5));
    let second = world.pulled_empty(first);
    assert_ne!(first, second);
    assert_eq!(second.expires_at, world.now.after(world.rules.token_life));
}

#[test]
fn a_stream_may_idle_for_hours_on_empty_answers() {
    let mut world = World::with_messages(0);
    let mut token = world.opened_empty();
    for _ in 0..2000 {
        world.pass(Duration::from_secs(5));
        token = world.pulled_empty(token);
    }
    world.publish(1);
    world.pulled(token, 1, 2);
}

#[test]
fn any_number_of_lost_empty_answers_costs_nothing() {
    let mut world = World::with_messages(1);
    let first = world.opened(1, 2);
    for _ in 0..10 {
        world.pass(Duration::from_secs(5));
        world.pulled_empty(first);
    }
    world.publish(2);
    world.pulled(first, 2, 4);
}

#[test]
fn after_a_batch_only_the_token_presented_for_it_replays_it() {
    let mut world = World::with_messages(1);
    let first = world.opened(1, 2);
    let second = world.pulled_empty(first);
    let third = world.pulled_empty(second);
    world.publish(1);
    let batch = world.pulled(second, 2, 3);
    assert_eq!(world.pull(first), GONE);
    assert_eq!(world.pull(third), GONE);
    assert_eq!(world.pulled(second, 2, 3), batch);
}

#[test]
fn delete_with_the_last_token_after_a_lost_answer_gives_the_unseen_batch_back() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    let _lost = world.pull(first);
    assert_eq!(world.close(first), Outcome::Closed { confirmed: Range::EMPTY, returned: range(11, 21) });
    assert_eq!((world.watermark(), world.state.live_count()), (10, 0));
    world.opened(11, 21);
}

#[test]
fn delete_after_an_empty_answer_closes_with_any_of_its_tokens() {
    let mut world = World::with_messages(1);
    let first = world.opened(1, 2);
    world.pulled_empty(first);
    assert_eq!(world.close(first), Outcome::Closed { confirmed: Range::EMPTY, returned: Range::EMPTY });
    assert_eq!(world.watermark(), 1);
}

#[test]
fn an_empty_token_of_an_earlier_life_confirms_nothing_of_a_later_one() {
    let mut world = World::with_messages(1);
    let first = world.opened(1, 2);
    let idle = world.pulled_empty(first);
    world.publish(1);
    let second = world.pulled(idle, 2, 3);
    let later = world.pulled_empty(second);
    world.pass_idle_time();
    world.publish(1);
    let _lost = world.pulled(idle, 3, 4);
    assert_eq!(world.pull(later), GONE);
    assert_eq!(world.close(later), GONE);
    assert_eq!(world.watermark(), 2, "message 3 was never seen");
}

#[test]
fn tokens_of_one_stream_say_nothing_of_another() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    let second = world.opened(11, 21);
    world.pulled_empty(second);
    assert_eq!(world.watermark(), 0);
    world.pulled_empty(first);
    assert_eq!(world.watermark(), 20);
}

#[test]
fn a_refused_request_moves_no_cursor() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    let mut before = world.state.clone();
    world.apply(&Command::Pause);
    world.pull(first);
    world.apply(&Command::Resume);
    before.version = world.state.version;
    assert_eq!(world.state, before);
}
