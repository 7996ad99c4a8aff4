//! One delivered message: its bytes as published, and the names it goes by. Never parses XML.

use bytes::Bytes;
use pix_stream_domain::resource_id::ResourceId;

/// Bytes of a message id that is believed; a longer one is no id (ISO 20022 allows 35 characters).
const MESSAGE_ID_BYTES_MAX: usize = 140;
const ID_ELEMENT: &[u8] = b"BizMsgIdr";

/// A message as it was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `PI-ResourceId`: the same on every redelivery, the key for de-duplication.
    pub resource_id: ResourceId,
    /// `BizMsgIdr` of the message's header, when it has one.
    pub message_id: Option<String>,
    /// The signed XML, byte for byte.
    pub bytes: Bytes,
    /// The Content-Type it came with.
    pub content_type: String,
}

impl Message {
    /// A message with its id looked up in its bytes.
    #[must_use]
    pub fn new(resource_id: ResourceId, content_type: String, bytes: Bytes) -> Self {
        Self { resource_id, message_id: find_message_id(&bytes), bytes, content_type }
    }
}

/// Finds the text of the first `BizMsgIdr` element, with or without a namespace prefix.
///
/// A byte scan that skips comments and CDATA: cheap, and enough to name a file. It validates nothing.
#[must_use]
pub fn find_message_id(xml: &[u8]) -> Option<String> {
    let mut rest = xml;
    loop {
        let at = rest.iter().position(|&b| b == b'<')?;
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix(b"!--") {
            rest = skip_past(comment, b"-->")?;
        } else if let Some(data) = rest.strip_prefix(b"![CDATA[") {
            rest = skip_past(data, b"]]>")?;
        } else {
            let end = rest.iter().position(|&b| b == b'>')?;
            if is_id_element(&rest[..end]) {
                return id_text(&rest[end + 1..]);
            }
        }
    }
}

fn skip_past<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some(&bytes[at + mark.len()..])
}

/// Whether the inside of a tag opens the id element.
fn is_id_element(tag: &[u8]) -> bool {
    let name = tag.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let local = name.iter().position(|&b| b == b':').map_or(name, |colon| &name[colon + 1..]);
    local == ID_ELEMENT
}

fn id_text(after_tag: &[u8]) -> Option<String> {
    let window = &after_tag[..after_tag.len().min(MESSAGE_ID_BYTES_MAX + 1)];
    let end = window.iter().position(|&b| b == b'<')?;
    let text = std::str::from_utf8(&window[..end]).ok()?.trim();
    // An entity would have to be resolved to be the id; no real id has one.
    (!text.is_empty() && !text.contains('&')).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_found_with_and_without_a_prefix() {
        let id = Some("M9999901012345678901234567890123".to_owned());
        let xml = "<Envelope><AppHdr><Fr/><BizMsgIdr>M9999901012345678901234567890123</BizMsgIdr></AppHdr></Envelope>";
        assert_eq!(find_message_id(xml.as_bytes()), id);
        let xml = "<h:BizMsgIdr xmlns:h='x'>\n M9999901012345678901234567890123 </h:BizMsgIdr>";
        assert_eq!(find_message_id(xml.as_bytes()), id);
    }

    #[test]
    fn comments_and_cdata_do_not_name_a_message() {
        let xml = "<!-- <BizMsgIdr>no</BizMsgIdr> --><a><![CDATA[<BizMsgIdr>no</BizMsgIdr>]]></a><BizMsgIdr>yes</BizMsgIdr>";
        assert_eq!(find_message_id(xml.as_bytes()).as_deref(), Some("yes"));
    }

    #[test]
    fn what_is_no_id_is_none() {
        let long = format!("<BizMsgIdr>{}</BizMsgIdr>", "x".repeat(MESSAGE_ID_BYTES_MAX + 1));
        for xml in [
            "",
            "<",
            "<a",
            "<a/>",
            "<BizMsgIdr>",
            "<BizMsgIdr>unclosed",
            "<BizMsgIdr></BizMsgIdr>",
            "<BizMsgIdrX>no</BizMsgIdrX>",
            "<BizMsgIdr>a&amp;b</BizMsgIdr>",
            "<!-- <BizMsgIdr>no</BizMsgIdr>",
            long.as_str(),
        ] {
            assert_eq!(find_message_id(xml.as_bytes()), None, "{xml}");
        }
        assert_eq!(find_message_id(b"<BizMsgIdr>\xff\xfe</BizMsgIdr>"), None);
    }
}
