//! Begins and ends requests: decides what of them is kept, and keeps it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use metrics::Counter;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::context::{Ids, Parent};
use crate::metrics::SPANS_DROPPED;
use crate::request::{Request, Step};
use crate::slow::{SLOW_KEPT, SlowRequest, SlowRing};
use crate::trace::{Kind, Span, Trace, Value};

/// Which requests are traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sampling {
    /// Of a million traces so many, chosen by their id.
    pub per_million: u32,
    /// Whether a client that keeps its own part of a trace decides for this node, too: what that costs is then the
    /// client's choice.
    pub follow_clients: bool,
}

impl Sampling {
    fn takes(self, low: u64, parent: Option<Parent>) -> bool {
        const MILLION: u128 = 1_000_000;
        if self.per_million == 0 && !self.follow_clients {
            return false;
        }
        // As OpenTelemetry's ratio sampler does: by 63 bits of the id.
        let bound = u128::from(self.per_million) * (1_u128 << 63) / MILLION;
        let is_told = self.follow_clients && parent.is_some_and(|parent| parent.is_sampled);
        is_told || u128::from(low >> 1) < bound
    }
}

/// What an observer is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A random number, where ids start.
    pub seed: u64,
    /// Which requests are traced; none without a queue.
    pub sampling: Sampling,
    /// Where finished traces go. A full queue drops them, and counts.
    pub traces: Option<mpsc::Sender<Trace>>,
    /// Of so many ordinary requests one is worth a line in the log; 0 for none.
    pub log_sample: u32,
    /// From how much work and waiting for stores on a request is slow.
    pub slow: Duration,
    /// The time of day.
    pub now: fn() -> SystemTime,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its route, as in the metrics.
    pub route: &'static str,
    /// The participant, where it names one of ours.
    pub ispb: Option<&'a str>,
    /// Its id.
    pub request_id: &'a str,
    /// The status of its answer.
    pub status: u16,
    /// The code of the error, if it was refused.
    pub code: Option<&'static str>,
    /// Time of work, all waits left out.
    pub work: Duration,
}

/// Begins and ends the requests of a node.
#[derive(Debug)]
pub struct Observer {
    ids: Ids,
    settings: Settings,
    ring: Arc<SlowRing>,
    dropped: [Counter; 2],
}

/// Places in [`Observer::dropped`].
const QUEUE: usize = 0;
const FULL: usize = 1;

impl Observer {
    /// An observer, with a ring of [`SLOW_KEPT`] slow requests.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let dropped = ["queue", "full"].map(|reason| metrics::counter!(SPANS_DROPPED, "reason" => reason));
        Self { ids: Ids::new(settings.seed), settings, ring: Arc::new(SlowRing::new(SLOW_KEPT)), dropped }
    }

    /// One that keeps slow requests and nothing else, whose slow requests are all of the epoch: for tests.
    #[must_use]
    pub fn quiet() -> Self {
        Self::new(Settings {
            seed: 1,
            sampling: Sampling::default(),
            traces: None,
            log_sample: 0,
            slow: Duration::from_millis(250),
            now: || SystemTime::UNIX_EPOCH,
        })
    }

    /// The slow requests.
    #[must_use]
    pub fn ring(&self) -> Arc<SlowRing> {
        Arc::clone(&self.ring)
    }

    /// Begins a request that came at `began`. `traceparent` is the value of its header, if it has exactly one.
    #[must_use]
    pub fn begin(&self, traceparent: Option<&[u8]>, began: Instant) -> Arc<Request> {
        let (trace, span) = self.ids.next();
        let parent = traceparent.and_then(Parent::parse);
        let trace = parent.map_or(trace, |parent| parent.trace);
        let is_sampled = self.settings.traces.is_some() && self.settings.sampling.takes(trace.low(), parent);
        let parent = parent.map(|parent| parent.span);
        Arc::new(Request::new((trace, span), parent, began, is_sampled))
    }

    /// Whether a request was slow: its work and its waits for stores; a long poll's wait for a message is none.
    #[must_use]
    pub fn is_slow(&self, request: &Request, work: Duration) -> bool {
        work + request.waited().iter().sum::<Duration>() >= self.settings.slow
    }

    /// Whether an ordinary request is one of those that get a line in the log.
    #[must_use]
    pub fn is_log_sample(&self, request: &Request) -> bool {
        match self.settings.log_sample {
            0 => false,
            every => request.span.number().is_multiple_of(u64::from(every)),
        }
    }

    /// Ends a request: remembers it if it was slow, hands its trace on if it is sampled.
    pub fn end(&self, request: &Request, done: &Done<'_>) {
        if self.is_slow(request, done.work) {
            self.ring.push(SlowRequest {
                at: (self.settings.now)(),
                request_id: done.request_id.to_owned(),
                trace: request.trace,
                route: done.route,
                ispb: done.ispb.map(str::to_owned),
                status: done.status,
                work: done.work,
                waited: request.waited(),
            });
        }
        let Some(queue) = self.settings.traces.as_ref().filter(|_| request.steps.is_some()) else { return };
        let (trace, lost) = self.trace(request, done);
        self.dropped[FULL].increment(lost);
        let spans = trace.spans.len() as u64;
        if queue.try_send(trace).is_err() {
            self.dropped[QUEUE].increment(spans);
        }
    }

    /// The trace of a request that ended, and how many steps did not fit into it.
    fn trace(&self, request: &Request, done: &Done<'_>) -> (Trace, u64) {
        let (now, today) = (Instant::now(), (self.settings.now)());
        let at = |moment: Instant| today.checked_sub(now - moment).unwrap_or(today);
        let (steps, count) = request.take_steps();
        let lost = count.saturating_sub(steps.len() as u64);
        let mut spans = Vec::with_capacity(steps.len() + 1);
        spans.push(Span {
            id: request.span,
            parent: request.parent,
            is_parent_remote: request.parent.is_some(),
            kind: Kind::Server,
            name: format!("{} {}", done.method, done.route),
            began: at(request.began),
            ended: today,
            attributes: attributes(done),
            // A refusal is the client's failure, not the server's (OpenTelemetry, HTTP spans).
            has_failed: done.status >= 500,
        });
        spans.extend(steps.into_iter().map(|step| span(step, at)));
        (Trace { id: request.trace, spans }, lost)
    }
}

fn attributes(done: &Done<'_>) -> Vec<(&'static str, Value)> {
    let mut attributes = vec![
        ("http.request.method", Value::Name(done.method.to_owned())),
        ("http.route", Value::Word(done.route)),
        ("http.response.status_code", Value::Number(done.status.into())),
        ("pix_stream.request_id", Value::Name(done.request_id.to_owned())),
    ];
    attributes.extend(done.code.map(|code| ("error.type", Value::Word(code))));
    attributes.extend(done.ispb.map(|ispb| ("pix_stream.ispb", Value::Name(ispb.to_owned()))));
    attributes
}

fn span(step: Step, at: impl Fn(Instant) -> SystemTime) -> Span {
    let (first, second) = step.name;
    let mut attributes: Vec<_> = step.attribute.into_iter().collect();
    if step.kind == Kind::Client {
        attributes.push(("pix_stream.store", Value::Word(first)));
        attributes.push(("pix_stream.operation", Value::Word(second)));
    }
    Span {
        id: step.id,
        parent: Some(step.parent),
        is_parent_remote: false,
        kind: step.kind,
        name: if second.is_empty() { first.to_owned() } else { format!("{first} {second}") },
        began: at(step.began),
        ended: at(step.ended),
        attributes,
        has_failed: step.has_failed,
    }
}

#[cfg(test)]
mod tests;
