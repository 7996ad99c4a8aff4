//! What a failure means: only what certainly did not happen is unavailable, and no conditional write is sent twice.

use std::time::Duration;

use bytes::Bytes;
use pix_stream_cql::{Consistency, Error, Options, Session, Statement, Value};
use pix_stream_cql_mock::{Answer, Mock, Reply, Request, Step};
use tokio::time::timeout;

use crate::support::{ECHO, Log, PATIENCE, connect, echo, on_statements, options, wait_for_all, write_if};

/// Two nodes that answer every statement with this.
async fn answering(answer: Answer) -> (Mock, Session, Log) {
    let log = Log::default();
    let noted = log.clone();
    let script = move |request: &Request| {
        noted.note(request);
        on_statements(request, || Reply::Now(answer.clone()))
    };
    let mock = Mock::builder().nodes(2).start(script).await.unwrap();
    let session = connect(&mock).await;
    wait_for_all(&session).await;
    (mock, session, log)
}

#[tokio::test]
async fn an_unknown_outcome_of_a_conditional_write_is_told_and_never_sent_again() {
    for code in [0x1100, 0x1500, 0x1700, 0x0000] {
        let (_mock, session, log) = answering(Answer::error(code, "who knows")).await;
        assert!(matches!(write_if(&session).await, Err(Error::Unknown(_))), "{code:#06x}");
        assert_eq!(log.of(Step::Execute).len(), 1, "{code:#06x}");
    }
}

#[tokio::test]
async fn the_drivers_codec_does_not_know_0x1700() {
    let (mock, _session, _) = answering(Answer::error(0x1700, "who knows")).await;
    let stock = crate::support::stock(&mock, 1).await;
    let error = crate::support::stock_echo(&stock, "word").await.unwrap_err();
    assert!(!matches!(error, cdrs_tokio::Error::Server { .. }), "it learnt it: {error}");
}

