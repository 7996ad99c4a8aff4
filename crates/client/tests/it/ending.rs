//! Every way to end: what has arrived is stored and confirmed, slots are freed, and it does not take long.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_client::{Consumer, Error, MemorySink, Stop, Unobserved};
use tokio::time::{Instant, sleep};

use crate::server::{Answer, ISPB, Server, an_hour, batch, empty, ok, options, path, problem};

fn consumer(server: &Arc<Server>, stop: Stop, streams: u8) -> Consumer {
    let mut options = options(stop);
    options.streams = streams;
    Consumer::new(server.endpoint(), ISPB.parse().unwrap(), options)
}

fn memory() -> Arc<MemorySink> {
    Arc::new(MemorySink::new(1000))
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_cuts_the_waiting_read_and_closes_with_the_token_it_has() {
    let server = Server::scripted([batch("t1", &[1, 2]), empty("t2").late(5)]);
    let started = Instant::now();
    let shutdown = sleep(Duration::from_secs(1));
    let run = consumer(&server, Stop::Forever, 1).run(memory(), Arc::new(Unobserved), shutdown);
    let summary = run.await.unwrap();
    assert_eq!(server.lines(), ["GET start", "GET t1", "DELETE t1"]);
    assert_eq!((summary.confirmed, summary.abandoned), (2, 0));
    assert!(started.elapsed() < Duration::from_millis(1_100), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_a_little_for_a_start_under_way_since_only_its_answer_frees_the_slot() {
    let server = Server::scripted([batch("t1", &[1]).late(2)]);
    let shutdown = sleep(Duration::from_secs(1));
    let run = consumer(&server, Stop::Forever, 1).run(memory(), Arc::new(Unobserved), shutdown);
    assert_eq!(run.await.unwrap().confirmed, 1);
    assert_eq!(server.lines(), ["GET start", "DELETE t1"]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_takes_less_than_5_s_with_a_server_that_does_not_answer() {
    let silent_start = Server::scripted([empty("t1").late(3600)]);
    let silent_close = Server::answering(|seen| match seen.line.as_str() {
        "GET start" => batch("t1", &[1]),
        _ => ok().late(3600),
    });
    let mut abandoned = Vec::new();
    for server in [silent_start, silent_close] {
        let started = Instant::now();
        let shutdown = sleep(Duration::from_secs(1));
        let run = consumer(&server, Stop::Forever, 1).run(memory(), Arc::new(Unobserved), shutdown);
        abandoned.push(run.await.unwrap().abandoned);
        assert!(started.elapsed() <= Duration::from_secs(6), "{:?}", started.elapsed());
    }
    assert_eq!(abandoned, [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_a_long_wait_for_a_slot() {
    let server = Server::answering(|_| problem(429, "threadLimit").with("Retry-After", "60"));
    let started = Instant::now();
    let shutdown = sleep(Duration::from_secs(1));
    let run = consumer(&server, Stop::Forever, 6).run(memory(), Arc::new(Unobserved), shutdown);
    run.await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(1_100), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_delete_whose_answer_was_lost_confirms_and_one_that_comes_too_late_does_not() {
    for (close, confirmed) in [
        (vec![Answer::Lost, problem(410, "streamGone")], 1),
        (vec![problem(410, "streamGone")], 0),
        (vec![problem(503, "unavailable").with("Retry-After", "1"), ok()], 1),
    ] {
        let server = Server::scripted([batch("t1", &[1])].into_iter().chain(close));
        let run = consumer(&server, Stop::Count(1), 1).run(memory(), Arc::new(Unobserved), an_hour());
        let summary = run.await.unwrap();
        assert_eq!((summary.new, summary.confirmed, summary.abandoned), (1, confirmed, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_delete_is_an_error() {
    let server = Server::scripted([batch("t1", &[1]), problem(404, "notFound")]);
    let run = consumer(&server, Stop::Count(1), 1).run(memory(), Arc::new(Unobserved), an_hour());
    assert!(matches!(run.await, Err(Error::Refused(_))));
}

/// Hands out `total` messages in batches of three, to any stream, then waits like a long poll.
fn shop(total: u8) -> Arc<Server> {
    let (mut given, mut token) = (0, 0);
    Server::answering(move |seen| {
        if seen.line.starts_with("DELETE") {
            return ok();
        }
        assert!(seen.path == path("start") || seen.line.starts_with("GET t"), "{}", seen.line);
        token += 1;
        let numbers: Vec<u8> = (given..total.min(given + 3)).collect();
        given += numbers.len() as u8;
        let next = format!("t{token}");
        // The slower the batch, the likelier that another stream finds nothing meanwhile.
        if numbers.is_empty() { empty(&next).late(5) } else { batch(&next, &numbers).late(6) }
    })
}

#[tokio::test(start_paused = true)]
async fn six_streams_share_the_work_and_all_of_it_is_confirmed_at_the_first_empty_read() {
    let server = shop(100);
    let run = consumer(&server, Stop::FirstEmpty, 6).run(memory(), Arc::new(Unobserved), an_hour());
    let summary = run.await.unwrap();
    assert_eq!((summary.delivered, summary.new, summary.confirmed), (100, 100, 100));
    assert_eq!(server.connections(), 6);
    assert_eq!(server.lines().iter().filter(|line| line.starts_with("DELETE")).count(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_count_is_reached_over_all_streams_and_reads_under_way_are_given_up() {
    let server = shop(100);
    let started = Instant::now();
    let run = consumer(&server, Stop::Count(4), 2).run(memory(), Arc::new(Unobserved), an_hour());
    let summary = run.await.unwrap();
    assert_eq!((summary.new, summary.confirmed), (6, 6));
    assert!(started.elapsed() < Duration::from_millis(6_100), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn streams_beyond_the_slots_end_with_the_others() {
    let mut starts = 0;
    let server = Server::answering(move |seen| {
        starts += u32::from(seen.line == "GET start");
        match seen.line.as_str() {
            "GET start" if starts > 1 => problem(429, "threadLimit").with("Retry-After", "1"),
            "GET start" => batch("t1", &[1]),
            "GET t1" => empty("t2").late(5),
            _ => ok(),
        }
    });
    let run = consumer(&server, Stop::FirstEmpty, 3).run(memory(), Arc::new(Unobserved), an_hour());
    assert_eq!(run.await.unwrap().confirmed, 1);
}

#[tokio::test]
async fn no_stream_and_seven_streams_are_usage_errors() {
    let server = Server::scripted([]);
    for streams in [0, 7] {
        let run = consumer(&server, Stop::FirstEmpty, streams).run(memory(), Arc::new(Unobserved), an_hour());
        assert!(matches!(run.await, Err(Error::Usage(_))), "{streams}");
    }
}
