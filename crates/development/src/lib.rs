//! What a development installation is made of: a folder that works as it is, with a CA of its own ([`init`]), and
//! made-up messages to try it with ([`generate`]).
//!
//! Nothing here serves anybody, reads a clock or draws random numbers: the time and the secrets come as arguments.

pub mod generate;
pub mod init;
pub mod rfc3339;
