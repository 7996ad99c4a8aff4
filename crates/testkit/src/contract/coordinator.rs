//! What every Coordinator must do. It may forget; until it does, it must not err.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::rate::Rule;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::version::Version;
use pix_stream_ports::coordinator::{Coordinator, Expected, Held, Listener, News, Swap};

use crate::contract::states::{first, next, now};
use crate::contract::{ispb, join_all};

/// Runs every test, each on a Coordinator that `make` makes anew and empty.
pub async fn test_all<C: Coordinator>(make: impl AsyncFn() -> C) {
    nothing_is_there_at_first(make().await).await;
    a_state_comes_back_as_it_was(make().await).await;
    a_swap_on_another_version_changes_nothing(make().await).await;
    an_older_incarnation_does_not_match(make().await).await;
    of_racing_swaps_exactly_one_wins(make().await).await;
    participants_do_not_share(make().await).await;
    requests_are_counted_in_a_window(make().await).await;
    racing_requests_never_exceed_the_limit(make().await).await;
    listeners_hear_of_their_participants_only(make().await).await;
    assert_eq!(make().await.check().await, Ok(()));
}

/// What becomes of a swap, without the head.
async fn swap(coordinator: &impl Coordinator, n: u32, expected: Expected, next: &StreamState) -> Swap {
    coordinator.swap(ispb(n), expected, next).await.unwrap().swap
}

fn current(state: &StreamState) -> Expected {
    Expected::Current(state.version())
}

fn held(state: &StreamState) -> Held {
    Held::Current(Box::new(state.clone()))
}

async fn nothing_is_there_at_first(coordinator: impl Coordinator) {
    assert_eq!(coordinator.load(ispb(1)).await, Ok(Held::Nothing));
    let lost = swap(&coordinator, 1, Expected::Current(Version::default()), &first(1)).await;
    assert_eq!(lost, Swap::Lost(Held::Nothing), "there is nothing to swap");
    let lost = swap(&coordinator, 1, Expected::Old(Version::default()), &first(1)).await;
    assert_eq!(lost, Swap::Lost(Held::Nothing), "there is nothing old either");
    assert_eq!(coordinator.load(ispb(1)).await, Ok(Held::Nothing));
}

async fn a_state_comes_back_as_it_was(coordinator: impl Coordinator) {
    let one = first(3);
    assert_eq!(swap(&coordinator, 1, Expected::Nothing, &one).await, Swap::Done);
    assert_eq!(coordinator.load(ispb(1)).await, Ok(held(&one)));
    let two = next(&one);
    assert_eq!(swap(&coordinator, 1, current(&one), &two).await, Swap::Done);
    assert_eq!(coordinator.load(ispb(1)).await, Ok(held(&two)));
}

async fn a_swap_on_another_version_changes_nothing(coordinator: impl Coordinator) {
    let one = first(1);
    let (two, three) = (next(&one), next(&next(&one)));
    assert_eq!(swap(&coordinator, 1, Expected::Nothing, &two).await, Swap::Done);
    let stored = || Swap::Lost(held(&two));
    assert_eq!(swap(&coordinator, 1, Expected::Nothing, &three).await, stored(), "none was expected");
    assert_eq!(swap(&coordinator, 1, current(&one), &three).await, stored(), "an older one");
    assert_eq!(swap(&coordinator, 1, current(&three), &one).await, stored(), "a newer one");
    assert_eq!(swap(&coordinator, 1, Expected::Old(two.version()), &three).await, stored(), "it is not old");
    assert_eq!(coordinator.load(ispb(1)).await, Ok(held(&two)));
}

async fn an_older_incarnation_does_not_match(coordinator: impl Coordinator) {
    let (old, new) = (first(1), first(2));
    assert_eq!(swap(&coordinator, 1, Expected::Nothing, &new).await, Swap::Done);
    let lost = swap(&coordinator, 1, current(&old), &next(&old)).await;
    assert_eq!(lost, Swap::Lost(held(&new)), "the counters are the same, the histories are not");
}

