//! One module per command: it turns arguments into work, and what came out into lines and an exit code.

pub mod completions;
pub mod config;
pub mod demo;
pub mod init;
pub mod migrate;
pub mod publish;
pub mod pull;
pub mod regions;
pub mod serve;
pub mod token;
pub mod validate;
