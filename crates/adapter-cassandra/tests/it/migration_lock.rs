//! The lock of migrations against a cluster whose answers are lost or late (issue 6, item 1). The cluster is a script: it holds
//! nothing but what the lock needs, and notes what it was asked for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use pix_stream_adapter_cassandra::migrations::{Error, Migrations};
use pix_stream_cql::{Error as Failure, Session, Settings};
use pix_stream_cql_mock::{Answer, Mock, Reply, Request, Step};

/// What every runner draws here.
const OURS: [u8; 16] = [7; 16];
const OTHERS: [u8; 16] = [8; 16];
/// A lease with short limits: half a second to renew, one and a half until all nodes agree.
const SHORT: Duration = Duration::from_secs(6);
/// Its outcome is unknown.
const WRITE_TIMEOUT: i32 = 0x1100;
const SYNTAX: i32 = 0x2000;

/// What a runner asks for that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Take,
    Renew,
    Look,
    Change,
    Release,
}

use Asked::{Change, Look, Release, Renew};

struct Cluster {
    mock: Mock,
    migrations: Migrations,
    log: Arc<Mutex<Vec<Asked>>>,
}

impl Cluster {
    /// Answers by the test's function, which sees what is asked for and how often it was before; else as a cluster that is
    /// well, with an empty record of migrations.
    async fn start(
        nodes: usize,
        answer: impl Fn(Asked, usize) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&log);
        let script = move |request: &Request| {
            if request.step == Step::Prepare {
                return Reply::Now(Answer::Void);
            }
            let Some(asked) = asked(&request.text) else { return Reply::Now(table(&request.text)) };
            let mut log = noted.lock().unwrap();
            let before = log.iter().filter(|earlier| **earlier == asked).count();
            log.push(asked);
            Reply::Now(answer(asked, before).unwrap_or_else(|| well(asked)))
        };
        let mock = Mock::builder().nodes(nodes).start(script).await.unwrap();
        let settings = Settings { contact_points: mock.contact_points(), ..Settings::default() };
        let session = Session::connect(settings).await.unwrap();
        let migrations = Migrations::new(session, "k", &[("dc1".to_owned(), 1)]).unwrap();
        Self { mock, migrations, log }
    }

    async fn up(&self) -> Result<(), Error> {
        self.migrations.up(|_| ()).await
    }

    fn log(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }

    fn count(&self, asked: Asked) -> usize {
        self.log().iter().filter(|earlier| **earlier == asked).count()
    }

    fn sent(&self, asked: &[Asked]) -> bool {
        self.log().windows(asked.len()).any(|window| window == asked)
    }
}

fn asked(text: &str) -> Option<Asked> {
    let is = |start: &str| text.starts_with(start);
    Some(match () {
        () if is("CREATE") => Change,
        () if is("INSERT INTO k.pix_migration_lock") => Asked::Take,
        () if is("UPDATE k.pix_migration_lock") => Renew,
        () if is("DELETE FROM k.pix_migration_lock") => Release,
        () if is("SELECT owner") => Look,
        () => return None,
    })
}

fn well(asked: Asked) -> Answer {
    match asked {
        Asked::Take | Renew | Release => applied(true),
        Look => left(OURS, 60),
        Change => Answer::SchemaChange,
    }
}

/// The tables that the lock needs are there; nothing is recorded.
fn table(text: &str) -> Answer {
    let rows = |column: &str, cells: &[&'static str]| Answer::Rows {
        columns: vec![column.to_owned()],
        rows: cells.iter().map(|cell| vec![Some(Bytes::from_static(cell.as_bytes()))]).collect(),
        paging_state: None,
    };
    let is = |start: &str| text.starts_with(start);
    match () {
        () if is("SELECT uuid()") => Answer::cell("owner", OURS.to_vec()),
        () if is("SELECT keyspace_name") => rows("keyspace_name", &["k"]),
        () if is("SELECT table_name") => rows("table_name", &["pix_migrations", "pix_migration_lock"]),
        () if is("SELECT number") => rows("number", &[]),
        () => Answer::Void,
    }
}

fn applied(is_so: bool) -> Answer {
    Answer::cell("[applied]", vec![u8::from(is_so)])
}

/// The lock's row as a look finds it.
fn left(owner: [u8; 16], seconds: i32) -> Answer {
    let cells = [owner.to_vec(), seconds.to_be_bytes().to_vec()].map(|cell| Some(Bytes::from(cell)));
    let columns = ["owner", "seconds_left"].map(str::to_owned).to_vec();
    Answer::Rows { columns, rows: vec![cells.to_vec()], paging_state: None }
}

/// The row is not there.
fn nobody() -> Answer {
    Answer::Rows {
        columns: vec!["owner".to_owned(), "seconds_left".to_owned()],
        rows: Vec::new(),
        paging_state: None,
    }
}

fn unknown() -> Answer {
    Answer::error(WRITE_TIMEOUT, "no answer of the others")
}

