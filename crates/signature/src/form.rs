//! The one form of signature that is accepted: what may stand where in it, and what its values say.
//!
//! The elements are a fixed tree, walked with the reader's events. A child that is not the next one of its parent, a
//! missing one, an unknown attribute or an algorithm outside the list is a fault at once. Nothing is computed here.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use xml::attribute::OwnedAttribute;

use crate::fault::{Fault, Part};

/// The namespace of XML-Signature (XML-Signature Syntax and Processing, section 1.3).
pub const NAMESPACE: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";

/// A SHA-256 digest.
pub(crate) type Sha256 = [u8; 32];

/// The elements of a Pix signature (XML-Signature, sections 4.1 to 4.5); no other may appear in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the element of its name")]
pub enum Element {
    Signature,
    SignedInfo,
    CanonicalizationMethod,
    SignatureMethod,
    Reference,
    Transforms,
    Transform,
    DigestMethod,
    DigestValue,
    SignatureValue,
    KeyInfo,
    X509Data,
    X509IssuerSerial,
    X509IssuerName,
    X509SerialNumber,
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an element holds.
enum Holds {
    /// These, in this order; the same twice means two of them.
    Children(&'static [Element]),
    /// One or two transforms, which are compared when their reference is known.
    Transforms,
    Text,
    Nothing,
}

impl Element {
    fn name(self) -> &'static str {
        match self {
            Self::Signature => "Signature",
            Self::SignedInfo => "SignedInfo",
            Self::CanonicalizationMethod => "CanonicalizationMethod",
            Self::SignatureMethod => "SignatureMethod",
            Self::Reference => "Reference",
            Self::Transforms => "Transforms",
            Self::Transform => "Transform",
            Self::DigestMethod => "DigestMethod",
            Self::DigestValue => "DigestValue",
            Self::SignatureValue => "SignatureValue",
            Self::KeyInfo => "KeyInfo",
            Self::X509Data => "X509Data",
            Self::X509IssuerSerial => "X509IssuerSerial",
            Self::X509IssuerName => "X509IssuerName",
            Self::X509SerialNumber => "X509SerialNumber",
        }
    }

    fn holds(self) -> Holds {
        match self {
            Self::Signature => Holds::Children(&[Self::SignedInfo, Self::SignatureValue, Self::KeyInfo]),
            Self::SignedInfo => Holds::Children(&[
                Self::CanonicalizationMethod,
                Self::SignatureMethod,
                Self::Reference,
                Self::Reference,
                Self::Reference,
            ]),
            Self::Reference => Holds::Children(&[Self::Transforms, Self::DigestMethod, Self::DigestValue]),
            Self::Transforms => Holds::Transforms,
            Self::KeyInfo => Holds::Children(&[Self::X509Data]),
            Self::X509Data => Holds::Children(&[Self::X509IssuerSerial]),
            Self::X509IssuerSerial => Holds::Children(&[Self::X509IssuerName, Self::X509SerialNumber]),
            Self::DigestValue | Self::SignatureValue | Self::X509IssuerName | Self::X509SerialNumber => {
                Holds::Text
            }
            Self::CanonicalizationMethod | Self::SignatureMethod | Self::Transform | Self::DigestMethod => {
                Holds::Nothing
            }
        }
    }

    /// The attribute that the element may have.
    fn attribute(self) -> Option<&'static str> {
        match self {
            Self::CanonicalizationMethod | Self::SignatureMethod | Self::Transform | Self::DigestMethod => {
                Some("Algorithm")
            }
            Self::Reference => Some("URI"),
            Self::Signature | Self::SignedInfo | Self::SignatureValue | Self::KeyInfo => Some("Id"),
            Self::Transforms
            | Self::DigestValue
            | Self::X509Data
            | Self::X509IssuerSerial
            | Self::X509IssuerName
            | Self::X509SerialNumber => None,
        }
    }
}

/// A reference as it was read.
#[derive(Debug, Default)]
struct Reference {
    uri: Option<String>,
    is_enveloped: bool,
    is_canonical: bool,
    digest: Sha256,
}

