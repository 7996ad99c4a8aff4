//! What a client takes: the form of a read's answer and its coding, from `Accept` and `Accept-Encoding` (protocol, section 2).
//!
//! Only the two questions that ICOM asks are answered here. It is not general content negotiation.

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING};
use pix_stream_domain::stream::Form;

/// The form in which the client takes messages; `None` means that it takes neither (406).
///
/// `multipart/mixed` with any parameters and any q above zero asks for many; otherwise whatever covers
/// `application/xml` asks for one. A list that only a wildcard opens for multipart gets it before a 406.
pub(crate) fn find_form(headers: &HeaderMap) -> Option<Form> {
    let mut xml = Taken::default();
    let mut multipart = Taken::default();
    let mut is_stated = false;
    for (name, parameters) in elements(headers, &ACCEPT) {
        is_stated = true;
        let takes = is_positive(parameters);
        match Range::of(name) {
            Range::Multipart => multipart.exact = Some(multipart.exact.unwrap_or(false) || takes),
            Range::AnyMultipart => multipart.family = Some(takes),
            Range::Xml => xml.exact = Some(xml.exact.unwrap_or(false) || takes),
            Range::AnyApplication => xml.family = Some(takes),
            Range::Any => (xml.any, multipart.any) = (takes, takes),
            Range::Other => {}
        }
    }
    if !is_stated {
        return Some(Form::Single);
    }
    if multipart.exact == Some(true) {
        return Some(Form::Multipart);
    }
    if xml.is_taken() {
        return Some(Form::Single);
    }
    multipart.is_taken().then_some(Form::Multipart)
}

/// Whether the client takes the one form that the catalogue has, `application/xml`.
pub(crate) fn takes_xml(headers: &HeaderMap) -> bool {
    let mut xml = Taken::default();
    let mut is_stated = false;
    for (name, parameters) in elements(headers, &ACCEPT) {
        is_stated = true;
        let takes = is_positive(parameters);
        match Range::of(name) {
            Range::Xml => xml.exact = Some(xml.exact.unwrap_or(false) || takes),
            Range::AnyApplication => xml.family = Some(takes),
            Range::Any => xml.any = takes,
            Range::Multipart | Range::AnyMultipart | Range::Other => {}
        }
    }
    !is_stated || xml.is_taken()
}

/// Whether `gzip` itself stands in the list with a q above zero. `*` alone does not ask for it.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    elements(headers, &ACCEPT_ENCODING)
        .any(|(name, parameters)| name.eq_ignore_ascii_case("gzip") && is_positive(parameters))
}

/// What the list says of one media type, from the most to the least specific range.
#[derive(Default)]
struct Taken {
    exact: Option<bool>,
    family: Option<bool>,
    any: bool,
}

impl Taken {
    fn is_taken(&self) -> bool {
        self.exact.or(self.family).unwrap_or(self.any)
    }
}

enum Range {
    Multipart,
    AnyMultipart,
    Xml,
    AnyApplication,
    Any,
    Other,
}

impl Range {
    fn of(name: &str) -> Self {
        const KNOWN: [(&str, Range); 6] = [
            ("multipart/mixed", Range::Multipart),
            ("application/xml", Range::Xml),
            ("*/*", Range::Any),
            ("application/*", Range::AnyApplication),
            ("multipart/*", Range::AnyMultipart),
            // What old Java clients send for `*/*`.
            ("*", Range::Any),
        ];
        let is_named = |(text, _): &(&str, Self)| name.eq_ignore_ascii_case(text);
        KNOWN.into_iter().find(is_named).map_or(Self::Other, |(_, range)| range)
    }
}

/// The elements of a list header, over all its lines: the value before the first `;`, and the parameters behind.
/// A line that is not text is passed over: nobody can ask for anything with it.
fn elements<'a>(
    headers: &'a HeaderMap,
    name: &http::HeaderName,
) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| split_outside_quotes(line, b',')).filter_map(|element| {
        let (value, parameters) = element.split_once(';').unwrap_or((element, ""));
        let value = value.trim();
        (!value.is_empty()).then_some((value, parameters))
    })
}

