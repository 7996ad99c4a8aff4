//! What strict mode refuses in a request's head before its path matters (protocol, section 2).
//!
//! That there is one `Host` at all is the listener's to check.

use http::HeaderMap;
use http::header::HOST;

use crate::error::{Code, Problem};
use crate::handlers::publish::ON_INVALID;

/// The headers of ICOM's list, the only ones that strict mode lets through.
const ICOM: [&str; 12] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "max-forwards",
    "transfer-encoding",
    "user-agent",
    "via",
];

/// What strict mode refuses, whatever the request asks for. ICOM has no producers: theirs is one header more.
pub(super) fn check_strict(head: &http::request::Parts, is_producer: bool) -> Result<(), Problem> {
    check_names(&head.headers, is_producer)?;
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    if host.into_iter().chain(authority).any(has_port) {
        return Err(Problem::new(Code::InvalidHeader, "the Host header may not have a port"));
    }
    Ok(())
}

fn check_names(headers: &HeaderMap, is_producer: bool) -> Result<(), Problem> {
    let is_known = |name: &str| ICOM.contains(&name) || (is_producer && name == ON_INVALID);
    match headers.keys().find(|name| !is_known(name.as_str())) {
        // A header's name may be anything up to 64 KiB.
        Some(name) if name.as_str().len() <= 64 => {
            Err(Problem::new(Code::InvalidHeader, format!("the header {name} is not allowed")))
        }
        Some(_) => Err(Problem::new(Code::InvalidHeader, "a header is not allowed")),
        None => Ok(()),
    }
}

fn has_port(host: &str) -> bool {
    // The colons of an IPv6 address stand within brackets.
    host.rsplit(']').next().is_some_and(|behind| behind.contains(':'))
}

#[cfg(test)]
mod tests {
    //! Protocol, section 2.

    use super::*;

    fn head(headers: &[(&str, &str)]) -> http::request::Parts {
        let mut request = http::Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn strict_mode_takes_all_of_the_list() {
        let mut headers: Vec<_> = ICOM.iter().filter(|n| **n != "host").map(|n| (*n, "1")).collect();
        headers.push(("Host", "icom.pi.rsfn.net.br"));
        assert_eq!(check_strict(&head(&headers), false), Ok(()));
        assert_eq!(check_strict(&head(&[("Host", "[::1]")]), false), Ok(()));
    }

    #[test]
    fn strict_mode_takes_a_producers_header_from_producers_alone() {
        let head = head(&[("Host", "icom"), ("PI-On-Invalid", "quarantine")]);
        assert_eq!(check_strict(&head, true), Ok(()));
        assert_eq!(check_strict(&head, false).unwrap_err().code, Code::InvalidHeader);
    }

    #[test]
    fn strict_mode_refuses_a_port_and_other_headers() {
        let heads = [
            head(&[("Host", "icom:8443")]),
            head(&[("Host", "[::1]:8443")]),
            head(&[("Host", "icom"), ("traceparent", "00-1-2-01")]),
            head(&[("Host", "icom"), ("x-request-id", "a")]),
        ];
        for head in heads {
            assert_eq!(check_strict(&head, false).unwrap_err().code, Code::InvalidHeader);
        }
    }
}