/// What a signature says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    /// The signed digest of `KeyInfo`.
    pub(crate) key_info: Sha256,
    /// The signed digest of `AppHdr`.
    pub(crate) header: Sha256,
    /// The signed digest of `Document`.
    pub(crate) document: Sha256,
    /// `SignatureValue`.
    pub(crate) value: Vec<u8>,
    /// `X509IssuerName`, as it stands there.
    pub(crate) issuer: String,
    /// `X509SerialNumber`, as it stands there.
    pub(crate) serial: String,
}

/// An open element and how many children it has had.
#[derive(Debug)]
struct Open {
    element: Element,
    children: usize,
}

/// The walk over one signature.
#[derive(Debug, Default)]
pub(crate) struct Form {
    open: Vec<Open>,
    text: String,
    references: Vec<Reference>,
    key_id: Option<String>,
    value: Vec<u8>,
    issuer: String,
    serial: String,
}

impl Form {
    /// The child of `Signature` that is open, if it is one that is digested: `SignedInfo` or `KeyInfo`.
    pub(crate) fn section(&self) -> Option<Element> {
        self.open
            .get(1)
            .map(|open| open.element)
            .filter(|element| matches!(element, Element::SignedInfo | Element::KeyInfo))
    }

    /// An element of XML-Signature of that name starts. The first one must be `Signature`.
    pub(crate) fn start(&mut self, name: &str, attributes: &[OwnedAttribute]) -> Result<(), Fault> {
        let element = match self.open.last_mut() {
            None if name == Element::Signature.name() => Element::Signature,
            None => return Err(Fault::Sgntr),
            Some(parent) => {
                let expected = match parent.element.holds() {
                    Holds::Children(children) => children.get(parent.children).copied(),
                    Holds::Transforms => (parent.children < 2).then_some(Element::Transform),
                    Holds::Text | Holds::Nothing => None,
                };
                parent.children += 1;
                expected.filter(|element| element.name() == name).ok_or(Fault::Content(parent.element))?
            }
        };
        self.open.push(Open { element, children: 0 });
        self.text.clear();
        self.attribute(element, attributes)
    }

