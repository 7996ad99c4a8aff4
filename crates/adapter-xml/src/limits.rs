//! How large and how deep a message may be. Each limit is an answer to a cost that was measured in the reader.

/// Longest local name or prefix, in bytes; the longest of ISO 20022 and XMLDSig have under 30.
pub(crate) const NAME_BYTES_MAX: usize = 64;
/// Most attributes of one element, namespace declarations not counted.
pub(crate) const ATTRIBUTES_MAX: usize = 16;
/// Longest attribute value, in bytes.
pub(crate) const ATTRIBUTE_BYTES_MAX: usize = 1024;
/// Longest namespace name, in bytes. The reader copies every name in scope once an element.
pub(crate) const NAMESPACE_BYTES_MAX: usize = 128;

/// The limits of [`XmlCodec::new`](crate::XmlCodec::new). [`Default`] is what the protocol states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest message, in bytes (protocol, section 8: 256 KiB).
    pub message_bytes: usize,
    /// Deepest nesting of elements. The reader's cost grows with the square of the depth.
    pub depth: usize,
    /// Most elements of one message. One of ten transactions has some 500; the densest known have 23 bytes an
    /// element, so 256 KiB of such a message still pass.
    pub elements: usize,
    /// Most namespace prefixes in scope, the default namespace not counted. A signed message has one.
    pub prefixes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes: 256 * 1024, depth: 32, elements: 12_288, prefixes: 8 }
    }
}
