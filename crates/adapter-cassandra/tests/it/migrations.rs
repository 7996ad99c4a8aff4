//! Migrations on a real Cassandra (requirements, B.1; issue 6, item 1).

use std::collections::BTreeSet;
use std::time::Duration;

use pix_stream_adapter_cassandra::migrations::{Error, Problem, State, Step, Unfit};
use pix_stream_cql::{Session, Settings, Value};
use tokio::sync::Notify;

use super::relay::{Fault, Relay};
use super::support::Space;

/// A third of it is longer than one change of the schema takes on a busy machine.
const LEASE: Duration = Duration::from_secs(12);
const WAIT_MAX: Duration = Duration::from_secs(60);

fn names(steps: &[Step]) -> Vec<&'static str> {
    let done = |step: &Step| match step {
        Step::Done { name } => Some(*name),
        Step::Waiting { .. } | Step::Keyspace | Step::Statement { .. } => None,
    };
    steps.iter().filter_map(done).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_cluster_gets_a_keyspace_and_every_table_once() {
    let Some(space) = Space::unmade("mig_empty").await else { return };
    let migrations = space.migrations();
    let before = migrations.status().await.unwrap();
    assert!(before.iter().all(|status| status.state == State::Pending), "{before:?}");
    assert!(matches!(migrations.check().await, Err(Unfit::Older { missing, .. }) if missing == before.len()));

    let mut steps = Vec::new();
    migrations.clone().by("test 1").up(|step| steps.push(step)).await.unwrap();
    assert_eq!(steps[0], Step::Keyspace);
    assert_eq!(names(&steps).len(), before.len());
    let after = migrations.status().await.unwrap();
    assert!(after.iter().all(|status| matches!(&status.state, State::Applied { by, .. } if by == "test 1")));
    assert_eq!(migrations.verify().await, Ok(Vec::new()));
    assert_eq!(migrations.check().await, Ok(()));

    let mut again = Vec::new();
    migrations.by("test 2").up(|step| again.push(step)).await.unwrap();
    assert_eq!(again, [], "the second time there is nothing to do");
    space.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_runners_each_migration_is_done_by_one() {
    let Some(space) = Space::unmade("mig_race").await else { return };
    let runs = (0..4).map(|n| {
        let migrations = space.migrations().by(&format!("runner {n}")).lock_terms(LEASE * 10, WAIT_MAX);
        tokio::spawn(async move {
            let mut steps = Vec::new();
            migrations.up(|step| steps.push(step)).await.map(|()| steps)
        })
    });
    let mut done = Vec::new();
    for run in runs.collect::<Vec<_>>() {
        done.extend(names(&run.await.unwrap().unwrap()));
    }
    assert_eq!(done.iter().collect::<BTreeSet<_>>().len(), done.len(), "none was done twice: {done:?}");
    assert_eq!(done.len(), space.migrations().status().await.unwrap().len());
    assert_eq!(space.migrations().check().await, Ok(()));
    space.drop().await;
}

/// Runs up to the second statement of the third file and dies: nothing is finished, nothing released.
async fn die_half_way(space: &Space) {
    let migrations = space.migrations().by("who died").lock_terms(LEASE, WAIT_MAX);
    let died = Notify::new();
    let run = migrations.up(|step| {
        if matches!(&step, Step::Statement { name: "0003_participants", number: 2, .. }) {
            died.notify_one();
        }
    });
    tokio::select! {
        biased;
        () = died.notified() => {}
        result = run => panic!("it should not have come to an end: {result:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_goes_on_where_a_crashed_runner_was_once_its_lease_is_over() {
    let Some(space) = Space::unmade("mig_crash").await else { return };
    die_half_way(&space).await;
    let half = space.migrations().status().await.unwrap();
    assert!(
        half.iter().any(|status| status.number == 3 && matches!(status.state, State::Half { done: 2, .. })),
        "{half:?}"
    );
    assert!(matches!(space.migrations().check().await, Err(Unfit::Older { .. })));
    assert!(!space.migrations().verify().await.unwrap().is_empty());

    let mut steps = Vec::new();
    let successor = space.migrations().by("successor").lock_terms(LEASE, WAIT_MAX);
    successor.up(|step| steps.push(step)).await.unwrap();
    assert_eq!(steps[0], Step::Waiting { by: "who died".to_owned() });
    assert!(
        matches!(steps[1], Step::Statement { name: "0003_participants", number: 3, .. }),
        "what was done is not done again: {steps:?}"
    );
    assert_eq!(space.migrations().verify().await, Ok(Vec::new()));
    space.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_renewals_and_changes_are_settled_and_the_run_goes_on() {
    let Some(space) = Space::unmade("mig_lost").await else { return };
    let relay = Relay::start(pix_stream_stores::test::cassandra().unwrap()).await;
    let contact_points = vec![relay.address().to_string()];
    let settings = Settings { contact_points, connections_per_node: 1, ..Settings::default() };
    let relayed =
        Space { session: Session::connect(settings).await.unwrap(), keyspace: space.keyspace.clone() };
    // A runner's name stands in its renewals, and in the record after the first of a file.
    let runner = "the marked runner";
    let mut steps = Vec::new();
    let meet = |mark, fault| {
        assert!(!relay.is_armed(), "the fault before happened");
        relay.meet(mark, fault);
    };
    let migrations = relayed.migrations().by(runner);
    let run = migrations.up(|step| {
        match &step {
            Step::Done { name: "0001_migrations" } => meet(runner, Fault::LoseAnswer),
            Step::Statement { name: "0002_streams", number: 1, .. } => meet(runner, Fault::LoseRequest),
            Step::Done { name: "0002_streams" } => meet(".pix_switches (", Fault::LoseAnswer),
            Step::Done { name: "0003_participants" } => meet(".pix_quarantine (", Fault::LoseRequest),
            Step::Waiting { .. } | Step::Keyspace | Step::Statement { .. } | Step::Done { .. } => {}
        }
        steps.push(step);
    });
    assert_eq!(run.await, Ok(()));
    assert!(relay.has_struck() && !relay.is_armed(), "every fault happened");
    assert_eq!(names(&steps).len(), space.migrations().status().await.unwrap().len());
    assert_eq!(space.migrations().verify().await, Ok(Vec::new()));
    space.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_wait_is_told_who_migrates() {
    let Some(space) = Space::unmade("mig_locked").await else { return };
    die_half_way(&space).await;
    let impatient = space.migrations().lock_terms(LEASE, Duration::ZERO);
    assert_eq!(impatient.up(|_| ()).await, Err(Error::Locked { by: "who died".to_owned() }));
    space.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changed_after_it_was_carried_out_stops_everything() {
    let Some(space) = Space::migrated("mig_changed").await else { return };
    let update = "UPDATE {k}.pix_migrations SET checksum = ? WHERE number = 2";
    space.execute(update, vec![Value::from(vec![0_u8; 32])]).await;
    let name = || "0002_streams".to_owned();
    let migrations = space.migrations();
    assert_eq!(migrations.verify().await, Ok(vec![Problem::Changed(name())]));
    assert_eq!(migrations.up(|_| ()).await, Err(Error::Unfit(Box::new(Problem::Changed(name())))));
    let unfit = migrations.check().await.unwrap_err();
    assert!(matches!(&unfit, Unfit::Changed { name, .. } if name == "0002_streams"));
    assert!(unfit.to_string().contains("pix-stream migrate verify"), "it says what to do: {unfit}");
    space.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_of_a_newer_build_is_left_alone() {
    let Some(space) = Space::migrated("mig_newer").await else { return };
    let insert =
        "INSERT INTO {k}.pix_migrations (number, name, checksum, finished_at) VALUES (9999, ?, ?, 1)";
    space.execute(insert, vec![Value::from("9999_later"), Value::from(vec![1_u8; 32])]).await;
    let migrations = space.migrations();
    assert_eq!(migrations.status().await.unwrap().last().unwrap().state, State::Newer);
    let problem = Problem::Newer("9999_later".to_owned());
    assert_eq!(migrations.up(|_| ()).await, Err(Error::Unfit(Box::new(problem))));
    let unfit = migrations.check().await.unwrap_err();
    assert!(matches!(&unfit, Unfit::Newer { newest, .. } if newest == "9999_later"));
    assert!(unfit.to_string().contains("newer build"), "it says what to do: {unfit}");
    space.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_was_dropped_is_missed() {
    let Some(space) = Space::migrated("mig_dropped").await else { return };
    space.execute("DROP TABLE {k}.pix_switches", Vec::new()).await;
    let missing = Problem::TableMissing("pix_switches".to_owned());
    assert_eq!(space.migrations().verify().await, Ok(vec![missing]));
    space.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyspace_without_copies_is_not_made() {
    let Some(space) = Space::unmade("mig_none").await else { return };
    let new = |keyspace| {
        pix_stream_adapter_cassandra::migrations::Migrations::new(space.session.clone(), keyspace, &[])
    };
    assert_eq!(new(&space.keyspace).unwrap().up(|_| ()).await, Err(Error::NoReplication));
    for name in ["", "Pix", "1pix", "pix stream", "pix;drop", &"x".repeat(49)] {
        assert!(matches!(new(name).err(), Some(Error::Keyspace(_))), "{name:?}");
    }
}
