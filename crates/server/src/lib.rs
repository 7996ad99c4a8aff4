//! Everything behind the `pix-stream` binary: composition, commands, and what touches the machine
//! (clock, randomness, signals, output).
//!
//! It is a library so that its parts are tested alone; nobody else depends on it. No rule of the protocol lives here.

pub mod advice;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod compose;
pub mod evidence;
pub mod metrics;
pub mod node_ports;
pub mod publishing;
pub mod serving;
pub mod token_keys;

// Used everywhere here, and of no use without.
pub use pix_stream_operate::target;
pub use pix_stream_process::{disk, environment, failure, output, progress, shutdown, system, telemetry};
