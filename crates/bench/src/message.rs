//! The messages of the benchmark, each a function of its number: pacs.002 of 2.5 kB and, for the codec alone,
//! pacs.008 of two sizes. All are valid under the built-in schemas and the rules of the header.
//!
//! Signatures have the form of real ones and random values: they make a message as hard to parse and to deflate as
//! a signed one, and no digest fits. Because a number gives the bytes, what a reader got is compared with what was
//! published without keeping a copy.

mod parts;

use parts::{Draw, Enclosed};

/// Bytes of every pacs.002.
pub(crate) const BYTES: usize = 2_500;
/// Who sends them all.
const SENDER: &str = "99999001";
/// What stands before a message's number in its `BizMsgIdr`.
const ID_PREFIX: &str = "<BizMsgIdr>M99999001";
/// Digits of the number: with the prefix they are the 32 characters of an id.
const ID_DIGITS: usize = 23;
/// A free text of the pacs.002: its element, and the longest text in it.
const NOTE: (&str, &str) = ("<AddtlInf>", "</AddtlInf>");
const NOTE_CHARS_MAX: usize = 105;
/// The free text of the pacs.008, and the longest one.
const REMITTANCE: (&str, &str) = ("<RmtInf><Ustrd>", "</Ustrd></RmtInf>");

/// A pacs.002 for a participant.
pub(crate) fn make(ispb: &str, number: u64) -> Vec<u8> {
    let (mut draw, second) = (Draw::new(number), number % 60);
    let signature = parts::medium_signature(&mut draw);
    let around = |notes: &str| {
        let document = format!(
            "<FIToFIPmtStsRpt><GrpHdr><MsgId>M{SENDER}{number:0ID_DIGITS$}</MsgId>\
<CreDtTm>2026-01-05T12:00:{second:02}.000Z</CreDtTm></GrpHdr><TxInfAndSts>\
<OrgnlInstrId>E{SENDER}202601051200{number:011}</OrgnlInstrId>\
<OrgnlEndToEndId>E{SENDER}202601051200{number:011}</OrgnlEndToEndId><TxSts>ACSP</TxSts>\
<StsRsnInf>{notes}</StsRsnInf></TxInfAndSts></FIToFIPmtStsRpt>"
        );
        let id = format!("M{SENDER}{number:0ID_DIGITS$}");
        let (kind, version) = ("pacs.002", "1.17");
        Enclosed { kind, version, to: ispb, id: &id, second, signature: &signature, document: &document }
            .xml()
    };
    let filler = BYTES.saturating_sub(around("").len());
    let element = NOTE.0.len() + NOTE.1.len();
    let notes = filler.div_ceil(element + NOTE_CHARS_MAX).max(1);
    let text = parts::filler(filler.saturating_sub(notes * element));
    let each = text.len().div_ceil(notes);
    let notes = text.as_bytes().chunks(each.max(1)).map(String::from_utf8_lossy);
    let notes: String = notes.map(|note| format!("{}{note}{}", NOTE.0, NOTE.1)).collect();
    around(&notes).into_bytes()
}

/// The number that a message says it has.
pub(crate) fn find_number(xml: &[u8]) -> Option<u64> {
    let at = xml.windows(ID_PREFIX.len()).position(|bytes| bytes == ID_PREFIX.as_bytes())?;
    let digits = xml[at + ID_PREFIX.len()..].get(..ID_DIGITS)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// How large a pacs.008 is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// 2,700 bytes: one reference, and the key is not named.
    Small,
    /// 3,600 bytes: signed as the SPI does, with three references and the key's name.
    Full,
}

impl Size {
    /// Exactly so many bytes.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::Small => 2_700,
            Self::Full => 3_600,
        }
    }
}

