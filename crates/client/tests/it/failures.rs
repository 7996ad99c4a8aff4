//! What goes wrong on the way is asked for again as the contract says, and nothing is confirmed before it is stored.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_client::{
    Consumer, Error, MemorySink, Message, Options, Outcome, Sink, SinkError, Stop, Summary, Unobserved,
};
use tokio::time::Instant;

use crate::server::{
    Answer, ISPB, Server, an_hour, batch, certificates, empty, ok, options, problem, single,
};

async fn run(server: &Arc<Server>, options: Options) -> (Result<Summary, Error>, Duration) {
    let consumer = Consumer::new(server.endpoint(), ISPB.parse().unwrap(), options);
    let started = Instant::now();
    let result = consumer.run(Arc::new(MemorySink::new(100)), Arc::new(Unobserved), an_hour()).await;
    (result, started.elapsed())
}

fn within(took: Duration, least: u64, most: u64) -> bool {
    (Duration::from_millis(least)..=Duration::from_millis(most)).contains(&took)
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_asked_for_again_with_the_same_token() {
    let server =
        Server::scripted([Answer::Lost, batch("t1", &[1]), Answer::Lost, batch("t2", &[2]), empty("t3")]);
    let (summary, _) = run(&server, options(Stop::FirstEmpty)).await;
    assert_eq!(server.lines(), ["GET start", "GET start", "GET t1", "GET t1", "GET t2", "DELETE t3"]);
    let summary = summary.unwrap();
    assert_eq!((summary.new, summary.confirmed, summary.retries), (2, 2, 2));
    assert_eq!(server.connections(), 3);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_on_429_and_503() {
    let server = Server::scripted([
        problem(429, "threadLimit").with("Retry-After", "2"),
        problem(429, "rateLimit").with("Retry-After", "0"),
        batch("t1", &[1]),
        problem(503, "paused").with("Retry-After", "10").gzipped(),
        empty("t2"),
    ]);
    let (summary, took) = run(&server, options(Stop::FirstEmpty)).await;
    assert_eq!(server.lines(), ["GET start", "GET start", "GET start", "GET t1", "GET t1", "DELETE t2"]);
    assert_eq!(summary.unwrap().retries, 3);
    assert!(within(took, 12_000, 12_750), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_asked_to_slow_down_pauses_between_reads_and_recovers() {
    let slow = |answer: Answer| answer.with("X-Backpressure-Signal", "slow");
    let answers = [batch("t1", &[1]), batch("t2", &[2]), batch("t3", &[3]), batch("t4", &[4])].map(slow);
    let server = Server::scripted(answers.into_iter().chain([batch("t5", &[5]), empty("t6")]));
    let (summary, took) = run(&server, options(Stop::FirstEmpty)).await;
    let summary = summary.unwrap();
    assert_eq!((summary.new, summary.confirmed, summary.retries), (5, 5, 0));
    let full = 100 + 200 + 400 + 800 + 400;
    assert!(within(took, full / 2, full + 50), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pause_ends_with_the_consumer() {
    let server = Server::answering(|seen| match seen.line.starts_with("DELETE") {
        true => ok(),
        false => single("t1", 1).with("X-Backpressure-Signal", "slow"),
    });
    let consumer = Consumer::new(server.endpoint(), ISPB.parse().unwrap(), options(Stop::Forever));
    let (started, minute) = (Instant::now(), tokio::time::sleep(Duration::from_secs(60)));
    consumer.run(Arc::new(MemorySink::new(100)), Arc::new(Unobserved), minute).await.unwrap();
    assert!(within(started.elapsed(), 60_000, 60_100), "{:?}", started.elapsed());
    let reads = server.lines().len();
    assert!((25..80).contains(&reads), "{reads} reads in a minute, one to two seconds apart");
}

#[tokio::test(start_paused = true)]
async fn faults_without_retry_after_wait_longer_each_time() {
    let faults = [500, 502, 504, 500].map(|status| problem(status, "internal"));
    let server = Server::scripted(faults.into_iter().chain([empty("t1")]));
    let (summary, took) = run(&server, options(Stop::FirstEmpty)).await;
    assert_eq!(summary.unwrap().retries, 4);
    assert!(within(took, (50 + 100 + 200 + 400) / 2, 50 + 100 + 200 + 400), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_after_8_s_and_asked_again_on_a_new_connection() {
    let server = Server::scripted([empty("t1").late(3600), empty("t1")]);
    let (summary, took) = run(&server, options(Stop::FirstEmpty)).await;
    assert_eq!(summary.unwrap().retries, 1);
    assert_eq!(server.connections(), 2);
    assert!(within(took, 8_000, 8_100), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_stream_is_opened_anew_and_what_comes_again_is_dropped() {
    for forgotten in [problem(410, "streamGone"), problem(400, "invalidCursor")] {
        let server =
            Server::scripted([batch("t1", &[1, 2]), forgotten, batch("t2", &[1, 2, 3]), empty("t3")]);
        let (summary, _) = run(&server, options(Stop::FirstEmpty)).await;
        assert_eq!(server.lines(), ["GET start", "GET t1", "GET start", "GET t2", "DELETE t3"]);
        let summary = summary.unwrap();
        assert_eq!((summary.new, summary.duplicates, summary.confirmed), (3, 2, 3));
        assert_eq!(summary.restarts, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_refused_as_soon_as_they_are_given_slow_the_client_down() {
    let server = Server::answering(|seen| match seen.line.as_str() {
        "GET start" => single("t1", 1),
        _ => problem(410, "streamGone"),
    });
    let consumer = Consumer::new(server.endpoint(), ISPB.parse().unwrap(), options(Stop::Forever));
    let minute = tokio::time::sleep(Duration::from_secs(60));
    consumer.run(Arc::new(MemorySink::new(100)), Arc::new(Unobserved), minute).await.unwrap();
    assert!(server.lines().len() < 60, "{} requests in a minute", server.lines().len());
}

#[tokio::test(start_paused = true)]
async fn refusals_that_waiting_does_not_cure_end_the_run_with_all_that_is_known() {
    for (status, code) in
        [(403, "forbidden"), (404, "notFound"), (406, "notAcceptable"), (400, "invalidHeader")]
    {
        let server = Server::scripted([problem(status, code).gzipped()]);
        let (error, _) = run(&server, options(Stop::Forever)).await;
        let expected = format!("the server answered {status} {code}: no {code} (request req-7)");
        assert_eq!(error.unwrap_err().to_string(), expected);
        assert_eq!(server.lines(), ["GET start"]);
    }
}

#[tokio::test(start_paused = true)]
async fn patience_ends_with_the_last_failure() {
    let server = Server::answering(|_| problem(503, "unavailable").with("Retry-After", "1"));
    let mut options = options(Stop::FirstEmpty);
    options.patience = Some(Duration::from_secs(30));
    let (error, took) = run(&server, options).await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.ends_with(
            "the last failure: the server answered 503 unavailable: no unavailable (request req-7)"
        )
    );
    assert!(within(took, 30_000, 31_500), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_certificate_of_another_authority_ends_the_run_at_once() {
    let server = Server::scripted([]);
    let stranger = certificates().client;
    // The stranger trusts nobody here, and is not trusted either.
    let mut not_trusting = stranger.clone();
    not_trusting.certificate.clone_from(&crate::server::CERTIFICATES.client.certificate);
    not_trusting.key.clone_from(&crate::server::CERTIFICATES.client.key);
    let mut not_trusted = stranger;
    not_trusted.ca.clone_from(&crate::server::CERTIFICATES.client.ca);
    for credentials in [not_trusting, not_trusted] {
        let endpoint = pix_stream_client::Endpoint::new("https://localhost:1", &credentials).unwrap();
        let endpoint = endpoint.with_dialer(server.dialer());
        let consumer = Consumer::new(endpoint, ISPB.parse().unwrap(), options(Stop::FirstEmpty));
        let error = consumer.run(Arc::new(MemorySink::new(1)), Arc::new(Unobserved), an_hour()).await;
        assert!(matches!(error, Err(Error::Untrusted(_))), "{error:?}");
    }
    assert!(server.lines().is_empty());
}

/// Fails from the second batch on.
struct Full(MemorySink);

impl Sink for Full {
    async fn store_batch(&self, batch: &[Message]) -> Result<Vec<Outcome>, SinkError> {
        if self.0.totals().new > 0 {
            return Err(SinkError::Other("the disk is full".to_owned()));
        }
        self.0.store_batch(batch).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_could_not_be_stored_is_never_confirmed() {
    let server = Server::scripted([batch("t1", &[1]), batch("t2", &[2])]);
    let consumer = Consumer::new(server.endpoint(), ISPB.parse().unwrap(), options(Stop::Forever));
    let sink = Arc::new(Full(MemorySink::new(10)));
    let error = consumer.run(sink, Arc::new(Unobserved), an_hour()).await.unwrap_err();
    assert_eq!(error.to_string(), "the messages could not be stored: the disk is full");
    // Neither a read nor a DELETE with the token of the second batch.
    assert_eq!(server.lines(), ["GET start", "GET t1"]);
}

#[tokio::test(start_paused = true)]
async fn streams_that_stored_their_batches_are_closed_when_another_fails() {
    let mut reads = 0;
    let server = Server::answering(move |seen| {
        if seen.line.starts_with("DELETE") {
            return ok();
        }
        reads += 1;
        match reads {
            1 => batch("first", &[1]),
            2 => batch("second", &[2]).late(1),
            _ => empty("idle").late(5),
        }
    });
    let mut options = options(Stop::Forever);
    options.streams = 2;
    let consumer = Consumer::new(server.endpoint(), ISPB.parse().unwrap(), options);
    let sink = Arc::new(Full(MemorySink::new(10)));
    assert!(consumer.run(sink, Arc::new(Unobserved), an_hour()).await.is_err());
    assert!(server.lines().contains(&"DELETE first".to_owned()));
    assert!(!server.lines().iter().any(|line| line.ends_with("second")));
}
