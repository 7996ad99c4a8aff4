//! Messages that were changed, wrapped or signed by somebody else: none may pass, and most have a fault of their own.

use pix_stream_signature::{Element, Fault, Part, Verifier};

use crate::key::{NOW, impostor, signer};
use crate::signed::{Content, plain, signed};
use crate::tree::Spelling;

fn verdict(xml: &str) -> Result<(), Fault> {
    signer().verifier().verify(xml.as_bytes(), NOW)
}

/// The message with one text replaced everywhere, which must be in it.
fn changed(from: &str, to: &str) -> String {
    let xml = plain(signer());
    assert!(xml.contains(from), "{from}");
    xml.replace(from, to)
}

/// The part from the first `<name` to the last `</name>`.
fn part<'a>(xml: &'a str, name: &str) -> &'a str {
    let close = format!("</{name}>");
    let (start, end) = (xml.find(&format!("<{name}")).unwrap(), xml.rfind(&close).unwrap() + close.len());
    &xml[start..end]
}

#[test]
fn no_byte_of_a_signed_part_can_change() {
    let (xml, verifier) = (plain(signer()), signer().verifier());
    let value = part(&xml, "ds:SignatureValue");
    let value = xml.find(value).map(|start| start..start + value.len()).unwrap();
    let mut tried = 0;
    for name in ["AppHdr", "Document"] {
        let part = part(&xml, name);
        let start = xml.find(part).unwrap();
        for at in start..start + part.len() {
            let mut bytes = xml.clone().into_bytes();
            // Another letter of the same kind, so that many stay well-formed.
            bytes[at] = match bytes[at] {
                b'z' | b'Z' | b'9' => bytes[at] - 1,
                byte if byte.is_ascii_alphanumeric() => byte + 1,
                byte => byte ^ 1,
            };
            // In base64 any blank does for a line end, and another number may mean another blank.
            let is_line_end =
                value.contains(&at) && matches!(xml.as_bytes()[at], b'\n' | b'&' | b'#' | b'1' | b'3' | b';');
            let verdict = verifier.verify(&bytes, NOW);
            assert!(verdict.is_err() || is_line_end, "byte {at}: {}", String::from_utf8_lossy(&bytes));
            tried += 1;
        }
    }
    println!("{tried} changed bytes");
    assert!(tried > 2_500);
}

#[test]
fn a_changed_part_is_named() {
    for (from, to, fault) in [
        ("1234.56", "1234.57", Fault::Digest(Part::Document)),
        ("<Empty/>", "<Empty> </Empty>", Fault::Digest(Part::Document)),
        ("<Document>", "<Document Note=\"\">", Fault::Digest(Part::Document)),
        ("<Document>", "<Document><?x?>", Fault::Digest(Part::Document)),
        ("99999010", "99999011", Fault::Digest(Part::Header)),
        ("<Sgntr>", "<Sgntr> ", Fault::Digest(Part::Header)),
        ("</AppHdr>", "<X/></AppHdr>", Fault::Digest(Part::Header)),
        ("T001", "T002", Fault::Digest(Part::KeyInfo)),
        ("<ds:X509Data>", "<ds:X509Data>\n", Fault::Digest(Part::KeyInfo)),
        ("pacs.008/1.16\"", "pacs.008/1.15\"", Fault::Digest(Part::Header)),
        ("<ds:Transforms>", "<ds:Transforms> ", Fault::Signature),
        ("<ds:SignedInfo>", "<ds:SignedInfo Id=\"x\">", Fault::Signature),
    ] {
        assert_eq!(verdict(&changed(from, to)), Err(fault), "{from} as {to}");
    }
}

#[test]
fn another_key_does_not_pass_for_the_named_one() {
    let xml = plain(impostor());
    assert_eq!(verdict(&xml), Err(Fault::Signature));
    assert_eq!(impostor().verifier().verify(xml.as_bytes(), NOW), Ok(()));
    assert_eq!(Verifier::digest().verify(xml.as_bytes(), NOW), Ok(()));
}

