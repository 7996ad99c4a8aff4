//! What every store of serial states must do.

use pix_stream_domain::stream::StreamState;
use pix_stream_domain::version::Version;
use pix_stream_ports::serial_states::{SerialState, SerialStates, Survey};

use crate::contract::states::{first, next};
use crate::contract::{ispb, join_all};

/// Runs every test, each on a store that `make` makes anew and empty.
pub async fn test_all<S: SerialStates>(make: impl AsyncFn() -> S) {
    nothing_is_kept_at_first(make().await).await;
    a_state_comes_back_as_it_was(make().await).await;
    a_swap_on_another_version_changes_nothing(make().await).await;
    an_older_history_does_not_match(make().await).await;
    of_racing_swaps_exactly_one_wins(make().await).await;
    a_chain_of_racing_swaps_loses_none(make().await).await;
    what_was_handed_over_is_over_until_somebody_goes_on(make().await).await;
    a_hand_over_of_another_version_changes_nothing(make().await).await;
    a_hand_over_races_with_a_swap_and_one_of_them_wins(make().await).await;
    a_survey_shows_what_is_not_over_and_who_needs_it(make().await).await;
}

/// What was kept is there after the store was closed and opened again. `open` opens the same store each time; the
/// one before is dropped by then.
pub async fn test_reopening<S: SerialStates>(open: impl AsyncFn() -> S) {
    let store = open().await;
    let (one, two) = (first(1), next(&first(1)));
    assert_eq!(store.swap(ispb(1), None, &one).await, Ok(Ok(())));
    assert_eq!(store.swap(ispb(2), None, &two).await, Ok(Ok(())));
    assert_eq!(store.hand_over(ispb(2), two.version()).await, Ok(true));
    drop(store);

    let store = open().await;
    assert_eq!(store.load(ispb(1)).await, Ok(kept(&one)));
    assert_eq!(store.load(ispb(2)).await, Ok(over(&two)));
    assert_eq!(store.swap(ispb(1), Some(one.version()), &two).await, Ok(Ok(())), "it goes on");
}

/// What regions see of each other. `make` makes an empty store as two of them reach it, of which the second takes over
/// what the first had.
pub async fn test_regions<S: SerialStates>(make: impl AsyncFn() -> (S, S)) {
    let (lost, taker) = make().await;
    a_history_of_another_region_is_over(&lost, &taker).await;
    let (lost, taker) = make().await;
    a_need_concerns_one_region(&lost, &taker).await;
}

async fn a_history_of_another_region_is_over(lost: &impl SerialStates, taker: &impl SerialStates) {
    let one = first(1);
    let (two, three) = (next(&one), next(&next(&one)));
    assert_eq!(lost.swap(ispb(1), None, &one).await, Ok(Ok(())));
    assert_eq!(lost.swap(ispb(1), Some(one.version()), &two).await, Ok(Ok(())));
    assert_eq!(lost.load(ispb(1)).await, Ok(kept(&two)));

    assert_eq!(taker.load(ispb(1)).await, Ok(over(&two)), "what there is to start from");
    assert_eq!(taker.survey().await.map(|survey| survey.states), Ok(Vec::new()));
    assert_eq!(taker.swap(ispb(1), Some(two.version()), &three).await, Ok(Err(over(&two))), "a step");
    assert_eq!(taker.hand_over(ispb(1), two.version()).await, Ok(true), "it is over already");
    assert_eq!(lost.load(ispb(1)).await, Ok(kept(&two)), "nothing of that changed it");

    let begun = first(2);
    assert_eq!(taker.swap(ispb(1), Some(one.version()), &begun).await, Ok(Err(over(&two))), "an older one");
    assert_eq!(taker.swap(ispb(1), Some(two.version()), &begun).await, Ok(Ok(())), "a new history");
    assert_eq!(taker.load(ispb(1)).await, Ok(kept(&begun)));
    assert_eq!(taker.swap(ispb(1), Some(begun.version()), &next(&begun)).await, Ok(Ok(())), "goes on");
    let lates = lost.swap(ispb(1), Some(two.version()), &three).await;
    assert_ne!(lates, Ok(Ok(())), "the one that was taken over does not");
}

