//! Distinguished names, as certificates encode them and as messages write them (RFC 4514, and RFC 2253 and 1779
//! before it), in one form that can be compared.
//!
//! Two names are the same if they have the same attributes with the same values, all in the same or all in the
//! opposite order: a certificate starts with the country, RFC 4514 with the common name, and signers do either.
//! Values are compared to the letter. X.520 would let case and inner blanks differ; a name that needs this is taken
//! for unknown, which an operator sees, rather than for another's, which nobody would.

use std::iter::Peekable;
use std::str::Chars;

use x509_parser::asn1_rs::{Any, FromDer as _, Tag};
use x509_parser::x509::X509Name;

/// Attribute types that are written by a keyword (RFC 4514, section 3, and those that signers in Java and OpenSSL use).
const KEYWORDS: [(&str, &str); 21] = [
    ("CN", "2.5.4.3"),
    ("SN", "2.5.4.4"),
    ("SURNAME", "2.5.4.4"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("S", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("T", "2.5.4.12"),
    ("TITLE", "2.5.4.12"),
    ("GIVENNAME", "2.5.4.42"),
    ("INITIALS", "2.5.4.43"),
    ("DNQ", "2.5.4.46"),
    ("DNQUALIFIER", "2.5.4.46"),
    ("E", "1.2.840.113549.1.9.1"),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("UID", "0.9.2342.19200300.100.1.1"),
];

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    /// Of any type of string.
    Text(String),
    /// Of another type: its tag and content.
    Other(u32, Vec<u8>),
}

/// Type (dotted) and value.
type Attribute = (String, Value);

/// A distinguished name, independent of the direction it was written in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(Vec<Vec<Attribute>>);

impl Name {
    /// The name in a certificate; `None` if it is empty or holds what has no form.
    pub(super) fn from_certificate(name: &X509Name<'_>) -> Option<Self> {
        let attributes = |rdn: &x509_parser::x509::RelativeDistinguishedName<'_>| {
            let one = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
                Some((attribute.attr_type().to_id_string(), value(attribute.attr_value())?))
            };
            rdn.iter().map(one).collect()
        };
        Self::new(name.iter().map(attributes).collect::<Option<_>>()?)
    }

    /// The name that a message writes; `None` if it is not one.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        Text(text.chars().peekable()).name()
    }

    fn new(mut rdns: Vec<Vec<Attribute>>) -> Option<Self> {
        if rdns.is_empty() || rdns.iter().any(Vec::is_empty) {
            return None;
        }
        // The attributes of one part are a set.
        rdns.iter_mut().for_each(|rdn| rdn.sort_unstable());
        let reversed: Vec<_> = rdns.iter().rev().cloned().collect();
        Some(Self(rdns.min(reversed)))
    }
}

/// What is left of a name's text.
struct Text<'a>(Peekable<Chars<'a>>);

impl Text<'_> {
    fn name(mut self) -> Option<Name> {
        let mut rdns = vec![Vec::new()];
        loop {
            let kind = self.kind()?;
            let value = self.value()?;
            rdns.last_mut()?.push((kind, value));
            match self.0.next() {
                None => return Name::new(rdns),
                Some('+') => {}
                Some(',' | ';') => rdns.push(Vec::new()),
                Some(_) => return None,
            }
        }
    }

    /// A keyword or an object identifier, up to and with `=`.
    fn kind(&mut self) -> Option<String> {
        let mut written = String::new();
        loop {
            match self.0.next()? {
                '=' => break,
                c => written.push(c),
            }
        }
        let written = written.trim_matches(is_blank).to_ascii_uppercase();
        if let Some((_, kind)) = KEYWORDS.iter().find(|(keyword, _)| *keyword == written) {
            return Some((*kind).to_owned());
        }
        let dotted = written.strip_prefix("OID.").unwrap_or(&written);
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        dotted.split('.').all(is_number).then(|| dotted.to_owned())
    }

    /// A value in one of its three ways to be written; leaves what ends it.
    fn value(&mut self) -> Option<Value> {
        self.skip_blanks();
        match self.0.peek() {
            Some('#') => {
                self.0.next();
                self.encoded()
            }
            Some('"') => {
                self.0.next();
                let text = self.quoted()?;
                self.skip_blanks();
                Some(Value::Text(text))
            }
            Some(_) | None => Some(Value::Text(self.plain()?)),
        }
    }

    /// Hexadecimal digits of a DER encoding.
    fn encoded(&mut self) -> Option<Value> {
        let mut bytes = Vec::new();
        while let Some(high) = self.0.next_if(char::is_ascii_hexdigit) {
            bytes.push(byte(high, self.0.next()?)?);
        }
        self.skip_blanks();
        let (rest, any) = Any::from_der(&bytes).ok()?;
        rest.is_empty().then(|| value(&any)).flatten()
    }

    fn quoted(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        loop {
            match self.0.next()? {
                '"' => return String::from_utf8(bytes).ok(),
                '\\' => self.escaped(&mut bytes)?,
                c => push(&mut bytes, c),
            }
        }
    }

    fn plain(&mut self) -> Option<String> {
        // Blanks at the end belong to the separator, unless they are escaped.
        let (mut bytes, mut end) = (Vec::new(), 0);
        while let Some(c) = self.0.next_if(|c| !matches!(c, ',' | ';' | '+')) {
            match c {
                '\\' => self.escaped(&mut bytes)?,
                // What only quotes may hold.
                '"' => return None,
                c => push(&mut bytes, c),
            }
            if !is_blank(c) {
                end = bytes.len();
            }
        }
        bytes.truncate(end);
        String::from_utf8(bytes).ok()
    }

    /// What follows a backslash: a character that would mean something else, or a byte in hexadecimal digits.
    fn escaped(&mut self, bytes: &mut Vec<u8>) -> Option<()> {
        match self.0.next()? {
            c @ (' ' | '"' | '#' | '+' | ',' | ';' | '<' | '=' | '>' | '\\') => push(bytes, c),
            high => bytes.push(byte(high, self.0.next()?)?),
        }
        Some(())
    }

    fn skip_blanks(&mut self) {
        while self.0.next_if(|c| is_blank(*c)).is_some() {}
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn byte(high: char, low: char) -> Option<u8> {
    let digit = |c: char| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The value of an encoded attribute. `None` if a string holds what its type forbids.
fn value(any: &Any<'_>) -> Option<Value> {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    match any.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            text(any.data).map(Value::Text)
        }
        // Everybody writes Latin-1 into it, whatever T.61 was.
        Tag::T61String => Some(Value::Text(any.data.iter().copied().map(char::from).collect())),
        Tag::BmpString => {
            let (units, rest) = any.data.as_chunks::<2>();
            let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
            let decoded: Option<String> = char::decode_utf16(units).map(Result::ok).collect();
            decoded.filter(|_| rest.is_empty()).map(Value::Text)
        }
        other => Some(Value::Other(other.0, any.data.to_vec())),
    }
}

#[cfg(test)]
mod tests;
