//! What a program of ours has of its machine and its user: results and messages, exit codes, logs, signals, the
//! environment, time and randomness. Nothing of streams, stores or HTTP.

pub mod configuration;
pub mod disk;
pub mod environment;
pub mod failure;
pub mod output;
pub mod progress;
pub mod shutdown;
pub mod system;
pub mod telemetry;
