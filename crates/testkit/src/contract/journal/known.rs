//! Idempotency: repeats, conflicts, the window.

use pix_stream_domain::sequence::Sequence;
use pix_stream_ports::journal::{AppendError, Journal, Known, MessageKey};

use super::{WINDOW, message, messages, read_all, sequences, terms};
use crate::contract::ispb;

pub(super) async fn test_all<J: Journal>(make: &impl AsyncFn() -> J) {
    a_repeat_answers_with_the_first_place_and_id(make().await).await;
    repeats_and_new_messages_mix(make().await).await;
    a_conflict_names_the_first_bad_message(make().await).await;
    the_rule_holds_within_one_request(make().await).await;
    after_the_window_a_business_id_is_free_again(make().await).await;
    a_repeat_is_known_after_its_message_was_removed(make().await).await;
    find_known_tells_without_storing(make().await).await;
}

async fn a_repeat_answers_with_the_first_place_and_id(journal: impl Journal) {
    let first = journal.append(ispb(1), messages(1..=3, 0), terms()).await.unwrap();
    let again = journal.append(ispb(1), messages(1..=3, 3600), terms()).await.unwrap();
    for (again, first) in again.iter().zip(&first) {
        assert!(again.is_repeat && !first.is_repeat);
        assert_eq!((again.sequence, again.resource_id), (first.sequence, first.resource_id));
    }
    assert_eq!(read_all(&journal, ispb(1)).await.len(), 3);
}

async fn repeats_and_new_messages_mix(journal: impl Journal) {
    journal.append(ispb(1), messages([1, 3], 0), terms()).await.unwrap();
    let mixed = journal.append(ispb(1), messages([1, 2, 3, 4], 1), terms()).await.unwrap();
    assert_eq!(sequences(&mixed), vec![1, 3, 2, 4]);
    assert_eq!(mixed.iter().map(|one| one.is_repeat).collect::<Vec<_>>(), vec![true, false, true, false]);
}

async fn a_conflict_names_the_first_bad_message(journal: impl Journal) {
    journal.append(ispb(1), messages(1..=3, 0), terms()).await.unwrap();
    let request = vec![message(1, 1, 1), message(2, 77, 1), message(3, 78, 1)];
    assert_eq!(journal.append(ispb(1), request, terms()).await, Err(AppendError::Conflict { index: 1 }));
}

async fn the_rule_holds_within_one_request(journal: impl Journal) {
    let twice = vec![message(1, 1, 0), message(2, 2, 0), message(1, 1, 0)];
    let appended = journal.append(ispb(1), twice, terms()).await.unwrap();
    assert_eq!(sequences(&appended), vec![1, 2, 1]);
    assert!(appended[2].is_repeat && appended[2].resource_id == appended[0].resource_id);
    let conflict = vec![message(5, 5, 0), message(5, 6, 0)];
    assert_eq!(journal.append(ispb(1), conflict, terms()).await, Err(AppendError::Conflict { index: 1 }));
    assert_eq!(read_all(&journal, ispb(1)).await.len(), 2);
}

async fn after_the_window_a_business_id_is_free_again(journal: impl Journal) {
    let seconds = WINDOW.as_secs();
    journal.append(ispb(1), messages(1..=40, 0), terms()).await.unwrap();
    let late = journal.append(ispb(1), vec![message(1, 1, seconds - 1)], terms()).await.unwrap();
    assert!(late[0].is_repeat, "within the window it is a repeat");
    let free = journal.append(ispb(1), vec![message(1, 500, seconds + 1)], terms()).await.unwrap();
    assert_eq!((sequences(&free), free[0].is_repeat), (vec![41], false));
    // Whatever is tidied up meanwhile, the new entry counts from now on, and the old message stays.
    for n in 0..10 {
        journal.append(ispb(1), messages([600 + n], seconds + 2 + n), terms()).await.unwrap();
    }
    let again = journal.append(ispb(1), vec![message(1, 500, seconds + 60)], terms()).await.unwrap();
    assert_eq!((sequences(&again), again[0].is_repeat), (vec![41], true));
    let conflict = journal.append(ispb(1), vec![message(1, 1, seconds + 60)], terms()).await;
    assert_eq!(conflict, Err(AppendError::Conflict { index: 0 }));
    assert_eq!(read_all(&journal, ispb(1)).await.len(), 51);
}

async fn a_repeat_is_known_after_its_message_was_removed(journal: impl Journal) {
    let first = journal.append(ispb(1), messages(1..=3, 0), terms()).await.unwrap();
    journal.remove_below(ispb(1), Sequence::new(4), 10).await.unwrap();
    let again = journal.append(ispb(1), messages([2], 5), terms()).await.unwrap();
    assert!(again[0].is_repeat && again[0].resource_id == first[1].resource_id);
}

async fn find_known_tells_without_storing(journal: impl Journal) {
    let first = journal.append(ispb(1), messages(1..=2, 0), terms()).await.unwrap();
    let key = |id, content, seconds| -> MessageKey { message(id, content, seconds).key };
    let keys = vec![key(1, 1, 9), key(2, 77, 9), key(3, 3, 9), key(1, 1, WINDOW.as_secs() + 9)];
    let known = journal.find_known(ispb(1), keys, WINDOW).await.unwrap();
    let entry = |n: usize, is_same| {
        Some(Known { sequence: first[n].sequence, resource_id: first[n].resource_id, is_same })
    };
    assert_eq!(known, vec![entry(0, true), entry(1, false), None, None]);
    assert_eq!(journal.find_known(ispb(2), vec![key(1, 1, 9)], WINDOW).await, Ok(vec![None]));
    assert_eq!(journal.find_known(ispb(1), Vec::new(), WINDOW).await, Ok(Vec::new()));
    assert_eq!(read_all(&journal, ispb(1)).await.len(), 2);
}