#[tokio::test]
async fn the_lease_is_renewed_before_each_attempt_of_a_change() {
    let cluster = Cluster::start(1, |asked, n| (asked == Change && n < 2).then(unknown)).await;
    assert_eq!(cluster.up().await, Ok(()));
    let log = cluster.log();
    let changes = (0..log.len()).filter(|at| log[*at] == Change);
    assert!(changes.clone().count() > 2, "{log:?}");
    assert!(changes.clone().all(|at| log[at - 1] == Renew), "{log:?}");
    assert_eq!(log.last(), Some(&Release));
}

#[tokio::test]
async fn a_runner_that_lost_the_lock_between_two_attempts_changes_nothing_more() {
    let cluster = Cluster::start(1, |asked, n| match asked {
        Change => Some(unknown()),
        // One before the record, one before the first attempt.
        Renew => Some(applied(n < 2)),
        Asked::Take | Look | Release => None,
    });
    let cluster = cluster.await;
    assert_eq!(cluster.up().await, Err(Error::LockLost));
    assert_eq!(cluster.count(Change), 1);
}

/// Of every renewal the answer is lost but of the first and of those from `well_from` on; then the lock is as `found` says.
async fn with_lost_renewals(well_from: usize, found: fn() -> Answer) -> (Cluster, Result<(), Error>) {
    let mut cluster = Cluster::start(1, move |asked, n| match asked {
        Renew => (n > 0 && n < well_from).then(unknown),
        Look => Some(found()),
        Asked::Take | Change | Release => None,
    })
    .await;
    if well_from == usize::MAX {
        cluster.migrations = cluster.migrations.clone().lock_terms(SHORT, SHORT);
    }
    let result = cluster.up().await;
    (cluster, result)
}

#[tokio::test]
async fn a_renewal_without_an_answer_is_none_when_the_lock_is_somebody_elses() {
    for found in [nobody, || left(OTHERS, 60)] {
        let (cluster, result) = with_lost_renewals(2, found).await;
        assert_eq!(result, Err(Error::LockLost));
        assert_eq!(cluster.count(Change), 0, "{:?}", cluster.log());
    }
}

#[tokio::test]
async fn a_renewal_without_an_answer_is_good_when_enough_of_the_lease_is_left() {
    let (cluster, result) = with_lost_renewals(2, || left(OURS, 50)).await;
    assert_eq!(result, Ok(()));
    assert!(cluster.sent(&[Renew, Look, Change]), "{:?}", cluster.log());
}

#[tokio::test]
async fn a_renewal_without_an_answer_is_made_again_when_less_is_left_than_an_attempt_takes() {
    let (cluster, result) = with_lost_renewals(2, || left(OURS, 49)).await;
    assert_eq!(result, Ok(()));
    assert!(cluster.sent(&[Renew, Look, Renew, Change]), "{:?}", cluster.log());
}

#[tokio::test]
async fn without_a_renewal_nothing_is_changed_and_the_lock_released() {
    let (cluster, result) = with_lost_renewals(usize::MAX, || left(OURS, 1)).await;
    assert!(matches!(result, Err(Error::Store(Failure::Unavailable(_)))), "{result:?}");
    assert_eq!((cluster.count(Change), cluster.count(Release)), (0, 1), "{:?}", cluster.log());
}

#[tokio::test]
async fn after_a_step_of_unknown_outcome_the_lock_is_kept_and_the_error_says_for_how_long() {
    let none_answers: fn(usize) -> Answer = |_| unknown();
    let refused_later = |n| if n == 0 { unknown() } else { Answer::error(SYNTAX, "not understood") };
    for (answers, attempts) in [(none_answers, 3), (refused_later, 2)] {
        let cluster = Cluster::start(1, move |asked, n| (asked == Change).then(|| answers(n))).await;
        let error = cluster.up().await.unwrap_err();
        assert!(matches!(&error, Error::Unsettled { wait, .. } if wait.as_secs() == 60), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("wait 60 s, then run `pix-stream migrate up` again"), "{text}");
        assert_eq!((cluster.count(Change), cluster.count(Release)), (attempts, 0), "{:?}", cluster.log());
    }
}

#[tokio::test]
async fn after_a_step_that_was_refused_the_lock_is_released() {
    let refused = |asked, _| (asked == Change).then(|| Answer::error(SYNTAX, "not understood"));
    let cluster = Cluster::start(1, refused).await;
    assert!(matches!(cluster.up().await, Err(Error::Store(Failure::Rejected { code: SYNTAX, .. }))));
    assert_eq!((cluster.count(Change), cluster.count(Release)), (1, 1));
}

#[tokio::test]
async fn while_a_node_has_another_schema_nothing_is_changed() {
    let mut cluster = Cluster::start(3, |_, _| None).await;
    cluster.migrations = cluster.migrations.clone().lock_terms(SHORT, SHORT);
    for node in cluster.mock.nodes() {
        node.set_schema_untold(9);
        assert_eq!(cluster.up().await, Err(Error::NoAgreement { versions: 2 }));
        node.set_schema_untold(0);
    }
    assert_eq!((cluster.count(Change), cluster.count(Release)), (0, 3));
    assert_eq!(cluster.up().await, Ok(()));
}
