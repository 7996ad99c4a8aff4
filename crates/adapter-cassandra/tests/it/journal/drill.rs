//! A Cassandra that is killed under load and comes back keeps what was acknowledged (invariant 1). With a node of its
//! own, so it runs where drills are wanted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pix_stream_adapter_cassandra::journal::{CassandraJournal, Options};
use pix_stream_domain::sequence::Sequence;
use pix_stream_ports::journal::{Appended, Journal as _, NewMessage};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::own::Own;
use super::{ispb, journal, message, messages, read_all, terms};

/// Participants that publish.
const PARTICIPANTS: u32 = 8;
/// Acknowledged messages of each before the node is killed.
const BEFORE: u64 = 50;
/// Between two tries of a producer.
const PAUSE: Duration = Duration::from_millis(20);
/// How long one append may be tried: the node's start, on a busy machine, and more.
const STORED_WITHIN: Duration = Duration::from_secs(180);
/// How long publishing may take to work again after the node answers.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// Publishes two messages a time until told to stop; gives the place of each, all acknowledged.
async fn publish(journal: Arc<CassandraJournal>, n: u32, stop: Arc<AtomicBool>) -> BTreeMap<u64, Sequence> {
    let (mut places, mut number) = (BTreeMap::new(), 0);
    while !stop.load(Ordering::SeqCst) {
        let appended = until_stored(&journal, n, messages(number..number + 2, 0)).await;
        places.extend((number..).zip(appended.iter().map(|one| one.sequence)));
        number += 2;
    }
    places
}

/// Publishes what failed again, as a producer does after a pause.
async fn until_stored(journal: &CassandraJournal, n: u32, sent: Vec<NewMessage>) -> Vec<Appended> {
    let stored = async {
        loop {
            if let Ok(appended) = journal.append(ispb(n), sent.clone(), terms()).await {
                return appended;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    timeout(STORED_WITHIN, stored).await.unwrap()
}

async fn wait_for_messages(journal: &CassandraJournal, count: u64) {
    for n in 1..=PARTICIPANTS {
        while journal.extent(ispb(n)).await.unwrap().next.value() <= count {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_keeps_what_was_acknowledged_and_publishing_goes_on() {
    if !pix_stream_stores::test::drills() {
        return;
    }
    let own = Own::start(256).await;
    let space = own.space("journal_drill").await;
    let journal = Arc::new(journal(&space, Options::default()));
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for n in 1..=PARTICIPANTS {
        let (journal, stop) = (Arc::clone(&journal), Arc::clone(&stop));
        writers.spawn(async move { (n, publish(journal, n, stop).await) });
    }
    wait_for_messages(&journal, BEFORE).await;

    let own = tokio::task::spawn_blocking(move || {
        let node = own.cassandra.nodes()[0].process();
        node.kill().unwrap();
        node.restart().unwrap();
        own
    })
    .await
    .unwrap();
    let back = Instant::now();
    let until_back = async {
        for n in 1..=PARTICIPANTS {
            until_stored(&journal, n, messages([900_000], 0)).await;
        }
    };
    timeout(BACK_WITHIN, until_back).await.unwrap();
    println!("publishing works {} ms after the node answers", back.elapsed().as_millis());
    stop.store(true, Ordering::SeqCst);

    for (n, places) in writers.join_all().await {
        let stored = read_all(&journal, ispb(n)).await;
        let sequences: Vec<u64> = stored.iter().map(|one| one.sequence.value()).collect();
        assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>(), "no gap");
        assert_eq!(stored.len(), places.len() + 1, "what was acknowledged is there, once, and nothing else");
        for (number, sequence) in places {
            let found = &stored[usize::try_from(sequence.value()).unwrap() - 1];
            assert_eq!(found.xml, message(number, 0).xml, "at the place that was acknowledged");
        }
    }
    drop(own);
}
