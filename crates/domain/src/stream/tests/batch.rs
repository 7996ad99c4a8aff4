//! Order and batches: redelivery first, ascending, without gaps, bounded in number and bytes.

use super::*;

#[test]
fn reads_hand_the_sequence_out_in_order() {
    let mut world = World::with_messages(25);
    let first = world.opened(1, 11);
    let second = world.pulled(first, 11, 21);
    world.pulled(second, 21, 26);
}

#[test]
fn one_message_alone_is_a_batch() {
    let mut world = World::with_messages(1);
    world.opened(1, 2);
}

#[test]
fn a_single_form_gets_one_message_and_multipart_up_to_ten() {
    let mut world = World::with_messages(30);
    let single = world.apply(&Command::Open { form: Form::Single, wait: NO_WAIT });
    batch_of(single, 1, 2);
    world.opened(2, 12);
}

#[test]
fn more_than_ten_are_never_handed_out_whatever_the_rules_say() {
    let mut world = World::with_messages(30);
    world.rules.batch_max = 200;
    world.opened(1, 11);
    world.rules.batch_max = 0;
    world.opened(11, 12);
}

#[test]
fn a_batch_stops_before_it_exceeds_its_bytes() {
    let mut world = World::with_messages(10);
    world.rules.batch_bytes = 9000;
    world.opened(1, 4);
}

#[test]
fn one_message_over_the_bytes_of_a_batch_is_delivered_alone() {
    let mut world = World::with_messages(3);
    world.rules.batch_bytes = 6000;
    world.messages.sizes.insert(1, 100_000);
    let first = world.opened(1, 2);
    world.pulled(first, 2, 4);
}

#[test]
fn what_went_back_comes_before_what_is_newer() {
    let mut world = World::with_messages(10);
    world.opened(1, 11);
    world.pass_idle_time();
    world.publish(30);
    let token = world.opened(1, 11);
    world.pulled(token, 11, 21);
}

#[test]
fn redelivery_and_fresh_messages_share_a_batch_only_where_no_gap_lies_between() {
    let mut world = World::with_messages(15);
    world.rules.batch_max = 5;
    world.opened(1, 6);
    world.pass(Duration::from_secs(1));
    let second = world.opened(6, 11);
    world.pass(Duration::from_secs(9));
    world.rules.batch_max = 10;
    // 1 to 5 went back; 6 to 10 are leased: the batch ends before them.
    let first = grant_of(world.open());
    assert_eq!((first.token.batch, first.redelivered), (range(1, 6), 5));
    world.close(second);
    world.pass_idle_time();
    world.close(first.token);
    let rest = grant_of(world.open());
    assert_eq!((rest.token.batch, rest.redelivered), (range(11, 16), 0));
}

#[test]
fn a_batch_may_run_on_from_redelivery_into_fresh_messages() {
    let mut world = World::with_messages(3);
    world.opened(1, 4);
    world.pass_idle_time();
    world.publish(3);
    let grant = grant_of(world.open());
    assert_eq!((grant.token.batch, grant.redelivered), (range(1, 7), 3));
}

#[test]
fn several_ranges_that_went_back_come_one_by_one_ascending() {
    let mut world = World::with_messages(30);
    world.opened(1, 11);
    let second = world.opened(11, 21);
    world.opened(21, 31);
    world.close(second);
    world.pass_idle_time();
    let first = world.opened(1, 11);
    world.pulled(first, 21, 31);
}

#[test]
fn messages_that_are_not_at_hand_are_asked_for_and_nothing_moves() {
    let mut world = World::with_messages(20);
    let first = world.opened(1, 11);
    world.messages.missing = vec![11];
    let before = world.state.clone();
    assert_eq!(world.pull(first), Outcome::Load { from: Sequence::new(11) });
    assert_eq!(world.state, before);
    world.messages.missing = vec![14];
    world.pulled(first, 11, 14);
}

#[test]
fn a_message_is_never_out_on_two_live_streams() {
    let mut world = World::with_messages(100);
    let mut tokens: Vec<Cursor> = (0..6).map(|_| grant_of(world.open()).token).collect();
    for round in 0..20 {
        let held: Vec<Range> = world.state.live().map(|(_, s)| s.batch).collect();
        for (i, a) in held.iter().enumerate() {
            assert!(held[i + 1..].iter().all(|b| !a.overlaps(*b)));
        }
        let token = &mut tokens[round % 6];
        *token = grant_of(world.pull(*token)).token;
    }
}
