//! Checkpoints, incarnations, participants and switches on a real Cassandra (issue 6, item 2). That they keep the
//! Journal's contract is tested with the Journal; here is what only these tables can do wrong.

use std::collections::BTreeSet;

use pix_stream_adapter_cassandra::regions::CassandraRegions;
use pix_stream_adapter_cassandra::tables::Tables;
use pix_stream_cql::Value;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::switches::Switches;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Incarnation;
use pix_stream_ports::journal::Checkpoint;

use super::support::{Space, entropy};

fn ispb(n: u32) -> Ispb {
    format!("{:08}", 99_999_000 + n).parse().unwrap()
}

fn tables(space: &Space) -> Tables {
    Tables::new(&space.session, &space.keyspace, &entropy(), &CassandraRegions::alone())
}

fn checkpoint(incarnation: u32, is_last: bool) -> Checkpoint {
    let state = StreamState::new(Incarnation::new(incarnation), Sequence::new(u64::from(incarnation) + 7));
    Checkpoint { state, is_last }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_tables_keep_what_they_are_given() {
    let Some(space) = Space::migrated("tables").await else { return };
    checkpoints_win_by_version_in_whichever_order_they_arrive(&space).await;
    many_checkpoints_are_saved_by_one_call(&space).await;
    incarnations_are_never_given_twice_by_two_nodes(&space).await;
    an_incarnation_is_above_that_of_the_newest_checkpoint(&space).await;
    another_region_leaves_room_for_what_it_has_not_heard_of(&space).await;
    of_two_nodes_one_changes_a_participant(&space).await;
    a_row_with_a_fence_alone_is_nobody(&space).await;
    switches_are_kept(&space).await;
    space.drop().await;
}

async fn checkpoints_win_by_version_in_whichever_order_they_arrive(space: &Space) {
    let tables = tables(space);
    assert_eq!(tables.load_checkpoint(ispb(1)).await, Ok(None));
    for (saved, expected) in [(3, 3), (2, 3), (5, 5), (4, 5)] {
        tables.save_checkpoints(vec![(ispb(1), checkpoint(saved, false))]).await.unwrap();
        assert_eq!(tables.load_checkpoint(ispb(1)).await, Ok(Some(checkpoint(expected, false))));
    }
    for is_last in [true, false] {
        tables.save_checkpoints(vec![(ispb(1), checkpoint(5, is_last))]).await.unwrap();
        let kept = tables.load_checkpoint(ispb(1)).await;
        assert_eq!(kept, Ok(Some(checkpoint(5, true))), "a tie is won by the last one");
    }
    tables.save_checkpoints(vec![(ispb(1), checkpoint(6, false))]).await.unwrap();
    assert_eq!(tables.load_checkpoint(ispb(1)).await, Ok(Some(checkpoint(6, false))), "it went on");
}

async fn many_checkpoints_are_saved_by_one_call(space: &Space) {
    let tables = tables(space);
    let all: Vec<_> = (100..300).map(|n| (ispb(n), checkpoint(n, false))).collect();
    tables.save_checkpoints(all.clone()).await.unwrap();
    for (ispb, saved) in all {
        assert_eq!(tables.load_checkpoint(ispb).await, Ok(Some(saved)));
    }
}

async fn incarnations_are_never_given_twice_by_two_nodes(space: &Space) {
    let nodes = [tables(space), tables(space)];
    let mut raised = BTreeSet::new();
    let calls = (0..24).map(|n| nodes[n % 2].raise_incarnation(ispb(2)));
    for one in futures_util::future::join_all(calls).await {
        assert!(raised.insert(one.unwrap()), "one was given twice");
    }
    assert_eq!(raised, (1..=24).map(Incarnation::new).collect());
}

async fn an_incarnation_is_above_that_of_the_newest_checkpoint(space: &Space) {
    let tables = tables(space);
    tables.save_checkpoints(vec![(ispb(3), checkpoint(40, false))]).await.unwrap();
    assert_eq!(tables.raise_incarnation(ispb(3)).await, Ok(Incarnation::new(41)), "its row was lost");
    assert_eq!(tables.raise_incarnation(ispb(3)).await, Ok(Incarnation::new(42)));
}

async fn another_region_leaves_room_for_what_it_has_not_heard_of(space: &Space) {
    let tables = tables(space);
    assert_eq!(tables.raise_incarnation(ispb(4)).await, Ok(Incarnation::new(1)));
    let update =
        "UPDATE {k}.pix_incarnations SET region = 'other', epoch = 3 WHERE ispb = ? IF incarnation = 1";
    space.execute(update, vec![Value::from(ispb(4).to_string())]).await;
    assert_eq!(tables.raise_incarnation(ispb(4)).await, Ok(Incarnation::new(1025)));
    assert_eq!(tables.raise_incarnation(ispb(4)).await, Ok(Incarnation::new(1026)));
}

async fn of_two_nodes_one_changes_a_participant(space: &Space) {
    let nodes = [tables(space), tables(space)];
    let named = |n: usize, revision| Participant {
        name: format!("Banco {n}"),
        held: n == 1,
        revision,
        ..Participant::new(ispb(5), Timestamp::from_unix_millis(1_800_000_000_000))
    };
    for revision in 1..=5 {
        let saves = (0..2).map(|n| nodes[n].save_participant(named(n, revision)));
        let saved = futures_util::future::join_all(saves).await;
        let won = saved.iter().position(|saved| *saved == Ok(true)).unwrap();
        assert_eq!(saved[1 - won], Ok(false), "revision {revision} is saved once");
        assert_eq!(nodes[0].participants().await, Ok(vec![named(won, revision)]));
    }
    for revision in [0, 5, 7, u64::MAX] {
        assert_eq!(nodes[0].save_participant(named(0, revision)).await, Ok(false), "{revision}");
    }
}

async fn a_row_with_a_fence_alone_is_nobody(space: &Space) {
    let tables = tables(space);
    let before = tables.participants().await.unwrap();
    let newcomer = Participant::new(ispb(6), Timestamp::from_unix_millis(1_800_000_000_000));
    for shard in 0..16 {
        let fence = "UPDATE {k}.pix_participants SET writer = 0x00112233445566778899aabbccddeeff \
                     WHERE shard = ? AND ispb = ? IF writer = null";
        space.execute(fence, vec![shard.into(), Value::from(ispb(6).to_string())]).await;
    }
    assert_eq!(tables.participants().await.as_ref(), Ok(&before));
    assert_eq!(tables.save_participant(newcomer.clone()).await, Ok(true));
    assert!(tables.participants().await.unwrap().contains(&newcomer));
}

async fn switches_are_kept(space: &Space) {
    let tables = tables(space);
    assert_eq!(tables.load_switches().await, Ok(Switches::default()));
    let mut switches = Switches::default();
    for revision in 1..=3 {
        switches.revision = revision;
        switches.set(&format!("type {revision}"), Some(ispb(1)), Some(false)).unwrap();
        assert_eq!(tables.save_switches(switches.clone()).await, Ok(true));
        assert_eq!(tables.save_switches(switches.clone()).await, Ok(false), "twice");
        assert_eq!(tables.load_switches().await, Ok(switches.clone()));
    }
}
