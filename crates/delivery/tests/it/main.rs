//! Tests of delivery over real sockets on loopback.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "support functions of tests fail their test")]

mod hostile;
mod listener;
mod listener_metrics;
mod listener_server;
mod listener_whole;
mod routes;
mod tls;
mod tls_pki;
