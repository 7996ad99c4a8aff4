//! What was acknowledged when a data centre is lost at once (issue 6, item 6): under `each_quorum` the other one has all
//! of it; under `local_quorum` the last messages may be out of sight until it is back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use pix_stream_adapter_cassandra::journal::{CassandraJournal, Options, Parts};
use pix_stream_adapter_cassandra::tables::Tables;
use pix_stream_cql::Consistency;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_ports::journal::{Journal as _, MessageKey, NewMessage, Terms};
use tokio::task::JoinSet;

use super::drill::{connect, start_cluster};
use super::*;

/// Participants that publish under each of the two.
const PARTICIPANTS: u32 = 8;
/// Acknowledged messages of all of them before the data centre is killed.
const BEFORE: u64 = 2_000;
const WINDOW: Duration = Duration::from_secs(24 * 3600);

/// Messages by participant and place, all acknowledged.
type Acknowledged = BTreeMap<(u32, Sequence), ResourceId>;

fn journal(space: &Space, publish: Consistency) -> CassandraJournal {
    journal_of(space, 0, Options { publish, ..Options::default() })
}

/// The journal of a node whose region has this epoch.
fn journal_of(space: &Space, epoch: u32, options: Options) -> CassandraJournal {
    let parts = Parts {
        tables: Tables::new(&space.session, &space.keyspace, &entropy(), &CassandraRegions::alone()),
        session: space.session.clone(),
        keyspace: space.keyspace.clone(),
        clock: Arc::new(DayClock(Instant::now())),
        entropy: entropy(),
        epochs: Arc::new(move |_| Some(epoch)),
    };
    CassandraJournal::new(parts, options)
}

fn message(participant: u32, n: u64) -> NewMessage {
    let xml = Bytes::from(format!("<Envelope>{participant} {n:04000}</Envelope>"));
    let published_at = Timestamp::from_unix_millis(1_800_000_000_000);
    let mut random = [0; 16];
    random[..8].copy_from_slice(&n.to_be_bytes());
    random[8..12].copy_from_slice(&participant.to_be_bytes());
    let business_id = format!("M{participant:08}{n:023}").into();
    let key = MessageKey { business_id, digest: Digest::of(&xml), published_at };
    let resource_id = ResourceId::new(published_at, random);
    NewMessage { key, resource_id, message_type: "pacs.008.spi.1.16".into(), xml }
}

/// Publishes one message after the other until the first that fails.
async fn publish(journal: Arc<CassandraJournal>, participant: u32, count: Arc<AtomicU64>) -> Acknowledged {
    let mut acknowledged = Acknowledged::new();
    for n in 1.. {
        let terms = Terms { window: WINDOW, retention: Some(WINDOW) };
        let appended = journal.append(ispb(participant), vec![message(participant, n)], terms).await;
        let Ok(appended) = appended else { break };
        acknowledged.insert((participant, appended[0].sequence), appended[0].resource_id);
        count.fetch_add(1, Ordering::SeqCst);
    }
    acknowledged
}

