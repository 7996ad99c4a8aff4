//! Issue 7, item 3: what is kept of a request.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio::time::{Instant, advance};

use super::*;
use crate::{Store, current, enter, ids_of_current, note_store, on_behalf_of, timed, within};

const PARENT: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn observer(sampling: Sampling) -> (Observer, mpsc::Receiver<Trace>) {
    let (traces, received) = mpsc::channel(1);
    let now = || SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
    let slow = Duration::from_millis(250);
    (Observer::new(Settings { seed: 7, sampling, traces: Some(traces), log_sample: 4, slow, now }), received)
}

fn all() -> Sampling {
    Sampling { per_million: 1_000_000, follow_clients: false }
}

fn done(work: Duration) -> Done<'static> {
    Done {
        method: "GET",
        route: "pull",
        ispb: Some("99999001"),
        request_id: "r1",
        status: 200,
        code: None,
        work,
    }
}

async fn call_store(milliseconds: u64) {
    let began = Instant::now();
    advance(Duration::from_millis(milliseconds)).await;
    note_store(Store::Journal, "read", (began, Instant::now()), false);
}

#[tokio::test(start_paused = true)]
async fn a_trace_has_the_request_its_step_and_its_store_each_below_the_other() {
    let (observer, mut traces) = observer(all());
    let request = observer.begin(Some(PARENT), Instant::now());
    let ((), work) = timed(&request, async {
        let step = enter("app.pull");
        call_store(30).await;
        step.close(Ok::<_, ()>(())).unwrap();
    })
    .await;
    observer.end(&request, &done(work));
    let trace = traces.try_recv().unwrap();
    assert_eq!(trace.id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    let [http, store, app] = &trace.spans[..] else { panic!("{:?}", trace.spans) };
    assert_eq!([&*http.name, &app.name, &store.name], ["GET pull", "app.pull", "journal read"]);
    assert_eq!(http.parent.unwrap().to_string(), "00f067aa0ba902b7");
    assert_eq!((app.parent, store.parent), (Some(http.id), Some(app.id)));
    assert!(http.is_parent_remote && !app.is_parent_remote);
    assert_eq!(store.ended.duration_since(store.began).unwrap(), Duration::from_millis(30));
    assert_eq!(request.waited(), [Duration::ZERO, Duration::from_millis(30), Duration::ZERO]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_several_wait_for_counts_for_each_and_says_so() {
    let (observer, mut traces) = observer(all());
    let (one, other) = (observer.begin(None, Instant::now()), observer.begin(None, Instant::now()));
    on_behalf_of(vec![Arc::clone(&one), Arc::clone(&other)], call_store(5)).await;
    for request in [&one, &other] {
        assert_eq!(request.waited()[1], Duration::from_millis(5));
        observer.end(request, &done(Duration::ZERO));
        let span = traces.try_recv().unwrap().spans.remove(1);
        assert!(span.attributes.contains(&("pix_stream.requests", Value::Number(2))), "{span:?}");
    }
    assert!(current().is_none(), "nobody is current outside");
}

#[tokio::test(start_paused = true)]
async fn a_given_up_step_has_failed_and_a_request_that_is_not_sampled_leaves_no_trace() {
    let (observer, mut traces) = observer(all());
    let request = observer.begin(None, Instant::now());
    within(&request, || drop(enter("app.pull")));
    observer.end(&request, &done(Duration::ZERO));
    assert!(traces.try_recv().unwrap().spans[1].has_failed);
    let (observer, mut traces) = self::observer(Sampling::default());
    let request = observer.begin(Some(PARENT), Instant::now());
    let ((), _) = timed(&request, call_store(300)).await;
    observer.end(&request, &done(Duration::ZERO));
    assert!(traces.try_recv().is_err());
    assert_eq!(observer.ring().recent()[0].trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_stores_makes_slow_and_waiting_for_messages_does_not() {
    let (observer, _traces) = observer(Sampling::default());
    let request = observer.begin(None, Instant::now());
    let ((), work) = timed(&request, advance(Duration::from_secs(5))).await;
    assert!(!observer.is_slow(&request, work.min(Duration::from_millis(1))));
    within(&request, || {
        let ended = Instant::now();
        note_store(Store::Coordinator, "swap", (ended - Duration::from_millis(249), ended), true);
    });
    assert!(!observer.is_slow(&request, Duration::ZERO));
    assert!(observer.is_slow(&request, Duration::from_millis(1)));
    assert_eq!(request.waited()[0], Duration::from_millis(249));
}

#[tokio::test(start_paused = true)]
async fn the_ring_keeps_the_latest_and_no_more() {
    let (observer, _traces) = observer(Sampling::default());
    let request = observer.begin(None, Instant::now());
    for number in 0..=SLOW_KEPT {
        let request_id = number.to_string();
        let slow = Done { request_id: &request_id, ..done(Duration::from_secs(1)) };
        observer.end(&request, &slow);
    }
    let recent = observer.ring().recent();
    assert_eq!((recent.len(), &*recent[0].request_id), (SLOW_KEPT, "256"));
    assert_eq!(recent[SLOW_KEPT - 1].request_id, "1");
}

#[tokio::test(start_paused = true)]
async fn steps_beyond_the_limit_are_counted_and_a_full_queue_costs_no_time() {
    let (observer, mut traces) = observer(all());
    let request = observer.begin(None, Instant::now());
    let ((), _) = timed(&request, async {
        for _ in 0..100 {
            call_store(1).await;
        }
    })
    .await;
    let (trace, lost) = observer.trace(&request, &done(Duration::ZERO));
    assert_eq!((trace.spans.len(), lost), (64, 37));
    observer.end(&observer.begin(None, Instant::now()), &done(Duration::ZERO));
    observer.end(&observer.begin(None, Instant::now()), &done(Duration::ZERO));
    assert!(traces.try_recv().is_ok());
    assert!(traces.try_recv().is_err(), "the second one did not fit");
}

#[tokio::test(start_paused = true)]
async fn a_sampled_share_is_kept_and_clients_decide_only_where_they_may() {
    let (some, _traces) = observer(Sampling { per_million: 250_000, follow_clients: false });
    let kept = (0..10_000).filter(|_| some.begin(None, Instant::now()).steps.is_some()).count();
    assert!((2_300..2_700).contains(&kept), "{kept} of 10000, seed 7");
    let unsampled = b"00-ffffffffffffffffffffffffffffffff-00f067aa0ba902b7-00";
    let sampled = b"00-ffffffffffffffffffffffffffffffff-00f067aa0ba902b7-01";
    assert!(some.begin(Some(sampled), Instant::now()).steps.is_none());
    let (following, _traces) = observer(Sampling { per_million: 0, follow_clients: true });
    assert!(following.begin(Some(sampled), Instant::now()).steps.is_some());
    assert!(following.begin(Some(unsampled), Instant::now()).steps.is_none());
}

#[tokio::test(start_paused = true)]
async fn of_ordinary_requests_one_in_so_many_is_logged_with_its_ids() {
    let (observer, _traces) = observer(Sampling::default());
    let logged = (0..4_000).filter(|_| observer.is_log_sample(&observer.begin(None, Instant::now()))).count();
    assert!((850..1_150).contains(&logged), "{logged} of 4000, seed 7");
    let request = observer.begin(Some(PARENT), Instant::now());
    let ids = within(&request, || ids_of_current().unwrap());
    assert_eq!(ids, (request.trace(), request.span()));
}
