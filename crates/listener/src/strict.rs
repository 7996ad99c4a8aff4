//! What hyper lets pass and the contract does not (protocol, section 8: HTTP is read strictly).
//!
//! hyper itself refuses differing lengths, obsolete folding, chunks that are none, transfer codings in HTTP/1.0,
//! and reads a request with both a length and chunks by its chunks alone, as the last one of its connection. A bare
//! LF ends a line. Left to us: `Host`, and codings other than `chunked`, which hyper would hand on undecoded.

use http::header::{HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, Request, Version};

/// Whether a request may be answered; the reason is for the log.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), &'static str> {
    let headers = request.headers();
    match request.version() {
        Version::HTTP_11 => check_host(headers, true)?,
        // HTTP/1.0 knows no Host; HTTP/2 has `:authority`. One that is there must still be one.
        _ => check_host(headers, false)?,
    }
    check_codings(headers)
}

fn check_host(headers: &HeaderMap, required: bool) -> Result<(), &'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    let Some(host) = hosts.next() else {
        return if required { Err("no Host") } else { Ok(()) };
    };
    if hosts.next().is_some() {
        return Err("more than one Host");
    }
    let is_authority = |text: &str| text.parse::<Authority>().is_ok_and(|host| !host.as_str().contains('@'));
    match host.to_str() {
        Ok(text) if is_authority(text) => Ok(()),
        Ok(_) | Err(_) => Err("Host is no host"),
    }
}

fn check_codings(headers: &HeaderMap) -> Result<(), &'static str> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        (Some(_), _) => Err("a transfer coding other than chunked"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(version: Version, headers: &[(&str, &str)]) -> Result<(), &'static str> {
        let mut request = Request::builder().version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap())
    }

    #[test]
    fn http_1_1_needs_exactly_one_host() {
        assert!(checked(Version::HTTP_11, &[]).is_err());
        assert!(checked(Version::HTTP_11, &[("host", "a"), ("host", "a")]).is_err());
        for host in ["", "a b", "a/b", "user@a"] {
            assert!(checked(Version::HTTP_11, &[("host", host)]).is_err(), "{host:?}");
        }
        for host in ["a", "a:8443", "127.0.0.1:1", "[::1]:8443"] {
            assert_eq!(checked(Version::HTTP_11, &[("host", host)]), Ok(()), "{host:?}");
        }
    }

    #[test]
    fn others_may_go_without() {
        assert_eq!(checked(Version::HTTP_10, &[]), Ok(()));
        assert_eq!(checked(Version::HTTP_2, &[]), Ok(()));
    }

    #[test]
    fn chunked_is_the_only_coding() {
        let with = |coding| checked(Version::HTTP_11, &[("host", "a"), ("transfer-encoding", coding)]);
        assert_eq!(with("chunked"), Ok(()));
        assert_eq!(with("Chunked"), Ok(()));
        for coding in ["gzip, chunked", "chunked, chunked", "identity, chunked"] {
            assert!(with(coding).is_err(), "{coding}");
        }
        let twice = [("host", "a"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")];
        assert!(checked(Version::HTTP_11, &twice).is_err());
    }
}
