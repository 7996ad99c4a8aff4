//! What it costs a read to be observed: ids, time in each store, the question whether it was slow, and - of one that is
//! sampled - its trace. In one thread and in CPU time; sending traces is another task's.

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use color_eyre::eyre::Result;
use pix_stream_telemetry::{Done, Observer, Sampling, Settings, Store, current, enter, note_store, timed};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::codec::cpu;
use crate::console;
use crate::figures::{Report, Samples};

const READS: u32 = 20_000;
const ROUNDS: usize = 41;

/// Measures a read that is not traced, and one that is.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
    console::progress("[bench] observed requests");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let bare = median(async || black_box(read())).await;
        for (name, per_million, target) in [
            ("observing a read that is not traced", 0, "200 ns"),
            ("observing and tracing a read", 1_000_000, ""),
        ] {
            let (traces, mut queue) = mpsc::channel(1);
            let observer = Observer::new(Settings {
                seed: 1,
                sampling: Sampling { per_million, follow_clients: false },
                traces: Some(traces),
                log_sample: 1_000,
                slow: Duration::from_millis(250),
                now: || SystemTime::UNIX_EPOCH,
            });
            let whole = median(async || {
                observed(&observer).await;
                queue.try_recv().is_ok()
            });
            report.value(name, (whole.await - bare).max(0.0), "ns", target);
        }
    });
    Ok(())
}

/// What a read does anyway: it looks at the clock around its work and around each call of a store.
fn read() -> bool {
    let began = Instant::now();
    let called = (Instant::now(), Instant::now());
    note_store(Store::Coordinator, "admit", called, false);
    note_store(Store::Coordinator, "swap", called, false);
    black_box(began.elapsed()) > Duration::ZERO
}

async fn observed(observer: &Observer) {
    let request = observer.begin(None, Instant::now());
    let (_, work) = timed(&request, async {
        let step = enter("app.pull");
        black_box(current());
        step.close(Ok::<_, ()>(read()))
    })
    .await;
    let (request_id, ispb) = ("0123456789abcdef", Some("99999001"));
    let done = Done { method: "GET", route: "pull", ispb, request_id, status: 200, code: None, work };
    observer.end(&request, &done);
    black_box(observer.is_slow(&request, work) | observer.is_log_sample(&request));
}

/// Nanoseconds of one run.
async fn median(mut run: impl AsyncFnMut() -> bool) -> f64 {
    let mut samples = Samples::default();
    for _ in 0..ROUNDS {
        let begun = cpu();
        for _ in 0..READS {
            black_box(run().await);
        }
        samples.add(cpu().saturating_sub(begun).as_secs_f64() * 1e9 / f64::from(READS));
    }
    samples.median()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_observed() {
        let mut report = Report::default();
        measure(&mut report).unwrap();
        assert_eq!(report.values.len(), 2);
    }
}
