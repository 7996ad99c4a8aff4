//! Values that name the stores of a cluster: addresses by name, copies, passwords.
//!
//! Nothing is looked up or connected to here.

use std::fmt;

use serde_json::{Value as Json, json};
use zeroize::Zeroize as _;

use super::{Value, quote, wrong_type};
use crate::node::Node;

/// Most copies of a row in one data centre.
const COPIES_MAX: u32 = 9;

/// A host, by name or address, and its port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    host: String,
    port: u16,
}

impl Endpoint {
    /// An endpoint; an IPv6 address stands without brackets.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port }
    }

    /// The name or address, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, never 0 in a configuration that was read.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.trim().rsplit_once(':')?;
        let port = port.parse::<u16>().ok().filter(|port| *port > 0)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => address.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
            None => Some(host).filter(|host| is_host(host))?.to_owned(),
        };
        Some(Self { host, port })
    }
}

/// A name or an IPv4 address; whether it exists is found out when it is used.
fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Value for Endpoint {
    fn form() -> String {
        "a host and a port such as \"10.0.0.5:9042\"".to_owned()
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^.+:[0-9]+$" })
    }

    fn read(node: &Node) -> Result<Self, String> {
        let Node::Text(text) = node else { return Err(wrong_type::<Self>(node)) };
        Self::parse(text).ok_or_else(|| format!("takes {}, this is \"{text}\"", Self::form()))
    }

    fn write(&self) -> Option<String> {
        Some(quote(&self.to_string()))
    }
}

/// How many copies of each row a data centre holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replicas {
    /// The data centre as Cassandra names it: letters, digits, `_` and `-` only, so that CQL can hold it as it is.
    pub datacenter: String,
    /// The number of copies, 1 to 9.
    pub copies: u32,
}

impl Replicas {
    pub(crate) fn new(datacenter: &str, copies: u32) -> Self {
        Self { datacenter: datacenter.to_owned(), copies }
    }

    fn parse(text: &str) -> Option<Self> {
        let (datacenter, copies) = text.trim().rsplit_once(':')?;
        let copies = copies.parse::<u32>().ok().filter(|copies| (1..=COPIES_MAX).contains(copies))?;
        is_name(datacenter).then(|| Self::new(datacenter, copies))
    }
}

impl Value for Replicas {
    fn form() -> String {
        format!("a data centre and its number of copies (1 to {COPIES_MAX}) such as \"dc1:3\"")
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": format!("^[A-Za-z0-9_-]+:[1-{COPIES_MAX}]$") })
    }

    fn read(node: &Node) -> Result<Self, String> {
        let Node::Text(text) = node else { return Err(wrong_type::<Self>(node)) };
        Self::parse(text).ok_or_else(|| format!("takes {}, this is \"{text}\"", Self::form()))
    }

    fn write(&self) -> Option<String> {
        Some(quote(&format!("{}:{}", self.datacenter, self.copies)))
    }
}

/// Whether a text can name a data centre or a region: it goes into CQL and onto metrics as it is.
pub(crate) fn is_name(text: &str) -> bool {
    const LENGTH_MAX: usize = 48;
    (1..=LENGTH_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// A text that is never shown: neither printed, nor logged, nor part of a message. Its memory is overwritten when it is
/// dropped.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret(String);

impl Secret {
    pub(crate) const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for whoever must send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was configured.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "Secret(empty)" } else { "Secret(***)" })
    }
}

/// An empty secret is one that is not set, so that `***` in print always stands for something.
impl Value for Secret {
    fn form() -> String {
        String::form()
    }

    fn schema() -> Json {
        String::schema()
    }

    fn read(node: &Node) -> Result<Self, String> {
        String::read(node).map(Self)
    }

    fn write(&self) -> Option<String> {
        (!self.is_empty()).then(|| quote(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Option<String> {
        Endpoint::parse(text).map(|endpoint| endpoint.to_string())
    }

    #[test]
    fn endpoints_read_and_print_the_same() {
        for text in ["127.0.0.1:9042", "cassandra-0.cassandra:9042", "[::1]:6379", "redis_1:1"] {
            assert_eq!(endpoint(text).as_deref(), Some(text));
        }
        assert_eq!(Endpoint::parse("[::1]:6379").unwrap().host(), "::1");
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in
            ["", "host", ":1", "host:0", "host:65536", "::1:6379", "http://host:1", "a b:1", "[host]:1"]
        {
            assert_eq!(endpoint(text), None, "{text}");
        }
    }

    #[test]
    fn copies_name_their_data_centre() {
        let read = |text: &str| Replicas::read(&Node::Text(text.to_owned()));
        assert_eq!(read("dc-sp_1:3"), Ok(Replicas::new("dc-sp_1", 3)));
        for text in ["dc1", "dc1:0", "dc1:10", ":3", "dc1':1", "dc 1:1"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_is_not_in_its_debug_form() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret:?}"), "Secret(***)");
        assert_eq!(secret.expose(), "hunter2");
    }
}
