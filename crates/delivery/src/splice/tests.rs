//! Spliced members against an independent inflater (C.3, design section 5).

use std::io::Read as _;

use flate2::bufread::GzDecoder;
use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;

use super::*;
use http_body_util::BodyExt as _;

const TOKEN: &[u8; BOUNDARY_LEN] = b"0123456789abcdef0123456789abcdef";
const HEAD: &[u8] = b"Content-Type: application/xml; charset=utf-8\r\nPI-ResourceId: UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur\r\n\r\n";

/// A message with the segments that a codec would have made of it.
struct Sample {
    sequence: Sequence,
    part: Bytes,
    alone: Option<(Bytes, Checksum)>,
    chained: Option<(Bytes, Checksum)>,
}

impl Sample {
    fn piece(&self) -> Piece<'_> {
        fn deflated(made: &(Bytes, Checksum)) -> Deflated<'_> {
            Deflated { blocks: &made.0, checksum: made.1 }
        }
        Piece {
            sequence: self.sequence,
            part: &self.part,
            head: HEAD.len(),
            alone: self.alone.as_ref().map(deflated),
            chained: self.chained.as_ref().map(deflated),
        }
    }
}

fn segment(plain: &[u8], dictionary: &[u8]) -> (Bytes, Checksum) {
    let mut compress = Compress::new(Compression::new(6), false);
    if !dictionary.is_empty() {
        compress.set_dictionary(dictionary).unwrap();
    }
    let mut out = Vec::with_capacity(plain.len() * 2 + 128);
    compress.compress_vec(plain, &mut out, FlushCompress::Sync).unwrap();
    assert_eq!(compress.total_in(), plain.len() as u64);
    (Bytes::from(out), Checksum::new(crc32fast::hash(plain), u32::try_from(plain.len()).unwrap()))
}

fn make_xml(size: usize, seed: usize) -> Vec<u8> {
    let body = (0..).map(|n: usize| format!("<Tx n=\"{}\">{}</Tx>", n, n.wrapping_mul(seed) % 9973));
    let mut text = String::from("<Envelope>");
    for piece in body {
        if text.len() >= size {
            break;
        }
        text.push_str(&piece);
    }
    (text + "</Envelope>").into_bytes()
}

/// Messages of these sizes; a gap before a message when `gap`; segments only where the flags say so.
fn samples(plan: &[(usize, bool, bool, bool)]) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    let mut sequence = Sequence::FIRST;
    for (place, &(size, has_alone, has_chained, gap)) in plan.iter().enumerate() {
        sequence = sequence.plus(if gap { 2 } else { 1 });
        let xml = make_xml(size, place + 7);
        let part = Bytes::from([HEAD, &xml, CRLF].concat());
        // What stands before is the part of the message before in sequence, in this batch or not.
        let before = match samples.last() {
            Some(sample) if !gap => sample.part.clone(),
            // Like ours, so that a segment refers into it, and yet another.
            Some(_) | None => {
                let other = [HEAD, &make_xml(size + 500, place + 991), CRLF].concat();
                Bytes::from(other)
            }
        };
        let dictionary = [&before[..], &[0; BOUNDARY_LINE_LEN]].concat();
        let window = dictionary.len().min(32 * 1024);
        let chained = segment(&part, &dictionary[dictionary.len() - window..]);
        samples.push(Sample {
            sequence,
            alone: has_alone.then(|| segment(&xml, &[])),
            chained: has_chained.then_some(chained),
            part,
        });
    }
    samples
}

fn collect(body: Body) -> Vec<u8> {
    let len = body.len();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bytes = runtime.block_on(body.collect()).unwrap().to_bytes();
    assert_eq!(bytes.len(), len, "the announced length is the length");
    bytes.to_vec()
}

/// Inflates the one member that the bytes must be.
fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut decoder = GzDecoder::new(bytes);
    let mut plain = Vec::new();
    decoder.read_to_end(&mut plain).unwrap();
    assert!(decoder.into_inner().is_empty(), "one member and nothing behind it");
    plain
}

fn pieces(samples: &[Sample]) -> impl ExactSizeIterator<Item = Piece<'_>> {
    samples.iter().map(Sample::piece)
}

#[test]
fn a_multipart_body_is_as_in_the_protocol_byte_for_byte() {
    let part = |xml: &str| Bytes::from([HEAD, xml.as_bytes(), CRLF].concat());
    let sample = |n, xml| Sample { sequence: Sequence::new(n), part: part(xml), alone: None, chained: None };
    let body = multipart(pieces(&[sample(1, "<a/>"), sample(2, "<b/>")]), &Boundary::new(TOKEN));
    let head = "Content-Type: application/xml; charset=utf-8\r\nPI-ResourceId: UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur\r\n\r\n";
    let token = "0123456789abcdef0123456789abcdef";
    let golden = format!("--{token}\r\n{head}<a/>\r\n--{token}\r\n{head}<b/>\r\n--{token}--\r\n");
    assert_eq!(String::from_utf8(collect(body)).unwrap(), golden);
    let content_type = Boundary::new(TOKEN).content_type();
    assert_eq!(content_type, format!("multipart/mixed; boundary={token}"));
}

#[test]
fn chained_segments_make_the_body_small() {
    let samples = samples(&[(3600, true, true, false); 10]);
    let boundary = Boundary::new(TOKEN);
    let gzip = collect(multipart_gzip(pieces(&samples), &boundary));
    let plain = collect(multipart(pieces(&samples), &boundary));
    assert_eq!(gunzip(&gzip), plain);
    assert!(gzip.len() * 2 < plain.len(), "{} of {}", gzip.len(), plain.len());
}

#[test]
fn a_single_message_is_its_xml_alone() {
    for (size, has_alone) in [(10, true), (10, false), (200_000, true), (200_000, false)] {
        let samples = samples(&[(size, has_alone, true, false)]);
        let plain = collect(single(&samples[0].piece()));
        assert_eq!(plain, make_xml(size, 7));
        assert_eq!(gunzip(&collect(single_gzip(&samples[0].piece()))), plain);
    }
}

#[test]
fn a_short_text_is_one_member() {
    assert_eq!(gunzip(&collect(text_gzip(&Bytes::from_static(b"<problem/>")))), b"<problem/>");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_mix_of_segments_inflates_to_the_identity_body(
        plan in prop::collection::vec(
            (prop_oneof![4 => 20_usize..5_000, 1 => 30_000_usize..40_000, 1 => 65_400_usize..140_000],
             any::<bool>(), any::<bool>(), prop::bool::weighted(0.2)),
            1..=10,
        )
    ) {
        let samples = samples(&plan);
        let boundary = Boundary::new(TOKEN);
        let plain = collect(multipart(pieces(&samples), &boundary));
        let gzip = collect(multipart_gzip(pieces(&samples), &boundary));
        prop_assert_eq!(gunzip(&gzip), plain);
    }
}