#[test]
fn other_algorithms_are_refused() {
    use Element::{CanonicalizationMethod, DigestMethod, SignatureMethod, Transform};
    const MORE: &str = "http://www.w3.org/2001/04/xmldsig-more#";
    for (from, to, element) in [
        ("xmldsig-more#rsa-sha256", "xmldsig-more#rsa-sha512", SignatureMethod),
        ("2001/04/xmldsig-more#rsa-sha256", "2000/09/xmldsig#rsa-sha1", SignatureMethod),
        ("2001/04/xmldsig-more#rsa-sha256", "2000/09/xmldsig#hmac-sha1", SignatureMethod),
        ("2001/04/xmlenc#sha256", "2000/09/xmldsig#sha1", DigestMethod),
        ("2001/04/xmlenc#sha256", "2001/04/xmlenc#sha512", DigestMethod),
        ("2000/09/xmldsig#enveloped-signature", "TR/1999/REC-xpath-19991116", Transform),
        ("2000/09/xmldsig#enveloped-signature", "TR/1999/REC-xslt-19991116", Transform),
        ("2000/09/xmldsig#enveloped-signature", "2000/09/xmldsig#base64", Transform),
        (
            "Method Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"",
            "Method Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#WithComments\"",
            CanonicalizationMethod,
        ),
        (
            "Method Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"",
            "Method Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"",
            CanonicalizationMethod,
        ),
        (
            "Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"",
            "Transform Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"",
            Transform,
        ),
        (MORE, "", SignatureMethod),
    ] {
        assert_eq!(verdict(&changed(from, to)), Err(Fault::Algorithm(element)), "{from} as {to}");
    }
}

#[test]
fn a_form_other_than_the_one_is_refused() {
    use Element::{CanonicalizationMethod, KeyInfo, Reference, SignedInfo, Transform, Transforms, X509Data};
    const INCLUSIVE: &str =
        "<ec:InclusiveNamespaces xmlns:ec=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"a\"/>";
    const CANONICAL: &str = "Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"";
    let transform = format!("<ds:Transform {CANONICAL}/>");
    let method = format!("<ds:CanonicalizationMethod {CANONICAL}/>");
    let (open, inclusive) =
        ("<ds:Transform ", |tag: &str| tag.replace("/>", &format!(">{INCLUSIVE}</ds:X>")));
    for (from, to, fault) in [
        (&*transform, inclusive(&transform).replace("ds:X", "ds:Transform"), Fault::Content(Transform)),
        (
            &method,
            inclusive(&method).replace("ds:X", "ds:CanonicalizationMethod"),
            Fault::Content(CanonicalizationMethod),
        ),
        (&method, format!("{method}{method}"), Fault::Content(SignedInfo)),
        (&transform, format!("{transform}{transform}"), Fault::Algorithm(Transform)),
        (&transform, String::new(), Fault::Content(Transforms)),
        (open, format!("<?x?>{open}"), Fault::Content(Transforms)),
        (open, format!("x{open}"), Fault::Content(Transforms)),
        ("</ds:KeyInfo>", "</ds:KeyInfo><ds:Object/>".to_owned(), Fault::Content(Element::Signature)),
        ("</ds:X509Data>", "</ds:X509Data><ds:KeyValue/>".to_owned(), Fault::Content(KeyInfo)),
        ("</ds:X509Data>", "<ds:X509Certificate/></ds:X509Data>".to_owned(), Fault::Content(X509Data)),
        ("<ds:X509Data>", "<X509Data/><ds:X509Data>".to_owned(), Fault::Content(KeyInfo)),
        (" Id=\"key-info-id\"", String::new(), Fault::Attribute(KeyInfo)),
        (" URI=\"\"", " ds:URI=\"\"".to_owned(), Fault::Attribute(Reference)),
        (
            " URI=\"\"",
            " URI=\"\" Type=\"http://www.w3.org/2000/09/xmldsig#Manifest\"".to_owned(),
            Fault::Attribute(Reference),
        ),
        ("<ds:DigestValue>", "<ds:DigestValue>!".to_owned(), Fault::Base64(Element::DigestValue)),
        ("<ds:DigestValue>", "<ds:DigestValue>AAAA".to_owned(), Fault::Base64(Element::DigestValue)),
        ("<ds:SignatureValue>", "<ds:SignatureValue>=".to_owned(), Fault::Base64(Element::SignatureValue)),
    ] {
        assert_eq!(verdict(&changed(from, &to)), Err(fault), "{from} as {to}");
    }
}