    /// Text in the innermost open element.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Fault> {
        let Some(open) = self.open.last() else { return Err(Fault::Sgntr) };
        match open.element.holds() {
            Holds::Text => self.text.push_str(text),
            Holds::Children(_) | Holds::Transforms | Holds::Nothing if is_blank(text) => {}
            Holds::Children(_) | Holds::Transforms | Holds::Nothing => {
                return Err(Fault::Content(open.element));
            }
        }
        Ok(())
    }

    /// A processing instruction, which has no business in a signature.
    pub(crate) fn instruction(&self) -> Fault {
        self.open.last().map_or(Fault::Sgntr, |open| Fault::Content(open.element))
    }

    /// The innermost open element ends. Says whether it was the signature.
    pub(crate) fn end(&mut self) -> Result<bool, Fault> {
        let Some(Open { element, children }) = self.open.pop() else { return Err(Fault::Sgntr) };
        let is_complete = match element.holds() {
            Holds::Children(expected) => children == expected.len(),
            Holds::Transforms => children > 0,
            Holds::Text | Holds::Nothing => true,
        };
        if !is_complete {
            return Err(Fault::Content(element));
        }
        match element {
            Element::DigestValue => {
                let digest = decoded(&self.text, element)?.try_into().map_err(|_| Fault::Base64(element))?;
                self.reference()?.digest = digest;
            }
            Element::SignatureValue => self.value = decoded(&self.text, element)?,
            Element::X509IssuerName => self.issuer = std::mem::take(&mut self.text),
            Element::X509SerialNumber => self.serial = std::mem::take(&mut self.text),
            Element::Signature
            | Element::SignedInfo
            | Element::CanonicalizationMethod
            | Element::SignatureMethod
            | Element::Reference
            | Element::Transforms
            | Element::Transform
            | Element::DigestMethod
            | Element::KeyInfo
            | Element::X509Data
            | Element::X509IssuerSerial => {}
        }
        Ok(element == Element::Signature)
    }

    /// What the signature says, once it has ended. The three references may stand in any order.
    pub(crate) fn finish(self) -> Result<Claims, Fault> {
        let (mut key_info, mut header, mut document) = (None, None, None);
        for Reference { uri, is_enveloped, is_canonical, digest } in self.references {
            let (part, place) = match uri.as_deref() {
                None => (Part::Document, &mut document),
                Some("") => (Part::Header, &mut header),
                Some(uri) if uri.strip_prefix('#') == self.key_id.as_deref() => {
                    (Part::KeyInfo, &mut key_info)
                }
                Some(_) => return Err(Fault::References),
            };
            if !is_canonical || is_enveloped != (part == Part::Header) {
                return Err(Fault::Transforms(part));
            }
            if place.replace(digest).is_some() {
                return Err(Fault::References);
            }
        }
        match (key_info, header, document) {
            (Some(key_info), Some(header), Some(document)) => Ok(Claims {
                key_info,
                header,
                document,
                value: self.value,
                issuer: self.issuer,
                serial: self.serial,
            }),
            (_, _, _) => Err(Fault::References),
        }
    }

    fn attribute(&mut self, element: Element, attributes: &[OwnedAttribute]) -> Result<(), Fault> {
        let accepted = |attribute: &OwnedAttribute| {
            attribute.name.prefix.is_none() && Some(&*attribute.name.local_name) == element.attribute()
        };
        let value = match attributes {
            [] => None,
            [one] if accepted(one) => Some(&*one.value),
            [..] => return Err(Fault::Attribute(element)),
        };
        match (element, value) {
            (Element::CanonicalizationMethod, Some(EXCLUSIVE))
            | (Element::SignatureMethod, Some(RSA_SHA256))
            | (Element::DigestMethod, Some(SHA256)) => Ok(()),
            (Element::Transform, Some(algorithm)) => self.transform(algorithm),
            (Element::CanonicalizationMethod | Element::SignatureMethod | Element::DigestMethod, Some(_)) => {
                Err(Fault::Algorithm(element))
            }
            (Element::Reference, uri) => {
                self.references.push(Reference { uri: uri.map(str::to_owned), ..Reference::default() });
                Ok(())
            }
            (Element::KeyInfo, Some(id)) => {
                self.key_id = Some(id.to_owned());
                Ok(())
            }
            (
                Element::CanonicalizationMethod
                | Element::SignatureMethod
                | Element::DigestMethod
                | Element::Transform
                | Element::KeyInfo,
                None,
            ) => Err(Fault::Attribute(element)),
            (
                Element::Signature
                | Element::SignedInfo
                | Element::Transforms
                | Element::DigestValue
                | Element::SignatureValue
                | Element::X509Data
                | Element::X509IssuerSerial
                | Element::X509IssuerName
                | Element::X509SerialNumber,
                _,
            ) => Ok(()),
        }
    }

    /// Canonicalization comes last, once; the signature is taken out before it, if at all.
    fn transform(&mut self, algorithm: &str) -> Result<(), Fault> {
        let reference = self.reference()?;
        let seen = match algorithm {
            EXCLUSIVE => &mut reference.is_canonical,
            ENVELOPED if reference.is_canonical => return Err(Fault::Algorithm(Element::Transform)),
            ENVELOPED => &mut reference.is_enveloped,
            _ => return Err(Fault::Algorithm(Element::Transform)),
        };
        if std::mem::replace(seen, true) { Err(Fault::Algorithm(Element::Transform)) } else { Ok(()) }
    }

    fn reference(&mut self) -> Result<&mut Reference, Fault> {
        self.references.last_mut().ok_or(Fault::References)
    }
}

/// Whether text between elements says nothing.
pub(crate) fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// Base64 with whatever line ends the signer left in it.
fn decoded(text: &str, element: Element) -> Result<Vec<u8>, Fault> {
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(text).map_err(|_| Fault::Base64(element))
}