/// A pacs.008 of one version for a participant, its ids and people drawn from its number.
pub(crate) fn make_order(ispb: &str, number: u64, size: Size, version: &str) -> Vec<u8> {
    let (mut draw, second) = (Draw::new(number), number % 60);
    let signature = match size {
        Size::Small => parts::small_signature(&mut draw),
        Size::Full => parts::full_signature(&mut draw),
    };
    let (id, end_to_end) = (format!("M{SENDER}{}", draw.alphanumeric(ID_DIGITS)), draw.alphanumeric(11));
    let (payer, receiver) = (draw.digits(11), draw.digits(14));
    let (from, to) = (draw.digits(9), draw.digits(9));
    let (amount, cents) = (draw.digits(4), draw.digits(2));
    let around = |remittance: &str| {
        let document = format!(
            "<FIToFICstmrCdtTrf><GrpHdr><MsgId>{id}</MsgId><CreDtTm>2026-01-05T12:00:{second:02}.000Z</CreDtTm>\
<NbOfTxs>1</NbOfTxs><SttlmInf><SttlmMtd>CLRG</SttlmMtd></SttlmInf><PmtTpInf><InstrPrty>HIGH</InstrPrty>\
<SvcLvl><Prtry>PAGPRI</Prtry></SvcLvl></PmtTpInf></GrpHdr><CdtTrfTxInf><PmtId>\
<EndToEndId>E{SENDER}202601051200{end_to_end}</EndToEndId></PmtId>\
<IntrBkSttlmAmt Ccy=\"BRL\">1{amount}.{cents}</IntrBkSttlmAmt>\
<AccptncDtTm>2026-01-05T12:00:{second:02}.000Z</AccptncDtTm><ChrgBr>SLEV</ChrgBr>\
<MndtRltdInf><Tp><LclInstrm><Prtry>MANU</Prtry></LclInstrm></Tp></MndtRltdInf>\
<Dbtr><Nm>Cliente Número {payer}</Nm><Id><PrvtId><Othr><Id>{payer}</Id></Othr></PrvtId></Id></Dbtr>\
<DbtrAcct><Id><Othr><Id>{from}</Id><Issr>1</Issr></Othr></Id><Tp><Cd>CACC</Cd></Tp></DbtrAcct>\
<DbtrAgt><FinInstnId><ClrSysMmbId><MmbId>{SENDER}</MmbId></ClrSysMmbId></FinInstnId></DbtrAgt>\
<CdtrAgt><FinInstnId><ClrSysMmbId><MmbId>{ispb}</MmbId></ClrSysMmbId></FinInstnId></CdtrAgt>\
<Cdtr><Id><PrvtId><Othr><Id>{receiver}</Id></Othr></PrvtId></Id></Cdtr>\
<CdtrAcct><Id><Othr><Id>{to}</Id><Issr>1</Issr></Othr></Id><Tp><Cd>TRAN</Cd></Tp></CdtrAcct>\
<Purp><Cd>IPAY</Cd></Purp>{remittance}</CdtTrfTxInf></FIToFICstmrCdtTrf>"
        );
        let kind = "pacs.008";
        Enclosed { kind, version, to: ispb, id: &id, second, signature: &signature, document: &document }
            .xml()
    };
    let empty = around("").len() + REMITTANCE.0.len() + REMITTANCE.1.len();
    let text = parts::filler(size.bytes().saturating_sub(empty));
    let remittance = format!("{}{text}{}", REMITTANCE.0, REMITTANCE.1);
    around(&remittance).into_bytes()
}

#[cfg(test)]
mod tests {
    use pix_stream_adapter_xml::XmlCodec;
    use pix_stream_ports::codec::Codec as _;

    use super::*;

    const READER: &str = "77770001";

    /// Under the strictest options.
    #[track_caller]
    fn assert_valid(xml: &[u8]) {
        let examined = XmlCodec::default().examine(xml, Some(READER.parse().unwrap()));
        assert!(examined.as_ref().is_ok_and(|it| it.is_validated), "{examined:?}");
    }

    #[test]
    fn every_message_has_the_same_size_and_tells_its_number() {
        for number in [0, 7, 99_999, 12_345_678] {
            let xml = make(READER, number);
            assert_eq!(xml.len(), BYTES);
            assert_eq!(find_number(&xml), Some(number));
            assert!(xml.ends_with(b"</Envelope>"));
        }
    }

    #[test]
    fn messages_are_valid_under_the_built_in_schemas_and_the_rules_of_the_header() {
        for number in [0, 7, 59, 99_999] {
            assert_valid(&make(READER, number));
            for size in [Size::Small, Size::Full] {
                let xml = make_order(READER, number, size, "1.16");
                assert_eq!(xml.len(), size.bytes());
                assert_valid(&xml);
            }
        }
    }

    #[test]
    fn messages_differ_in_what_a_compressor_cannot_guess() {
        let (one, two) = (make(READER, 1), make(READER, 2));
        let same = one.iter().zip(&two).filter(|(a, b)| a == b).count();
        assert!(same < BYTES - 400, "{same} bytes are the same");
    }
}
