//! [`XmlCodec`]: the port's five calls, each handed to the module that answers it.

use pix_stream_domain::resource_id::ResourceId;
use pix_stream_ports::codec::{Codec, Examined, Invalid, Metadata, Part, Segment};

use crate::limits::Limits;
use crate::{catalog, decode, deflate, encode};

/// The codec of SPI messages: XML by `xml-rs`, deflate by `zlib-rs`. Cheap to make, shared by all threads.
#[derive(Debug, Clone, Copy, Default)]
pub struct XmlCodec {
    limits: Limits,
}

impl XmlCodec {
    /// A codec that refuses what is over `limits`.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits }
    }
}

impl Codec for XmlCodec {
    fn examine(&self, xml: &[u8]) -> Result<Examined, Invalid> {
        decode::examine(&self.limits, xml)
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

    fn catalog(&self) -> Vec<String> {
        catalog::types()
    }
}
