//! `[traces]`: which requests are told to an OpenTelemetry collector, and where that is.

use std::path::PathBuf;
use std::time::Duration;

use super::{millis, seconds};
use crate::section::section;
use crate::value::Secret;

section! {
    /// Traces of requests, over OTLP/HTTP to an OpenTelemetry collector: HTTP, use case and each store call, with the
    /// client's `traceparent` taken over. They hold no message content, no personal data and nothing of a token. Trace
    /// ids are in the log whether anything is traced or not.
    traces Traces {
        /// Of a million requests so many are traced, chosen by trace id: systems with the same share choose the same
        /// traces. `10000` is one in a hundred, `1000000` is all, `0` none, which costs nothing.
        sample_per_million: u32 = 0, within 0..=1_000_000;
        /// Also traces requests whose `traceparent` says that the client keeps its part. What that costs is then
        /// for the participants to say.
        follow_clients: bool = false;
        /// Where traces are sent: the collector's URL, `http` or `https`, with its path.
        endpoint: String = "http://127.0.0.1:4318/v1/traces".to_owned();
        /// Headers for the collector, such as a key: `name=value`, several with commas between them. They fit better
        /// into `headers_file` or into the environment.
        headers_secret: Secret = Secret::default();
        /// A file with those headers on one line and nothing else. Instead of `headers_secret`.
        headers_file: Option<PathBuf> = None;
        /// PEM file with the authorities that sign the collector's certificate; without it, the system's.
        ca: Option<PathBuf> = None;
        /// How long the collector may take. What it does not take in time is dropped, and counted.
        timeout: Duration = seconds(5), within millis(100)..=seconds(60);
    }
}
