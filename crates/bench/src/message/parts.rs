//! What all messages of the benchmark have in common: envelope and header, signatures, and what is drawn.

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Letters and digits among [`BASE64`].
const ALPHANUMERIC: u64 = 62;
const DIGEST_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 256;
const CANONICAL: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const KEY_NAME: &str = "<ds:KeyInfo Id=\"key-info-id\"><ds:X509Data><ds:X509IssuerSerial>\
<ds:X509IssuerName>CN=pix-stream benchmark, C=BR</ds:X509IssuerName><ds:X509SerialNumber>1</ds:X509SerialNumber>\
</ds:X509IssuerSerial></ds:X509Data></ds:KeyInfo>";

/// A message but for what makes it another one.
pub(crate) struct Enclosed<'a> {
    /// `pacs.008`.
    pub(crate) kind: &'a str,
    pub(crate) version: &'a str,
    pub(crate) to: &'a str,
    pub(crate) id: &'a str,
    pub(crate) second: u64,
    pub(crate) signature: &'a str,
    /// What stands in `Document`.
    pub(crate) document: &'a str,
}

impl Enclosed<'_> {
    pub(crate) fn xml(&self) -> String {
        let Self { kind, version, to, id, second, signature, document } = self;
        let from = super::SENDER;
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\
<Envelope xmlns=\"https://www.bcb.gov.br/pi/{kind}/{version}\"><AppHdr>\
<Fr><FIId><FinInstnId><Othr><Id>{from}</Id></Othr></FinInstnId></FIId></Fr>\
<To><FIId><FinInstnId><Othr><Id>{to}</Id></Othr></FinInstnId></FIId></To>\
<BizMsgIdr>{id}</BizMsgIdr><MsgDefIdr>{kind}.spi.{version}</MsgDefIdr>\
<CreDt>2026-01-05T12:00:{second:02}.000Z</CreDt><Sgntr>{signature}</Sgntr></AppHdr>\
<Document>{document}</Document></Envelope>"
        )
    }
}

/// One reference, to the document without the signature; the key is known from elsewhere.
pub(crate) fn small_signature(draw: &mut Draw) -> String {
    let document = reference(draw, " URI=\"\"", &[ENVELOPED]);
    signature(draw, &document, "")
}

/// Two references, to the key's name and the document.
pub(crate) fn medium_signature(draw: &mut Draw) -> String {
    let [key, document] = [key_reference(draw), reference(draw, "", &[CANONICAL])];
    signature(draw, &[key, document].concat(), KEY_NAME)
}

/// As the SPI signs: the key's name, the header, the document.
pub(crate) fn full_signature(draw: &mut Draw) -> String {
    let (key, header) = (key_reference(draw), reference(draw, " URI=\"\"", &[ENVELOPED, CANONICAL]));
    let document = reference(draw, "", &[CANONICAL]);
    signature(draw, &[key, header, document].concat(), KEY_NAME)
}

fn key_reference(draw: &mut Draw) -> String {
    reference(draw, " URI=\"#key-info-id\"", &[CANONICAL])
}

fn signature(draw: &mut Draw, references: &str, key: &str) -> String {
    let value = draw.base64(SIGNATURE_BYTES);
    format!(
        "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo>\
<ds:CanonicalizationMethod Algorithm=\"{CANONICAL}\"/>\
<ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/>{references}</ds:SignedInfo>\
<ds:SignatureValue>{value}</ds:SignatureValue>{key}</ds:Signature>"
    )
}

fn reference(draw: &mut Draw, attributes: &str, transforms: &[&str]) -> String {
    let transform = |algorithm: &&str| format!("<ds:Transform Algorithm=\"{algorithm}\"/>");
    let transforms: String = transforms.iter().map(transform).collect();
    let digest = draw.base64(DIGEST_BYTES);
    format!(
        "<ds:Reference{attributes}><ds:Transforms>{transforms}</ds:Transforms>\
<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
    )
}

/// Text that means nothing, of so many characters, each a byte.
pub(crate) fn filler(chars: usize) -> String {
    "aguardando liquidacao ".chars().cycle().take(chars).collect()
}

/// A stream of characters that a number decides (SplitMix64).
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn alphanumeric(&mut self, len: usize) -> String {
        (0..len).map(|_| self.below(ALPHANUMERIC)).map(|at| char::from(BASE64[at])).collect()
    }

    pub(crate) fn digits(&mut self, len: usize) -> String {
        (0..len).map(|_| self.below(10)).map(|digit| digit.to_string()).collect()
    }

    /// So many random bytes, encoded.
    fn base64(&mut self, bytes: usize) -> String {
        let len = (bytes * 8).div_ceil(6);
        let mut text = String::with_capacity(len + 10);
        while text.len() + 1 < len {
            let bits = self.next();
            // Ten characters of six bits from one draw.
            text.extend((0..10).map(|i| char::from(BASE64[usize::from((bits >> (6 * i)) as u8 & 63)])));
        }
        text.truncate(len - 1);
        // The bits of the last character that belong to no byte are zero, or it would be no base64.
        let spare = len * 6 - bytes * 8;
        text.push(char::from(BASE64[self.below(64) >> spare << spare]));
        text.extend(std::iter::repeat_n('=', (4 - len % 4) % 4));
        text
    }

    fn below(&mut self, limit: u64) -> usize {
        (self.next() % limit) as usize
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
