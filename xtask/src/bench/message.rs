//! The messages of the benchmark: pacs.002 of exactly 2.5 kB, each a function of its number.
//!
//! Signatures are random characters: they make a message as hard to deflate as a signed one, nothing more. Because
//! a number gives the bytes, what a reader got is compared with what was published without keeping a copy.

/// Bytes of every message.
pub(super) const BYTES: usize = 2_500;
/// What stands before a message's number in its `BizMsgIdr`.
const ID_PREFIX: &str = "<BizMsgIdr>M99999001";
/// Digits of the number: with the prefix they are the 32 characters of an id.
const ID_DIGITS: usize = 23;
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const DIGEST_CHARS: usize = 43;
const SIGNATURE_CHARS: usize = 342;

/// A message for a participant.
pub(super) fn make(ispb: &str, number: u64) -> Vec<u8> {
    let mut draw = Draw(number);
    let (own, reference) = (draw.base64(DIGEST_CHARS), draw.base64(DIGEST_CHARS));
    let signature = draw.base64(SIGNATURE_CHARS);
    let second = number % 60;
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\
<Envelope xmlns=\"https://www.bcb.gov.br/pi/pacs.002/1.17\"><AppHdr>\
<Fr><FIId><FinInstnId><Othr><Id>99999001</Id></Othr></FinInstnId></FIId></Fr>\
<To><FIId><FinInstnId><Othr><Id>{ispb}</Id></Othr></FinInstnId></FIId></To>\
{ID_PREFIX}{number:0ID_DIGITS$}</BizMsgIdr><MsgDefIdr>pacs.002.spi.1.17</MsgDefIdr>\
<CreDt>2026-01-05T12:00:{second:02}.000Z</CreDt><Sgntr>\
<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo>\
<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>\
<ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/>\
<ds:Reference URI=\"#key-info-id\"><ds:Transforms>\
<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></ds:Transforms>\
<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
<ds:DigestValue>{own}=</ds:DigestValue></ds:Reference><ds:Reference><ds:Transforms>\
<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></ds:Transforms>\
<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
<ds:DigestValue>{reference}=</ds:DigestValue></ds:Reference></ds:SignedInfo>\
<ds:SignatureValue>{signature}==</ds:SignatureValue><ds:KeyInfo Id=\"key-info-id\"><ds:X509Data>\
<ds:X509IssuerSerial><ds:X509IssuerName>CN=pix-stream benchmark, C=BR</ds:X509IssuerName>\
<ds:X509SerialNumber>1</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data></ds:KeyInfo></ds:Signature>\
</Sgntr></AppHdr><Document><FIToFIPmtStsRpt><GrpHdr><MsgId>M99999001{number:0ID_DIGITS$}</MsgId>\
<CreDtTm>2026-01-05T12:00:{second:02}.000Z</CreDtTm></GrpHdr><TxInfAndSts>\
<OrgnlInstrId>E99999001202601051200{number:011}</OrgnlInstrId>\
<OrgnlEndToEndId>E99999001202601051200{number:011}</OrgnlEndToEndId><TxSts>ACSP</TxSts>\
<StsRsnInf><AddtlInf>"
    );
    let closing = "</AddtlInf></StsRsnInf></TxInfAndSts></FIToFIPmtStsRpt></Document></Envelope>";
    let filler = BYTES.saturating_sub(xml.len() + closing.len());
    xml.extend("aguardando liquidacao ".chars().cycle().take(filler));
    xml.push_str(closing);
    xml.into_bytes()
}

/// The number that a message says it has.
pub(super) fn find_number(xml: &[u8]) -> Option<u64> {
    let at = xml.windows(ID_PREFIX.len()).position(|bytes| bytes == ID_PREFIX.as_bytes())?;
    let digits = xml[at + ID_PREFIX.len()..].get(..ID_DIGITS)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A stream of characters that a number decides (SplitMix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn base64(&mut self, len: usize) -> String {
        let mut text = String::with_capacity(len + 10);
        while text.len() < len {
            let bits = self.next();
            // Ten characters of six bits from one draw.
            text.extend((0..10).map(|i| char::from(BASE64[usize::from((bits >> (6 * i)) as u8 & 63)])));
        }
        text.truncate(len);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_has_the_same_size_and_tells_its_number() {
        for number in [0, 7, 99_999, 12_345_678] {
            let xml = make("77770001", number);
            assert_eq!(xml.len(), BYTES);
            assert_eq!(find_number(&xml), Some(number));
            assert!(xml.ends_with(b"</Envelope>"));
        }
    }

    #[test]
    fn messages_differ_in_what_a_compressor_cannot_guess() {
        let (one, two) = (make("77770001", 1), make("77770001", 2));
        let same = one.iter().zip(&two).filter(|(a, b)| a == b).count();
        assert!(same < BYTES - 400, "{same} bytes are the same");
    }
}
