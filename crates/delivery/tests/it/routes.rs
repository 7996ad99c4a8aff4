//! Requests and answers of the API listener: the real handlers over the real core and fake ports, spoken to as raw
//! HTTP/1.1 over an in-memory connection (protocol.md, sections 1 to 9).

mod authorisation;
mod errors;
mod http2;
mod log;
mod order;
mod pressure;
mod publish;
mod read;
mod replay;
mod table;
mod world;
