//! XSD 1.0, as ISO 20022 and the SPI use it: compiled to tables once, walked with the events of a reader.
//!
//! Pure and synchronous: schemas come as bytes, the documents as starts, texts and ends. It knows nothing of
//! messages, headers, positions or the reader. Whatever a schema says that is not understood here is refused when
//! the schema is compiled, with its file and line, never when a document is read.
//!
//! Reading path: [`Schemas::compile`] (`load`: XSD files to `tables`, with simple types (the crate `datatypes`) and content `model`s),
//! then [`Validator`] (`validate`: one document against the tables).

mod load;
mod model;
mod tables;
mod validate;

pub use load::target_namespace;
pub use pix_stream_xsd::{Problem, Source};
pub use tables::Schemas;
pub use validate::{At, Attribute, Fault, Prefixes, Validator};
