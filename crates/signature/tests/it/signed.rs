//! Messages that are signed here, in any spelling.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::key::{ISSUER, SERIAL, Signer};
use crate::tree::{Element, Node, Space, Spelling};

/// What a signed message says, besides what all say.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) issuer: String,
    pub(crate) serial: String,
    pub(crate) key_id: &'static str,
    /// The references' order.
    pub(crate) order: [usize; 3],
}

impl Default for Content {
    fn default() -> Self {
        Self { issuer: ISSUER.to_owned(), serial: SERIAL.to_owned(), key_id: "key-info-id", order: [0, 1, 2] }
    }
}

fn ours(name: &'static str) -> Element {
    Element::new(Space::Message, name)
}

fn ds(name: &'static str) -> Element {
    Element::new(Space::Signature, name)
}

fn algorithm(name: &'static str, uri: &str) -> Element {
    ds(name).with("Algorithm", uri)
}

fn header() -> Element {
    let id = |ispb| ours("FIId").child(ours("FinInstnId").child(ours("Othr").child(ours("Id").text(ispb))));
    ours("AppHdr")
        .child(ours("Fr").child(id("00038166")))
        .child(ours("To").child(id("99999010")))
        .child(ours("BizMsgIdr").text("M00038166Aq1Sw2De3Fr4Gt5Hy6Ju7Ki"))
        .child(ours("MsgDefIdr").text("pacs.008.spi.1.16"))
        .child(ours("CreDt").text("2026-11-22T13:05:07.620Z"))
}

fn document() -> Element {
    let transfer = ours("CdtTrfTxInf")
        .child(ours("PmtId").child(ours("EndToEndId").text("E9999901020261122130512345678901")))
        .child(ours("IntrBkSttlmAmt").with("Ccy", "BRL").with("Note", "a\tb\n<'\"&>").text("1234.56"))
        .child(ours("Nm").text("Jos\u{e9} & <Filhos> \"SA\" \u{1f600}\rfim"))
        .child(ours("Ustrd").text(" first line\n  second line "))
        .child(ours("Empty"));
    ours("Document").child(ours("FIToFICstmrCdtTrf").child(transfer))
}

fn reference(uri: Option<&str>, transforms: &[&str], digested: &str) -> Element {
    let transforms =
        transforms.iter().fold(ds("Transforms"), |all, uri| all.child(algorithm("Transform", uri)));
    let value = STANDARD.encode(digest(&SHA256, digested.as_bytes()));
    let reference = ds("Reference");
    let reference = if let Some(uri) = uri { reference.with("URI", uri) } else { reference };
    reference
        .child(transforms)
        .child(algorithm("DigestMethod", "http://www.w3.org/2001/04/xmlenc#sha256"))
        .child(ds("DigestValue").text(&value))
}

/// A message in a spelling, signed. It is 3 to 5 kB long.
pub(crate) fn signed(signer: &Signer, spelling: &Spelling, content: &Content) -> String {
    const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
    const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
    let issuer = ds("X509IssuerName").text(&content.issuer);
    let serial = ds("X509SerialNumber").text(&content.serial);
    let key_info = ds("KeyInfo")
        .with("Id", content.key_id)
        .child(ds("X509Data").child(ds("X509IssuerSerial").child(issuer).child(serial)))
        .spaced(spelling.gap);
    // What is left of `Sgntr` when the signature is taken out.
    let gaps =
        if spelling.gap.is_empty() { Vec::new() } else { vec![Node::Text(spelling.gap.to_owned()); 2] };
    let mut header = header().spaced(spelling.gap);
    header.children.push(Node::Element(Element { children: gaps, ..ours("Sgntr") }));
    let document = document().spaced(spelling.gap);

    let references = [
        reference(Some(&format!("#{}", content.key_id)), &[EXCLUSIVE], &spelling.canonical(&key_info)),
        reference(Some(""), &[ENVELOPED, EXCLUSIVE], &spelling.canonical(&header)),
        reference(None, &[EXCLUSIVE], &spelling.canonical(&document)),
    ];
    let signed_info = ds("SignedInfo")
        .child(algorithm("CanonicalizationMethod", EXCLUSIVE))
        .child(algorithm("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"));
    let signed_info = content.order.iter().fold(signed_info, |all, at| all.child(references[*at].clone()));
    let signed_info = signed_info.spaced(spelling.gap);

    let value = STANDARD.encode(signer.sign(spelling.canonical(&signed_info).as_bytes()));
    let lines: Vec<&str> =
        (0..value.len()).step_by(76).map(|at| &value[at..value.len().min(at + 76)]).collect();
    let value = ds("SignatureValue").text(&lines.join("\r\n"));
    let signature = ds("Signature").child(signed_info).child(value).child(key_info);

    let Some(Node::Element(sgntr)) = header.children.last_mut() else { unreachable!("it was pushed above") };
    sgntr.children.insert(sgntr.children.len() / 2, Node::Element(signature));
    spelling.message(&ours("Envelope").child(header).child(document))
}

/// A message in the spelling that the SPI uses.
pub(crate) fn plain(signer: &Signer) -> String {
    signed(signer, &Spelling::default(), &Content::default())
}
