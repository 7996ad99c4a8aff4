//! What a refusal tells: everything that is wrong, in order, at most ten; and nothing that a message holds (protocol,
//! section 6; issue 5).

use pix_stream_ports::codec::{
    Codec as _, FINDINGS_MAX, Finding, Invalid, Rule, UNKNOWN_NAME, VALUE_CHARS_MAX,
};

use crate::message::{changed, examined, fixture, found, message, strictest};

/// What no answer and no log may show.
const CANARY: &str = "Fulano-de-Tal-7f3a";

fn places(invalid: &Invalid) -> Vec<(u64, u64)> {
    invalid.findings().map(|finding| (finding.line, finding.column)).collect()
}

#[test]
fn findings_of_schema_and_rules_stand_in_the_order_of_the_document() {
    let xml = fixture("invalid/several.xml").replace("</CdtTrfTxInf>", "</CdtTrfTxInf>\n<X/>");
    let invalid = strictest().examine(xml.as_bytes(), "99999009".parse().ok()).unwrap_err();
    let rules: Vec<Rule> = invalid.findings().map(|finding| finding.rule).collect();
    let expected =
        [Rule::Recipient, Rule::Definition, Rule::Schema, Rule::Schema, Rule::Schema, Rule::Schema];
    assert_eq!(rules, expected);
    assert!(places(&invalid).is_sorted(), "{:?}", places(&invalid));
}

#[test]
fn an_attribute_comes_before_the_text_of_its_element_and_after_what_stands_before() {
    let xml = fixture("pacs.008/one.xml").replace("Ccy=\"BRL\">2011.23", "Ccy=\"USD\">no");
    let xml = xml.replace("<Purp>", "<Purp x=\"\">");
    let paths: Vec<String> =
        examined(xml).unwrap_err().findings().map(|finding| finding.path.clone()).collect();
    let below = |path: &str| format!("Envelope/Document/FIToFICstmrCdtTrf/CdtTrfTxInf/{path}");
    assert_eq!(paths, ["IntrBkSttlmAmt/@Ccy", "IntrBkSttlmAmt", "Purp/@*"].map(below));
}

#[test]
fn ten_findings_are_told_and_the_first_ones() {
    let xml = fixture("pacs.008/ten.xml").replace("Ccy=\"BRL\"", "Ccy=\"USD\"");
    assert_eq!(xml.matches("USD").count(), FINDINGS_MAX);
    let ten = examined(&xml).unwrap_err();
    assert_eq!(ten.findings().count(), FINDINGS_MAX);
    let more = xml.replace("<ChrgBr>SLEV", "<ChrgBr>SHAR");
    let told = examined(&more).unwrap_err();
    assert_eq!(told.findings().count(), FINDINGS_MAX);
    assert!(places(&told).is_sorted());
    // Of twenty mistakes, the first five of each kind.
    assert_eq!(told.findings().filter(|finding| finding.path.ends_with("/ChrgBr")).count(), FINDINGS_MAX / 2);
    assert!(places(&told).last() < places(&ten).last());
}

#[test]
fn a_document_that_breaks_off_tells_what_was_wrong_before_and_where_it_ends() {
    let xml = changed("pacs.008/one.xml", "<NbOfTxs>1</NbOfTxs>", "<NbOfTxs>one</NbOfTxs>");
    let cut = &xml[..xml.len() - 200];
    let invalid = examined(cut).unwrap_err();
    let rules: Vec<Rule> = invalid.findings().map(|finding| finding.rule).collect();
    assert_eq!(rules, [Rule::Schema, Rule::WellFormed]);
}

