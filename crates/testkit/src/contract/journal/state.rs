//! Checkpoints, incarnations, participants, switches, and the check.

use std::collections::BTreeSet;
use std::time::Duration;

use pix_stream_domain::holds::Holds;
use pix_stream_domain::participant::{Limits, Participant};
use pix_stream_domain::replay::ReplaySession;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::switches::Switches;
use pix_stream_domain::time::TimeRange;
use pix_stream_domain::version::Incarnation;
use pix_stream_ports::journal::{Checkpoint, Journal};

use super::at;
use crate::contract::states::next;
use crate::contract::{ispb, join_all};

pub(super) async fn test_all<J: Journal>(make: &impl AsyncFn() -> J) {
    a_checkpoint_comes_back_as_it_was(make().await).await;
    an_older_checkpoint_never_wins(make().await).await;
    the_last_checkpoint_is_marked_and_stays_marked(make().await).await;
    racing_checkpoints_leave_the_newest(make().await).await;
    incarnations_rise_and_are_never_given_twice(make().await).await;
    participants_are_listed_by_ispb(make().await).await;
    everything_that_is_known_of_a_participant_comes_back(make().await).await;
    a_change_on_an_old_revision_is_refused(make().await).await;
    of_racing_changes_one_wins(make().await).await;
    switches_come_back_as_they_were(make().await).await;
    switches_on_an_old_revision_are_refused(make().await).await;
    of_racing_switches_one_wins(make().await).await;
    assert_eq!(make().await.check().await, Ok(()));
}

/// A checkpoint of version (`incarnation`, `counter`); the state differs from version to version.
pub(super) fn checkpoint(incarnation: Incarnation, counter: u64, is_last: bool) -> Checkpoint {
    let mut state = StreamState::new(incarnation, Sequence::new(7));
    for _ in 0..counter {
        state = next(&state);
    }
    assert_eq!(state.version().counter, counter, "the suite reaches the version that it wants");
    Checkpoint { state, is_last }
}

fn version(incarnation: u32, counter: u64) -> Checkpoint {
    checkpoint(Incarnation::new(incarnation), counter, false)
}

pub(super) fn participant(n: u32, revision: u64, name: &str) -> Participant {
    let limits = Limits { requests_per_second: Some(5), backlog_high_water: None };
    Participant { name: name.to_owned(), limits, revision, ..Participant::new(ispb(n), at(u64::from(n))) }
}

async fn a_checkpoint_comes_back_as_it_was(journal: impl Journal) {
    assert_eq!(journal.load_checkpoint(ispb(1)).await, Ok(None));
    let (one, two) = (version(1, 5), version(2, 0));
    journal.save_checkpoints(vec![(ispb(1), one.clone()), (ispb(2), two.clone())]).await.unwrap();
    assert_eq!(journal.load_checkpoint(ispb(1)).await, Ok(Some(one)));
    assert_eq!(journal.load_checkpoint(ispb(2)).await, Ok(Some(two)));
    assert_eq!(journal.save_checkpoints(Vec::new()).await, Ok(()));
}

async fn an_older_checkpoint_never_wins(journal: impl Journal) {
    // A later incarnation is newer whatever its counter says.
    for (saved, expected) in
        [((1, 5), (1, 5)), ((1, 4), (1, 5)), ((1, 6), (1, 6)), ((2, 0), (2, 0)), ((1, 90), (2, 0))]
    {
        journal.save_checkpoints(vec![(ispb(1), version(saved.0, saved.1))]).await.unwrap();
        let stored = journal.load_checkpoint(ispb(1)).await.unwrap();
        assert_eq!(stored, Some(version(expected.0, expected.1)), "after saving {saved:?}");
    }
}

async fn the_last_checkpoint_is_marked_and_stays_marked(journal: impl Journal) {
    let (plain, last) = (version(1, 3), checkpoint(Incarnation::new(1), 3, true));
    journal.save_checkpoints(vec![(ispb(1), plain.clone())]).await.unwrap();
    journal.save_checkpoints(vec![(ispb(1), last.clone())]).await.unwrap();
    assert_eq!(journal.load_checkpoint(ispb(1)).await, Ok(Some(last.clone())));
    journal.save_checkpoints(vec![(ispb(1), plain)]).await.unwrap();
    assert_eq!(journal.load_checkpoint(ispb(1)).await, Ok(Some(last)));
    journal.save_checkpoints(vec![(ispb(1), version(1, 4))]).await.unwrap();
    assert_eq!(journal.load_checkpoint(ispb(1)).await, Ok(Some(version(1, 4))), "the history went on");
}

async fn racing_checkpoints_leave_the_newest(journal: impl Journal) {
    let order = [3, 9, 1, 12, 7, 2, 11, 5];
    join_all(order.map(|counter| journal.save_checkpoints(vec![(ispb(1), version(1, counter))]))).await;
    assert_eq!(journal.load_checkpoint(ispb(1)).await, Ok(Some(version(1, 12))));
}

async fn incarnations_rise_and_are_never_given_twice(journal: impl Journal) {
    let first = journal.raise_incarnation(ispb(1)).await.unwrap();
    assert!(first > Incarnation::default(), "zero is none yet");
    let raised = join_all((0..32).map(|_| journal.raise_incarnation(ispb(1)))).await;
    let raised: BTreeSet<_> = raised.into_iter().map(Result::unwrap).collect();
    assert_eq!(raised.len(), 32, "every caller gets its own");
    assert!(raised.iter().all(|one| *one > first));
    assert_eq!(journal.raise_incarnation(ispb(2)).await, Ok(first), "participants count for themselves");
}

