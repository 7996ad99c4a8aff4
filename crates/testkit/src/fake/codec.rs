//! A codec for a toy message, so that tests of the core need no XML.
//!
//! A message is `<m id="…" to="…">anything</m>`; `fr` and `type` may be given, too, in any order. Everything else
//! is invalid, and so is a message whose `to` is not the participant that it is published for. Types other than
//! [`MESSAGE_TYPE`] pass without a schema. Parts are laid out as on the real wire; deflate segments are made of
//! stored blocks, which is valid deflate that compresses nothing.

use bytes::Bytes;
use pix_stream_domain::checksum::Checksum;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::Sequence;
use pix_stream_ports::codec::{
    Codec, Examined, Finding, Invalid, Metadata, Packed, Packing, Part, Rule, Segment,
};

/// The type of a message that names none.
pub const MESSAGE_TYPE: &str = "pacs.008.spi.1.16";
/// How a type starts that is known to pass without a schema.
pub const UNVALIDATED: &str = "pain.";
/// The sender of a message that names none.
pub const FROM: &str = "00038166";

/// The codec.
#[derive(Debug, Clone, Copy, Default)]
pub struct FakeCodec;

impl FakeCodec {
    /// A valid message of at least `bytes` bytes whose content follows from its id.
    #[must_use]
    pub fn message(id: &str, to: Ispb, bytes: usize) -> Bytes {
        let mut xml = format!("<m id=\"{id}\" to=\"{to}\">");
        let end = "</m>";
        let fill = id.bytes().cycle().take(bytes.saturating_sub(xml.len() + end.len()));
        if !id.is_empty() {
            xml.extend(fill.map(char::from));
        }
        xml.push_str(end);
        Bytes::from(xml)
    }
}

impl Codec for FakeCodec {
    fn examine(&self, xml: &[u8], recipient: Option<Ispb>) -> Result<Examined, Invalid> {
        let text = std::str::from_utf8(xml).map_err(|_| invalid(Rule::WellFormed, "/", "not UTF-8"))?;
        let open = text.strip_prefix("<m").and_then(|rest| rest.split_once('>'));
        let (attributes, body) =
            open.ok_or_else(|| invalid(Rule::Envelope, "/", "does not start with <m …>"))?;
        let is_empty = attributes.ends_with('/') && body.is_empty();
        if !is_empty && !body.ends_with("</m>") {
            return Err(invalid(Rule::WellFormed, "m", "does not end with </m>"));
        }
        let find = |name: &str| {
            let (_, rest) = attributes.split_once(&format!(" {name}=\""))?;
            rest.split_once('"').map(|(value, _)| value)
        };
        let ispb = |name: &str, value: Option<&str>| {
            let value = value.ok_or_else(|| invalid(Rule::Envelope, &format!("m/{name}"), "is missing"))?;
            value.parse::<Ispb>().map_err(|_| invalid(Rule::Schema, &format!("m/{name}"), "is not an ISPB"))
        };
        let business_id = find("id").filter(|id| (1..=35).contains(&id.chars().count()));
        let business_id =
            business_id.ok_or_else(|| invalid(Rule::BusinessId, "m/id", "is missing or too long"))?;
        let (from, to) = (ispb("fr", find("fr").or(Some(FROM)))?, ispb("to", find("to"))?);
        if recipient.is_some_and(|recipient| recipient != to) {
            return Err(invalid(Rule::Recipient, "m/to", "is not the participant it is published for"));
        }
        let message_type = find("type").unwrap_or(MESSAGE_TYPE).to_owned();
        Ok(Examined {
            is_validated: message_type == MESSAGE_TYPE,
            message_type,
            business_id: business_id.to_owned(),
            from,
            to,
            created: "2026-01-01T00:00:00.000Z".to_owned(),
            end_to_end_ids: Vec::new(),
        })
    }

    fn render(&self, resource_id: ResourceId, xml: &[u8], metadata: Option<&Metadata>) -> Part {
        let further = metadata.map_or_else(String::new, |m| {
            format!("PI-Message-Type: {}\r\nPI-Sequence: {}\r\n", m.message_type, m.sequence)
        });
        let head = format!(
            "Content-Type: application/xml; charset=utf-8\r\nPI-ResourceId: {resource_id}\r\n{further}\r\n"
        );
        let at = head.len()..head.len() + xml.len();
        Part::new(Bytes::from([head.as_bytes(), xml, b"\r\n"].concat()), at)
    }

    fn alone(&self, part: &Part) -> Segment {
        stored(&part.xml())
    }

    fn chained(&self, part: &Part, _previous: &Part) -> Segment {
        stored(part.bytes())
    }

