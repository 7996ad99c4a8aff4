//! Requests as they are written and answers as they stand on the wire, byte by byte: for tests that must see what a
//! client library would hide (protocol, sections 2 to 6).

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails by panicking")]

use std::io::Read as _;

use flate2::bufread::GzDecoder;

/// A request in the making.
pub struct Ask {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask {
    /// A request that closes its connection.
    #[must_use]
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        let headers =
            vec![("Host".to_owned(), "icom".to_owned()), ("Connection".to_owned(), "close".to_owned())];
        Self { method, path: path.into(), headers, body: Vec::new() }
    }

    /// A GET.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    /// A read that opens a stream.
    #[must_use]
    pub fn start(ispb: &str) -> Self {
        Self::get(format!("/api/v1/out/{ispb}/stream/start"))
    }

    /// A publish request; no Content-Type when it is empty.
    #[must_use]
    pub fn publish(ispb: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let ask = Self::new("POST", format!("/api/v1/out/{ispb}/msgs")).body(body);
        if content_type.is_empty() { ask } else { ask.header("Content-Type", content_type) }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Accepts many messages, as a bank's client spells it.
    #[must_use]
    pub fn many(self) -> Self {
        self.header("Accept", "multipart/mixed, application/xml, application/problem+xml, */*")
    }

    /// Accepts gzip.
    #[must_use]
    pub fn gzip(self) -> Self {
        self.header("Accept-Encoding", "gzip, *")
    }

    /// A body with its length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("Content-Length", &length)
    }

    /// A JSON body.
    #[must_use]
    pub fn json(self, body: &str) -> Self {
        self.header("Content-Type", "application/json").body(body)
    }

    /// Whether its answer has no body.
    #[must_use]
    pub fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// The request as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        [text.as_bytes(), &self.body].concat()
    }
}

/// An answer as it stood on the wire.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Names as they were spelled.
    pub headers: Vec<(String, String)>,
    /// Its body, coded as it came.
    pub body: Vec<u8>,
}

impl Reply {
    /// Reads an answer whose connection has ended.
    ///
    /// # Panics
    /// It is none, or its body has not the length that it announces.
    #[must_use]
    pub fn parse(bytes: &[u8], is_head: bool) -> Self {
        let at = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("an answer has a head");
        let head = std::str::from_utf8(&bytes[..at]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let pair = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        };
        let reply = Self { status, headers: lines.map(pair).collect(), body: bytes[at + 4..].to_vec() };
        let length = reply.find("content-length").map_or(0, |length| length.parse().unwrap());
        assert_eq!(reply.body.len(), if is_head { 0 } else { length }, "the body has the announced length");
        reply
    }

    /// A header's value.
    ///
    /// # Panics
    /// It stands twice.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&str> {
        let is_named = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        let mut found = self.headers.iter().filter(is_named);
        let value = found.next().map(|(_, value)| value.as_str());
        assert_eq!(found.next(), None, "{name} stands once");
        value
    }

    /// The value of a header that must be there.
    ///
    /// # Panics
    /// It is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.find(name).unwrap_or_else(|| panic!("{name} is missing: {self:?}"))
    }

    /// The body, decompressed where it says that it is compressed: exactly one member.
    ///
    /// # Panics
    /// It is coded in another way, or not whole.
    #[must_use]
    pub fn plain(&self) -> Vec<u8> {
        match self.find("content-encoding") {
            None => self.body.clone(),
            Some("gzip") => {
                let mut decoder = GzDecoder::new(&self.body[..]);
                let mut plain = Vec::new();
                decoder.read_to_end(&mut plain).unwrap();
                assert!(decoder.into_inner().is_empty(), "one member");
                plain
            }
            Some(other) => panic!("coding {other}"),
        }
    }

    /// The plain body as text.
    ///
    /// # Panics
    /// It is not UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8(self.plain()).unwrap()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// It is not.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The path of `PI-Pull-Next`.
    #[must_use]
    pub fn next(&self) -> String {
        self.header("PI-Pull-Next").to_owned()
    }

    /// The XML of each message, found as a client's regular expression would.
    ///
    /// # Panics
    /// The body is not laid out as protocol section 3 says.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        let text = self.text();
        let Some(boundary) = self.header("Content-Type").strip_prefix("multipart/mixed; boundary=") else {
            return vec![text];
        };
        let parts = text.strip_suffix(&format!("--{boundary}--\r\n")).expect("a closing line");
        let message = |part: &str| {
            let (head, xml) = part.split_once("\r\n\r\n").unwrap();
            let names: Vec<_> = head.split("\r\n").map(|l| l.split_once(": ").unwrap().0).collect();
            assert_eq!(names, ["Content-Type", "PI-ResourceId"]);
            xml.strip_suffix("\r\n").unwrap().to_owned()
        };
        parts.split(&format!("--{boundary}\r\n")).skip(1).map(message).collect()
    }

    /// Asserts an error of protocol section 6, and gives its title.
    ///
    /// # Panics
    /// It is another one.
    pub fn problem(&self, status: u16, code: &str) -> String {
        let text = self.text();
        assert_eq!(self.status, status, "{text}");
        assert_eq!(self.header("Content-Type"), "application/problem+xml");
        assert_eq!(self.find("PI-Pull-Next"), None, "no error moves a cursor");
        let start = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<problem xmlns=\"urn:ietf:rfc:7807\">\
             <type>https://icom.pi.rsfn.net.br/api/v1/error/{code}</type><title>"
        );
        let rest = text.strip_prefix(&start).unwrap_or_else(|| panic!("{code} expected: {text}"));
        let title = rest.strip_suffix("</problem>").unwrap();
        // Ours, and only where there is more to say.
        let title = title.split_once("</title><detail>").map_or(title, |(title, _)| title);
        title.strip_suffix("</title>").unwrap_or(title).to_owned()
    }

    /// The lines of an error's detail.
    #[must_use]
    pub fn details(&self) -> Vec<String> {
        let text = self.text();
        let inside = text.split_once("<detail>").and_then(|(_, rest)| rest.split_once("</detail></problem>"));
        inside.map(|(inside, _)| inside.lines().map(str::to_owned).collect()).unwrap_or_default()
    }
}
