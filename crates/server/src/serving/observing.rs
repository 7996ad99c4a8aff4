//! What operators see of a running server beyond its log: traces, slow requests, the room on its disks; and what they
//! change of the log.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use pix_stream_admin::hooks::{self, HookError, LogState, Said};
use pix_stream_config::Config;
use pix_stream_config::sections::Traces;
use pix_stream_otlp::Exporter;
use pix_stream_telemetry::{Observer, Sampling, SlowRing, Store, Trace};
use tokio::sync::mpsc;

use crate::disk;
use crate::failure::Failure;
use crate::metrics::DISK_FREE;
use crate::system::{self, SystemEntropy};
use crate::telemetry::{Filter, FilterState, SetError};

/// How often the room on the disks is measured.
const MEASURE_EVERY: Duration = Duration::from_secs(5);
/// A finished request is slow from this much work and waiting for stores on: more than the service level (200 ms).
const SLOW: Duration = Duration::from_millis(250);

/// How long the end of the server waits for its last traces.
const LAST_TRACES: Duration = Duration::from_millis(500);

/// What watches a server at work.
pub(super) struct Observing {
    observer: Arc<Observer>,
    exporter: Option<Exporter>,
    filter: Filter,
}

impl Observing {
    /// Begins to watch.
    ///
    /// # Errors
    /// What the configuration says of the collector makes no sense.
    pub(super) fn begin(config: &Config, filter: Filter) -> Result<Self, Failure> {
        let traces = &config.traces;
        let sampling =
            Sampling { per_million: traces.sample_per_million, follow_clients: traces.follow_clients };
        let traced = if sampling == Sampling::default() { None } else { Some(export(traces)?) };
        let (exporter, queue) = traced.unzip();
        let observer = Observer::new(pix_stream_telemetry::Settings {
            seed: SystemEntropy::new().number(),
            sampling,
            traces: queue,
            log_sample: config.log.sample,
            slow: SLOW,
            now: system::time_of_day,
        });
        let folders = [("journal", &config.journal.directory), ("audit", &config.audit.directory)];
        tokio::spawn(watch_disks(folders.map(|(name, folder)| (name, folder.clone()))));
        Ok(Self { observer: Arc::new(observer), exporter, filter })
    }

    /// What begins and ends requests.
    pub(super) fn observer(&self) -> Arc<Observer> {
        Arc::clone(&self.observer)
    }

    /// What the admin API shows and changes of it.
    pub(super) fn hooks(&self) -> (Arc<dyn hooks::LogLevel>, Arc<dyn hooks::SlowRing>) {
        (Arc::new(Level(self.filter.clone())), Arc::new(Slow(self.observer.ring())))
    }

    /// Sends the last traces.
    pub(super) async fn finish(self) {
        if let Some(exporter) = self.exporter {
            exporter.finish(LAST_TRACES).await;
        }
    }
}

/// Starts what sends traces.
fn export(traces: &Traces) -> Result<(Exporter, mpsc::Sender<Trace>), Failure> {
    let settings = pix_stream_otlp::Settings {
        endpoint: traces.endpoint.clone(),
        headers: traces.find_headers().map_err(Failure::new)?.expose().to_owned(),
        ca: traces.ca.clone(),
        timeout: traces.timeout,
        version: env!("CARGO_PKG_VERSION"),
        instance: format!("{:016x}", SystemEntropy::new().number()),
    };
    Exporter::start(&settings)
        .map_err(|error| Failure::new(error).next("correct [traces] of the configuration"))
}

/// Measures the room on the disks that the server writes to, for as long as the process runs.
async fn watch_disks(folders: [(&'static str, PathBuf); 2]) {
    loop {
        for (name, folder) in &folders {
            // A folder that is not there is none that this server writes to.
            if let Ok(bytes) = disk::free_bytes(folder) {
                metrics::gauge!(DISK_FREE, "directory" => *name).set(bytes as f64);
            }
        }
        tokio::time::sleep(MEASURE_EVERY).await;
    }
}

/// The slow requests, for the admin API.
struct Slow(Arc<SlowRing>);

impl hooks::SlowRing for Slow {
    fn recent(&self) -> Vec<hooks::SlowRequest> {
        let shown = |request: pix_stream_telemetry::SlowRequest| hooks::SlowRequest {
            at_unix_ms: unix_millis(request.at),
            request_id: request.request_id,
            trace_id: Some(request.trace.to_string()),
            route: request.route.to_owned(),
            ispb: request.ispb,
            work_ms: milliseconds(request.work),
            store_ms: waits(request.waited),
            status: request.status,
        };
        self.0.recent().into_iter().map(shown).collect()
    }
}

/// The log's filter, for the admin API.
struct Level(Filter);

impl hooks::LogLevel for Level {
    fn current(&self) -> LogState {
        shown(self.0.current())
    }

    fn set(&self, level: &str, minutes: u32, dry_run: bool) -> Said<LogState> {
        let span = Duration::from_secs(u64::from(minutes) * 60);
        let state = if dry_run { self.0.try_out(level, span) } else { self.0.set(level, span) };
        state.map(shown).map_err(|error| match error {
            SetError::Invalid(why) => HookError::Invalid(why),
            SetError::Ended => HookError::Unavailable(error.to_string()),
        })
    }
}

fn shown(state: FilterState) -> LogState {
    let FilterState { level, configured, until } = state;
    LogState { level, configured, until_unix_ms: until.map(unix_millis) }
}

/// Only the stores that were waited for.
fn waits(waited: [Duration; Store::ALL.len()]) -> BTreeMap<String, f64> {
    let named = Store::ALL.iter().zip(waited).filter(|(_, wait)| !wait.is_zero());
    named.map(|(store, wait)| (store.text().to_owned(), milliseconds(wait))).collect()
}

fn milliseconds(span: Duration) -> f64 {
    (span.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

fn unix_millis(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
