//! The rate windows of all participants on this node, and the reports that keep them together with the other nodes'.
//! The rules are in [`crate::share`]; here are the locks, the waiting and the commands.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fred::interfaces::{HashesInterface as _, KeysInterface as _};
use fred::types::Value;
use metrics::Counter;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::rate::{Decision, Rule};
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::error::Error;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::answer;
use crate::caller::Caller;
use crate::keys::Keys;
use crate::metrics::{RATE_ALONE, RATE_REPORTS, RATE_WAITS};
use crate::share::{CELLS, Cell, Report, Ruling, Share};

/// Participants are spread over this many locks.
const SHARDS: usize = 16;
/// Windows of one shard, at which idle ones are dropped. The Pix system has about a thousand participants.
const WINDOWS_PER_SHARD: usize = 1024;
/// How long a request may wait for a report, and a report for Redis. Longer would eat into the second within which a
/// read is answered.
const REPORT_LIMIT: Duration = Duration::from_millis(100);

/// The windows of this node.
pub(crate) struct Windows {
    shards: [Mutex<HashMap<Ispb, Arc<Entry>>>; SHARDS],
    reporter: Arc<Reporter>,
    waits: Counter,
    alone: Counter,
}

struct Entry {
    share: Mutex<Share>,
    /// Told whenever a report ended.
    reported: Notify,
}

impl Entry {
    fn share(&self) -> MutexGuard<'_, Share> {
        self.share.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who asks, under which rule, when.
#[derive(Clone, Copy)]
struct Request {
    ispb: Ispb,
    rule: Rule,
    now: Timestamp,
}

impl Windows {
    pub(crate) fn new(caller: Caller, keys: Keys) -> Self {
        let outcome = |outcome: &'static str| metrics::counter!(RATE_REPORTS, "outcome" => outcome);
        let (ok, failed) = (outcome("ok"), outcome("failed"));
        let reporter = Reporter { caller, keys, fails: AtomicBool::new(false), ok, failed };
        Self {
            shards: Default::default(),
            reporter: Arc::new(reporter),
            waits: metrics::counter!(RATE_WAITS),
            alone: metrics::counter!(RATE_ALONE),
        }
    }

    /// Decides one request. Never fails: without Redis this node decides by what it knows.
    pub(crate) async fn admit(&self, ispb: Ispb, rule: Rule, now: Timestamp) -> Decision {
        let entry = self.entry(ispb, rule, now);
        let request = Request { ispb, rule, now };
        if let Some(decision) = self.decide(&entry, request, true) {
            return decision;
        }
        self.waits.increment(1);
        let until = Instant::now() + REPORT_LIMIT;
        loop {
            let mut reported = std::pin::pin!(entry.reported.notified());
            reported.as_mut().enable();
            self.report(&entry, request);
            let is_late = timeout_at(until, reported).await.is_err();
            if let Some(decision) = self.decide(&entry, request, !is_late) {
                return decision;
            }
        }
    }

    fn entry(&self, ispb: Ispb, rule: Rule, now: Timestamp) -> Arc<Entry> {
        let sum: usize = ispb.as_bytes().iter().map(|byte| usize::from(*byte)).sum();
        let mut shard = self.shards[sum % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = shard.get(&ispb) {
            return Arc::clone(entry);
        }
        if shard.len() >= WINDOWS_PER_SHARD {
            shard.retain(|_, entry| Arc::strong_count(entry) > 1 || !entry.share().is_idle(rule, now));
        }
        let entry = Arc::new(Entry { share: Mutex::new(Share::new(rule.window)), reported: Notify::new() });
        shard.insert(ispb, Arc::clone(&entry));
        entry
    }

    /// The decision, unless the request has to wait.
    fn decide(&self, entry: &Arc<Entry>, request: Request, is_patient: bool) -> Option<Decision> {
        let ruling = entry.share().admit(request.rule, request.now, is_patient);
        match ruling {
            Ruling::Wait => None,
            Ruling::Decided { decision, report, alone } => {
                if report {
                    self.report(entry, request);
                }
                self.alone.increment(u64::from(alone));
                Some(decision)
            }
        }
    }

    /// Begins a report, unless one is on its way.
    fn report(&self, entry: &Arc<Entry>, Request { ispb, rule, now }: Request) {
        let Some(report) = entry.share().begin_report(now) else { return };
        let (reporter, entry) = (Arc::clone(&self.reporter), Arc::clone(entry));
        let begun = Instant::now();
        tokio::spawn(async move {
            let mut sent = std::pin::pin!(reporter.send(ispb, rule, &report));
            let learned = tokio::time::timeout(REPORT_LIMIT, &mut sent).await;
            let is_late = learned.is_err();
            let learned = reporter.learn(learned.unwrap_or_else(|_| Err(late())));
            let now = now.after(begun.elapsed());
            match learned {
                Some(shared) => entry.share().end_report(&report, shared, now),
                None => entry.share().fail_report(now),
            }
            entry.reported.notify_waiters();
            if is_late {
                // To its own end, or nobody would notice that Redis stands still.
                let _ = sent.await;
            }
        });
    }
}

fn late() -> Error {
    Error::Unavailable(format!("no answer within {REPORT_LIMIT:?}"))
}

/// Brings reports to Redis: one hash for each span of 32 cells, which expires when no window reaches it any more.
struct Reporter {
    caller: Caller,
    keys: Keys,
    /// Whether the last one failed.
    fails: AtomicBool,
    ok: Counter,
    failed: Counter,
}

impl Reporter {
    /// What a report learned; `None` when it failed, which is counted and, when it begins or ends, logged.
    fn learn(&self, sent: Result<Vec<Cell>, Error>) -> Option<Vec<Cell>> {
        match sent {
            Ok(shared) => {
                self.ok.increment(1);
                if self.fails.swap(false, Ordering::Relaxed) {
                    tracing::info!("nodes count requests together again");
                }
                Some(shared)
            }
            Err(error) => {
                self.failed.increment(1);
                if !self.fails.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "this node counts requests alone: each node keeps the rate limit by itself");
                }
                None
            }
        }
    }

    async fn send(&self, ispb: Ispb, rule: Rule, report: &Report) -> Result<Vec<Cell>, Error> {
        let key = |span: u64| self.keys.requests(ispb, rule.window, span);
        let life = rule.window.saturating_mul(4) + Duration::from_secs(1);
        let life = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
        let values = self.caller.client.pipeline();
        let answer = self.caller.run(Some(ispb), async {
            let mut spans: Vec<u64> = Vec::new();
            for cell in &report.add {
                let span = cell.number / CELLS;
                values.hincrby::<(), _, _>(key(span), cell.number.to_string(), cell.count.into()).await?;
                if !spans.contains(&span) {
                    spans.push(span);
                }
            }
            for span in spans {
                values.pexpire::<(), _>(key(span), life, None).await?;
            }
            for span in report.spans {
                values.hgetall::<(), _>(key(span)).await?;
            }
            values.all::<Value>().await
        });
        let what = "counts of requests";
        let answers = answer::list(answer.await?, what)?;
        let spans = answers.len().checked_sub(2).ok_or_else(|| answer::unexpected(what))?;
        let mut cells = Vec::new();
        for span in answers.into_iter().skip(spans) {
            for (number, count) in answer::pairs(span, what)? {
                let count = u32::try_from(answer::number(&count, what)?).unwrap_or(u32::MAX);
                cells.push(Cell { number: answer::number(&number, what)?, count });
            }
        }
        Ok(cells)
    }
}