/// Those of the acknowledged messages that a data centre does not have.
async fn out_of_sight(journal: &CassandraJournal, acknowledged: &Acknowledged) -> Acknowledged {
    let mut missing = acknowledged.clone();
    let participants: BTreeSet<u32> = acknowledged.keys().map(|(participant, _)| *participant).collect();
    for participant in participants {
        let mut next = Sequence::FIRST;
        loop {
            let range = Range::new(next, next.plus(500));
            let stored = journal.read(ispb(participant), range, u64::MAX).await.unwrap();
            for one in &stored {
                let place = (participant, one.sequence);
                if missing.get(&place) == Some(&one.resource_id) {
                    missing.remove(&place);
                }
            }
            let Some(last) = stored.last() else { break };
            next = last.sequence.plus(1);
        }
    }
    missing
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_every_data_centre_has_is_in_sight_when_one_is_lost() {
    let Some(_turn) = pix_stream_stores::test::drill() else { return };
    let (_directory, cassandra, [one, two]) = start_cluster(2).await;
    let count = Arc::new(AtomicU64::new(0));
    let (mut local, mut each) = (JoinSet::new(), JoinSet::new());
    for (publish_at, writers, first) in
        [(Consistency::LocalQuorum, &mut local, 1), (Consistency::EachQuorum, &mut each, 1 + PARTICIPANTS)]
    {
        let journal = Arc::new(journal(&one, publish_at));
        for participant in first..first + PARTICIPANTS {
            writers.spawn(publish(Arc::clone(&journal), participant, Arc::clone(&count)));
        }
    }
    until("enough is published", || count.load(Ordering::SeqCst) >= BEFORE).await;
    cassandra.nodes()[0].process().kill().unwrap();
    let gather = |all: Vec<Acknowledged>| all.into_iter().flatten().collect::<Acknowledged>();
    let (local, each) = (gather(local.join_all().await), gather(each.join_all().await));
    drop(one);

    let there = journal(&two, Consistency::LocalQuorum);
    assert_eq!(out_of_sight(&there, &each).await, Acknowledged::new(), "of {}", each.len());
    let missing = out_of_sight(&there, &local).await;
    println!(
        "acknowledged under each_quorum {}, all in sight; under local_quorum {}, out of sight {}",
        each.len(),
        local.len(),
        missing.len()
    );

    tokio::task::block_in_place(|| cassandra.nodes()[0].process().restart()).unwrap();
    let one = Space { session: connect(&cassandra, "dc1").await, keyspace: "drill".to_owned() };
    let here = journal(&one, Consistency::LocalQuorum);
    assert_eq!(
        out_of_sight(&here, &local).await,
        Acknowledged::new(),
        "where it was acknowledged it is kept"
    );
    tokio::task::block_in_place(|| cassandra.stop()).unwrap();
}

/// A planned hand-over right after a data centre was away: what the other one stored meanwhile is on its way as hints.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_that_was_away_goes_on_behind_what_the_other_one_stored() {
    let Some(_turn) = pix_stream_stores::test::drill() else { return };
    let (_directory, cassandra, [one, two]) = start_cluster(2).await;
    let options = || Options { spans_regions: true, ..Options::default() };
    let terms = || Terms { window: WINDOW, retention: Some(WINDOW) };
    let here = journal_of(&one, 1, options());
    here.append(ispb(1), (1..=5).map(|n| message(1, n)).collect(), terms()).await.unwrap();
    cassandra.nodes()[1].process().kill().unwrap();
    drop(two);
    here.append(ispb(1), (6..=300).map(|n| message(1, n)).collect(), terms()).await.unwrap();
    tokio::task::block_in_place(|| cassandra.nodes()[1].process().restart()).unwrap();
    let two = Space { session: connect(&cassandra, "dc2").await, keyspace: "drill".to_owned() };

    let there = journal_of(&two, 2, options());
    let end = Instant::now() + Duration::from_secs(60);
    let appended = loop {
        match there.append(ispb(1), vec![message(1, 301)], terms()).await {
            Ok(appended) => break appended,
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
    };
    assert_eq!(appended[0].sequence, Sequence::new(301), "behind all that was stored");
    let range = Range::new(Sequence::FIRST, Sequence::new(302));
    let stored = there.read(ispb(1), range, u64::MAX).await.unwrap();
    let stored: Vec<u64> = stored.iter().map(|one| one.sequence.value()).collect();
    assert_eq!(stored, (1..=301).collect::<Vec<_>>(), "what is missing here is asked for there");
    let late = here.append(ispb(1), vec![message(1, 302)], terms()).await;
    assert!(late.is_err(), "the epoch before is over: {late:?}");
    tokio::task::block_in_place(|| cassandra.stop()).unwrap();
}
