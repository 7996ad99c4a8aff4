//! Subjects with several attributes of one kind, which certificates of the field have and rcgen cannot make: its names
//! keep one value a kind. So a finished certificate gets another subject and is signed again.
//!
//! Not a general DER library: only what a certificate that we just made needs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{Error, KeyPair, SigningKey as _};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const BIT_STRING: u8 = 0x03;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
/// Version, serial number, algorithm, issuer and validity come before it (RFC 5280, section 4.1).
const SUBJECT_INDEX: usize = 5;

/// An attribute of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attribute {
    CommonName,
    Country,
    Organization,
    OrganizationalUnit,
}

impl Attribute {
    /// The last arc of its identifier, 2.5.4.x.
    const fn arc(self) -> u8 {
        match self {
            Self::CommonName => 3,
            Self::Country => 6,
            Self::Organization => 10,
            Self::OrganizationalUnit => 11,
        }
    }

    const fn string_type(self) -> u8 {
        match self {
            // RFC 5280 allows no other for a country.
            Self::Country => PRINTABLE_STRING,
            Self::CommonName | Self::Organization | Self::OrganizationalUnit => UTF8_STRING,
        }
    }
}

/// The same certificate with this subject, signed with the issuer's key, which must be the one that signed it before.
pub(super) fn replace(
    certificate: &[u8],
    subject: &[(Attribute, String)],
    issuer: &KeyPair,
) -> Result<Vec<u8>, Error> {
    let [signed, algorithm, _] = elements(content(certificate)?)?[..] else {
        return Err(Error::CouldNotParseCertificate);
    };
    let mut fields: Vec<Vec<u8>> = elements(content(signed)?)?.into_iter().map(<[u8]>::to_vec).collect();
    *fields.get_mut(SUBJECT_INDEX).ok_or(Error::CouldNotParseCertificate)? = name(subject);
    let signed = element(SEQUENCE, &fields.concat());
    // A bit string starts with the number of bits that do not count.
    let signature = [vec![0], issuer.sign(&signed)?].concat();
    Ok(element(SEQUENCE, &[signed, algorithm.to_vec(), element(BIT_STRING, &signature)].concat()))
}

/// A certificate in PEM.
pub(super) fn certificate_pem(der: &[u8]) -> String {
    const LINE: usize = 64;
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(LINE));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

fn name(subject: &[(Attribute, String)]) -> Vec<u8> {
    let attributes: Vec<u8> = subject
        .iter()
        .flat_map(|(attribute, value)| {
            let oid = element(OID, &[0x55, 0x04, attribute.arc()]);
            let value = element(attribute.string_type(), value.as_bytes());
            element(SET, &element(SEQUENCE, &[oid, value].concat()))
        })
        .collect();
    element(SEQUENCE, &attributes)
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    match (content.len(), u8::try_from(significant.len())) {
        (short @ 0..=0x7f, _) => out.extend(u8::try_from(short)),
        (_, count) => {
            out.push(0x80 | count.unwrap_or_default());
            out.extend(significant);
        }
    }
    out.extend_from_slice(content);
    out
}

/// What is inside an element.
fn content(element: &[u8]) -> Result<&[u8], Error> {
    let (header, length) = header(element)?;
    element.get(header..header + length).ok_or(Error::CouldNotParseCertificate)
}

/// The elements that stand one after another, each with its header.
fn elements(mut bytes: &[u8]) -> Result<Vec<&[u8]>, Error> {
    let mut elements = Vec::new();
    while !bytes.is_empty() {
        let (header, length) = header(bytes)?;
        let (element, rest) =
            bytes.split_at_checked(header + length).ok_or(Error::CouldNotParseCertificate)?;
        elements.push(element);
        bytes = rest;
    }
    Ok(elements)
}

/// The lengths of an element's header and content.
fn header(element: &[u8]) -> Result<(usize, usize), Error> {
    let first = *element.get(1).ok_or(Error::CouldNotParseCertificate)?;
    if first < 0x80 {
        return Ok((2, usize::from(first)));
    }
    let count = usize::from(first & 0x7f);
    let bytes = element.get(2..2 + count).filter(|_| count <= 4).ok_or(Error::CouldNotParseCertificate)?;
    Ok((2 + count, bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_every_length_are_read_as_they_were_written() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            let inner = vec![7; length];
            let written = element(SEQUENCE, &inner);
            assert_eq!(content(&written).unwrap(), inner, "{length}");
            assert_eq!(elements(&[written.clone(), written].concat()).unwrap().len(), 2, "{length}");
        }
    }

    #[test]
    fn a_cut_element_is_refused() {
        assert!(elements(&[SEQUENCE, 5, 1]).is_err());
        assert!(elements(&[SEQUENCE]).is_err());
        assert!(content(&[SEQUENCE, 0x82, 1]).is_err());
    }
}