async fn participants_are_listed_by_ispb(journal: impl Journal) {
    assert_eq!(journal.participants().await, Ok(Vec::new()));
    for n in [3, 1, 2] {
        assert_eq!(journal.save_participant(participant(n, 1, "Banco Ação")).await, Ok(true));
    }
    let expected: Vec<_> = [1, 2, 3].map(|n| participant(n, 1, "Banco Ação")).into();
    assert_eq!(journal.participants().await, Ok(expected));
}

/// A participant of whom everything is set.
pub(super) fn known_in_full(n: u32, revision: u64) -> Participant {
    let mut holds = Holds::default();
    for from in [0, 100, 10_000] {
        holds.add(TimeRange::new(at(from), at(from + 50)).unwrap()).unwrap();
    }
    let range = Range::new(Sequence::new(3), Sequence::new(u64::MAX));
    let (opened_at, expires_at) = (at(7), at(3607));
    Participant {
        held: true,
        offboarded: true,
        retention: Some(Duration::from_secs(90 * 24 * 3600)),
        holds,
        replay: Some(ReplaySession { id: u64::MAX, range, opened_at, expires_at }),
        ..participant(n, revision, "Banco Ação")
    }
}

async fn everything_that_is_known_of_a_participant_comes_back(journal: impl Journal) {
    let plain = participant(1, 1, "Banco Ação");
    let offboarded = Participant { offboarded: true, revision: 2, ..plain.clone() };
    let onboarded_again = Participant { revision: 4, ..plain.clone() };
    for saved in [plain, offboarded, known_in_full(1, 3), onboarded_again] {
        assert_eq!(journal.save_participant(saved.clone()).await, Ok(true));
        assert_eq!(journal.participants().await, Ok(vec![saved]));
    }
}

async fn a_change_on_an_old_revision_is_refused(journal: impl Journal) {
    assert_eq!(journal.save_participant(participant(1, 2, "too early")).await, Ok(false));
    assert_eq!(journal.save_participant(participant(1, 0, "no revision")).await, Ok(false));
    assert_eq!(journal.save_participant(participant(1, 1, "one")).await, Ok(true));
    assert_eq!(journal.save_participant(participant(1, 1, "one again")).await, Ok(false));
    assert_eq!(journal.save_participant(participant(1, 3, "one too many")).await, Ok(false));
    assert_eq!(journal.save_participant(participant(1, 2, "two")).await, Ok(true));
    assert_eq!(journal.participants().await, Ok(vec![participant(1, 2, "two")]));
}

async fn of_racing_changes_one_wins(journal: impl Journal) {
    let names: Vec<String> = (0..8).map(|n| format!("name {n}")).collect();
    let saved = join_all(names.iter().map(|name| journal.save_participant(participant(1, 1, name)))).await;
    let won: Vec<_> = saved.into_iter().map(Result::unwrap).collect();
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
    let winner = won.iter().position(|won| *won).unwrap();
    assert_eq!(journal.participants().await.unwrap()[0].name, names[winner]);
}

/// Switches of this revision, which switch one type off.
pub(super) fn switches(revision: u64, message_type: &str) -> Switches {
    let mut switches = Switches::default();
    switches.revision = revision;
    switches.set(message_type, None, Some(false)).unwrap();
    switches.set(message_type, Some(ispb(1)), Some(true)).unwrap();
    switches
}

async fn switches_come_back_as_they_were(journal: impl Journal) {
    assert_eq!(journal.load_switches().await, Ok(Switches::default()));
    assert_eq!(journal.save_switches(switches(1, "pacs.008.spi.1.16")).await, Ok(true));
    assert_eq!(journal.load_switches().await, Ok(switches(1, "pacs.008.spi.1.16")));
    let mut none = Switches::default();
    none.revision = 2;
    assert_eq!(journal.save_switches(none.clone()).await, Ok(true));
    assert_eq!(journal.load_switches().await, Ok(none), "what is cleared is gone");
}

async fn switches_on_an_old_revision_are_refused(journal: impl Journal) {
    assert_eq!(journal.save_switches(switches(0, "none")).await, Ok(false));
    assert_eq!(journal.save_switches(switches(2, "too early")).await, Ok(false));
    assert_eq!(journal.save_switches(switches(1, "one")).await, Ok(true));
    assert_eq!(journal.save_switches(switches(1, "one again")).await, Ok(false));
    assert_eq!(journal.save_switches(switches(3, "one too many")).await, Ok(false));
    assert_eq!(journal.save_switches(switches(2, "two")).await, Ok(true));
    assert_eq!(journal.load_switches().await, Ok(switches(2, "two")));
}

async fn of_racing_switches_one_wins(journal: impl Journal) {
    let types: Vec<String> = (0..8).map(|n| format!("type {n}")).collect();
    let saved = join_all(types.iter().map(|name| journal.save_switches(switches(1, name)))).await;
    let won: Vec<_> = saved.into_iter().map(Result::unwrap).collect();
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
    let winner = won.iter().position(|won| *won).unwrap();
    assert_eq!(journal.load_switches().await, Ok(switches(1, &types[winner])));
}
