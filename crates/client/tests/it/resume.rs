//! A second run goes on where the first stopped, with the token it has, and knows what is stored.

use std::path::Path;
use std::sync::Arc;

use pix_stream_client::{Consumer, FileSink, PullNext, Sink, Stop, Summary, Unobserved};

use crate::server::{Answer, ISPB, Server, an_hour, batch, empty, options, path, problem, single};

async fn run(server: &Arc<Server>, folder: &Path, stop: Stop) -> Summary {
    let sink = Arc::new(FileSink::open(folder).await.unwrap());
    let consumer = Consumer::new(server.endpoint(), ISPB.parse().unwrap(), options(stop));
    consumer.run(sink, Arc::new(Unobserved), an_hour()).await.unwrap()
}

/// Runs until the server has seen so many requests, then drops everything, as a crash would.
async fn crash_after(server: &Arc<Server>, folder: &Path, requests: usize) {
    let sink = Arc::new(FileSink::open(folder).await.unwrap());
    let consumer = Consumer::new(server.endpoint(), ISPB.parse().unwrap(), options(Stop::Forever));
    let crash = async {
        while server.lines().len() < requests {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        ended = consumer.run(Arc::clone(&sink), Arc::new(Unobserved), an_hour()) => panic!("{ended:?}"),
        () = crash => {}
    }
    // The folder's lock goes with the last task that holds the sink.
    while Arc::strong_count(&sink) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_run_presents_the_token_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::scripted([batch("t1", &[1, 2]), single("t2", 3), empty("t3").late(5)]);
    crash_after(&server, folder.path(), 3).await;
    assert_eq!(server.lines(), ["GET start", "GET t1", "GET t2"]);

    let server = Server::scripted([single("t9", 4), empty("t10")]);
    let summary = run(&server, folder.path(), Stop::FirstEmpty).await;
    assert_eq!(server.lines(), ["GET t2", "GET t9", "DELETE t10"]);
    assert_eq!((summary.new, summary.duplicates, summary.confirmed), (1, 0, 1));

    // Closed properly, so a third run opens a stream.
    let server = Server::scripted([empty("t11")]);
    run(&server, folder.path(), Stop::FirstEmpty).await;
    assert_eq!(server.lines(), ["GET start", "DELETE t11"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_too_old_leads_to_a_new_stream_without_doubles() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::scripted([batch("t1", &[1, 2]), Answer::Lost.late(5)]);
    crash_after(&server, folder.path(), 2).await;

    let server = Server::scripted([problem(410, "streamGone"), batch("t5", &[1, 2, 3]), empty("t6")]);
    let summary = run(&server, folder.path(), Stop::FirstEmpty).await;
    assert_eq!(server.lines(), ["GET t1", "GET start", "GET t5", "DELETE t6"]);
    assert_eq!((summary.new, summary.duplicates, summary.confirmed), (1, 2, 3));
    let files = std::fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "xml"));
    assert_eq!(files.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_participant_is_not_presented() {
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::open(folder.path()).await.unwrap();
    let foreign = PullNext::new(&path("t1").replace(ISPB, "99999002")).unwrap();
    sink.save_next(1, Some(&foreign)).await.unwrap();
    drop(sink);
    let server = Server::scripted([empty("t1")]);
    run(&server, folder.path(), Stop::FirstEmpty).await;
    assert_eq!(server.lines(), ["GET start", "DELETE t1"]);
}

/// An operator opened a replay session and gave its path: to this client it is where a stream goes on (issue 7, item 2).
#[tokio::test(start_paused = true)]
async fn a_replay_session_is_read_like_a_stream_that_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::open(folder.path()).await.unwrap();
    sink.save_next(1, Some(&PullNext::new(&path("r0")).unwrap())).await.unwrap();
    drop(sink);
    // At its end a session answers 204 with the token that was presented.
    let server = Server::scripted([batch("r1", &[1, 2]), single("r2", 3), empty("r2")]);
    let summary = run(&server, folder.path(), Stop::FirstEmpty).await;
    assert_eq!(server.lines(), ["GET r0", "GET r1", "GET r2", "DELETE r2"]);
    assert_eq!((summary.new, summary.duplicates, summary.confirmed), (3, 0, 3));
}
