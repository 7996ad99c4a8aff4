//! Who a role is given to: certificates, known by their subject's CN or by their fingerprint.
//!
//! Only what the configuration says. Comparing it with a presented certificate is `delivery`'s business.

use std::collections::BTreeMap;

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

    /// The field of a table that names it.
    const fn field(&self) -> &'static str {
        match self {
            Self::CommonName(_) => "name",
            Self::Fingerprint(_) => "fingerprint",
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

/// For which participants a role is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// For every participant: `["*"]`.
    All,
    /// For these; with none, a producer may read the catalogue only.
    Only(Vec<Ispb>),
}

impl Scope {
    /// Whether the role is for this participant.
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

    fn write(&self) -> String {
        match self {
            Self::All => quote("*"),
            Self::Only(list) => list.iter().map(|ispb| quote(ispb.as_str())).collect::<Vec<_>>().join(", "),
        }
    }
}

/// The certificate that a table names, by `name` or by `fingerprint`.
fn subject_of(table: &BTreeMap<String, Node>) -> Result<Subject, String> {
    match (table.get("name"), table.get("fingerprint")) {
        (Some(Node::Text(name)), None) if !name.starts_with(FINGERPRINT_PREFIX) => Subject::from_text(name),
        (None, Some(Node::Text(text))) if text.starts_with(FINGERPRINT_PREFIX) => Subject::from_text(text),
        (None, None) => Err("`name` or `fingerprint` is missing".to_owned()),
        (Some(_), Some(_)) => Err("has `name` and `fingerprint`, takes one of them".to_owned()),
        (Some(_), None) => Err("`name` takes a certificate's CN".to_owned()),
        (None, Some(_)) => Err("`fingerprint` takes \"sha256:\" and 64 hexadecimal digits".to_owned()),
    }
}

/// A certificate with a role of the admin listener.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// The certificate.
    pub subject: Subject,
    /// For which participants it has the role.
    pub participants: Scope,
}

impl Holder {
    /// A certificate with the role for all participants.
    #[must_use]
    pub const fn of_all(subject: Subject) -> Self {
        Self { subject, participants: Scope::All }
    }
}

impl Value for Holder {
    fn form() -> String {
        "a certificate's CN, or \"sha256:…\" with the fingerprint of its DER form, or a table { name = \"CN\", \
         participants = [\"99999001\"] } for some participants only (`fingerprint = \"sha256:…\"` instead of `name`, \
         where wanted)"
            .to_owned()
    }

    fn schema() -> Json {
        let table = json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "minLength": 1 },
                "fingerprint": { "type": "string", "pattern": "^sha256:[0-9A-Fa-f:]{64,95}$" },
                "participants": { "type": "array", "items": { "type": "string", "pattern": "^(\\*|[0-9A-Z]{8})$" } },
            },
            "oneOf": [{ "required": ["name"] }, { "required": ["fingerprint"] }],
            "required": ["participants"],
            "additionalProperties": false,
        });
        json!({ "oneOf": [Subject::schema(), table] })
    }

    fn read(node: &Node) -> Result<Self, String> {
        match node {
            Node::Text(_) => Subject::read(node).map(Self::of_all),
            Node::Table(table) => {
                refuse_other_fields(table.keys(), &["name", "fingerprint", "participants"])?;
                let subject = subject_of(table)?;
                let participants = table
                    .get("participants")
                    .ok_or("`participants` is missing: a list of ISPBs, or [\"*\"]")?;
                let participants =
                    Scope::read(participants).map_err(|why| format!("`participants`: {why}"))?;
                Ok(Self { subject, participants })
            }
            Node::Integer(_) | Node::Boolean(_) | Node::List(_) | Node::Other(_) => {
                Err(wrong_type::<Self>(node))
            }
        }
    }

    fn write(&self) -> Option<String> {
        let subject = quote(&self.subject.text());
        if self.participants == Scope::All {
            return Some(subject);
        }
        let field = self.subject.field();
        Some(format!("{{ {field} = {subject}, participants = [{}] }}", self.participants.write()))
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
        let subject = subject_of(table)?;
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
        let (field, subject) = (self.subject.field(), quote(&self.subject.text()));
        Some(format!("{{ {field} = {subject}, publish = [{}] }}", self.publish.write()))
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
    fn a_role_is_for_all_participants_or_for_those_that_a_table_names() {
        let table = |fields: &[(&str, Node)]| {
            Node::Table(fields.iter().map(|(name, node)| ((*name).to_owned(), node.clone())).collect())
        };
        let text = |text: &str| Node::Text(text.to_owned());
        let all = Holder::read(&text("ops")).unwrap();
        assert_eq!((all.participants.clone(), all.write().as_deref()), (Scope::All, Some("\"ops\"")));
        let ispbs = Node::List(vec![text("99999001")]);
        let some = Holder::read(&table(&[("name", text("ops")), ("participants", ispbs.clone())])).unwrap();
        assert_eq!(some.write().as_deref(), Some("{ name = \"ops\", participants = [\"99999001\"] }"));
        assert!(some.participants.allows("99999001".parse().unwrap()));
        for wrong in [
            table(&[("name", text("ops"))]),
            table(&[("participants", ispbs.clone())]),
            table(&[("name", text("ops")), ("participants", text("99999001"))]),
            table(&[("name", text("ops")), ("participants", ispbs), ("role", text("x"))]),
        ] {
            assert!(Holder::read(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_star_stands_alone() {
        let node = Node::List(vec![Node::Text("*".to_owned()), Node::Text("99999001".to_owned())]);
        assert!(Scope::read(&node).is_err());
    }
}
