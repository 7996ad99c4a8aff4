//! After a crash: a state goes on from an older checkpoint, and returning tokens say what it missed.

use super::*;

const SETTLE: Duration = Duration::from_secs(1);

#[test]
fn while_settling_nothing_is_handed_out_and_confirmations_count() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    world.recover_from(world.state.clone(), SETTLE);
    world.opened_empty();
    let second = world.pulled_empty(first);
    assert_eq!(world.watermark(), 10);
    world.pass(SETTLE);
    world.pulled(second, 11, 21);
}

#[test]
fn settling_begins_with_the_first_read_and_ends_at_its_time() {
    let mut world = World::with_messages(10);
    world.recover_from(world.state.clone(), SETTLE);
    assert_eq!(world.state.settling_until(world.now), None);
    world.pass(Duration::from_secs(600));
    world.opened_empty();
    assert_eq!(world.state.settling_until(world.now), Some(world.now.after(SETTLE)));
    assert_eq!(world.state.settling_until(world.now.after(SETTLE)), None);
}

#[test]
fn settling_is_over_when_the_clock_steps_far_back() {
    let mut world = World::with_messages(10);
    world.recover_from(world.state.clone(), SETTLE);
    let token = world.opened_empty();
    world.now = world.now.before(Duration::from_secs(900));
    world.pulled(token, 1, 11);
}

#[test]
fn a_recovered_state_that_was_the_last_word_of_its_history_repeats_nothing() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    world.recover_from(world.state.clone(), Duration::ZERO);
    world.pulled(first, 11, 21);
}

#[test]
fn live_streams_get_a_full_idle_time_to_come_back() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    let checkpoint = world.state.clone();
    world.pass(Duration::from_secs(60));
    world.recover_from(checkpoint, Duration::ZERO);
    world.pass(Duration::from_secs(9));
    assert_eq!(world.apply(&Command::Expire), Outcome::Unchanged);
    world.pulled(first, 11, 21);
}

#[test]
fn a_token_ahead_of_the_checkpoint_confirms_its_own_range() {
    let mut world = World::with_messages(40);
    let first = world.opened(1, 11);
    let checkpoint = world.state.clone();
    let second = world.pulled(first, 11, 21);
    let third = world.pulled(second, 21, 31);
    world.recover_from(checkpoint, SETTLE);
    let third = world.pulled_empty(third);
    assert_eq!(world.waiting(), [range(11, 21)], "the range of second may come again");
    world.pass(SETTLE);
    let again = world.pulled(third, 11, 21);
    world.pulled(again, 31, 41);
    assert_eq!(world.watermark(), 30);
}

#[test]
fn a_token_of_a_stream_that_the_checkpoint_does_not_know_returns_too() {
    let mut world = World::with_messages(20);
    let checkpoint = world.state.clone();
    let first = world.opened(1, 11);
    let second = world.opened(11, 21);
    world.recover_from(checkpoint, SETTLE);
    world.pulled_empty(second);
    world.pulled_empty(first);
    assert_eq!((world.watermark(), world.waiting()), (20, Vec::new()));
}

#[test]
fn a_token_ahead_may_close_its_stream() {
    let mut world = World::with_messages(40);
    let first = world.opened(1, 11);
    let checkpoint = world.state.clone();
    let second = world.pulled(first, 11, 21);
    world.recover_from(checkpoint, SETTLE);
    assert_eq!(world.close(second), Outcome::Closed { confirmed: range(11, 21), returned: Range::EMPTY });
    assert_eq!((world.watermark(), world.state.live_count()), (20, 0));
}

#[test]
fn an_empty_token_ahead_proves_that_the_batch_before_it_was_confirmed() {
    let mut world = World::with_messages(10);
    let first = world.opened(1, 11);
    let checkpoint = world.state.clone();
    let idle = world.pulled_empty(first);
    world.recover_from(checkpoint, Duration::ZERO);
    world.pulled_empty(idle);
    assert_eq!(world.watermark(), 10);
}

#[test]
fn a_token_of_a_lost_history_confirms_nothing_that_the_new_one_handed_out() {
    let mut world = World::with_messages(60);
    let first = world.opened(1, 11);
    let checkpoint = world.state.clone();
    // The lost history: another stream takes 11 to 20, this one 21 to 30, and idles.
    let _other = world.opened(11, 21);
    let second = world.pulled(first, 21, 31);
    world.messages.head = 31;
    let idle = world.pulled_empty(second);
    world.messages.head = 61;
    // The new one hands 11 to 20 to this stream, in an answer that nobody sees.
    world.recover_from(checkpoint, Duration::ZERO);
    world.pulled(first, 11, 21);
    assert_eq!(world.pull(idle), GONE);
    assert_eq!(world.pull(second), GONE);
    assert_eq!(world.watermark(), 10);
}

#[test]
fn what_a_stream_held_at_the_checkpoint_goes_back_when_it_may_have_been_abandoned_since() {
    let mut world = World::with_messages(2);
    let first = world.opened(1, 3);
    let idle = world.pulled_empty(first);
    world.publish(2);
    world.pulled(idle, 3, 5);
    let checkpoint = world.state.clone();
    // Lost: the stream is abandoned, another one takes 3 and 4 and loses them; it resumes with its older token.
    world.pass_idle_time();
    world.opened(3, 5);
    world.publish(2);
    let late = world.pulled(idle, 5, 7);
    world.recover_from(checkpoint, Duration::ZERO);
    let outcome = world.pull(late);
    batch_of(outcome, 3, 5);
    assert_eq!(world.watermark(), 2);
}

#[test]
fn a_token_from_before_a_loss_is_gone_when_its_messages_are_leased_again() {
    let mut world = World::with_messages(10);
    let checkpoint = world.state.clone();
    let first = world.opened(1, 11);
    world.recover_from(checkpoint, Duration::ZERO);
    world.opened(1, 11);
    assert_eq!(world.pull(first), GONE);
    assert_eq!(world.watermark(), 0);
}

#[test]
fn a_token_beyond_the_journals_head_is_gone() {
    let mut world = World::with_messages(10);
    let checkpoint = world.state.clone();
    let first = world.opened(1, 11);
    world.recover_from(checkpoint, Duration::ZERO);
    world.messages.head = 6;
    assert_eq!(world.pull(first), GONE);
}

#[test]
fn tokens_ahead_cannot_leave_more_ranges_than_a_state_holds() {
    let mut world = World::with_messages(2000);
    world.rules.batch_max = 1;
    let first = world.opened(1, 2);
    let checkpoint = world.state.clone();
    let mut tokens = vec![first];
    for n in 2..400 {
        let last = tokens[tokens.len() - 1];
        tokens.push(world.pulled(last, n, n + 1));
    }
    world.recover_from(checkpoint, SETTLE);
    for token in tokens.iter().skip(2).step_by(2) {
        world.pull(*token);
    }
    assert_eq!(world.state.returned().count(), crate::limits::RETURNED_RANGES_SPLIT_MAX);
}

#[test]
fn numbers_of_batches_are_never_given_twice_whatever_was_lost() {
    let mut world = World::with_messages(100);
    let checkpoint = world.state.clone();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let mut token = grant_of(world.open()).token;
        for _ in 0..3 {
            seen.push(token.pull);
            token = grant_of(world.pull(token)).token;
        }
        world.recover_from(checkpoint.clone(), Duration::ZERO);
    }
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
}