#[test]
fn the_three_references_are_each_there_once() {
    let xml = plain(signer());
    let references: Vec<&str> = xml
        .match_indices("<ds:Reference")
        .map(|(at, _)| {
            let rest = &xml[at..];
            &rest[..rest.find("</ds:Reference>").unwrap() + "</ds:Reference>".len()]
        })
        .collect();
    let [key, header, document] = references[..] else { panic!("{references:?}") };
    for reference in [key, header, document] {
        let without = xml.replace(reference, "");
        assert_eq!(verdict(&without), Err(Fault::Content(Element::SignedInfo)));
        let twice = xml.replace(reference, &format!("{reference}{reference}"));
        assert_eq!(verdict(&twice), Err(Fault::Content(Element::SignedInfo)));
    }
    for (from, to) in [(key, header), (header, document), (document, key), (document, header)] {
        assert_eq!(verdict(&xml.replace(from, to)), Err(Fault::References));
    }
    for uri in
        ["#other", "#", "key-info-id", "#xpointer(/)", "#KEY-INFO-ID", "http://x.example/", "#key-info-id#"]
    {
        let xml = xml.replace("URI=\"#key-info-id\"", &format!("URI=\"{uri}\""));
        assert_eq!(verdict(&xml), Err(Fault::References), "{uri}");
    }
    let enveloped = "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>";
    assert_eq!(verdict(&xml.replace(enveloped, "")), Err(Fault::Transforms(Part::Header)));
    let with = document.replace("<ds:Transforms>", &format!("<ds:Transforms>{enveloped}"));
    assert_eq!(verdict(&xml.replace(document, &with)), Err(Fault::Transforms(Part::Document)));
    let turned = "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>";
    let xml = xml.replace(&format!("{enveloped}{turned}"), &format!("{turned}{enveloped}"));
    assert_eq!(verdict(&xml), Err(Fault::Algorithm(Element::Transform)));
}

