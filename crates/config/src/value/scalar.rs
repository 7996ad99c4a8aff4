//! Plain values: switches, numbers, sizes, durations, texts, paths and addresses.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{Value, quote, wrong_type};
use crate::node::Node;

const KIB: u64 = 1024;
const SIZE_UNITS: [(&str, u64); 4] = [("GiB", KIB * KIB * KIB), ("MiB", KIB * KIB), ("KiB", KIB), ("B", 1)];
/// Longest first, so that a value is written in the largest unit that holds it exactly.
const TIME_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Value for bool {
    fn form() -> String {
        "true or false".to_owned()
    }

    fn schema() -> Json {
        json!({ "type": "boolean" })
    }

    fn read(node: &Node) -> Result<Self, String> {
        match node {
            Node::Boolean(value) => Ok(*value),
            other @ (Node::Text(_) | Node::Integer(_) | Node::List(_) | Node::Table(_) | Node::Other(_)) => {
                Err(wrong_type::<Self>(other))
            }
        }
    }

    fn node_of_text(text: &str) -> Node {
        text.trim().parse().map_or_else(|_| Node::Text(text.to_owned()), Node::Boolean)
    }

    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for u32 {
    fn form() -> String {
        "a whole number".to_owned()
    }

    fn schema() -> Json {
        json!({ "type": "integer", "minimum": 0 })
    }

    fn read(node: &Node) -> Result<Self, String> {
        let Node::Integer(number) = node else { return Err(wrong_type::<Self>(node)) };
        Self::try_from(*number)
            .map_err(|_| format!("takes a whole number up to {}, this is {number}", Self::MAX))
    }

    fn node_of_text(text: &str) -> Node {
        text.trim().parse().map_or_else(|_| Node::Text(text.to_owned()), Node::Integer)
    }

    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// A size in bytes: an integer, or a text with a unit (`"256KiB"`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

impl Size {
    /// A size of so many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    pub(crate) const fn kib(count: u64) -> Self {
        Self(count * KIB)
    }

    pub(crate) const fn mib(count: u64) -> Self {
        Self(count * KIB * KIB)
    }

    pub(crate) const fn gib(count: u64) -> Self {
        Self(count * KIB * KIB * KIB)
    }

    /// The size in bytes; the largest `usize` where it does not fit.
    #[must_use]
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes_u64(self) -> u64 {
        self.0
    }
}

impl Value for Size {
    fn form() -> String {
        "a size: bytes, or a text with a unit (B, KiB, MiB, GiB) such as \"256KiB\"".to_owned()
    }

    fn schema() -> Json {
        json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": "^[0-9]+ ?(B|KiB|MiB|GiB)$" },
        ]})
    }

    fn read(node: &Node) -> Result<Self, String> {
        match node {
            Node::Integer(number) => u64::try_from(*number)
                .map(Self)
                .map_err(|_| format!("a size cannot be negative, this is {number}")),
            Node::Text(text) => with_unit(text, &SIZE_UNITS)
                .map(Self)
                .ok_or_else(|| format!("takes {}, this is \"{text}\"", Self::form())),
            other @ (Node::Boolean(_) | Node::List(_) | Node::Table(_) | Node::Other(_)) => {
                Err(wrong_type::<Self>(other))
            }
        }
    }

    fn node_of_text(text: &str) -> Node {
        text.trim().parse().map_or_else(|_| Node::Text(text.to_owned()), Node::Integer)
    }

    fn write(&self) -> Option<String> {
        let (unit, bytes) = SIZE_UNITS
            .into_iter()
            .find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes))
            .unwrap_or(("B", 1));
        Some(if unit == "B" { self.0.to_string() } else { format!("\"{}{unit}\"", self.0 / bytes) })
    }
}

impl Value for Duration {
    fn form() -> String {
        "a duration with its unit (ms, s, m, h, d) such as \"5s\"".to_owned()
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[0-9]+ ?(ms|s|m|h|d)$" })
    }

    fn read(node: &Node) -> Result<Self, String> {
        match node {
            Node::Text(text) => with_unit(text, &TIME_UNITS)
                .map(Self::from_millis)
                .ok_or_else(|| format!("takes {}, this is \"{text}\"", Self::form())),
            Node::Integer(number) => Err(format!("takes {}, {number} has no unit", Self::form())),
            other @ (Node::Boolean(_) | Node::List(_) | Node::Table(_) | Node::Other(_)) => {
                Err(wrong_type::<Self>(other))
            }
        }
    }

