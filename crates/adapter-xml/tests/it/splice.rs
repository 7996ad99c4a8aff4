//! Segments, spliced as delivery does it, are one gzip member that holds the identity body (X.5, design section 5).

use std::io::Read as _;

use flate2::read::GzDecoder;
use pix_stream_domain::checksum::Checksum;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::token::BOUNDARY_LINE_LEN;
use pix_stream_ports::codec::{Codec as _, Part};
use proptest::prelude::*;

use crate::corpus::samples;
use crate::message::strictest;

/// A boundary with the most that a match could hold on to: text that also stands in the parts.
const BOUNDARY: &str = "PI-ResourceIdContent-Type-xml-32";
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
const FINAL_EMPTY_BLOCK: [u8; 2] = [3, 0];

/// A body under construction: identity and gzip side by side.
struct Body {
    plain: Vec<u8>,
    gzip: Vec<u8>,
    checksum: Checksum,
}

impl Body {
    fn stored(&mut self, bytes: &[u8]) {
        let len = u16::try_from(bytes.len()).unwrap();
        self.gzip.push(0);
        self.gzip.extend_from_slice(&len.to_le_bytes());
        self.gzip.extend_from_slice(&(!len).to_le_bytes());
        self.gzip.extend_from_slice(bytes);
        self.plain.extend_from_slice(bytes);
        self.checksum = self.checksum.then(Checksum::new(crc32fast::hash(bytes), len.into()));
    }

    fn segment(&mut self, segment: &pix_stream_ports::codec::Segment, plain: &[u8]) {
        self.gzip.extend_from_slice(&segment.deflated);
        self.plain.extend_from_slice(plain);
        self.checksum = self.checksum.then(segment.checksum);
    }
}

/// Splices parts; `gaps` says before which the sequence breaks, so that they are deflated alone.
pub(crate) fn spliced(parts: &[Part], gaps: &[bool]) -> (Vec<u8>, Vec<u8>) {
    let codec = strictest();
    let line = format!("--{BOUNDARY}\r\n");
    assert_eq!(line.len(), BOUNDARY_LINE_LEN);
    let mut body = Body { plain: Vec::new(), gzip: GZIP_HEADER.to_vec(), checksum: Checksum::EMPTY };
    let mut previous: Option<&Part> = None;
    for (part, gap) in parts.iter().zip(gaps) {
        match previous {
            Some(previous) if !gap => {
                body.stored(line.as_bytes());
                body.segment(&codec.chained(part, previous), part.bytes());
            }
            Some(_) | None => {
                body.stored(line.as_bytes());
                body.stored(&part.head());
                body.segment(&codec.alone(part), &part.xml());
                body.stored(b"\r\n");
            }
        }
        previous = Some(part);
    }
    body.stored(format!("--{BOUNDARY}--\r\n").as_bytes());
    body.gzip.extend_from_slice(&FINAL_EMPTY_BLOCK);
    body.gzip.extend_from_slice(&body.checksum.crc().to_le_bytes());
    body.gzip.extend_from_slice(&body.checksum.len().to_le_bytes());
    (body.plain, body.gzip)
}

/// What a client makes of a gzip body: it must be one member, to the last byte.
fn unzipped(gzip: &[u8]) -> Vec<u8> {
    let mut decoder = GzDecoder::new(gzip);
    let mut plain = Vec::new();
    decoder.read_to_end(&mut plain).unwrap();
    assert!(decoder.into_inner().is_empty(), "nothing is left behind the one member");
    plain
}

pub(crate) fn rendered(xml: &[u8], n: u8) -> Part {
    let id = ResourceId::new(Timestamp::from_unix_millis(1_800_000_000_000), [n.wrapping_mul(37); 16]);
    strictest().render(id, xml, None)
}

#[test]
fn gathered_samples_splice() {
    let parts: Vec<Part> = samples().iter().zip(0..).map(|((_, xml), n)| rendered(xml, n)).collect();
    for batch in parts.chunks(10) {
        let mut gaps = vec![false; batch.len()];
        gaps[batch.len() / 2] = true;
        let (plain, gzip) = spliced(batch, &gaps);
        assert!(unzipped(&gzip) == plain);
    }
}

#[test]
fn parts_at_the_edge_of_the_window_splice() {
    let window = 32 * 1024;
    for len in
        [window - 200, window - 150, window - 145, window - 140, window - 100, window, window + 1, 3 * window]
    {
        // Text of a period that matches at every distance the window allows.
        let xml: Vec<u8> = (0..len).map(|i| b"<a>0123456789</a>"[(i * i / 977) % 17]).collect();
        let parts: Vec<Part> = (0..3).map(|n| rendered(&xml, n)).collect();
        let (plain, gzip) = spliced(&parts, &[false; 3]);
        assert!(unzipped(&gzip) == plain, "parts of {len}");
    }
}

#[test]
fn nothing_is_copied_from_the_place_of_the_boundary() {
    // Any other stand-in for the boundary than NUL would be matched by one of these runs.
    for byte in 1..=0x7f {
        let parts = [rendered(b"<a/>", 0), rendered(&[byte; 20], 1)];
        let (plain, gzip) = spliced(&parts, &[false; 2]);
        assert!(unzipped(&gzip) == plain, "runs of {byte:#x}");
    }
}

/// XML-like text with much to match, of 0 bytes to several windows.
fn xml() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just("<EndToEndId>".to_owned()),
        4 => Just("</EndToEndId>".to_owned()),
        2 => Just(BOUNDARY.to_owned()),
        2 => Just("\r\n--".to_owned()),
        4 => "[0-9]{4,8}",
        1 => "[a-zA-Zçã🎉]{1,40}",
    ];
    let repeats = prop_oneof![6 => Just(1_usize), 3 => 2_usize..60, 1 => 60_usize..600];
    (prop::collection::vec(piece, 0..40), repeats)
        .prop_map(|(pieces, repeats)| pieces.concat().repeat(repeats).into_bytes())
        .prop_map(|mut xml| {
            xml.truncate(256 * 1024);
            xml
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_parts_splice_to_one_gzip_member(messages in prop::collection::vec((xml(), any::<bool>()), 1..8)) {
        let parts: Vec<Part> = messages.iter().zip(0..).map(|((xml, _), n)| rendered(xml, n)).collect();
        let gaps: Vec<bool> = messages.iter().map(|(_, gap)| *gap).collect();
        let (plain, gzip) = spliced(&parts, &gaps);
        prop_assert!(unzipped(&gzip) == plain);
    }
}
