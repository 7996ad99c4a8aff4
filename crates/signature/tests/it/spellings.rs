//! One message in many spellings: whatever does not show in the canonical form may differ.

use pix_stream_signature::{Certificates, Element, Fault, Part, Verifier};
use xml::ParserConfig;

use crate::key::{ISSUER, NOT_AFTER, NOT_BEFORE, NOW, SERIAL, signer};
use crate::signed::{Content, plain, signed};
use crate::tree::Spelling;

fn spellings() -> Vec<Spelling> {
    let plain = Spelling::default;
    let mut all = vec![
        plain(),
        Spelling { gap: "\n    ", ..plain() },
        Spelling { gap: "\n", line_end: "\r\n", ..plain() },
        Spelling { gap: "\n\t", line_end: "\r", ..plain() },
        Spelling { turned: true, ..plain() },
        Spelling { quote: '\'', ..plain() },
        Spelling { references: true, ..plain() },
        Spelling { comments: true, ..plain() },
        Spelling { one_tag: false, ..plain() },
        Spelling { signature_prefix: "", ..plain() },
        Spelling { signature_prefix: "sig", declared_at_root: true, ..plain() },
        Spelling { message_prefix: "m", ..plain() },
        Spelling { message_prefix: "m", signature_prefix: "", declared_at_root: true, ..plain() },
        Spelling { declared_at_root: true, ..plain() },
    ];
    // Every pair of a name and a layout.
    for signature_prefix in ["ds", "", "x-1"] {
        for (gap, line_end) in [("", "\n"), ("\n  ", "\r\n")] {
            for mixed in [false, true] {
                let (turned, references, comments) = (mixed, mixed, mixed);
                let message_prefix = if mixed { "m" } else { "" };
                let spelling = Spelling { message_prefix, signature_prefix, gap, line_end, ..plain() };
                all.push(Spelling { turned, references, comments, ..spelling });
            }
        }
    }
    all
}

#[test]
fn a_signed_message_verifies_in_every_spelling() {
    let verifier = signer().verifier();
    for spelling in spellings() {
        let xml = signed(signer(), &spelling, &Content::default());
        assert_eq!(verifier.verify(xml.as_bytes(), NOW), Ok(()), "{spelling:?}\n{xml}");
        assert_eq!(Verifier::digest().verify(xml.as_bytes(), NOW), Ok(()), "{spelling:?}");
    }
    println!("{} spellings", spellings().len());
}

/// The verdict by the events of a reader that the test owns.
fn by_events(verifier: &Verifier, xml: &str) -> Result<(), Fault> {
    let config = ParserConfig::new().cdata_to_characters(true).whitespace_to_characters(true);
    let mut check = verifier.begin();
    for event in config.create_reader(xml.as_bytes()) {
        check.take(&event.unwrap())?;
    }
    check.finish(NOW)
}

#[test]
fn a_check_by_events_says_the_same() {
    let verifier = signer().verifier();
    for spelling in spellings() {
        let xml = signed(signer(), &spelling, &Content::default());
        assert_eq!(by_events(&verifier, &xml), Ok(()), "{spelling:?}");
    }
    let xml = plain(signer());
    for (from, to, fault) in [
        ("1234.56", "1234.57", Fault::Digest(Part::Document)),
        ("T001", "T002", Fault::Digest(Part::KeyInfo)),
        ("<ds:Transforms>", "<ds:Transforms> ", Fault::Signature),
        ("rsa-sha256", "rsa-sha1", Fault::Algorithm(Element::SignatureMethod)),
        ("ds:Signature ", "ds:Signatur ", Fault::Sgntr),
    ] {
        let forged = xml.replace(from, to);
        assert_eq!(by_events(&verifier, &forged), Err(fault));
        assert_eq!(verifier.verify(forged.as_bytes(), NOW), Err(fault));
    }
}

