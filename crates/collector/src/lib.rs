//! An OpenTelemetry collector in the test's process: takes OTLP/HTTP, one request a connection, and keeps the spans.
//! For tests alone; it listens nowhere itself.

use std::io;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Mutex, Notify};

/// Longest request that is taken.
const REQUEST_MAX: usize = 4 * 1024 * 1024;

/// What came in so far. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Collector(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    heads: Mutex<Vec<String>>,
    spans: Mutex<Vec<Span>>,
    came: Notify,
}

impl Collector {
    /// Takes one request from a connection and answers it.
    ///
    /// # Errors
    /// The connection broke off, or what came is no OTLP.
    pub async fn take<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S) -> io::Result<()> {
        let mut bytes = Vec::new();
        let (head, body) = loop {
            if let Some(end) = find_end(&bytes) {
                let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
                let length = content_length(&head).filter(|length| *length <= REQUEST_MAX);
                let length = length.ok_or_else(|| io::Error::other("no fitting content-length"))?;
                if bytes.len() >= end + length {
                    break (head, bytes[end..end + length].to_vec());
                }
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let request = ExportTraceServiceRequest::decode(&*body).map_err(io::Error::other)?;
        stream
            .write_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n",
            )
            .await?;
        stream.flush().await?;
        self.0.heads.lock().await.push(head);
        let spans = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        self.0.spans.lock().await.extend(spans.flat_map(|scope| scope.spans));
        self.0.came.notify_waiters();
        Ok(())
    }

    /// The heads of the requests so far.
    pub async fn heads(&self) -> Vec<String> {
        self.0.heads.lock().await.clone()
    }

    /// Waits until as many spans of a trace came, and gives them.
    pub async fn wait_for(&self, trace: &[u8], count: usize) -> Vec<Span> {
        loop {
            let came = self.0.came.notified();
            let all = self.0.spans.lock().await.clone();
            let spans: Vec<_> = all.into_iter().filter(|span| span.trace_id == trace).collect();
            if spans.len() >= count {
                return spans;
            }
            came.await;
        }
    }
}

/// The attributes of a span as text, `name=value`, in their order.
#[must_use]
pub fn attributes(span: &Span) -> Vec<String> {
    let text = |value: Option<&AnyValue>| match value.and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    span.attributes
        .iter()
        .map(|KeyValue { key, value, .. }| format!("{key}={}", text(value.as_ref())))
        .collect()
}

/// Where the head of a request ends, its blank line included.
fn find_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn content_length(head: &str) -> Option<usize> {
    let lower = head.to_ascii_lowercase();
    lower.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
}