async fn a_need_concerns_one_region(lost: &impl SerialStates, taker: &impl SerialStates) {
    lost.claim_need("a").await.unwrap();
    assert_eq!(lost.survey().await.unwrap().needy, ["a"]);
    assert_eq!(taker.survey().await.unwrap().needy, [""; 0]);
    taker.claim_need("a").await.unwrap();
    assert_eq!(taker.survey().await.unwrap().needy, ["a"], "names of nodes may be the same");
    assert_eq!(lost.survey().await.unwrap().needy, ["a"]);
}

fn kept(state: &StreamState) -> Option<SerialState> {
    Some(SerialState { state: state.clone(), is_over: false })
}

fn over(state: &StreamState) -> Option<SerialState> {
    Some(SerialState { state: state.clone(), is_over: true })
}

async fn nothing_is_kept_at_first(store: impl SerialStates) {
    assert_eq!(store.load(ispb(1)).await, Ok(None));
    assert_eq!(store.swap(ispb(1), Some(Version::default()), &first(1)).await, Ok(Err(None)));
    assert_eq!(store.hand_over(ispb(1), Version::default()).await, Ok(false));
    assert_eq!(store.survey().await, Ok(Survey::default()));
    assert_eq!(store.load(ispb(1)).await, Ok(None));
}

async fn a_state_comes_back_as_it_was(store: impl SerialStates) {
    let one = first(3);
    assert_eq!(store.swap(ispb(1), None, &one).await, Ok(Ok(())));
    assert_eq!(store.load(ispb(1)).await, Ok(kept(&one)));
    assert_eq!(store.load(ispb(2)).await, Ok(None), "participants do not share");
    let two = next(&one);
    assert_eq!(store.swap(ispb(1), Some(one.version()), &two).await, Ok(Ok(())));
    assert_eq!(store.load(ispb(1)).await, Ok(kept(&two)));
}

async fn a_swap_on_another_version_changes_nothing(store: impl SerialStates) {
    let one = first(1);
    let (two, three) = (next(&one), next(&next(&one)));
    assert_eq!(store.swap(ispb(1), None, &two).await, Ok(Ok(())));
    assert_eq!(store.swap(ispb(1), None, &three).await, Ok(Err(kept(&two))), "nothing was expected");
    assert_eq!(store.swap(ispb(1), Some(one.version()), &three).await, Ok(Err(kept(&two))), "an older one");
    assert_eq!(store.swap(ispb(1), Some(three.version()), &one).await, Ok(Err(kept(&two))), "a newer one");
    assert_eq!(store.load(ispb(1)).await, Ok(kept(&two)));
}

async fn an_older_history_does_not_match(store: impl SerialStates) {
    let (old, new) = (first(1), first(2));
    assert_eq!(store.swap(ispb(1), None, &new).await, Ok(Ok(())));
    let lost = store.swap(ispb(1), Some(old.version()), &next(&old)).await;
    assert_eq!(lost, Ok(Err(kept(&new))), "the counters are the same, the histories are not");
}

async fn of_racing_swaps_exactly_one_wins(store: impl SerialStates) {
    let mut expected = None;
    for round in 0..8 {
        let tries: Vec<_> = (0..6).map(|n| first(1 + 6 * round + n)).collect();
        let answers = join_all(tries.iter().map(|state| store.swap(ispb(1), expected, state))).await;
        let won: Vec<_> = answers.iter().map(|answer| answer.as_ref().unwrap().is_ok()).collect();
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "exactly one wins: {answers:?}");
        let winner = &tries[won.iter().position(|won| *won).unwrap()];
        for lost in answers.iter().map(|answer| answer.as_ref().unwrap()).filter_map(|a| a.as_ref().err()) {
            assert_eq!(*lost, kept(winner), "the others are told what is kept");
        }
        assert_eq!(store.load(ispb(1)).await, Ok(kept(winner)));
        expected = Some(winner.version());
    }
}