    /// Bodies as they are, each with its numbers, and with segments as if they had been made.
    fn pack(&self, messages: &[Packing<'_>]) -> Option<Bytes> {
        let mut chunk = Vec::new();
        for message in messages {
            chunk.extend_from_slice(&message.sequence.value().to_be_bytes());
            chunk.extend_from_slice(message.resource_id.as_bytes());
            let xml = message.part.xml();
            for len in [message.part.head().len(), xml.len()] {
                chunk.extend_from_slice(&u32::try_from(len).ok()?.to_be_bytes());
            }
            chunk.extend_from_slice(&message.part.head());
            chunk.extend_from_slice(&xml);
        }
        Some(Bytes::from(chunk))
    }

    fn unpack(&self, mut chunk: &[u8]) -> Option<Vec<Packed>> {
        let mut messages: Vec<Packed> = Vec::new();
        while let Some((sequence, rest)) = chunk.split_first_chunk::<8>() {
            let (resource_id, rest) = rest.split_first_chunk::<24>()?;
            let (head, rest) = rest.split_first_chunk::<4>()?;
            let (xml, rest) = rest.split_first_chunk::<4>()?;
            let (head, rest) = rest.split_at_checked(u32::from_be_bytes(*head).try_into().ok()?)?;
            let (xml, rest) = rest.split_at_checked(u32::from_be_bytes(*xml).try_into().ok()?)?;
            let at = head.len()..head.len() + xml.len();
            let part = Part::new(Bytes::from([head, xml, b"\r\n"].concat()), at);
            let chained = messages.last().map(|_| stored(part.bytes()));
            let alone = messages.is_empty().then(|| stored(&part.xml()));
            let (sequence, resource_id) =
                (Sequence::new(u64::from_be_bytes(*sequence)), ResourceId::from_bytes(*resource_id).ok()?);
            messages.push(Packed { sequence, resource_id, part, alone, chained });
            chunk = rest;
        }
        chunk.is_empty().then_some(messages)
    }

    fn catalog(&self) -> Vec<String> {
        vec![MESSAGE_TYPE.to_owned()]
    }

    /// Its own type, and of those that it lets pass without a schema the ones that start with [`UNVALIDATED`]: an
    /// operator's typing mistake has to be refused by something.
    fn takes(&self, message_type: &str) -> bool {
        message_type == MESSAGE_TYPE || message_type.starts_with(UNVALIDATED)
    }
}

fn invalid(rule: Rule, path: &str, reason: &str) -> Invalid {
    let (path, reason) = (path.to_owned(), reason.to_owned());
    Finding { line: 1, column: 1, path, rule, reason, value: None }.into()
}

/// Stored deflate blocks, none of them final (RFC 1951, section 3.2.4).
fn stored(plain: &[u8]) -> Segment {
    let mut deflated = Vec::with_capacity(plain.len() + 5);
    for chunk in plain.chunks(usize::from(u16::MAX)) {
        let len = u16::try_from(chunk.len()).unwrap_or(u16::MAX);
        deflated.push(0);
        deflated.extend_from_slice(&len.to_le_bytes());
        deflated.extend_from_slice(&(!len).to_le_bytes());
        deflated.extend_from_slice(chunk);
    }
    let len = u32::try_from(plain.len()).unwrap_or(u32::MAX);
    Segment { deflated: Bytes::from(deflated), checksum: Checksum::new(crc32fast::hash(plain), len) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_message_is_valid_and_says_who_it_is_for() {
        let to = "99999A04".parse().unwrap();
        let xml = FakeCodec::message("M1", to, 300);
        assert_eq!(xml.len(), 300);
        let examined = FakeCodec.examine(&xml, Some(to)).unwrap();
        assert_eq!((examined.business_id.as_str(), examined.to), ("M1", to));
        assert!(FakeCodec.examine(&xml, None).is_ok());
        let other = FakeCodec.examine(&xml, Some("99999A05".parse().unwrap())).unwrap_err();
        assert_eq!(other.first.rule, Rule::Recipient);
    }

    #[test]
    fn anything_else_is_invalid() {
        let bad: [&[u8]; 7] = [
            b"",
            b"<x/>",
            b"<m id=\"1\" to=\"99999A04\">",
            b"<m id=\"1\"></m>",
            b"<m id=\"\" to=\"99999A04\"/>",
            b"<m id=\"1\" to=\"short\"/>",
            b"\xff",
        ];
        for xml in bad {
            assert!(FakeCodec.examine(xml, None).is_err(), "{}", String::from_utf8_lossy(xml));
        }
    }

    #[test]
    fn a_part_has_its_two_fixed_lines_and_the_bytes_as_they_are() {
        let id: ResourceId = "UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur".parse().unwrap();
        let part = FakeCodec.render(id, b"<m/>", None);
        assert_eq!(
            &part.bytes()[..],
            b"Content-Type: application/xml; charset=utf-8\r\nPI-ResourceId: UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur\r\n\r\n<m/>\r\n"
        );
        assert_eq!(&part.xml()[..], b"<m/>");
        let segment = FakeCodec.alone(&part);
        assert_eq!(&segment.deflated[..], b"\x00\x04\x00\xfb\xff<m/>");
        assert_eq!(segment.checksum.crc(), crc32fast::hash(b"<m/>"));
    }
}
