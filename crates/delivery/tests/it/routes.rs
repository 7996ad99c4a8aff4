//! Requests and answers of both listeners: the real handlers over the real core and fake ports, spoken to as raw
//! HTTP/1.1 over an in-memory connection (protocol.md, sections 1 to 9).

mod admin;
mod catalog;
mod errors;
mod http2;
mod log;
mod order;
mod publish;
mod quarantine;
mod read;
mod world;
