//! Two nodes on one participant: one order without gaps, nothing twice (invariants 1 and 5).

use std::collections::HashMap;

use futures_util::future::join_all;
use pix_stream_adapter_cassandra::journal::{CassandraJournal, Options};
use pix_stream_ports::journal::Journal as _;

use super::{ispb, journal, message, messages, read_all, terms};
use crate::support::Space;

/// Requests of each writer.
const REQUESTS: u64 = 40;
/// Writers on each node.
const WRITERS: u64 = 4;

/// Publishes what the other node publishes, too; gives the places by number of message.
async fn publish(journal: &CassandraJournal, writer: u64) -> Vec<(u64, u64)> {
    let mut places = Vec::new();
    for n in 0..REQUESTS {
        let first = writer * 1_000 + 3 * n;
        let sent = messages(first..first + 3, n);
        let appended = journal.append(ispb(1), sent, terms()).await.unwrap();
        places.extend((first..).zip(appended.iter().map(|one| one.sequence.value())));
    }
    places
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_leave_no_gap_and_store_nothing_twice() {
    let Some(space) = Space::migrated("journal_race").await else { return };
    let nodes = [journal(&space, Options::default()), journal(&space, Options::default())];
    let writers = nodes.iter().flat_map(|node| (0..WRITERS).map(move |writer| publish(node, writer)));
    let places = join_all(writers).await;

    let stored = read_all(&nodes[0], ispb(1)).await;
    let count = WRITERS * REQUESTS * 3;
    let sequences: Vec<u64> = stored.iter().map(|one| one.sequence.value()).collect();
    assert_eq!(sequences, (1..=count).collect::<Vec<_>>(), "no gap, and of each message one");
    let mut known: HashMap<u64, u64> = HashMap::new();
    for (number, sequence) in places.into_iter().flatten() {
        assert_eq!(*known.entry(number).or_insert(sequence), sequence, "both nodes name the same place");
        let found = &stored[usize::try_from(sequence).unwrap() - 1];
        assert_eq!(found.xml, message(number, 0).xml, "what was sent is at the place that was named");
    }
    space.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_knows_what_another_published_once_it_saw_the_head() {
    let Some(space) = Space::migrated("journal_seen").await else { return };
    let (one, two) = (journal(&space, Options::default()), journal(&space, Options::default()));
    one.append(ispb(1), messages([1], 0), terms()).await.unwrap();
    let key = |n| message(n, 1).key;
    assert!(one.find_known(ispb(1), vec![key(1)], super::WINDOW).await.unwrap()[0].is_some());
    two.append(ispb(1), messages([2], 0), terms()).await.unwrap();
    assert_eq!(one.extent(ispb(1)).await.unwrap().next.value(), 3);
    let known = one.find_known(ispb(1), vec![key(2), key(3)], super::WINDOW).await.unwrap();
    assert!(known[0].is_some_and(|known| known.is_same && known.sequence.value() == 2));
    assert_eq!(known[1], None);
    space.drop().await;
}

/// A batch of an epoch that is over is refused; the region that took over is the one that goes on (design, section 8).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_epoch_stores_nothing() {
    let Some(space) = Space::migrated("journal_epochs").await else { return };
    let of_epoch = |epoch| super::journal_of(&space, epoch);
    let (old, new) = (of_epoch(1), of_epoch(2));
    old.append(ispb(1), messages([1], 0), terms()).await.unwrap();
    new.append(ispb(1), messages([2], 0), terms()).await.unwrap();
    for number in [3, 4] {
        let refused = old.append(ispb(1), messages([number], 0), terms()).await;
        assert!(refused.is_err_and(|error| error.to_string().contains("another region sequences it now")));
    }
    let again = new.append(ispb(1), messages([1, 5], 1), terms()).await.unwrap();
    assert!(again[0].is_repeat && again[1].sequence.value() == 3);
    space.drop().await;
}