/// Whether the parameters hold no `q`, or one above zero. A `q` that is no number is no reason to refuse.
fn is_positive(parameters: &str) -> bool {
    let q = split_outside_quotes(parameters, b';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    let is_zero = |q: &str| q.contains('0') && q.bytes().all(|b| b == b'0' || b == b'.');
    !q.is_some_and(is_zero)
}

/// Splits at each `separator` that is not within a quoted string.
pub(crate) fn split_outside_quotes(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest?;
        let (mut in_quotes, mut is_escaped) = (false, false);
        let end = current.bytes().position(|byte| {
            let was_escaped = std::mem::take(&mut is_escaped);
            match byte {
                b'"' if !was_escaped => in_quotes = !in_quotes,
                b'\\' if in_quotes && !was_escaped => is_escaped = true,
                _ => {}
            }
            byte == separator && !in_quotes
        });
        // The separator is ASCII, so both sides of it are whole characters.
        rest = end.map(|at| &current[at + 1..]);
        Some(&current[..end.unwrap_or(current.len())])
    })
}

#[cfg(test)]
mod tests {
    //! Protocol, sections 2 and 9.

    use super::*;

    fn headers(name: http::HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), line.parse().unwrap())).collect()
    }

    fn form(lines: &[&str]) -> Option<Form> {
        find_form(&headers(ACCEPT, lines))
    }

    fn gzip(lines: &[&str]) -> bool {
        takes_gzip(&headers(ACCEPT_ENCODING, lines))
    }

    #[test]
    fn one_message_is_the_default() {
        let lists: [&[&str]; 9] = [
            &[],
            &[""],
            &["*/*"],
            &["application/xml"],
            &["application/*"],
            &["APPLICATION/XML;charset=utf-8"],
            &["text/html, application/xml;q=0.9, */*;q=0.8"],
            &["multipart/mixed;q=0, */*"],
            &["text/html, image/gif, *; q=.2, */*; q=.2"],
        ];
        for list in lists {
            assert_eq!(form(list), Some(Form::Single), "{list:?}");
        }
    }

    #[test]
    fn multipart_anywhere_in_the_list_asks_for_many() {
        let lists: [&[&str]; 9] = [
            &["multipart/mixed"],
            &["multipart/mixed, application/xml, application/problem+xml, */*"],
            &["application/xml, multipart/mixed;q=0.1"],
            &["application/xml", "multipart/mixed"],
            &["Multipart/Mixed ; boundary=\"a,b;q=0\""],
            &["application/xml;q=1.0,multipart/mixed;q=0.001"],
            &["*/*;q=0, multipart/mixed"],
            &["multipart/*"],
            &["multipart/mixed;q=0, multipart/mixed"],
        ];
        for list in lists {
            assert_eq!(form(list), Some(Form::Multipart), "{list:?}");
        }
    }

    #[test]
    fn nothing_acceptable_is_refused() {
        let lists: [&[&str]; 8] = [
            &["text/html"],
            &["application/json"],
            &["application/problem+xml"],
            &["*/*;q=0"],
            &["multipart/mixed;q=0"],
            &["multipart/mixed;q=0.000, application/xml;q=0"],
            &["application/*;q=0, text/*"],
            &["multipart/form-data"],
        ];
        for list in lists {
            assert_eq!(form(list), None, "{list:?}");
        }
    }

    #[test]
    fn gzip_has_to_be_named_and_wanted() {
        for lines in [&["gzip"][..], &["gzip, *"], &["identity", "GZIP;q=0.5"], &["br,gzip;q=0.001"]] {
            assert!(gzip(lines), "{lines:?}");
        }
        for lines in [&[][..], &["*"], &["gzip;q=0"], &["gzip; q=0.0, br"], &["identity"], &["xgzip"]] {
            assert!(!gzip(lines), "{lines:?}");
        }
    }

    #[test]
    fn the_catalogue_is_xml_only() {
        for (list, takes) in [("*/*", true), ("application/xml", true), ("multipart/mixed", false)] {
            assert_eq!(takes_xml(&headers(ACCEPT, &[list])), takes, "{list}");
        }
        assert!(takes_xml(&HeaderMap::new()));
        assert!(!takes_xml(&headers(ACCEPT, &["application/xml;q=0, */*"])));
    }

    #[test]
    fn quotes_hide_separators() {
        let parts: Vec<_> = split_outside_quotes(r#"a;b="x;\"y;";c"#, b';').collect();
        assert_eq!(parts, ["a", r#"b="x;\"y;""#, "c"]);
    }
}