#[test]
fn a_message_spelled_anew_after_signing_verifies_too() {
    let xml = plain(signer());
    let verifier = signer().verifier();
    for (from, to) in [
        ("<Empty/>", "<Empty></Empty>"),
        ("<Empty/>", "<Empty   />"),
        ("<Document>", "<Document xmlns:unused=\"urn:x\" >"),
        ("<Document>", "<!-- x --><?x y?>\n<Document>"),
        ("<Document>", "<Document xmlns=\"https://www.bcb.gov.br/pi/pacs.008/1.16\">"),
        ("BRL", "&#66;R&#x4C;"),
        ("1234.56", "1234<!-- , -->.56"),
        ("1234.56", "<![CDATA[1234.]]>56"),
        (
            "<Envelope ",
            "<Envelope xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"a b\" ",
        ),
        ("&#13;\n", "\n   "),
        ("&#13;\n", ""),
    ] {
        let anew = xml.replacen(from, to, 20);
        assert_ne!(anew, xml, "{from}");
        assert_eq!(verifier.verify(anew.as_bytes(), NOW), Ok(()), "{from} as {to}");
    }
}

#[test]
fn references_stand_in_any_order_and_the_key_has_any_id() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let xml = signed(
            signer(),
            &Spelling::default(),
            &Content { order, key_id: "b21-77", ..Content::default() },
        );
        assert_eq!(signer().verifier().verify(xml.as_bytes(), NOW), Ok(()), "{order:?}");
    }
}

#[test]
fn the_certificate_is_found_however_its_issuer_is_written() {
    for (issuer, serial) in [
        (ISSUER, "005529224565488886204649542255"),
        (ISSUER, "\n  5529224565488886204649542255 "),
        ("C=BR,O=Banco\\, Teste & Filhos,OU=Dois,OU=Um,CN=AC Assinatura T001", SERIAL),
        ("cn=AC Assinatura T001;2.5.4.11=Um;ou=Dois;o=Banco\\2C Teste & Filhos;c=BR", SERIAL),
    ] {
        let content = Content { issuer: issuer.to_owned(), serial: serial.to_owned(), ..Content::default() };
        let xml = signed(signer(), &Spelling::default(), &content);
        assert_eq!(signer().verifier().verify(xml.as_bytes(), NOW), Ok(()), "{issuer} {serial}");
    }
}

#[test]
fn a_certificate_that_is_not_named_is_not_used() {
    for (issuer, serial, fault) in [
        (ISSUER, "5529224565488886204649542256", Fault::UnknownCertificate),
        (
            "CN=AC Assinatura T001, OU=Dois, OU=Um, O=\"Banco, Teste & Filhos\", C=BR",
            SERIAL,
            Fault::UnknownCertificate,
        ),
        ("CN=AC Assinatura T001", SERIAL, Fault::UnknownCertificate),
        ("AC Assinatura T001", SERIAL, Fault::IssuerName),
        ("", SERIAL, Fault::IssuerName),
        (ISSUER, "", Fault::SerialNumber),
        (ISSUER, "-5529224565488886204649542255", Fault::SerialNumber),
        (ISSUER, "11ddaa5d2f", Fault::SerialNumber),
    ] {
        let content = Content { issuer: issuer.to_owned(), serial: serial.to_owned(), ..Content::default() };
        let xml = signed(signer(), &Spelling::default(), &content);
        assert_eq!(signer().verifier().verify(xml.as_bytes(), NOW), Err(fault), "{issuer} {serial}");
        assert_eq!(Verifier::digest().verify(xml.as_bytes(), NOW), Ok(()), "{issuer} {serial}");
    }
    let none: [(&str, &[u8]); 0] = [];
    let without = Verifier::full(Certificates::from_files(none).unwrap());
    assert_eq!(without.verify(plain(signer()).as_bytes(), NOW), Err(Fault::UnknownCertificate));
}

#[test]
fn a_certificate_counts_from_its_first_second_to_its_last() {
    let (xml, verifier) = (plain(signer()), signer().verifier());
    for (now, verdict) in [
        (0, Err(Fault::NotYetValid)),
        (NOT_BEFORE - 1, Err(Fault::NotYetValid)),
        (NOT_BEFORE, Ok(())),
        (NOT_AFTER, Ok(())),
        (NOT_AFTER + 1, Err(Fault::Expired)),
        (u64::MAX, Err(Fault::Expired)),
    ] {
        assert_eq!(verifier.verify(xml.as_bytes(), now), verdict, "{now}");
        assert_eq!(Verifier::digest().verify(xml.as_bytes(), now), Ok(()));
    }
}
