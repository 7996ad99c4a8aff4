//! The bytes of a part, as clients take them apart by regular expression (C.3).

use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::codec::{Codec as _, Metadata};
use proptest::prelude::*;

use crate::message::{fixture, strictest};

const ID: &str = "UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur";

#[test]
fn a_part_is_two_header_lines_an_empty_line_the_message_and_crlf() {
    let part = strictest().render(ID.parse().unwrap(), b"<Envelope/>", None);
    let golden = "Content-Type: application/xml; charset=utf-8\r\n\
                  PI-ResourceId: UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur\r\n\
                  \r\n\
                  <Envelope/>\r\n";
    assert_eq!(part.bytes(), golden.as_bytes());
    assert_eq!(part.xml(), b"<Envelope/>".as_slice());
}

#[test]
fn metadata_goes_behind_the_two_lines_when_the_operator_wants_it() {
    let metadata = Metadata { message_type: "pacs.008.spi.1.16".to_owned(), sequence: Sequence::new(4_711) };
    let part = strictest().render(ID.parse().unwrap(), b"<Envelope/>", Some(&metadata));
    let golden = "Content-Type: application/xml; charset=utf-8\r\n\
                  PI-ResourceId: UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur\r\n\
                  PI-Message-Type: pacs.008.spi.1.16\r\n\
                  PI-Sequence: 4711\r\n\
                  \r\n\
                  <Envelope/>\r\n";
    assert_eq!(part.bytes(), golden.as_bytes());
}

#[test]
fn the_catalogue_is_sorted_and_lists_what_a_message_says_of_itself() {
    let catalog = strictest().catalog();
    let told = strictest().examine(fixture("pacs.008/one.xml").as_bytes(), None).unwrap();
    assert!(catalog.is_sorted());
    assert_eq!(catalog.len(), 11);
    assert!(catalog.contains(&told.message_type));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Invariant 9: delivered bytes equal published bytes, whatever they are.
    #[test]
    fn bytes_out_are_bytes_in(
        xml in prop::collection::vec(any::<u8>(), 0..2_000),
        millis in 0_u64..1 << 48,
        random in any::<[u8; 16]>(),
    ) {
        let id = ResourceId::new(Timestamp::from_unix_millis(millis), random);
        let part = strictest().render(id, &xml, None);
        prop_assert_eq!(part.xml(), &xml[..]);
        let whole = [&part.head()[..], &xml, b"\r\n"].concat();
        prop_assert_eq!(&part.bytes()[..], &whole[..]);
        let end = format!("PI-ResourceId: {id}\r\n\r\n");
        prop_assert!(part.head().ends_with(end.as_bytes()));
    }
}