#[tokio::test]
async fn a_refusal_before_the_beginning_is_unavailable_and_a_conditional_write_stays_with_its_node() {
    for code in [0x1001, 0x1002] {
        let (_mock, session, log) = answering(Answer::error(code, "not now")).await;
        assert!(matches!(write_if(&session).await, Err(Error::Unavailable(_))), "{code:#06x}");
        assert_eq!(log.of(Step::Execute).len(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_ends_too_early_is_an_unknown_outcome() {
    let (_mock, session, log) = answering(Answer::Truncated).await;
    assert!(matches!(write_if(&session).await, Err(Error::Unknown(_))));
    assert_eq!(log.of(Step::Execute).len(), 1);
    assert!(matches!(echo(&session, "word").await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn a_wrong_request_is_rejected_at_once_with_the_servers_code() {
    let (_mock, session, log) = answering(Answer::error(0x2200, "no such column")).await;
    let rejected = Error::Rejected { code: 0x2200, message: "no such column".to_owned() };
    assert_eq!(echo(&session, "word").await, Err(rejected));
    assert_eq!(log.of(Step::Execute).len(), 1);
}

#[tokio::test]
async fn a_read_that_ran_out_of_time_at_the_server_is_unavailable_after_a_second_node_failed_too() {
    let (_mock, session, log) = answering(Answer::error(0x1200, "slow")).await;
    assert!(matches!(echo(&session, "word").await, Err(Error::Unavailable(_))));
    let nodes: Vec<_> = log.of(Step::Execute).iter().map(|request| request.node).collect();
    assert_eq!(nodes.len(), 2);
    assert_ne!(nodes[0], nodes[1]);
}

#[tokio::test]
async fn an_unknown_first_attempt_is_not_forgotten_over_a_refused_second_one() {
    let script = |request: &Request| {
        on_statements(request, || {
            let code = if request.node == 0 { 0x1100 } else { 0x1001 };
            Reply::Now(Answer::error(code, "no"))
        })
    };
    let mock = Mock::builder().nodes(2).start(script).await.unwrap();
    let session = connect(&mock).await;
    wait_for_all(&session).await;
    let write = Statement::new("INSERT INTO k.t (id) VALUES (?)").idempotent();
    for _ in 0..2 {
        let failed = session.execute(&write, vec!["id".into()], &options()).await;
        assert!(matches!(failed, Err(Error::Unknown(_))));
    }
}

#[tokio::test]
async fn a_node_that_forgot_a_statement_is_told_it_again() {
    let log = Log::default();
    let noted = log.clone();
    let script = move |request: &Request| {
        noted.note(request);
        crate::support::echo_script(request)
    };
    let mock = Mock::builder().start(script).await.unwrap();
    let session = connect(&mock).await;
    assert_eq!(echo(&session, "one").await.as_deref(), Ok("one"));
    assert_eq!(echo(&session, "two").await.as_deref(), Ok("two"));
    assert_eq!(log.of(Step::Prepare).len(), 1);
    mock.nodes()[0].forget();
    assert_eq!(echo(&session, "three").await.as_deref(), Ok("three"));
    assert_eq!(log.of(Step::Prepare).len(), 2);
    mock.nodes()[0].forget();
    assert_eq!(write_if(&session).await, Ok(None), "nothing was carried out, so this is no second time");
}

#[tokio::test]
async fn a_node_that_forgets_again_and_again_is_not_asked_for_ever() {
    let script = |request: &Request| {
        on_statements(request, || {
            Reply::Now(Answer::Error { code: 0x2500, message: "what?".to_owned(), rest: vec![0, 1, 7] })
        })
    };
    let mock = Mock::builder().start(script).await.unwrap();
    let session = connect(&mock).await;
    assert!(matches!(write_if(&session).await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn a_statement_that_cannot_be_prepared_is_rejected() {
    let script = |request: &Request| match request.step {
        Step::Prepare => Reply::Now(Answer::error(0x2000, "line 1:0 no viable alternative")),
        Step::Query | Step::Execute => Reply::Now(Answer::Void),
    };
    let mock = Mock::builder().start(script).await.unwrap();
    let session = connect(&mock).await;
    assert!(matches!(echo(&session, "word").await, Err(Error::Rejected { code: 0x2000, .. })));
    let schema = Statement::new("CREATE TABLE k.u (id text PRIMARY KEY)");
    assert!(session.execute(&schema, Vec::new(), &options()).await.unwrap().is_empty());
}

#[tokio::test]
async fn levels_pages_and_values_are_sent_as_asked() {
    let log = Log::default();
    let noted = log.clone();
    let script = move |request: &Request| {
        noted.note(request);
        on_statements(request, || {
            let paging_state = request.paging_state.is_none().then(|| Bytes::from_static(b"more"));
            let rows = vec![vec![Some(Bytes::from_static(&[1]))]];
            Reply::Now(Answer::Rows { columns: vec!["[applied]".to_owned()], rows, paging_state })
        })
    };
    let mock = Mock::builder().start(script).await.unwrap();
    let session = connect(&mock).await;
    assert_eq!(write_if(&session).await, Ok(Some(true)));
    let read = Statement::new(ECHO);
    let page = session.execute(&read, vec![Value::Null], &options().page(7, None)).await.unwrap();
    let state = page.paging_state().unwrap();
    let serial = Options::new(Consistency::One).serial(pix_stream_cql::Serial::Global);
    let last = session.execute(&read, vec!["x".into()], &serial.page(7, Some(state))).await.unwrap();
    assert_eq!((last.len(), last.paging_state()), (1, None));
    let sent = log.of(Step::Execute);
    assert_eq!((sent[0].consistency, sent[0].serial), (6, Some(9)), "LOCAL_QUORUM, LOCAL_SERIAL");
    assert_eq!((sent[1].consistency, sent[1].serial, sent[1].page_size), (6, None, Some(7)));
    assert_eq!(sent[1].values, [None]);
    assert_eq!((sent[2].consistency, sent[2].serial), (8, None), "a read at SERIAL");
    assert_eq!(sent[2].paging_state.as_deref(), Some(&b"more"[..]));
}

#[tokio::test]
async fn changes_of_the_schema_go_through_one_node_and_wait_until_the_others_have_them() {
    let log = Log::default();
    let noted = log.clone();
    let script = move |request: &Request| {
        noted.note(request);
        Reply::Now(Answer::SchemaChange)
    };
    let mock = Mock::builder().nodes(3).start(script).await.unwrap();
    let session = connect(&mock).await;
    wait_for_all(&session).await;
    let create = Statement::new("CREATE TABLE k.u (id text PRIMARY KEY)");
    let patient = options().timeout(PATIENCE);
    for _ in 0..3 {
        session.execute(&create, Vec::new(), &patient).await.unwrap();
    }
    let nodes: Vec<_> = log.of(Step::Query).iter().map(|request| request.node).collect();
    assert!(nodes.iter().all(|node| *node == nodes[0]), "{nodes:?}");
    mock.nodes()[2].set_schema(9);
    let changing = session.execute(&create, Vec::new(), &patient);
    tokio::pin!(changing);
    assert!(timeout(Duration::from_millis(300), &mut changing).await.is_err(), "they disagree");
    mock.nodes().iter().for_each(|node| node.set_schema(9));
    changing.await.unwrap();
}
