//! Protocol, section 8.

use proptest::prelude::*;

use super::*;

const XML: &str = "Content-Type: application/xml; charset=utf-8\r\n";

fn split_text(body: &str) -> Result<Vec<String>, (Code, String)> {
    let messages = split(&Bytes::copy_from_slice(body.as_bytes()), "B", 64)
        .map_err(|problem| (problem.code, problem.title.into_owned()))?;
    Ok(messages.iter().map(|m| String::from_utf8(m.to_vec()).unwrap()).collect())
}

fn code_of(body: &str) -> Code {
    split_text(body).unwrap_err().0
}

#[test]
fn messages_come_out_byte_for_byte() {
    let body =
        format!("--B\r\n{XML}\r\n<a/>\r\n--B\r\n{XML}X: y\r\n\r\n\r\n<b>\n\r\n-- B--</b>\r\n\r\n--B--\r\n");
    assert_eq!(split_text(&body).unwrap(), ["<a/>", "\r\n<b>\n\r\n-- B--</b>\r\n"]);
}

#[test]
fn line_ends_and_padding_around_boundaries_are_let_pass() {
    for body in [
        format!("\r\n--B \t\r\n{XML}\r\n<a/>\r\n--B--"),
        "--B\r\ncontent-TYPE:application/xml\r\n\r\n<a/>\r\n--B--\r\n\r\n".to_owned(),
        format!("--B\r\nContent-Transfer-Encoding: binary\r\n{XML}\r\n<a/>\r\n--B--\r\n"),
    ] {
        assert_eq!(split_text(&body).unwrap(), ["<a/>"], "{body:?}");
    }
}

#[test]
fn nothing_is_dropped_without_a_word() {
    let part = format!("--B\r\n{XML}\r\n<a/>");
    for body in [
        String::new(),
        "--B--\r\n".to_owned(),
        "--B".to_owned(),
        "--B\r\n".to_owned(),
        part.clone(),
        format!("{part}\r\n"),
        format!("{part}\r\n--B"),
        format!("{part}\r\n--C--\r\n"),
        format!("preamble\r\n{part}\r\n--B--\r\n"),
        format!("{part}\r\n--B--\r\nepilogue"),
        format!("{part}\r\n--Bx\r\n{XML}\r\n<b/>\r\n--B--\r\n"),
        format!("--B\n{XML}\r\n<a/>\r\n--B--\r\n"),
        format!("--B\r\n{XML}<a/>\r\n--B--\r\n"),
        format!("--B\r\n{XML} folded\r\n\r\n<a/>\r\n--B--\r\n"),
        format!("--B\r\n{XML}{XML}\r\n<a/>\r\n--B--\r\n"),
        "--B\r\nContent-Type: application/xml\nX: y\r\n\r\n<a/>\r\n--B--\r\n".to_owned(),
    ] {
        assert_eq!(code_of(&body), Code::InvalidMessage, "{body:?}");
    }
}

#[test]
fn parts_of_another_type_are_named_by_number() {
    let second = |head: &str| format!("--B\r\n{XML}\r\n<a/>\r\n--B\r\n{head}\r\n<b/>\r\n--B--\r\n");
    for (head, code) in [
        ("Content-Type: text/plain\r\n", Code::UnsupportedMediaType),
        ("", Code::UnsupportedMediaType),
        ("X: y\r\n", Code::UnsupportedMediaType),
        ("Content-Type: application/xml; charset=latin1\r\n", Code::Charset),
        (
            "Content-Type: application/xml\r\nContent-Transfer-Encoding: base64\r\n",
            Code::UnsupportedMediaType,
        ),
    ] {
        let (found, title) = split_text(&second(head)).unwrap_err();
        assert_eq!(found, code, "{head:?}");
        assert!(title.starts_with("part 2: "), "{title}");
    }
}

#[test]
fn ten_messages_pass_and_eleven_do_not() {
    let body = |n: usize| format!("{}--B--\r\n", format!("--B\r\n{XML}\r\n<a/>\r\n").repeat(n));
    assert_eq!(split_text(&body(10)).unwrap().len(), 10);
    assert_eq!(code_of(&body(11)), Code::TooLarge);
}

#[test]
fn a_message_over_the_limit_is_named() {
    let body = |n: usize| format!("--B\r\n{XML}\r\n{}\r\n--B--\r\n", "x".repeat(n));
    assert!(split_text(&body(64)).is_ok());
    let (code, title) = split_text(&body(65)).unwrap_err();
    assert_eq!(code, Code::TooLarge);
    assert!(title.starts_with("part 1: "), "{title}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_joined_is_split_again(
        messages in prop::collection::vec("[-\r\nB<a>é]{0,40}", 1..=10)
    ) {
        prop_assume!(messages.iter().all(|message| !format!("\r\n{message}").contains("\r\n--B")));
        let mut body = String::new();
        for message in &messages {
            body.push_str(&format!("--B\r\n{XML}\r\n{message}\r\n"));
        }
        body.push_str("--B--\r\n");
        prop_assert_eq!(split_text(&body), Ok(messages));
    }

    #[test]
    fn no_bytes_make_it_panic(body in "(--B|--|\r|\n|\r\n|Content-Type: application/xml|: |<a/>| |é){0,30}") {
        let _either_way = split_text(&body);
    }
}
