//! What a demo shows: batches as they arrive, and the rate; a moving line on a terminal, a line now and then elsewhere.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::output;

use super::tally::{Arrived, Counts, LINES, Tally};

/// How often the rate is shown on a terminal, and elsewhere.
const LIVE_EVERY: Duration = Duration::from_millis(500);
const PLAIN_EVERY: Duration = Duration::from_secs(5);
/// Batches shown before the show slows down, and the shortest time between two afterwards.
const BATCHES_FIRST: u32 = 10;
const BATCH_EVERY: Duration = Duration::from_secs(1);

/// Shows a demo.
#[derive(Debug)]
pub(super) struct Screen {
    lines: mpsc::Receiver<Arrived>,
    is_json: bool,
    is_live: bool,
    shown: u32,
    last_batch: Instant,
    before: (Counts, Instant),
}

impl Screen {
    /// A screen, and where batches are put for it.
    pub(super) fn start(is_json: bool) -> (mpsc::Sender<Arrived>, Self) {
        let (sender, lines) = mpsc::channel(LINES);
        let now = Instant::now();
        let is_live = output::stderr_is_terminal();
        let screen =
            Self { lines, is_json, is_live, shown: 0, last_batch: now, before: (Counts::default(), now) };
        (sender, screen)
    }

    /// Shows until nothing more comes.
    pub(super) async fn run(mut self, tally: Arc<Tally>) {
        let mut rate = interval(if self.is_live { LIVE_EVERY } else { PLAIN_EVERY });
        rate.set_missed_tick_behavior(MissedTickBehavior::Skip);
        rate.tick().await;
        loop {
            tokio::select! {
                arrived = self.lines.recv() => match arrived {
                    Some(arrived) => self.batch(&arrived),
                    None => break,
                },
                _ = rate.tick() => self.rate(tally.counts()),
            }
        }
        if self.is_live {
            output::live("");
        }
    }

    fn batch(&mut self, arrived: &Arrived) {
        let now = Instant::now();
        if self.is_json || (self.shown >= BATCHES_FIRST && now - self.last_batch < BATCH_EVERY) {
            return;
        }
        self.shown += 1;
        self.last_batch = now;
        if self.is_live {
            output::live("");
        }
        let Arrived { stream, messages, bytes, first, age } = arrived;
        // A reader that went away ends nothing: the traffic goes on until a signal.
        let _ = output::line(format_args!(
            "stream {stream}  {messages:>2} message{}  {:>6.1} kB  from {first}, {} ms after publishing",
            if *messages == 1 { " " } else { "s" },
            kilobytes(*bytes),
            age.as_millis()
        ));
        if self.shown == BATCHES_FIRST {
            let _ = output::line("(from here on one batch a second is shown)");
        }
    }

    fn rate(&mut self, counts: Counts) {
        let now = Instant::now();
        let (before, since) = std::mem::replace(&mut self.before, (counts, now));
        let millis = u64::try_from((now - since).as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = |now: u64, before: u64| (now - before).saturating_mul(1_000) / millis;
        let arrived = u32::try_from(counts.delivered - before.delivered).unwrap_or(u32::MAX).max(1);
        let age = (counts.age - before.age) / arrived;
        let text = format!(
            "published {} ({}/s)  delivered {} ({}/s)  confirmed {}  {:.1} ms on the way",
            counts.published,
            rate(counts.published, before.published),
            counts.delivered,
            rate(counts.delivered, before.delivered),
            counts.confirmed,
            age.as_secs_f64() * 1e3,
        );
        if self.is_live { output::live(text) } else { output::note(text) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a size for people, with one digit behind the point")]
fn kilobytes(bytes: usize) -> f64 {
    bytes as f64 / 1e3
}
