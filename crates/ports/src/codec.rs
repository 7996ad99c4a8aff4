//! The codec: what a message says of itself at publish, and the bytes that are kept ready for its delivery.
//!
//! Synchronous and pure. Nothing here runs on the pull path but reading the finished bytes.

use bytes::Bytes;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::Sequence;

/// Examines published XML and renders what responses are spliced from.
pub trait Codec: Send + Sync + 'static {
    /// Checks one message and reads its business header, in one pass.
    ///
    /// # Errors
    /// The first fault that makes the message unfit to be delivered, with its place.
    fn examine(&self, xml: &[u8]) -> Result<Examined, Invalid>;

    /// Renders the multipart part of a message: its header lines, an empty line, the message's bytes as they
    /// are, and the CRLF that belongs to the boundary that follows (protocol, section 3).
    fn render(&self, resource_id: ResourceId, xml: &[u8], metadata: Option<&Metadata>) -> Part;

    /// Deflates a message's XML alone (no dictionary, without the part's header lines).
    fn alone(&self, part: &Part) -> Segment;

    /// Deflates a whole part with the part before it as dictionary, as it stands in a multipart body: behind
    /// `previous` come as many NUL bytes as the boundary line has (design, section 5).
    fn chained(&self, part: &Part, previous: &Part) -> Segment;

    /// The message types that are accepted, sorted, for the catalogue.
    fn catalog(&self) -> Vec<String>;
}

/// What a message says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// The type that the namespace names: `pacs.008.spi.1.16`.
    pub message_type: String,
    /// `AppHdr/BizMsgIdr`, 1 to 35 characters: the key of idempotency.
    pub business_id: String,
    /// `AppHdr/Fr`.
    pub from: Ispb,
    /// `AppHdr/To`.
    pub to: Ispb,
    /// `AppHdr/CreDt`, as written.
    pub created: String,
    /// The end-to-end ids of its transactions, in order, for traces; at most [`END_TO_END_IDS_MAX`].
    pub end_to_end_ids: Vec<String>,
}

/// How many end-to-end ids of one message are kept for traces.
pub const END_TO_END_IDS_MAX: usize = 10;

/// Why a message is refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column} {path} {reason}")]
pub struct Invalid {
    /// Line of the fault, from 1.
    pub line: u64,
    /// Column of the fault, from 1.
    pub column: u64,
    /// Path of element names from the root: `Envelope/AppHdr/To`; `/` where there is none yet.
    pub path: String,
    /// What is wrong, in the field's words; never message content.
    pub reason: String,
}

/// What an operator may let a part say beyond its two fixed header lines (`[stream] part_metadata`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The message type.
    pub message_type: String,
    /// The message's place in the participant's order.
    pub sequence: Sequence,
}

/// A rendered part. The message's own bytes are a slice of it, so one buffer serves both forms of response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    bytes: Bytes,
    xml: std::ops::Range<usize>,
}

impl Part {
    /// A part of `bytes` whose message stands at `xml`.
    ///
    /// # Panics
    /// The range does not lie within the bytes: a defect of the codec.
    #[must_use]
    pub fn new(bytes: Bytes, xml: std::ops::Range<usize>) -> Self {
        assert!(xml.start <= xml.end && xml.end <= bytes.len(), "the message lies within its part");
        Self { bytes, xml }
    }

    /// The whole part, from its first header line to its closing CRLF.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The header lines and the empty line behind them; shares the part's buffer.
    #[must_use]
    pub fn head(&self) -> Bytes {
        self.bytes.slice(..self.xml.start)
    }

    /// The length of the message as it was published, in bytes.
    #[must_use]
    pub const fn xml_len(&self) -> usize {
        self.xml.end - self.xml.start
    }

    /// The message as it was published; shares the part's buffer.
    #[must_use]
    pub fn xml(&self) -> Bytes {
        self.bytes.slice(self.xml.clone())
    }
}

/// A raw deflate segment that ends byte-aligned (sync flush), with what a gzip trailer needs of its plain bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Deflate blocks, none of them final.
    pub deflated: Bytes,
    /// The checksum of the plain bytes, ready to be combined.
    pub checksum: pix_stream_domain::checksum::Checksum,
}
