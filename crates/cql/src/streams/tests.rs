//! Laws of stream ids: single cases, and any order of events against a model of the server.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

#[test]
fn an_answer_finds_its_waiter_and_frees_the_id() {
    let mut streams = Streams::new(2, 1);
    let ticket = streams.reserve("a").unwrap();
    assert!(streams.begin(ticket));
    assert_eq!(streams.answer(ticket.id()), Answered::Waiter("a"));
    assert_eq!(streams.reserve("b").unwrap().id(), ticket.id());
}

#[test]
fn the_id_of_an_orphan_is_free_only_after_its_late_answer() {
    let mut streams = Streams::new(2, 1);
    let ticket = streams.reserve("a").unwrap();
    assert!(streams.begin(ticket));
    assert_eq!(streams.abandon(ticket), Abandoned::Orphan);
    assert_eq!((streams.live(), streams.orphans()), (0, 1));
    assert_ne!(streams.reserve("b").unwrap().id(), ticket.id());
    assert_eq!(streams.answer(ticket.id()), Answered::Late);
    assert_eq!(streams.orphans(), 0);
}

#[test]
fn what_is_given_up_in_the_queue_never_reaches_the_socket() {
    let mut streams = Streams::new(2, 1);
    let ticket = streams.reserve("a").unwrap();
    assert_eq!(streams.abandon(ticket), Abandoned::NotSent);
    assert!(!streams.begin(ticket));
    assert_eq!((streams.live(), streams.orphans()), (0, 0));
}

#[test]
fn giving_up_an_answered_request_leaves_the_next_user_of_its_id_alone() {
    let mut streams = Streams::new(1, 1);
    let first = streams.reserve("a").unwrap();
    streams.begin(first);
    streams.answer(first.id());
    let second = streams.reserve("b").unwrap();
    assert_eq!(second.id(), first.id());
    assert_eq!(streams.abandon(first), Abandoned::Settled);
    streams.begin(second);
    assert_eq!(streams.answer(second.id()), Answered::Waiter("b"));
}

#[test]
fn an_answer_to_nothing_is_noticed() {
    let mut streams = Streams::new(2, 1);
    let ticket = streams.reserve("a").unwrap();
    for id in [ticket.id(), 5, -1, -7, i16::MAX] {
        assert_eq!(streams.answer(id), Answered::Unexpected);
    }
    assert!(streams.begin(ticket), "the queued request is as it was");
}

#[test]
fn the_end_tells_who_waits_and_what_was_sent() {
    let mut streams = Streams::new(3, 1);
    let sent = streams.reserve("sent").unwrap();
    streams.begin(sent);
    streams.reserve("queued").unwrap();
    let mut waiters = streams.close();
    waiters.sort_unstable();
    assert_eq!(waiters, [("queued", false), ("sent", true)]);
    assert_eq!(streams.reserve("late"), Err(Refusal::Closed));
}

#[test]
fn there_are_never_more_ids_than_the_protocol_has() {
    let mut streams = Streams::new(usize::MAX, 0);
    let given = std::iter::from_fn(|| streams.reserve(()).ok()).count();
    assert!(given < IDS_MAX, "{given}");
}

#[derive(Clone, Debug)]
enum Event {
    Reserve,
    /// The oldest in the queue goes to the socket.
    Begin,
    /// One that was ever reserved is given up, perhaps long after it was settled.
    Abandon(prop::sample::Index),
    /// The server answers one of those it has, in any order.
    Answer(prop::sample::Index),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Reserve),
        4 => Just(Event::Begin),
        2 => any::<prop::sample::Index>().prop_map(Event::Abandon),
        3 => any::<prop::sample::Index>().prop_map(Event::Answer),
    ]
}

proptest! {
    /// Whatever happens in whatever order: an id that the server still has to answer is given to nobody, an answer
    /// reaches the request it belongs to, and the counts are those of the model.
    #[test]
    fn no_id_is_in_two_hands(events in prop::collection::vec(event(), 1..400), live_max in 1_usize..9) {
        let mut streams = Streams::new(live_max, 4);
        let mut queue = std::collections::VecDeque::new();
        let mut tickets = Vec::new();
        let mut given_up = HashMap::new();
        // What the server has: id to request.
        let mut at_server: HashMap<i16, usize> = HashMap::new();
        for event in events {
            match event {
                Event::Reserve => {
                    let request = tickets.len();
                    if let Ok(ticket) = streams.reserve(request) {
                        prop_assert!(!at_server.contains_key(&ticket.id()));
                        tickets.push(ticket);
                        queue.push_back((request, ticket));
                    } else {
                        prop_assert_eq!(streams.live(), live_max);
                    }
                }
                Event::Begin => {
                    if let Some((request, ticket)) = queue.pop_front() {
                        let is_wanted = !given_up.contains_key(&request);
                        prop_assert_eq!(streams.begin(ticket), is_wanted);
                        if is_wanted {
                            prop_assert!(at_server.insert(ticket.id(), request).is_none());
                        }
                    }
                }
                Event::Abandon(index) if !tickets.is_empty() => {
                    let request = index.index(tickets.len());
                    let is_at_server = at_server.values().any(|at| *at == request);
                    let is_queued = queue.iter().any(|(queued, _)| *queued == request);
                    let was_given_up = given_up.contains_key(&request);
                    let expected = match (was_given_up, is_queued, is_at_server) {
                        (false, true, _) => Abandoned::NotSent,
                        (false, false, true) => Abandoned::Orphan,
                        (true, ..) | (false, false, false) => Abandoned::Settled,
                    };
                    prop_assert_eq!(streams.abandon(tickets[request]), expected);
                    given_up.entry(request).or_insert(());
                }
                Event::Answer(index) if !at_server.is_empty() => {
                    let mut ids: Vec<i16> = at_server.keys().copied().collect();
                    ids.sort_unstable();
                    let id = ids[index.index(ids.len())];
                    let request = at_server.remove(&id).unwrap();
                    let expected = match given_up.contains_key(&request) {
                        true => Answered::Late,
                        false => Answered::Waiter(request),
                    };
                    prop_assert_eq!(streams.answer(id), expected);
                }
                Event::Abandon(_) | Event::Answer(_) => {}
            }
            let orphans = at_server.values().filter(|request| given_up.contains_key(request)).count();
            prop_assert_eq!(streams.orphans(), orphans);
            prop_assert_eq!(streams.live(), queue.len() + at_server.len() - orphans);
        }
    }
}
