//! `Content-Type` and `Content-Encoding` of a publish request and of its parts (protocol, section 8).

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::error::{Code, Problem};
use crate::negotiate::split_outside_quotes;

/// Longest boundary (RFC 2046, section 5.1.1).
const BOUNDARY_MAX: usize = 70;

/// What a body holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Media {
    /// One message.
    Xml,
    /// Several, between lines of this boundary.
    Multipart {
        /// Without the two hyphens before it.
        boundary: String,
    },
}

/// Why a type is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Another type, or none.
    Type,
    /// XML in another charset than UTF-8.
    Charset,
}

/// The type of a request's body.
///
/// # Errors
/// 415, or 400 `charset`.
pub(crate) fn of_request(headers: &HeaderMap) -> Result<Media, Problem> {
    let unsupported = |title| Problem::new(Code::UnsupportedMediaType, title);
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let value = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().unwrap_or_default(),
        (None, _) => return Err(unsupported("the request has no Content-Type")),
        (Some(_), Some(_)) => return Err(unsupported("the request has two Content-Types")),
    };
    let (name, parameters) = split(value);
    if name.eq_ignore_ascii_case("multipart/mixed") {
        let boundary = find_parameter(parameters, "boundary").filter(|b| is_boundary(b));
        let boundary = boundary.ok_or_else(|| unsupported("multipart/mixed without a usable boundary"))?;
        return Ok(Media::Multipart { boundary });
    }
    match check_xml(value) {
        Ok(()) => Ok(Media::Xml),
        Err(Refusal::Type) => Err(unsupported("a message is application/xml, many are multipart/mixed")),
        Err(Refusal::Charset) => Err(Problem::new(Code::Charset, "a message is UTF-8")),
    }
}

/// Whether a `Content-Type` is XML in UTF-8.
pub(crate) fn check_xml(value: &str) -> Result<(), Refusal> {
    let (name, parameters) = split(value);
    if !name.eq_ignore_ascii_case("application/xml") {
        return Err(Refusal::Type);
    }
    match find_parameter(parameters, "charset") {
        Some(charset) if !charset.eq_ignore_ascii_case("utf-8") => Err(Refusal::Charset),
        Some(_) | None => Ok(()),
    }
}

/// Whether a request's body is gzip.
///
/// # Errors
/// 415: another coding, or several.
pub(crate) fn is_gzip(headers: &HeaderMap) -> Result<bool, Problem> {
    let mut is_gzip = false;
    for value in headers.get_all(CONTENT_ENCODING) {
        let coding = value.to_str().unwrap_or("?").trim();
        if coding.eq_ignore_ascii_case("identity") {
            continue;
        }
        if is_gzip || !coding.eq_ignore_ascii_case("gzip") {
            return Err(Problem::new(Code::UnsupportedMediaType, "a body is coded as gzip or not at all"));
        }
        is_gzip = true;
    }
    Ok(is_gzip)
}

fn split(value: &str) -> (&str, &str) {
    let (name, parameters) = value.split_once(';').unwrap_or((value, ""));
    (name.trim(), parameters)
}

/// A parameter's value, its quotes and escapes undone.
fn find_parameter(parameters: &str, wanted: &str) -> Option<String> {
    let value = split_outside_quotes(parameters, b';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
    })?;
    let Some(quoted) = value.strip_prefix('"') else { return Some(value.to_owned()) };
    let quoted = quoted.strip_suffix('"')?;
    let mut text = String::with_capacity(quoted.len());
    let mut is_escaped = false;
    for character in quoted.chars() {
        if character == '\\' && !is_escaped {
            is_escaped = true;
        } else {
            text.push(character);
            is_escaped = false;
        }
    }
    Some(text)
}

/// RFC 2046, section 5.1.1: `bchars`, not ending in a space.
fn is_boundary(boundary: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b);
    (1..=BOUNDARY_MAX).contains(&boundary.len())
        && boundary.bytes().all(is_allowed)
        && !boundary.ends_with(' ')
}

#[cfg(test)]
mod tests {
    //! Protocol, section 8.

    use super::*;

    fn media(value: &str) -> Result<Media, Code> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
        of_request(&headers).map_err(|problem| problem.code)
    }

    #[test]
    fn xml_is_utf8_said_in_any_way_or_not_at_all() {
        for value in [
            "application/xml",
            "Application/XML",
            "application/xml; charset=utf-8",
            "application/xml;charset=UTF-8",
            "application/xml ; Charset = \"Utf-8\"",
            "application/xml; profile=\"a;charset=latin1\"",
        ] {
            assert_eq!(media(value), Ok(Media::Xml), "{value}");
        }
    }

    #[test]
    fn another_charset_is_refused() {
        for value in ["application/xml; charset=iso-8859-1", "application/xml; charset=\"utf-16\""] {
            assert_eq!(media(value), Err(Code::Charset), "{value}");
        }
    }

    #[test]
    fn another_type_is_refused() {
        for value in ["text/xml", "", "application/json", "multipart/form-data; boundary=x", "application/*"]
        {
            assert_eq!(media(value), Err(Code::UnsupportedMediaType), "{value}");
        }
        assert_eq!(of_request(&HeaderMap::new()).unwrap_err().code, Code::UnsupportedMediaType);
    }

    #[test]
    fn a_boundary_is_read_quoted_or_not() {
        for (value, boundary) in [
            ("multipart/mixed; boundary=abc", "abc"),
            ("multipart/mixed; boundary=\"a b:c\"", "a b:c"),
            ("multipart/mixed;charset=x;BOUNDARY=\"a\\b\"", "ab"),
        ] {
            assert_eq!(media(value), Ok(Media::Multipart { boundary: boundary.to_owned() }), "{value}");
        }
        let long = format!("multipart/mixed; boundary={}", "x".repeat(71));
        for value in
            ["multipart/mixed", "multipart/mixed; boundary=\"\"", "multipart/mixed; boundary=\"a ", &long]
        {
            assert_eq!(media(value), Err(Code::UnsupportedMediaType), "{value}");
        }
    }

    #[test]
    fn gzip_once_or_nothing() {
        let coded = |values: &[&str]| {
            let headers = values.iter().map(|v| (CONTENT_ENCODING, v.parse().unwrap())).collect();
            is_gzip(&headers).map_err(|problem| problem.code)
        };
        assert_eq!(coded(&[]), Ok(false));
        assert_eq!(coded(&["identity"]), Ok(false));
        assert_eq!(coded(&["GZIP"]), Ok(true));
        for values in [&["br"][..], &["gzip, gzip"], &["gzip", "gzip"], &["deflate"], &["x-gzip"]] {
            assert_eq!(coded(values), Err(Code::UnsupportedMediaType), "{values:?}");
        }
    }
}