/// Eight tasks change one state ten times each; every change that was answered with success is in it.
async fn a_chain_of_racing_swaps_loses_none(store: impl SerialStates) {
    assert_eq!(store.swap(ispb(1), None, &first(1)).await, Ok(Ok(())));
    join_all((0..8).map(async |_| {
        let mut now = store.load(ispb(1)).await.unwrap().unwrap();
        for _ in 0..10 {
            loop {
                match store.swap(ispb(1), Some(now.state.version()), &next(&now.state)).await.unwrap() {
                    Ok(()) => break,
                    Err(other) => now = other.unwrap(),
                }
            }
            now.state = next(&now.state);
        }
    }))
    .await;
    let last = store.load(ispb(1)).await.unwrap().unwrap();
    assert_eq!(last.state.version().counter, 80);
}

async fn what_was_handed_over_is_over_until_somebody_goes_on(store: impl SerialStates) {
    let one = first(1);
    assert_eq!(store.swap(ispb(1), None, &one).await, Ok(Ok(())));
    assert_eq!(store.hand_over(ispb(1), one.version()).await, Ok(true));
    assert_eq!(store.hand_over(ispb(1), one.version()).await, Ok(true), "again is the same");
    assert_eq!(store.load(ispb(1)).await, Ok(over(&one)));
    assert_eq!(store.swap(ispb(1), None, &first(2)).await, Ok(Err(over(&one))), "over is not nothing");
    let two = first(2);
    assert_eq!(store.swap(ispb(1), Some(one.version()), &two).await, Ok(Ok(())));
    assert_eq!(store.load(ispb(1)).await, Ok(kept(&two)));
}

async fn a_hand_over_of_another_version_changes_nothing(store: impl SerialStates) {
    let one = first(1);
    let two = next(&one);
    assert_eq!(store.swap(ispb(1), None, &two).await, Ok(Ok(())));
    assert_eq!(store.hand_over(ispb(1), one.version()).await, Ok(false));
    assert_eq!(store.load(ispb(1)).await, Ok(kept(&two)));
}

async fn a_hand_over_races_with_a_swap_and_one_of_them_wins(store: impl SerialStates) {
    let mut now = first(1);
    assert_eq!(store.swap(ispb(1), None, &now).await, Ok(Ok(())));
    for _ in 0..10 {
        let changed = next(&now);
        let (mut handed_over, mut swapped) = (false, false);
        join_all([true, false].map(|hands_over| {
            let (store, now, changed) = (&store, &now, &changed);
            async move {
                if hands_over {
                    (true, store.hand_over(ispb(1), now.version()).await.unwrap())
                } else {
                    (false, store.swap(ispb(1), Some(now.version()), changed).await.unwrap().is_ok())
                }
            }
        }))
        .await
        .into_iter()
        .for_each(|(hands_over, won)| if hands_over { handed_over = won } else { swapped = won });
        assert!(swapped, "whatever is over is still of that version");
        let kept_now = store.load(ispb(1)).await.unwrap().unwrap();
        assert_eq!(kept_now.state, changed);
        assert!(
            !kept_now.is_over,
            "handed over first ({handed_over}), it went on; later, it had another version"
        );
        now = changed;
    }
}

async fn a_survey_shows_what_is_not_over_and_who_needs_it(store: impl SerialStates) {
    for n in 1..=5 {
        assert_eq!(store.swap(ispb(n), None, &first(n)).await, Ok(Ok(())));
    }
    for n in [2, 4] {
        assert_eq!(store.hand_over(ispb(n), first(n).version()).await, Ok(true));
    }
    for node in ["node-b", "node-a", "node-b"] {
        assert_eq!(store.claim_need(node).await, Ok(()));
    }
    let mut survey = store.survey().await.unwrap();
    survey.states.sort_by_key(|(ispb, _)| *ispb);
    survey.needy.sort();
    assert_eq!(survey.states, [1, 3, 5].map(|n| (ispb(n), first(n).version())));
    assert_eq!(survey.needy, ["node-a", "node-b"]);
}
