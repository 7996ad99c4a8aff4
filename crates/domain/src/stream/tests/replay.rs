//! Replay: the same token again gives the same batch, in the same form, until the next advance.

use super::*;

#[test]
fn the_same_token_again_gives_the_same_batch_and_the_same_next_token() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    let second = world.pulled(first, 11, 21);
    world.pass(Duration::from_secs(3));
    world.publish(5);
    let outcome = world.pull(first);
    assert!(grant_of(outcome).replay);
    assert_eq!(batch_of(outcome, 11, 21), second);
}

#[test]
fn a_replay_keeps_the_form_of_the_first_answer() {
    let mut world = World::with_messages(20);
    let single = Command::Open { form: Form::Single, wait: NO_WAIT };
    let first = batch_of(world.apply(&single), 1, 2);
    let second = world.apply(&Command::Pull { token: first, form: Form::Single, wait: NO_WAIT });
    let again = grant_of(world.pull(first));
    assert_eq!((again.form, again.token), (Form::Single, grant_of(second).token));
}

#[test]
fn a_replay_confirms_nothing_and_keeps_the_stream_alive() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    world.pulled(first, 11, 21);
    for _ in 0..5 {
        world.pass(Duration::from_secs(9));
        assert_eq!(grant_of(world.pull(first)).confirmed, Range::EMPTY);
    }
    assert_eq!((world.watermark(), world.state.live_count()), (10, 1));
}

#[test]
fn the_older_token_is_gone_after_the_next_advance() {
    let mut world = World::with_messages(30);
    let first = world.opened(1, 11);
    let second = world.pulled(first, 11, 21);
    world.pulled(second, 21, 31);
    assert_eq!(world.pull(first), GONE);
    assert_eq!(world.close(first), GONE);
}

#[test]
fn an_empty_answer_is_no_advance_for_the_token_before() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    let second = world.pulled(first, 11, 21);
    world.pulled_empty(second);
    assert_eq!(world.pulled(first, 11, 21), second, "nothing followed with messages yet");
    assert_eq!(world.watermark(), 20);
}

#[test]
fn of_two_requests_that_waited_with_one_token_the_second_gets_the_replay() {
    let mut world = World::with_messages(1);
    let first = world.opened(1, 2);
    let waits = [world.pull_waiting(first), world.pull_waiting(first)].map(|w| grant_of(w).token);
    world.publish(1);
    let answer = world.pull(waits[0]);
    let other = world.pull(waits[1]);
    assert_eq!(grant_of(answer).token, grant_of(other).token);
    assert!(!grant_of(answer).replay && grant_of(other).replay);
}

#[test]
fn a_token_that_came_in_time_does_not_expire_while_it_waits() {
    let mut world = World::with_messages(1);
    world.rules.token_life = Duration::from_secs(2);
    let first = world.opened(1, 2);
    world.pass(Duration::from_secs(1));
    let waiting = grant_of(world.pull_waiting(first)).token;
    world.pass(LONG_POLL);
    world.publish(1);
    world.pulled(waiting, 2, 3);
}

#[test]
fn an_expired_token_is_gone() {
    let mut world = World::with_messages(1);
    world.rules.token_life = Duration::from_secs(2);
    let first = world.opened(1, 2);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.pull(first), GONE);
    assert_eq!(world.watermark(), 0);
}

#[test]
fn the_first_answer_of_a_start_that_waited_has_no_token_to_replay_it() {
    let mut world = World::with_messages(0);
    let waiting = world.apply(&Command::Open { form: Form::Multipart, wait: LONG_POLL });
    let token = grant_of(waiting).token;
    world.publish(1);
    let first = world.pulled(token, 1, 2);
    world.pulled_empty(first);
    assert_eq!(world.watermark(), 1);
}