    fn write(&self) -> Option<String> {
        let millis = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        if millis == 0 {
            return Some("\"0s\"".to_owned());
        }
        // One day reads better as "24h"; several as "30d".
        let (unit, length) = TIME_UNITS
            .into_iter()
            .find(|(unit, length)| {
                millis.is_multiple_of(*length) && millis >= *length * if *unit == "d" { 2 } else { 1 }
            })
            .unwrap_or(("ms", 1));
        Some(format!("\"{}{unit}\"", millis / length))
    }
}

/// A whole number with one of these units; `None` for anything else, also for one too large.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

impl Value for String {
    fn form() -> Self {
        "a text".to_owned()
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }

    fn read(node: &Node) -> Result<Self, Self> {
        let Node::Text(text) = node else { return Err(wrong_type::<Self>(node)) };
        Ok(text.clone())
    }

    fn write(&self) -> Option<Self> {
        Some(quote(self))
    }
}

impl Value for PathBuf {
    fn form() -> String {
        "a path".to_owned()
    }

    fn schema() -> Json {
        json!({ "type": "string", "minLength": 1 })
    }

    fn read(node: &Node) -> Result<Self, String> {
        match node {
            Node::Text(text) if text.is_empty() => Err("takes a path, this is empty".to_owned()),
            Node::Text(text) => Ok(Self::from(text)),
            other @ (Node::Integer(_)
            | Node::Boolean(_)
            | Node::List(_)
            | Node::Table(_)
            | Node::Other(_)) => Err(wrong_type::<Self>(other)),
        }
    }

    fn write(&self) -> Option<String> {
        Some(quote(&self.to_string_lossy()))
    }

    fn rebase(&mut self, base: &Path) {
        *self = base.join(&*self);
    }
}

impl Value for Option<PathBuf> {
    fn form() -> String {
        PathBuf::form()
    }

    fn schema() -> Json {
        PathBuf::schema()
    }

    fn read(node: &Node) -> Result<Self, String> {
        PathBuf::read(node).map(Some)
    }

    fn write(&self) -> Option<String> {
        self.as_ref().and_then(Value::write)
    }

    fn rebase(&mut self, base: &Path) {
        if let Some(path) = self {
            path.rebase(base);
        }
    }
}

/// An address to listen on.
impl Value for SocketAddr {
    fn form() -> String {
        "an address and a port such as \"127.0.0.1:8443\" (port 0: any free one)".to_owned()
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^.+:[0-9]+$" })
    }

    fn read(node: &Node) -> Result<Self, String> {
        let Node::Text(text) = node else { return Err(wrong_type::<Self>(node)) };
        text.trim().parse().map_err(|_| format!("takes {}, this is \"{text}\"", Self::form()))
    }

    fn write(&self) -> Option<String> {
        Some(quote(&self.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Node {
        Node::Text(text.to_owned())
    }

    #[test]
    fn durations_read_with_every_unit() {
        for (written, millis) in
            [("250ms", 250), ("5s", 5_000), ("10 m", 600_000), ("24h", 86_400_000), ("0s", 0)]
        {
            assert_eq!(Duration::read(&text(written)), Ok(Duration::from_millis(millis)), "{written}");
        }
    }

    #[test]
    fn durations_without_a_known_unit_are_refused() {
        for written in ["5", "", "s", "5 sec", "-1s", "1.5s", "99999999999999999999s", "184467440737095516d"]
        {
            assert!(Duration::read(&text(written)).is_err(), "{written}");
        }
        assert!(Duration::read(&Node::Integer(5)).unwrap_err().contains("5 has no unit"));
    }

    #[test]
    fn durations_are_written_in_their_largest_unit() {
        for (millis, written) in [
            (0, "0s"),
            (250, "250ms"),
            (5_000, "5s"),
            (60_000, "1m"),
            (86_400_000, "24h"),
            (30 * 86_400_000, "30d"),
        ] {
            assert_eq!(Duration::from_millis(millis).write(), Some(format!("\"{written}\"")));
        }
    }

    #[test]
    fn sizes_read_as_numbers_and_with_units() {
        assert_eq!(Size::read(&Node::Integer(1000)), Ok(Size(1000)));
        assert_eq!(Size::read(&text("256KiB")), Ok(Size::kib(256)));
        assert_eq!(Size::read(&text("4 MiB")), Ok(Size::mib(4)));
        assert!(Size::read(&text("4MB")).is_err());
        assert!(Size::read(&Node::Integer(-1)).is_err());
    }

    #[test]
    fn sizes_are_written_in_their_largest_unit() {
        assert_eq!(Size::kib(256).write(), Some("\"256KiB\"".to_owned()));
        assert_eq!(Size(1000).write(), Some("1000".to_owned()));
        assert_eq!(Size(0).write(), Some("0".to_owned()));
    }
}
