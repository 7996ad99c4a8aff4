//! What the rate limit and back-pressure add to a read: the calls that the server makes for each, in one thread and in
//! CPU time, over as many participants as the Pix system has. In one process; a decision of a cluster between two reports
//! is measured by the tests of adapter-redis.

use std::hint::black_box;
use std::time::Duration;

use color_eyre::eyre::{Result, ensure};
use pix_stream_adapter_embedded::LocalCoordinator;
use pix_stream_calls::store::{COORDINATOR_ADMIT, COORDINATOR_DEADLINE};
use pix_stream_calls::{Kind, Pressure, PressureSettings};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::rate::Rule;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::coordinator::Coordinator as _;
use tokio::time::Instant;

use crate::codec::cpu;
use crate::console;
use crate::figures::{Report, Samples};

const PARTICIPANTS: usize = 1_000;
/// Reads of each participant in a round.
const READS: usize = 20;
const ROUNDS: usize = 41;
/// What all of it may cost a read.
const TARGET: &str = "500 ns";

/// Measures each part and the whole.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
    console::progress("[bench] limiter and back-pressure");
    // The clock of tokio is needed, its threads are not.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(measure_all(report))
}

async fn measure_all(report: &mut Report) -> Result<()> {
    let participants: Vec<Ispb> =
        (0..PARTICIPANTS).map(|n| format!("{n:08}").parse()).collect::<Result<_, _>>()?;
    let coordinator = LocalCoordinator::new();
    let pressure = Pressure::new(Some(PressureSettings::default()));
    let rule = Rule { limit: u32::MAX, window: Duration::from_secs(1) };
    let [mut window, mut limiter, mut noted, mut asked, mut whole] =
        std::array::from_fn(|_| Samples::default());
    for round in 0..ROUNDS {
        let at = Timestamp::from_unix_millis(1_767_614_400_000 + 20 * round as u64);
        let mut admitted = 0;
        let begun = cpu();
        for _ in 0..READS {
            for ispb in &participants {
                admitted += usize::from(coordinator.admit(*ispb, rule, at).await?.admitted);
            }
        }
        window.add(each(begun));
        let begun = cpu();
        for _ in 0..READS {
            for ispb in &participants {
                admitted += usize::from(limit(&coordinator, *ispb, rule, at).await?);
            }
        }
        limiter.add(each(begun));
        let begun = cpu();
        for _ in 0..READS {
            participants.iter().for_each(|_| note(&pressure));
        }
        noted.add(each(begun));
        let begun = cpu();
        for _ in 0..READS {
            admitted += participants.iter().filter(|ispb| ask(&pressure, **ispb)).count();
        }
        asked.add(each(begun));
        let begun = cpu();
        for _ in 0..READS {
            for ispb in &participants {
                let passes = limit(&coordinator, *ispb, rule, at).await?;
                note(&pressure);
                admitted += usize::from(passes & ask(&pressure, *ispb));
            }
        }
        whole.add(each(begun));
        ensure!(admitted == 4 * READS * PARTICIPANTS, "something was refused");
    }
    report.value("rate window, one decision", window.median(), "ns", "");
    report.value("the same within its deadline and with its metrics", limiter.median(), "ns", "");
    report.value("back-pressure: delays taken down", noted.median(), "ns", "");
    report.value("back-pressure: decision and signal", asked.median(), "ns", "200 ns");
    report.value("limiter and back-pressure, all that a read pays", whole.median(), "ns", TARGET);
    Ok(())
}

/// As the core counts a request in its window.
async fn limit(coordinator: &LocalCoordinator, ispb: Ispb, rule: Rule, at: Timestamp) -> Result<bool> {
    let admit = coordinator.admit(ispb, rule, at);
    Ok(COORDINATOR_ADMIT.run(COORDINATOR_DEADLINE, admit).await?.admitted)
}

/// As a seat takes down how long a request waited and how long its store took.
fn note(pressure: &Pressure) {
    let (queued_at, begun) = (Instant::now(), Instant::now());
    pressure.note_queue(Kind::Pull, begun.duration_since(queued_at));
    pressure.note_store(Kind::Pull, begun.elapsed(), 1);
}

/// As a read asks, and its answer says.
fn ask(pressure: &Pressure, ispb: Ispb) -> bool {
    black_box(pressure.admit(Kind::Pull, ispb, 1)).is_ok() && !black_box(pressure.signals(Kind::Pull, ispb))
}

/// Nanoseconds of a read.
fn each(begun: Duration) -> f64 {
    cpu().saturating_sub(begun).as_secs_f64() * 1e9 / (READS * PARTICIPANTS) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_passes() {
        let mut report = Report::default();
        measure(&mut report).unwrap();
        assert_eq!(report.values.len(), 5);
        assert!(report.values.iter().all(|value| value.value > 0.0), "{:?}", report.values);
    }
}
