//! Batches without an answer: lost on the way, answered to nobody, carried out late. Whatever happens, a message is
//! stored once or the caller is told that it is not known (invariants 1 and 5; a TCP relay stands between).

use std::time::Duration;

use futures_util::future::join_all;
use pix_stream_adapter_cassandra::journal::{CassandraJournal, Options};
use pix_stream_cql::{Consistency, Session, Settings};
use pix_stream_ports::journal::{Appended, Journal as _};

use super::{ispb, message, messages, parts, read_all, terms};
use crate::relay::{Fault, Relay};
use crate::support::Space;

/// How long after its loss a late batch arrives: after it was settled, before the test looks.
const LATE: Duration = Duration::from_millis(2_500);

/// A node that reaches the cluster through a relay.
async fn behind(relay: &Relay, space: &Space, options: Options) -> CassandraJournal {
    let contact_points = vec![relay.address().to_string()];
    let settings = Settings { contact_points, connections_per_node: 1, ..Settings::default() };
    let session = Session::connect(settings).await.unwrap();
    CassandraJournal::new(parts(session, &space.keyspace), options)
}

async fn set_up(name: &str) -> Option<(Space, Relay, CassandraJournal)> {
    let space = Space::migrated(name).await?;
    let relay = Relay::start(pix_stream_stores::test::cassandra()?).await;
    let journal = behind(&relay, &space, Options::default()).await;
    journal.append(ispb(1), messages([1], 0), terms()).await.unwrap();
    Some((space, relay, journal))
}

/// Publishes message 2 through a fault, and 3 after it; both are stored once, and nothing else is.
async fn stores_once_despite(fault: Fault, name: &str) {
    let Some((space, relay, journal)) = set_up(name).await else { return };
    relay.meet(&message(2, 0).key.business_id, fault);
    let second = journal.append(ispb(1), messages([2], 0), terms()).await.unwrap();
    assert!(relay.has_struck(), "the fault happened");
    assert_eq!(second[0].sequence.value(), 2);
    relay.wait_for_late().await;
    let third = journal.append(ispb(1), messages([2, 3], 1), terms()).await.unwrap();
    assert_eq!(places(&third), vec![(2, true), (3, false)]);
    assert_eq!(read_all(&journal, ispb(1)).await.len(), 3);
    space.drop().await;
}

fn places(appended: &[Appended]) -> Vec<(u64, bool)> {
    appended.iter().map(|one| (one.sequence.value(), one.is_repeat)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_whose_answer_is_lost_is_found_stored() {
    stores_once_despite(Fault::LoseAnswer, "journal_answer").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_never_arrived_is_sent_again() {
    stores_once_despite(Fault::LoseRequest, "journal_request").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_arrives_after_it_was_settled_is_not_carried_out() {
    stores_once_despite(Fault::Delay(LATE), "journal_late").await;
}

/// The bucket is opened by the batch in question: its fence must open it, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_batch_that_would_open_a_bucket_is_not_carried_out() {
    let Some((space, relay, journal)) = set_up("journal_opening").await else { return };
    relay.meet(&message(2, 0).key.business_id, Fault::Delay(LATE));
    let first = journal.append(ispb(2), messages([2], 0), terms()).await.unwrap();
    assert!(relay.has_struck());
    assert_eq!(places(&first), vec![(1, false)]);
    relay.wait_for_late().await;
    let second = journal.append(ispb(2), messages([3], 0), terms()).await.unwrap();
    assert_eq!(places(&second), vec![(2, false)]);
    assert_eq!(read_all(&journal, ispb(2)).await.len(), 2);
    space.drop().await;
}

/// Nobody answers for longer than a request may take: the answer says that it is not known, and a repeat settles it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_settled_in_time_is_told_and_a_repeat_settles_it() {
    let Some((space, relay, journal)) = set_up("journal_unsettled").await else { return };
    relay.meet(&message(2, 0).key.business_id, Fault::LoseAnswerAndClose);
    let refused = journal.append(ispb(1), messages([2], 0), terms()).await.unwrap_err();
    assert!(refused.to_string().contains("outcome unknown"), "{refused}");
    relay.open();
    let repeat = until_stored(&journal, 2).await;
    assert_eq!(places(&repeat), vec![(2, true)], "it had been stored");
    space.drop().await;
}

/// Publishes a message again and again until it is stored, as a producer does.
async fn until_stored(journal: &CassandraJournal, number: u64) -> Vec<Appended> {
    let stored = async {
        loop {
            if let Ok(appended) = journal.append(ispb(1), messages([number], 0), terms()).await {
                return appended;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), stored).await.unwrap()
}

/// Where every data centre must have a message before it is acknowledged, what is found stored is written there once
/// more as it is: no cell changes, and none of its times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_found_stored_is_confirmed_in_every_data_centre_unchanged() {
    let Some(space) = Space::migrated("journal_each").await else { return };
    let relay = Relay::start(pix_stream_stores::test::cassandra().unwrap()).await;
    let each = Options { publish: Consistency::EachQuorum, ..Options::default() };
    let journal = behind(&relay, &space, each).await;
    journal.append(ispb(1), messages([1], 0), terms()).await.unwrap();
    relay.meet(&message(2, 0).key.business_id, Fault::LoseAnswer);
    let second = journal.append(ispb(1), messages([2], 0), terms()).await.unwrap();
    assert!(relay.has_struck());
    let cells = "SELECT seq, first, head, writer, epoch, WRITETIME(head) AS head_at, xml, WRITETIME(xml) AS xml_at, \
                 writer_of, published_at FROM {k}.pix_streams";
    let before = format!("{:?}", space.execute(cells, Vec::new()).await);
    let again = journal.append(ispb(1), messages([2], 1), terms()).await.unwrap();
    assert_eq!((places(&second), places(&again)), (vec![(2, false)], vec![(2, true)]));
    assert_eq!(format!("{:?}", space.execute(cells, Vec::new()).await), before);
    space.drop().await;
}

/// Two nodes under load, one of them through faults of every kind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_under_load_lose_nothing_and_store_nothing_twice() {
    const WRITERS: u64 = 6;
    const MESSAGES: u64 = 30;
    let Some((space, relay, journal)) = set_up("journal_faults").await else { return };
    let other = super::journal(&space, Options::default());
    let faults = [Fault::LoseAnswer, Fault::LoseRequest, Fault::Delay(Duration::from_millis(300))];
    let publish = |node, writer: u64| {
        let relay = &relay;
        let node: &CassandraJournal = node;
        async move {
            for n in 0..MESSAGES {
                let number = 1_000 * writer + n;
                if writer == 1 && n % 5 == 2 {
                    let fault = faults[usize::try_from(n / 5 % 3).unwrap()];
                    relay.meet(&message(number, 0).key.business_id, fault);
                }
                until_stored(node, number).await;
            }
        }
    };
    join_all((1..=WRITERS).map(|writer| publish(if writer % 2 == 1 { &journal } else { &other }, writer)))
        .await;
    relay.wait_for_late().await;
    let stored = read_all(&other, ispb(1)).await;
    let sequences: Vec<u64> = stored.iter().map(|one| one.sequence.value()).collect();
    assert_eq!(
        sequences,
        (1..=WRITERS * MESSAGES + 1).collect::<Vec<_>>(),
        "no gap, and of each message one"
    );
    let mut bodies: Vec<_> = stored.iter().map(|one| one.xml.clone()).collect();
    bodies.sort_unstable();
    bodies.dedup();
    assert_eq!(bodies.len(), stored.len(), "nothing is there twice");
    space.drop().await;
}
