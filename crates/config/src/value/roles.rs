//! Who a role is given to: certificates, known by their subject's CN or by their fingerprint.
//!
//! Only what the configuration says. Comparing it with a presented certificate is `delivery`'s business.

use serde_json::{Value as Json, json};

use pix_stream_domain::ispb::Ispb;

use super::list::refuse_other_fields;
use super::{Value, quote, wrong_type};
use crate::node::Node;

const FINGERPRINT_PREFIX: &str = "sha256:";
const FINGERPRINT_LEN: usize = 32;

/// How a certificate is recognised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The subject's CN, compared exactly.
    CommonName(String),
    /// SHA-256 of the certificate's DER form.
    Fingerprint([u8; FINGERPRINT_LEN]),
}

impl Subject {
    fn from_text(text: &str) -> Result<Self, String> {
        match text.strip_prefix(FINGERPRINT_PREFIX) {
            Some(digits) => fingerprint(digits).map(Self::Fingerprint).ok_or_else(|| {
                format!("a fingerprint is `sha256:` and 64 hexadecimal digits, this is \"{text}\"")
            }),
            None if text.is_empty() => Err("a certificate's name cannot be empty".to_owned()),
            None => Ok(Self::CommonName(text.to_owned())),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::CommonName(name) => name.clone(),
            Self::Fingerprint(bytes) => {
                use std::fmt::Write as _;
                bytes.iter().fold(FINGERPRINT_PREFIX.to_owned(), |mut text, byte| {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "{byte:02x}");
                    text
                })
            }
        }
    }
}

/// Hexadecimal digits of any case, with or without colons between bytes as openssl prints them.
fn fingerprint(digits: &str) -> Option<[u8; FINGERPRINT_LEN]> {
    let digits = digits.replace(':', "");
    if digits.len() != FINGERPRINT_LEN * 2 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; FINGERPRINT_LEN];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

impl Value for Subject {
    fn form() -> String {
        "a certificate's CN, or \"sha256:…\" with the fingerprint of its DER form".to_owned()
    }

    fn schema() -> Json {
        json!({ "type": "string", "minLength": 1 })
    }

    fn read(node: &Node) -> Result<Self, String> {
        let Node::Text(text) = node else { return Err(wrong_type::<Self>(node)) };
        Self::from_text(text)
    }

    fn write(&self) -> Option<String> {
        Some(quote(&self.text()))
    }
}

/// For whom a producer may publish.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// For every participant: `["*"]`.
    All,
    /// For these; with none, the producer may read the catalogue only.
    Only(Vec<Ispb>),
}

impl Scope {
    /// Whether a message for this participant may be published.
    #[must_use]
    pub fn allows(&self, ispb: Ispb) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.contains(&ispb),
        }
    }

    fn read(node: &Node) -> Result<Self, String> {
        let texts = Vec::<String>::read(node)?;
        if texts.iter().any(|text| text == "*") {
            return match texts.len() {
                1 => Ok(Self::All),
                _ => Err("\"*\" stands alone: it already means every participant".to_owned()),
            };
        }
        let one = |text: &String| text.parse::<Ispb>().map_err(|why| format!("\"{text}\": {why}"));
        texts.iter().map(one).collect::<Result<_, _>>().map(Self::Only)
    }
}

/// A certificate that may publish.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Producer {
    /// The certificate.
    pub subject: Subject,
    /// For whom it may publish.
    pub publish: Scope,
}

impl Value for Producer {
    fn form() -> String {
        "a table { name = \"CN\", publish = [\"*\"] } with `fingerprint = \"sha256:…\"` instead of `name`, and ISPBs \
         instead of \"*\", where wanted (in the environment: CN)"
            .to_owned()
    }

    fn schema() -> Json {
        json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "minLength": 1 },
                "fingerprint": { "type": "string", "pattern": "^sha256:[0-9A-Fa-f:]{64,95}$" },
                "publish": { "type": "array", "items": { "type": "string", "pattern": "^(\\*|[0-9A-Z]{8})$" } },
            },
            "oneOf": [{ "required": ["name"] }, { "required": ["fingerprint"] }],
            "required": ["publish"],
            "additionalProperties": false,
        })
    }

    fn read(node: &Node) -> Result<Self, String> {
        let Node::Table(table) = node else { return Err(wrong_type::<Self>(node)) };
        refuse_other_fields(table.keys(), &["name", "fingerprint", "publish"])?;
        let subject = match (table.get("name"), table.get("fingerprint")) {
            (Some(Node::Text(name)), None) if !name.starts_with(FINGERPRINT_PREFIX) => {
                Subject::from_text(name)?
            }
            (None, Some(Node::Text(text))) if text.starts_with(FINGERPRINT_PREFIX) => {
                Subject::from_text(text)?
            }
            (None, None) => return Err("`name` or `fingerprint` is missing".to_owned()),
            (Some(_), Some(_)) => return Err("has `name` and `fingerprint`, takes one of them".to_owned()),
            (Some(_), None) => return Err("`name` takes a certificate's CN".to_owned()),
            (None, Some(_)) => {
                return Err("`fingerprint` takes \"sha256:\" and 64 hexadecimal digits".to_owned());
            }
        };
        let publish = table.get("publish").ok_or("`publish` is missing: [\"*\"], or a list of ISPBs")?;
        Ok(Self { subject, publish: Scope::read(publish).map_err(|why| format!("`publish`: {why}"))? })
    }

    /// A name or fingerprint alone may publish for everybody.
    fn node_of_text(text: &str) -> Node {
        let field = if text.starts_with(FINGERPRINT_PREFIX) { "fingerprint" } else { "name" };
        Node::Table(
            [
                (field.to_owned(), Node::Text(text.to_owned())),
                ("publish".to_owned(), Node::List(vec![Node::Text("*".to_owned())])),
            ]
            .into(),
        )
    }

    fn write(&self) -> Option<String> {
        let field = match self.subject {
            Subject::CommonName(_) => "name",
            Subject::Fingerprint(_) => "fingerprint",
        };
        let publish = match &self.publish {
            Scope::All => quote("*"),
            Scope::Only(list) => list.iter().map(|ispb| quote(ispb.as_str())).collect::<Vec<_>>().join(", "),
        };
        Some(format!("{{ {field} = {}, publish = [{publish}] }}", quote(&self.subject.text())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_may_have_colons_and_capitals() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(fingerprint(&plain), Some([0xab; 32]));
        assert_eq!(fingerprint(&colons), fingerprint(&plain));
        assert_eq!(fingerprint(&plain[1..]), None);
    }

    #[test]
    fn a_star_stands_alone() {
        let node = Node::List(vec![Node::Text("*".to_owned()), Node::Text("99999001".to_owned())]);
        assert!(Scope::read(&node).is_err());
    }
}
