//! Parts and segments: what is deflated inflates to the bytes that went in, whatever the bytes are.

use std::io::Read as _;
use std::sync::OnceLock;

use flate2::read::DeflateDecoder;
use pix_stream_adapter_xml::XmlCodec;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::token::BOUNDARY_LINE_LEN;
use pix_stream_ports::codec::{Codec as _, Part, Segment};

/// A stored block holds one part and a boundary line.
const BYTES_MAX: usize = 32 * 1024;
const FINAL_EMPTY_BLOCK: [u8; 2] = [3, 0];

/// Two messages with a NUL byte between them, in one response.
pub(super) fn inflates(input: &[u8]) {
    let at = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    let (first, second) = (&input[..at], input.get(at + 1..).unwrap_or_default());
    if first.len().max(second.len()) > BYTES_MAX {
        return;
    }
    let codec = codec();
    let [first, second] = [(first, 1), (second, 2)].map(|(xml, n)| {
        let id = ResourceId::new(Timestamp::from_unix_millis(1_800_000_000_000), [n; 16]);
        let part = codec.render(id, xml, None);
        assert!(part.xml() == xml, "the message stands in its part as it came");
        part
    });
    let alone = codec.alone(&second);
    assert!(inflated(&[], &alone) == second.xml(), "alone");
    is_summed(&alone, &second.xml());
    let chained = codec.chained(&second, &first);
    let before = before(&first);
    let body = inflated(&before, &chained);
    assert!(body.strip_prefix(&*before) == Some(second.bytes()), "chained");
    is_summed(&chained, second.bytes());
}

fn codec() -> &'static XmlCodec {
    static CODEC: OnceLock<XmlCodec> = OnceLock::new();
    CODEC.get_or_init(XmlCodec::default)
}

/// What stands before a chained segment. The boundary is one that a match could take for the parts' own text.
fn before(part: &Part) -> Vec<u8> {
    let line = [b"--PI-ResourceIdContent-Type-xml-32", &b"\r\n"[..]].concat();
    assert_eq!(line.len(), BOUNDARY_LINE_LEN);
    [part.bytes(), &line[..]].concat()
}

/// A raw deflate stream of `before`, stored, and a segment.
fn inflated(before: &[u8], segment: &Segment) -> Vec<u8> {
    let length = u16::try_from(before.len()).unwrap();
    let mut stream = vec![0];
    stream.extend_from_slice(&length.to_le_bytes());
    stream.extend_from_slice(&(!length).to_le_bytes());
    stream.extend_from_slice(before);
    stream.extend_from_slice(&segment.deflated);
    stream.extend_from_slice(&FINAL_EMPTY_BLOCK);
    let mut decoder = DeflateDecoder::new(&stream[..]);
    let mut plain = Vec::new();
    decoder.read_to_end(&mut plain).unwrap();
    assert_eq!(decoder.total_in(), stream.len() as u64, "nothing is left behind the stream");
    plain
}

fn is_summed(segment: &Segment, plain: &[u8]) {
    assert_eq!(segment.checksum.crc(), crc32fast::hash(plain));
    assert_eq!(u64::from(segment.checksum.len()), plain.len() as u64);
}