async fn of_racing_swaps_exactly_one_wins(coordinator: impl Coordinator) {
    let starts = (0..16).map(|n| first(n + 1)).collect::<Vec<_>>();
    let answers = join_all(starts.iter().map(|state| swap(&coordinator, 1, Expected::Nothing, state))).await;
    let mut stored = winner(&starts, answers);
    for round in 0..20 {
        let tries: Vec<_> = (0..8).map(|n| first(100 + 8 * round + n)).collect();
        let expected = current(&stored);
        let answers = join_all(tries.iter().map(|state| swap(&coordinator, 1, expected, state))).await;
        stored = winner(&tries, answers);
        assert_eq!(coordinator.load(ispb(1)).await, Ok(held(&stored)));
    }
}

/// The one state that was set; all others were told of it.
fn winner(tries: &[StreamState], answers: Vec<Swap>) -> StreamState {
    assert_eq!(answers.iter().filter(|answer| **answer == Swap::Done).count(), 1, "exactly one wins");
    let won = &tries[answers.iter().position(|answer| *answer == Swap::Done).unwrap()];
    for answer in &answers {
        match answer {
            Swap::Done => {}
            Swap::Lost(stored) => assert_eq!(stored, &held(won), "the others are told what is stored"),
        }
    }
    won.clone()
}

async fn participants_do_not_share(coordinator: impl Coordinator) {
    for n in 1..=50 {
        assert_eq!(swap(&coordinator, n, Expected::Nothing, &first(n)).await, Swap::Done);
    }
    for n in 1..=50 {
        assert_eq!(coordinator.load(ispb(n)).await, Ok(held(&first(n))));
    }
}

async fn requests_are_counted_in_a_window(coordinator: impl Coordinator) {
    let rule = Rule { limit: 3, window: Duration::from_secs(1) };
    let mut left = Vec::new();
    for _ in 0..3 {
        let decision = coordinator.admit(ispb(1), rule, now()).await.unwrap();
        assert!(decision.admitted);
        assert_eq!(decision.limit, 3);
        left.push(decision.remaining);
    }
    assert_eq!(left, vec![2, 1, 0]);
    let refused = coordinator.admit(ispb(1), rule, now().after(Duration::from_millis(400))).await.unwrap();
    assert!(!refused.admitted);
    assert!(refused.reset > Duration::ZERO && refused.reset <= rule.window, "{:?}", refused.reset);
    assert!(coordinator.admit(ispb(2), rule, now()).await.unwrap().admitted, "others have their own window");
    let later = now().after(2 * rule.window);
    assert!(coordinator.admit(ispb(1), rule, later).await.unwrap().admitted, "the window moves on");
}

async fn racing_requests_never_exceed_the_limit(coordinator: impl Coordinator) {
    let rule = Rule { limit: 10, window: Duration::from_secs(1) };
    let decisions = join_all((0..40).map(|_| coordinator.admit(ispb(1), rule, now()))).await;
    assert_eq!(decisions.into_iter().filter(|decision| decision.as_ref().unwrap().admitted).count(), 10);
}

#[derive(Default)]
struct Heard(Mutex<Vec<(Ispb, Sequence)>>);

impl Listener for Heard {
    fn on_head(&self, ispb: Ispb, head: Sequence) {
        self.0.lock().unwrap().push((ispb, head));
    }

    fn on_chunk(&self, ispb: Ispb, range: Range) {
        self.on_head(ispb, range.end());
    }

    fn on_change(&self, _: Ispb, _: Version) {}

    fn on_registry(&self) {}
}

/// What a node announces it may be told or not; what it is told must be right.
async fn listeners_hear_of_their_participants_only(coordinator: impl Coordinator) {
    let heard = Arc::new(Heard::default());
    let head = |n, head| News::Head { ispb: ispb(n), head: Sequence::new(head), chunk: None };
    coordinator.announce(head(1, 5)).await.unwrap();
    coordinator.subscribe(heard.clone());
    coordinator.announce(head(2, 9)).await.unwrap();
    let heard = heard.0.lock().unwrap();
    assert!(heard.iter().all(|news| *news == (ispb(2), Sequence::new(9))), "{heard:?}");
}