#[test]
fn a_signed_part_moved_elsewhere_is_not_taken_for_the_one_that_counts() {
    // Declared at the root, so that the signature's elements can stand anywhere.
    let spelling = Spelling { declared_at_root: true, ..Spelling::default() };
    let xml = signed(signer(), &spelling, &Content::default());
    let (header, document, signature) =
        (part(&xml, "AppHdr"), part(&xml, "Document"), part(&xml, "ds:Signature"));
    let (sgntr, key) = (part(&xml, "Sgntr"), part(&xml, "ds:KeyInfo"));
    let forged = document.replace("1234.56", "9999.99");
    let forged_header = header.replace("99999010", "99999011");
    let unsigned = header.replace(sgntr, "");
    let swap = |from: &str, to: String| xml.replacen(from, &to, 1);
    for (xml, fault) in [
        (swap(document, format!("{forged}{document}")), Fault::Envelope),
        (swap(document, format!("{document}{forged}")), Fault::Envelope),
        (swap(document, format!("{forged}<Wrapper>{document}</Wrapper>")), Fault::Envelope),
        (swap(document, String::new()), Fault::Envelope),
        (swap(document, format!("<Document>{document}</Document>")), Fault::Digest(Part::Document)),
        (swap(document, document.replace("<Document>", "<Document xmlns=\"urn:x\">")), Fault::Envelope),
        (swap(header, format!("{forged_header}{header}")), Fault::Envelope),
        (swap(header, format!("{header}{unsigned}")), Fault::Envelope),
        (swap(header, format!("<Wrapper>{header}</Wrapper>{unsigned}")), Fault::Envelope),
        (swap(header, unsigned.clone()), Fault::Unsigned),
        (swap(header, String::new()), Fault::Envelope),
        (format!("{document}{header}"), Fault::Envelope),
        (swap(&format!("{header}{document}"), format!("{document}{header}")), Fault::Envelope),
        (swap(header, header.replace("</Sgntr>", &format!("{header}</Sgntr>"))), Fault::Sgntr),
        (swap(sgntr, format!("{sgntr}{sgntr}")), Fault::Sgntr),
        (swap(sgntr, format!("<Sgntr/>{sgntr}")), Fault::Sgntr),
        (swap(sgntr, "<Sgntr/>".to_owned()), Fault::Unsigned),
        (swap(sgntr, format!("<Wrapper>{sgntr}</Wrapper>")), Fault::Stray),
        (swap(sgntr, sgntr.replace("<Sgntr>", "<Sgntr xmlns=\"urn:x\">")), Fault::Stray),
        (swap(signature, format!("{signature}{signature}")), Fault::Sgntr),
        (swap(signature, format!("<Wrapper>{signature}</Wrapper>")), Fault::Sgntr),
        (swap(signature, key.to_owned()), Fault::Sgntr),
        (swap(signature, format!("x{signature}")), Fault::Sgntr),
        (swap(document, format!("{signature}{document}")), Fault::Stray),
        (swap("<Empty/>", signature.to_owned()), Fault::Stray),
        (swap("<Empty/>", key.to_owned()), Fault::Stray),
        (swap("<AppHdr>", format!("<AppHdr>{signature}")), Fault::Stray),
        (swap(document, format!("x{document}")), Fault::Envelope),
        (swap("<Envelope ", "<Envelope Note=\"x\" ".to_owned()), Fault::EnvelopeAttribute),
        (xml.replace("Envelope", "Message"), Fault::Envelope),
    ] {
        // Two roots are no document at all.
        let verdict = verdict(&xml);
        assert!(verdict == Err(fault) || xml.starts_with("<Document"), "{verdict:?}, not {fault:?}: {xml}");
        assert!(verdict.is_err());
    }
}

#[test]
fn an_identifier_is_there_once() {
    for (from, to) in [
        ("<Document>", "<Document Id=\"key-info-id\">"),
        ("<Document>", "<Document ID=\"x\" id=\"x\">"),
        ("<AppHdr>", "<AppHdr xml:id=\"key-info-id\">"),
        ("<ds:SignedInfo>", "<ds:SignedInfo Id=\"key-info-id\">"),
    ] {
        assert_eq!(verdict(&changed(from, to)), Err(Fault::RepeatedId), "{to}");
    }
}

#[test]
fn a_type_named_by_an_uncovered_prefix_is_refused() {
    let xsi = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"x:T\"";
    assert_eq!(verdict(&changed("<Document>", &format!("<Document {xsi}>"))), Err(Fault::TypeAttribute));
}

#[test]
fn what_is_no_message_is_refused_without_a_panic() {
    let xml = plain(signer());
    for end in 0..xml.len() {
        if let Some(cut) = xml.get(..end) {
            assert!(verdict(cut).is_err(), "{end}");
        }
    }
    for text in ["", "x", "<!DOCTYPE Envelope []><Envelope/>", "<Envelope/>", "\u{0}", "<Envelope>"] {
        assert!(verdict(text).is_err(), "{text}");
    }
}

#[test]
fn no_fault_quotes_the_message() {
    let quoted = changed("rsa-sha256", "NEVER-TELL").replace("key-info-id", "NEVER-TELL");
    let told = verdict(&quoted).unwrap_err().to_string();
    assert_eq!(told, "SignatureMethod names an algorithm that is not accepted");
}
