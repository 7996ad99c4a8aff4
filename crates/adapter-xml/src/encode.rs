//! The multipart part of a message, byte for byte as clients find it by regular expression (protocol, section 3).

use bytes::Bytes;
use pix_stream_domain::resource_id::{self, ResourceId};
use pix_stream_ports::codec::{Metadata, Part};

use crate::deflate;

/// The first header line, and the name of the second. Nothing may come between them, and no spelling may change.
const HEAD: &[u8] = b"Content-Type: application/xml; charset=utf-8\r\nPI-ResourceId: ";
const CRLF: &[u8] = deflate::PART_END;

/// Renders a part: head, empty line, the message as it is, and the CRLF that belongs to the boundary behind it.
pub(crate) fn render(resource_id: ResourceId, xml: &[u8], metadata: Option<&Metadata>) -> Part {
    let further = metadata.map_or_else(String::new, |m| {
        format!("PI-Message-Type: {}\r\nPI-Sequence: {}\r\n", m.message_type, m.sequence)
    });
    let head = HEAD.len() + resource_id::TEXT_LEN + CRLF.len() + further.len() + CRLF.len();
    // Exactly as long as needed: the part stays in memory for as long as it is hot.
    let mut part = Vec::with_capacity(head + xml.len() + CRLF.len());
    part.extend_from_slice(HEAD);
    part.extend_from_slice(&resource_id.to_text());
    part.extend_from_slice(CRLF);
    part.extend_from_slice(further.as_bytes());
    part.extend_from_slice(CRLF);
    part.extend_from_slice(xml);
    part.extend_from_slice(CRLF);
    Part::new(Bytes::from(part), head..head + xml.len())
}
