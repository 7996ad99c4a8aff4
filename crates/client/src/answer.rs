//! One whole HTTP answer: status, headers, and the body with any gzip taken off. Knows no meaning beyond that.

use std::io::Read as _;

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use http::header::{AsHeaderName, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

/// An answer whose body arrived completely.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why a body cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A Content-Encoding other than gzip and identity.
    #[error("the answer has the content encoding {0:?}; only gzip was offered")]
    Coding(String),
    /// Not one whole gzip member.
    #[error("the gzip body is damaged: {0}")]
    Gzip(String),
    /// Larger than allowed once decompressed.
    #[error("the answer is larger than {0} bytes once decompressed")]
    TooLarge(usize),
}

impl Answer {
    /// A header's value, when it is visible ASCII.
    pub(crate) fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the server asks to slow down (protocol, section 3).
    pub(crate) fn asks_to_slow_down(&self) -> bool {
        self.header("X-Backpressure-Signal").is_some_and(|signal| signal.eq_ignore_ascii_case("slow"))
    }

    /// The Content-Type, or nothing.
    pub(crate) fn content_type(&self) -> &str {
        self.header(CONTENT_TYPE).unwrap_or_default()
    }

    /// Takes the gzip off, if there is one; at most `bytes_max` may come out.
    pub(crate) fn decoded(mut self, bytes_max: usize) -> Result<Self, Error> {
        let coding = match self.headers.get(CONTENT_ENCODING) {
            None => return Ok(self),
            Some(value) => String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase(),
        };
        match coding.as_str() {
            "" | "identity" => {}
            "gzip" | "x-gzip" if self.body.is_empty() => {}
            "gzip" | "x-gzip" => self.body = gunzip(&self.body, bytes_max)?.into(),
            _ => return Err(Error::Coding(coding)),
        }
        Ok(self)
    }
}

/// Decompresses one gzip member; bytes after it are an error, since they would be lost.
fn gunzip(compressed: &[u8], bytes_max: usize) -> Result<Vec<u8>, Error> {
    let mut decoder = GzDecoder::new(compressed);
    let mut plain = Vec::with_capacity(compressed.len().saturating_mul(4).min(bytes_max));
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    (&mut decoder).take(limit).read_to_end(&mut plain).map_err(|e| Error::Gzip(e.to_string()))?;
    if plain.len() > bytes_max {
        return Err(Error::TooLarge(bytes_max));
    }
    if !decoder.into_inner().is_empty() {
        return Err(Error::Gzip("bytes follow the first member".to_owned()));
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn decoded(coding: &'static str, body: Vec<u8>, max: usize) -> Result<Bytes, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, http::HeaderValue::from_static(coding));
        let answer = Answer { status: StatusCode::OK, headers, body: body.into() };
        answer.decoded(max).map(|answer| answer.body)
    }

    #[test]
    fn a_gzip_body_of_just_the_limit_passes_and_one_byte_more_does_not() {
        assert_eq!(decoded("gzip", gzip(&[7; 1000]), 1000).unwrap(), vec![7; 1000]);
        assert_eq!(decoded("GZIP", gzip(&[7; 1001]), 1000), Err(Error::TooLarge(1000)));
    }

    #[test]
    fn a_gzip_bomb_stops_at_the_limit() {
        assert_eq!(decoded("gzip", gzip(&vec![0; 10_000_000]), 1000), Err(Error::TooLarge(1000)));
    }

    #[test]
    fn damaged_cut_and_doubled_gzip_are_errors() {
        let whole = gzip(b"hello hello hello");
        for cut in 1..whole.len() {
            assert!(decoded("gzip", whole[..cut].to_vec(), 1000).is_err(), "cut at {cut}");
        }
        assert!(decoded("gzip", b"plain".to_vec(), 1000).is_err());
        assert!(decoded("gzip", [whole.clone(), whole].concat(), 1000).is_err());
    }

    #[test]
    fn another_coding_is_an_error() {
        assert_eq!(decoded("br", vec![1], 10), Err(Error::Coding("br".to_owned())));
        assert_eq!(decoded("identity", vec![1], 10).unwrap(), vec![1]);
    }
}
