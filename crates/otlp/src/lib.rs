//! Tells an OpenTelemetry collector of traces, over OTLP/HTTP with protobuf.
//!
//! One task takes finished traces from a bounded queue and sends them in batches. What the collector does not take in
//! time is dropped and counted: traces are never worth a request's time. What is in a span is decided where it is made,
//! in `pix-stream-telemetry`; encoding and the protocol's answers are the OpenTelemetry crates'.

mod client;
pub mod metrics;
mod spans;
mod tls;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use ::metrics::counter;
use http::{HeaderName, HeaderValue, Uri};
use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use pix_stream_telemetry::Trace;
use pix_stream_telemetry::metrics::SPANS_DROPPED;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::client::Client;
use crate::metrics::SPANS_EXPORTED;

pub use tls::Fault as TlsFault;

/// Traces that wait to be sent.
const QUEUE_TRACES: usize = 2_048;
/// Traces of one message to the collector.
const BATCH_TRACES: usize = 256;
/// How long traces gather before they are sent.
const GATHER: Duration = Duration::from_millis(500);
/// Between two lines of the log about a collector that does not take traces.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// Where traces go.
#[derive(Clone)]
pub struct Settings {
    /// The collector's URL with its path.
    pub endpoint: String,
    /// Headers for it, `name=value` with commas between them; empty for none. Secret.
    pub headers: String,
    /// PEM file with the authorities of an `https` collector; without it, the system's.
    pub ca: Option<PathBuf>,
    /// How long one message may take.
    pub timeout: Duration,
    /// The version of this program.
    pub version: &'static str,
    /// What tells this node from the others.
    pub instance: String,
}

/// Why no traces can be sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is none.
    #[error("traces.endpoint: {0}")]
    Endpoint(#[source] http::uri::InvalidUri),
    /// The headers are not `name=value`; they are secret, so nothing of them is shown.
    #[error("the headers for traces must be name=value with commas between them")]
    Headers,
    /// The authorities cannot be read.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// OpenTelemetry refuses the rest.
    #[error("traces: {0}")]
    Build(#[from] ExporterBuildError),
}

/// A running exporter.
#[derive(Debug)]
#[must_use = "the last traces are sent by `finish`"]
pub struct Exporter {
    task: JoinHandle<()>,
    end: oneshot::Sender<()>,
}

impl Exporter {
    /// Starts sending on the current runtime; gives the queue that takes traces. The collector need not be there.
    ///
    /// # Errors
    /// The settings make no sense, or the authorities cannot be read.
    pub fn start(settings: &Settings) -> Result<(Self, mpsc::Sender<Trace>), Error> {
        let endpoint: Uri = settings.endpoint.parse().map_err(Error::Endpoint)?;
        let tls = match endpoint.scheme_str() {
            Some("https") => Some(tls::client(settings.ca.as_deref())?),
            Some(_) | None => None,
        };
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new(tls, settings.timeout))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&settings.endpoint)
            .with_timeout(settings.timeout)
            .with_headers(headers(&settings.headers)?)
            .build()?;
        exporter.set_resource(&resource(settings));
        let (queue, traces) = mpsc::channel(QUEUE_TRACES);
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(run((traces, ended), exporter, settings.timeout));
        Ok((Self { task, end }, queue))
    }

    /// Takes no more traces, and waits until what is queued was sent, but no longer than `limit`.
    pub async fn finish(self, limit: Duration) {
        // A task that ended by itself needs no word.
        let _ended = self.end.send(());
        let abort = self.task.abort_handle();
        if timeout(limit, self.task).await.is_err() {
            abort.abort();
        }
    }
}

/// The headers as OpenTelemetry takes them; each must be one that HTTP can carry.
fn headers(text: &str) -> Result<HashMap<String, String>, Error> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').ok_or(Error::Headers)?;
        let (name, value) = (name.trim(), value.trim());
        let is_header =
            HeaderName::from_bytes(name.as_bytes()).is_ok() && HeaderValue::from_str(value).is_ok();
        if is_header { Ok((name.to_owned(), value.to_owned())) } else { Err(Error::Headers) }
    };
    pairs.map(pair).collect()
}

fn resource(settings: &Settings) -> Resource {
    let attributes = [
        KeyValue::new("service.name", "pix-stream"),
        KeyValue::new("service.version", settings.version),
        KeyValue::new("service.instance.id", settings.instance.clone()),
    ];
    Resource::builder_empty().with_attributes(attributes).build()
}

/// Sends what is queued until every sender is gone, or the end is told.
async fn run(
    (mut queue, mut end): (mpsc::Receiver<Trace>, oneshot::Receiver<()>),
    exporter: SpanExporter,
    limit: Duration,
) {
    let (sent, lost) = (counter!(SPANS_EXPORTED), counter!(SPANS_DROPPED, "reason" => "export"));
    let mut traces = Vec::with_capacity(BATCH_TRACES);
    let mut complained: Option<tokio::time::Instant> = None;
    loop {
        let is_full = traces.len() >= BATCH_TRACES;
        if !is_full && !queue.is_closed() {
            tokio::select! {
                // Also when the exporter itself is dropped: then its senders are about to be.
                _ = &mut end => queue.close(),
                () = sleep(GATHER), if !traces.is_empty() => {}
                _ = queue.recv_many(&mut traces, BATCH_TRACES), if traces.is_empty() => continue,
            }
        }
        while traces.len() < BATCH_TRACES
            && let Ok(trace) = queue.try_recv()
        {
            traces.push(trace);
        }
        if traces.is_empty() {
            return;
        }
        let spans: Vec<SpanData> = traces.drain(..).flat_map(spans::of).collect();
        let count = spans.len() as u64;
        match export(&exporter, spans, limit).await {
            Ok(()) => sent.increment(count),
            Err(why) => {
                lost.increment(count);
                if complained.is_none_or(|last| last.elapsed() >= COMPLAIN_EVERY) {
                    complained = Some(tokio::time::Instant::now());
                    tracing::warn!(
                        why,
                        spans = count,
                        "the collector does not take traces; they are dropped"
                    );
                }
            }
        }
    }
}

/// Sends one batch; why not, in a few words that hold no header.
async fn export(exporter: &SpanExporter, spans: Vec<SpanData>, limit: Duration) -> Result<(), String> {
    // The client has the same limit; this one also ends what OpenTelemetry does around it.
    let result: OTelSdkResult = timeout(limit * 2, exporter.export(spans))
        .await
        .map_err(|_| format!("no answer within {limit:?}"))?;
    result.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_pairs_and_never_shown() {
        let read = headers("authorization=Bearer abc=, x-tenant = 7 ,").unwrap();
        assert_eq!((read.len(), &*read["authorization"], &*read["x-tenant"]), (2, "Bearer abc=", "7"));
        assert!(headers("").unwrap().is_empty());
        for text in ["hunter2", "a b=1", "a=\u{1}", "=x"] {
            let error = headers(text).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
