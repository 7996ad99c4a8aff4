//! XML in, rendered parts and deflate segments out: the [`Codec`](pix_stream_ports::codec::Codec) port.
//!
//! Pure and synchronous: bytes come as arguments, answers go back as values; there is no I/O and no clock here.
//! A message is parsed once, when it is published, and never again: what is delivered are the very bytes that came.
//! Splicing a response out of parts and segments is not done here: that is delivery's business.
//!
//! Reading path: [`XmlCodec`], then `decode` (one pass of a hardened reader), which asks the compiled [`Schemas`] and
//! the `rules` (what a message must say of itself), `encode` (the part), `deflate` (the segments).

mod catalog;
mod chunk;
mod codec;
mod decode;
mod deflate;
mod encode;
mod fault;
mod limits;
mod options;
mod rules;
mod schemas;

pub use codec::XmlCodec;
pub use decode::reader_config;
pub use limits::Limits;
pub use options::{Options, Unsigned};
pub use pix_stream_signature as signature;
pub use schemas::{SchemaFile, SchemaProblem, Schemas};
