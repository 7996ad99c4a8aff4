//! Facts about the multipart parser, hostile bodies included (X.1, X.3).

use super::*;

const ID: &str = "UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur";

fn part(body: &str) -> String {
    format!("Content-Type: application/xml; charset=utf-8\r\nPI-ResourceId: {ID}\r\n\r\n{body}\r\n")
}

fn batch(bodies: &[&str]) -> String {
    let parts: String = bodies.iter().map(|body| format!("--B\r\n{}", part(body))).collect();
    format!("{parts}--B--\r\n")
}

fn bodies(text: &str) -> Result<Vec<&str>, Error> {
    Ok(split(text.as_bytes(), "B", 10)?.into_iter().map(|part| &text[part.body]).collect())
}

#[test]
fn part_bodies_come_out_byte_for_byte() {
    let odd = ["<a/>", "", "\r\n", "line\r\nline\n\r", "--B", "\r\n--Bx\r\n", "ends with CR\r", "é\u{1F600}"];
    let text = batch(&odd);
    assert_eq!(bodies(&text).unwrap(), odd);
}

#[test]
fn headers_are_found_in_any_case_and_order_and_others_are_skipped() {
    let text =
        format!("--B\r\nX-More: 1\r\npi-resourceid:{ID}\r\ncontent-type: application/xml\r\n\r\nx\r\n--B--");
    let parts = split(text.as_bytes(), "B", 10).unwrap();
    assert_eq!((parts[0].content_type.as_str(), parts[0].resource_id.as_str()), ("application/xml", ID));
}

#[test]
fn a_body_cut_anywhere_is_an_error() {
    let text = batch(&["<a>1</a>", "<b>2</b>"]);
    // The final CRLF is optional, so only cuts before it matter.
    for cut in 0..text.len() - 2 {
        assert!(split(&text.as_bytes()[..cut], "B", 10).is_err(), "cut at {cut}");
    }
    assert!(split(&text.as_bytes()[..text.len() - 2], "B", 10).is_ok());
}

#[test]
fn any_changed_byte_gives_parts_or_an_error_but_no_panic() {
    let text = batch(&["<a>1</a>", "<b>2</b>"]).into_bytes();
    for at in 0..text.len() {
        for byte in [0, b'\r', b'\n', b'-', b':', 0xff] {
            let mut other = text.clone();
            other[at] = byte;
            if let Ok(parts) = split(&other, "B", 10) {
                assert!(parts.iter().all(|part| other.get(part.body.clone()).is_some()));
            }
        }
    }
}

#[test]
fn another_boundary_is_an_error() {
    assert_eq!(split(batch(&["x"]).as_bytes(), "C", 10), Err(Error::Opening));
    let mixed = format!("--B\r\n{}--C--\r\n", part("x"));
    assert_eq!(bodies(&mixed), Err(Error::Truncated));
}

#[test]
fn a_boundary_line_inside_a_message_is_an_error() {
    assert_eq!(bodies(&batch(&["before\r\n--B\r\nafter"])), Err(Error::Head(2)));
    assert_eq!(bodies(&batch(&["before\r\n--B--\r\nafter"])), Err(Error::Trailing));
}

#[test]
fn missing_and_repeated_headers_are_errors() {
    let no_id = "--B\r\nContent-Type: application/xml\r\n\r\nx\r\n--B--\r\n";
    assert_eq!(bodies(no_id), Err(Error::Missing { part: 1, header: "PI-ResourceId" }));
    let no_type = format!("--B\r\n{}--B\r\nPI-ResourceId: {ID}\r\n\r\nx\r\n--B--\r\n", part("a"));
    assert_eq!(bodies(&no_type), Err(Error::Missing { part: 2, header: "Content-Type" }));
    let twice = format!("--B\r\nPI-ResourceId: {ID}\r\n{}--B--\r\n", part("x"));
    assert_eq!(bodies(&twice), Err(Error::Repeated { part: 1, header: "PI-ResourceId" }));
}

#[test]
fn header_lines_that_are_none_are_errors() {
    for head in ["no colon", ": no name", "folded\r\n more: x", "bad name: x"] {
        assert_eq!(bodies(&format!("--B\r\n{head}\r\n\r\nx\r\n--B--\r\n")), Err(Error::Head(1)), "{head}");
    }
    let endless = format!("--B\r\nX: {}\r\n{}--B--\r\n", "x".repeat(HEAD_BYTES_MAX), part("x"));
    assert_eq!(bodies(&endless), Err(Error::Head(1)));
}

#[test]
fn no_part_too_many_parts_preamble_and_epilogue_are_errors() {
    assert_eq!(bodies("--B--\r\n"), Err(Error::Empty));
    assert_eq!(bodies(""), Err(Error::Opening));
    assert_eq!(bodies(&batch(&["x"; 11])), Err(Error::TooMany(10)));
    assert_eq!(bodies(&batch(&["x"; 10])).unwrap().len(), 10);
    assert_eq!(bodies(&format!("hello\r\n{}", batch(&["x"]))), Err(Error::Opening));
    assert_eq!(bodies(&format!("{}bye", batch(&["x"]))), Err(Error::Trailing));
}

#[test]
fn the_boundary_is_read_quoted_or_not_among_other_parameters() {
    for (text, boundary) in [
        ("multipart/mixed; boundary=abc", "abc"),
        ("multipart/mixed;boundary=abc", "abc"),
        ("multipart/mixed; Boundary=\"a b'c\"", "a b'c"),
        ("multipart/mixed; charset=\"x;boundary=no\"; boundary=yes ; z=1", "yes"),
        ("multipart/mixed; boundary=\"a\\-b\"", "a-b"),
    ] {
        assert_eq!(find_boundary(text).as_deref(), Ok(boundary), "{text}");
    }
}

#[test]
fn a_content_type_without_a_usable_boundary_is_an_error() {
    let long = format!("multipart/mixed; boundary={}", "x".repeat(71));
    for text in [
        "multipart/mixed",
        "multipart/mixed; boundary=",
        "multipart/mixed; boundary=\"open",
        "multipart/mixed; boundary=a{b",
        "multipart/mixed; other=1",
        long.as_str(),
    ] {
        assert_eq!(find_boundary(text), Err(Error::Boundary), "{text}");
    }
}
