//! Changes of small rows without an answer: lost on the way, answered to nobody, carried out late (issue 6, item 2;
//! a TCP relay stands between). The same for messages is in `journal`.

use std::time::Duration;

use bytes::Bytes;
use pix_stream_adapter_cassandra::quarantine::CassandraQuarantine;
use pix_stream_adapter_cassandra::regions::CassandraRegions;
use pix_stream_adapter_cassandra::tables::Tables;
use pix_stream_cql::{Session, Settings};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::codec::Rule;
use pix_stream_ports::quarantine::{Entry, EntryId, Limits, Put, Quarantine as _, Summary, Usage};

use super::relay::{Fault, Relay};
use super::support::{Space, entropy};

/// How long after its loss a late change arrives: after it was settled, before the test looks.
const LATE: Duration = Duration::from_millis(2_500);
const FAULTS: [Fault; 3] = [Fault::LoseAnswer, Fault::LoseRequest, Fault::Delay(LATE)];
/// Stands in the bytes of the change in question, and in no other request.
const MARK: &str = "the marked one";

/// A session through a relay; sessions of one test have relays of their own, so that a fault meets one of them.
async fn behind() -> (Relay, Session) {
    let relay = Relay::start(pix_stream_stores::test::cassandra().unwrap()).await;
    let contact_points = vec![relay.address().to_string()];
    let settings = Settings { contact_points, connections_per_node: 1, ..Settings::default() };
    let session = Session::connect(settings).await.unwrap();
    (relay, session)
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_800_000_000_000 + 1_000 * seconds)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_a_row_is_made_once_or_not_at_all_whatever_becomes_of_its_answer() {
    let Some(space) = Space::migrated("unknown").await else { return };
    for (n, fault) in (1..).zip(FAULTS) {
        a_participant_is_saved(&space, n, fault).await;
        space.truncate(&["pix_quarantine", "pix_quarantine_bodies"]).await;
        an_entry_is_put_away(&space, fault).await;
    }
    space.drop().await;
}

async fn a_participant_is_saved(space: &Space, n: u32, fault: Fault) {
    let (relay, session) = behind().await;
    let tables = Tables::new(&session, &space.keyspace, &entropy(), &CassandraRegions::alone());
    let ispb: Ispb = format!("{n:08}").parse().unwrap();
    let named = |name: &str, revision| Participant {
        name: name.to_owned(),
        revision,
        ..Participant::new(ispb, at(0))
    };
    let stored = async || {
        let all = tables.participants().await.unwrap();
        all.into_iter().find(|participant| participant.ispb == ispb)
    };
    relay.meet(MARK, fault);
    assert_eq!(tables.save_participant(named(MARK, 1)).await, Ok(true), "{fault:?}");
    assert!(relay.has_struck(), "the fault happened");
    assert_eq!(stored().await, Some(named(MARK, 1)), "{fault:?}");
    assert_eq!(tables.save_participant(named("later", 2)).await, Ok(true), "{fault:?}");
    relay.wait_for_late().await;
    assert_eq!(stored().await, Some(named("later", 2)), "what lands late changes nothing: {fault:?}");
}

async fn an_entry_is_put_away(space: &Space, fault: Fault) {
    let (relay, session) = behind().await;
    let quarantine = CassandraQuarantine::new(&session, &space.keyspace, &entropy());
    let xml = Bytes::from_static(b"<Envelope/>");
    let summary = Summary {
        id: EntryId(ResourceId::new(at(1), [7; 16])),
        ispb: "99999001".parse().unwrap(),
        at: at(1),
        producer: MARK.to_owned(),
        intake: "publish".to_owned(),
        rule: Rule::Schema,
        findings: Vec::new(),
        bytes: u32::try_from(xml.len()).unwrap(),
        attempts: 1,
    };
    let entry = Entry { summary, xml };
    let limits = Limits { entries: 10, bytes: 1_000 };
    relay.meet(MARK, fault);
    assert_eq!(quarantine.put(entry.clone(), limits).await, Ok(Put::New), "{fault:?}");
    assert!(relay.has_struck(), "the fault happened");
    relay.wait_for_late().await;
    assert_eq!(quarantine.find(entry.summary.id).await, Ok(Some(entry)), "counted once: {fault:?}");
    assert_eq!(quarantine.usage().await, Ok(Usage { entries: 1, bytes: 11 }), "{fault:?}");
}
