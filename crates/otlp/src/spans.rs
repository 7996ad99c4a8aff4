//! Our spans as OpenTelemetry's.

use std::borrow::Cow;

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use pix_stream_telemetry::{Kind, Span, Trace, Value};

/// The spans of a trace.
pub(crate) fn of(trace: Trace) -> impl Iterator<Item = SpanData> {
    let id = TraceId::from_bytes(trace.id.to_bytes());
    trace.spans.into_iter().map(move |span| one(id, span))
}

fn one(trace: TraceId, span: Span) -> SpanData {
    let id = SpanId::from_bytes(span.id.to_bytes());
    SpanData {
        span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::default()),
        parent_span_id: span.parent.map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.to_bytes())),
        parent_span_is_remote: span.is_parent_remote,
        span_kind: match span.kind {
            Kind::Server => SpanKind::Server,
            Kind::Internal => SpanKind::Internal,
            Kind::Client => SpanKind::Client,
        },
        name: Cow::Owned(span.name),
        start_time: span.began,
        end_time: span.ended,
        attributes: span.attributes.into_iter().map(|(name, value)| attribute(name, value)).collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        // Why it failed is in the attributes, as a code: a description could quote what was being worked on.
        status: if span.has_failed { Status::error("") } else { Status::Unset },
        instrumentation_scope: InstrumentationScope::builder("pix-stream").build(),
    }
}

fn attribute(name: &'static str, value: Value) -> KeyValue {
    match value {
        Value::Word(word) => KeyValue::new(name, word),
        Value::Name(text) => KeyValue::new(name, text),
        Value::Number(number) => KeyValue::new(name, number),
    }
}
