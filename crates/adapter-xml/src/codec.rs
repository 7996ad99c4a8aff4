//! [`XmlCodec`]: the port's calls, each handed to the module that answers it.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_ports::codec::{Codec, Examined, Invalid, Metadata, Packed, Packing, Part, Segment};
use pix_stream_signature::Verifier;

use crate::decode::Against;
use crate::options::Options;
use crate::schemas::Schemas;
use crate::{catalog, chunk, decode, deflate, encode};

/// The codec of SPI messages: XML by `xml-rs`, deflate by `zlib-rs`. Shared by all threads; a clone shares the
/// schemas.
#[derive(Debug, Clone)]
pub struct XmlCodec {
    options: Arc<Options>,
    schemas: Arc<ArcSwap<Schemas>>,
    verifier: Arc<ArcSwapOption<Verifier>>,
}

impl XmlCodec {
    /// A codec that holds messages against `schemas`.
    #[must_use]
    pub fn new(options: Options, schemas: Schemas) -> Self {
        let schemas = Arc::new(ArcSwap::from_pointee(schemas));
        Self { options: Arc::new(options), schemas, verifier: Arc::default() }
    }

    /// Exchanges the schemas. Messages that are being examined are held against the old ones to their end.
    pub fn replace_schemas(&self, schemas: Schemas) {
        self.schemas.store(Arc::new(schemas));
    }

    /// Sets what checks signatures from now on; `None`: nothing does. Messages that are unsigned and may be pass.
    pub fn replace_verifier(&self, verifier: Option<Verifier>) {
        self.verifier.store(verifier.map(Arc::new));
    }
}

impl Default for XmlCodec {
    /// The strictest codec, with the built-in schemas.
    fn default() -> Self {
        Self::new(Options::default(), Schemas::built_in())
    }
}

impl Codec for XmlCodec {
    fn examine(&self, xml: &[u8], recipient: Option<Ispb>) -> Result<Examined, Invalid> {
        let (schemas, verifier) = (self.schemas.load(), self.verifier.load());
        let against = Against { options: &self.options, schemas: &schemas, verifier: verifier.as_deref() };
        decode::examine(against, xml, recipient)
    }

    fn render(&self, resource_id: ResourceId, xml: &[u8], metadata: Option<&Metadata>) -> Part {
        encode::render(resource_id, xml, metadata)
    }

    fn alone(&self, part: &Part) -> Segment {
        deflate::alone(&part.xml())
    }

    fn chained(&self, part: &Part, previous: &Part) -> Segment {
        deflate::chained(part.bytes(), previous.bytes())
    }

    fn pack(&self, messages: &[Packing<'_>]) -> Option<Bytes> {
        chunk::pack(messages)
    }

    fn unpack(&self, chunk: &[u8]) -> Option<Vec<Packed>> {
        chunk::unpack(chunk)
    }

    fn catalog(&self) -> Vec<String> {
        self.schemas.load().message_types()
    }

    fn takes(&self, message_type: &str) -> bool {
        self.schemas.load().has_type(message_type)
            || catalog::is_meant(&self.options.unvalidated, message_type)
    }
}
