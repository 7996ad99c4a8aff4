//! One module per command: it turns arguments into work, and what came out into lines and an exit code.

pub mod config;
pub mod init;
pub mod serve;
