//! Tests of the listeners over real sockets on loopback, with a service of their own behind them.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "support functions of tests fail their test")]

mod downgrade;
mod hostile;
mod metrics;
mod pki;
mod server;
mod serving;
mod standing;
mod tls;