#[test]
fn what_was_refused_stands_in_the_value_alone() {
    for (from, to, path) in [
        ("<Nm>Marina Quadros Teles</Nm>", format!("<Nm>{}</Nm>", CANARY.repeat(20)), "Dbtr/Nm"),
        ("<NbOfTxs>1<", format!("<NbOfTxs>{CANARY}<"), "NbOfTxs"),
        (">2011.23<", format!(">{CANARY}<"), "IntrBkSttlmAmt"),
        ("Amt Ccy=\"BRL\"", format!("Amt Ccy=\"{CANARY}\""), "@Ccy"),
        ("<AccptncDtTm>2026-11-22T13:05:06.451Z", format!("<AccptncDtTm>{CANARY}"), "AccptncDtTm"),
        ("<Cd>IPAY<", format!("<Cd>{CANARY}<"), "Purp/Cd"),
        ("mHeg4FfyOpeXjlxepFMPW3dkDAugmLrNChtNuDOx15M=", CANARY.to_owned(), "DigestValue"),
        ("<ds:X509SerialNumber>4216800135<", format!("<ds:X509SerialNumber>{CANARY}<"), "X509SerialNumber"),
        ("<MmbId>99999001<", format!("<MmbId>{CANARY}<"), "MmbId"),
    ] {
        let finding = found(changed("pacs.008/one.xml", from, &to));
        assert!(finding.path.ends_with(path), "{finding}");
        let value = finding.value.clone().unwrap();
        assert!(value.starts_with(CANARY) && value.chars().count() <= VALUE_CHARS_MAX, "{value}");
        let shown = Invalid::from(finding.clone()).to_string();
        assert!(
            !format!("{finding} {} {} {shown}", finding.reason, finding.path).contains(CANARY),
            "{finding}"
        );
        assert_eq!(finding.reason_with_value(), format!("{value:?} {}", finding.reason));
    }
}

#[test]
fn what_has_no_value_quotes_nothing_either() {
    let instance = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
    for (from, to) in [
        ("<PmtId>", format!("<PmtId>{CANARY}")),
        ("<Purp>", format!("<Purp note=\"{CANARY}\">")),
        ("<Purp>", format!("<Purp {instance} xsi:type=\"{CANARY}\">")),
        ("<Purp>", format!("<Purp {instance} xsi:nil=\"{CANARY}\">")),
        ("<Purp>", format!("<Purp xmlns=\"urn:{CANARY}\">")),
        ("<ds:SignedInfo>", format!("<ds:SignedInfo Id=\"{CANARY}\"><ds:Object Id=\"{CANARY}\"/>")),
        ("<Ustrd>", format!("<Other>{CANARY}</Other><Ustrd>")),
        ("<MsgDefIdr>pacs.008.spi.1.16<", format!("<MsgDefIdr>{CANARY}<")),
        ("<Sgntr>", format!("<Sgntr>{CANARY}")),
    ] {
        let invalid = examined(changed("pacs.008/one.xml", from, &to)).unwrap_err();
        for Finding { path, reason, .. } in invalid.findings() {
            assert!(!reason.contains(CANARY) && !path.contains(CANARY), "{to}: {path} {reason}");
        }
    }
}

/// Text whose `<` was not escaped becomes names: they are content too.
#[test]
fn names_that_no_schema_declares_are_not_told() {
    for (piece, wrong, path) in [
        ("<PmtId>", format!("<{CANARY}/><PmtId>"), "CdtTrfTxInf/*"),
        ("<PmtId>", format!("<{CANARY}>x</{CANARY}><PmtId>"), "CdtTrfTxInf/*"),
        ("<PmtId>", format!("<PmtId {CANARY}=\"x\">"), "PmtId/@*"),
    ] {
        let invalid = strictest().examine(changed("pacs.008/minimal.xml", piece, &wrong).as_bytes(), None);
        let invalid = invalid.expect_err("the message is refused");
        let shown = format!("{invalid} {:?}", invalid.findings().map(|one| &one.path).collect::<Vec<_>>());
        assert!(!shown.contains(CANARY), "{shown}");
        assert!(invalid.first.path.ends_with(path), "{}", invalid.first.path);
        assert_eq!(invalid.first.value.as_deref(), Some(CANARY));
        assert_eq!(invalid.first.path_with_value(), invalid.first.path.replace(UNKNOWN_NAME, CANARY));
        assert_eq!(invalid.first.reason_with_value(), invalid.first.reason);
    }
    let plain = message("", "").replace("<Tx>", &format!("<Tx><{CANARY}>"));
    let invalid = examined(plain).expect_err("the tags do not match");
    assert!(!invalid.to_string().contains(CANARY), "{invalid}");
}

#[test]
fn a_refusal_names_the_type_of_the_message_as_far_as_it_is_known() {
    let told = |xml: String| strictest().examine(xml.as_bytes(), None).unwrap_err().message_type;
    let wrong = changed("pacs.008/minimal.xml", "<NbOfTxs>1<", "<NbOfTxs>one<");
    assert_eq!(told(wrong).as_deref(), Some("pacs.008.spi.1.16"));
    let older = fixture("pacs.008/minimal.xml").replace("/pacs.008/1.16", "/pacs.008/1.7");
    assert_eq!(told(older).as_deref(), Some("pacs.008.spi.1.7"));
    assert_eq!(told("<Envelope".to_owned()), None);
}
