//! What a message must say of itself, and what of XML it may use to say it (C.2).

use pix_stream_ports::codec::{END_TO_END_IDS_MAX, Rule};

use crate::message::{
    BUSINESS_ID, DOCUMENT, NAMESPACE, SIGNATURES, envelope, examined, found, header, message, party, refused,
    whole,
};

fn fault(path: &str, reason: &str) -> (String, String) {
    (path.to_owned(), reason.to_owned())
}

#[test]
fn a_message_tells_its_type_id_parties_and_time() {
    let told = examined(whole()).unwrap();
    assert_eq!(told.message_type, "pacs.008.spi.1.13");
    assert_eq!(told.business_id, BUSINESS_ID);
    assert_eq!((told.from.as_str(), told.to.as_str()), ("00038166", "99999A04"));
    assert_eq!(told.created, "2026-01-01T08:30:12.000Z");
    assert_eq!(told.end_to_end_ids, ["E9999901012341234123412345678900"]);
}

#[test]
fn prefixes_and_foreign_elements_below_the_sections_are_legal() {
    let xml = format!(
        "<p:Envelope xmlns:p=\"{NAMESPACE}\"><p:AppHdr>{}{}<p:BizMsgIdr>{BUSINESS_ID}</p:BizMsgIdr>\
         <p:MsgDefIdr>pacs.008.spi.1.13</p:MsgDefIdr>         <p:CreDt>t</p:CreDt><p:Sgntr><ds:Signature xmlns:ds=\"{SIGNATURES}\"><x:Id xmlns:x=\"urn:x\">7</x:Id></ds:Signature></p:Sgntr>\
         </p:AppHdr><p:Document><EndToEndId>not ours</EndToEndId></p:Document></p:Envelope>",
        party("Fr", "00038166")
            .replace("</", "</p:")
            .replace("<F", "<p:F")
            .replace("<O", "<p:O")
            .replace("<I", "<p:I"),
        party("To", "99999010")
            .replace("</", "</p:")
            .replace("<F", "<p:F")
            .replace("<T", "<p:T")
            .replace("<O", "<p:O")
            .replace("<I", "<p:I"),
    );
    let told = examined(xml).unwrap();
    assert_eq!(told.business_id, BUSINESS_ID);
    assert!(told.end_to_end_ids.is_empty());
}

#[test]
fn text_is_joined_across_cdata_entities_comments_and_references() {
    let field = "<BizMsgIdr><![CDATA[M000]]>&#51;<!-- no part of it -->8166123456<![CDATA[]]>789012345678901&#x32;\
                 <![CDATA[3]]></BizMsgIdr>";
    assert_eq!(examined(message("BizMsgIdr", field)).unwrap().business_id, BUSINESS_ID);
    let other = "<EndToEndId><![CDATA[E<&>]]>&lt;&amp;&#62;<!-- -->&quot;]]&gt;</EndToEndId>";
    let xml = envelope(&format!("{}<Document>{other}</Document>", header("", "")));
    assert_eq!(examined(xml).unwrap().end_to_end_ids, ["E<&><&>\"]]>"]);
}

#[test]
fn processing_instructions_are_legal_and_tell_nothing() {
    let (start, end) = BUSINESS_ID.split_at(9);
    let field = format!("<BizMsgIdr>{start}<?note M2?>{end}</BizMsgIdr>");
    let xml = message("BizMsgIdr", &field).replacen("?>", "?><?note <!DOCTYPE ?>", 1);
    assert_eq!(examined(format!("{xml}<?end?>")).unwrap().business_id, BUSINESS_ID);
}

#[test]
fn crlf_comments_and_emoji_are_legal_everywhere() {
    let header = header("", "").replace("><", ">\r\n  <!-- nota: ção 🎉 -->\r\n<");
    let body = "<Document>\r\n<Nm>José &quot;🎉&quot; <![CDATA[<&>]]]]></Nm>\r\n</Document>";
    let xml = format!("{}\r\n<!-- fim -->\r\n", envelope(&format!("\r\n{header}\r\n{body}\r\n")));
    assert_eq!(examined(xml).map(|told| told.business_id.len()), Ok(32));
}

#[test]
fn an_id_of_35_characters_is_one_and_36_are_none() {
    let field = |id: &str| message("BizMsgIdr", &format!("<BizMsgIdr>{id}</BizMsgIdr>"));
    let reason = "BizMsgIdr does not have 1 to 35 characters";
    // Short enough to be an id, but none of this system.
    assert_eq!(found(field(&"é".repeat(35))).rule, Rule::BusinessId);
    assert_eq!(refused(field(&"M".repeat(36))), fault("Envelope/AppHdr/BizMsgIdr", reason));
    assert_eq!(refused(field(&"M".repeat(100_000))), fault("Envelope/AppHdr/BizMsgIdr", reason));
    assert_eq!(refused(field("")), fault("Envelope/AppHdr/BizMsgIdr", reason));
    for blank in ["M 1", " M1", "M1\n", "M&#9;1", "M\u{85}1", "M\u{a0}1"] {
        assert_eq!(
            refused(field(blank)),
            fault("Envelope/AppHdr/BizMsgIdr", "BizMsgIdr holds a blank or a control character"),
        );
    }
}

#[test]
fn each_required_header_field_is_missed_by_name() {
    for name in ["Fr", "To", "BizMsgIdr", "MsgDefIdr", "CreDt"] {
        assert_eq!(refused(message(name, "")), fault("Envelope/AppHdr", &format!("{name} is missing")));
    }
}

#[test]
fn a_repeated_header_field_is_refused() {
    for (name, field) in [
        ("Fr", party("Fr", "00038166")),
        ("To", party("To", "00038166")),
        ("BizMsgIdr", "<BizMsgIdr>M1</BizMsgIdr>".to_owned()),
        ("MsgDefIdr", "<MsgDefIdr>m</MsgDefIdr>".to_owned()),
        ("CreDt", "<CreDt>t</CreDt>".to_owned()),
    ] {
        assert_eq!(
            refused(message(name, &field.repeat(2))),
            fault(&format!("Envelope/AppHdr/{name}"), &format!("{name} is repeated"))
        );
    }
    let two_ids = party("To", "00038166").replace("<Id>", "<Id>11111111</Id><Id>");
    assert_eq!(
        refused(message("To", &two_ids)),
        fault("Envelope/AppHdr/To/FIId/FinInstnId/Othr/Id", "Id is repeated")
    );
}

#[test]
fn a_party_is_an_ispb_at_its_place() {
    let id = "Envelope/AppHdr/To/FIId/FinInstnId/Othr/Id";
    for ispb in ["9999901", "99999a04", "", " 99999010 ", "999990100"] {
        assert_eq!(
            refused(message("To", &party("To", ispb))),
            fault(id, "To is not an ISPB: eight digits or capital letters")
        );
    }
    let none = fault("Envelope/AppHdr/Fr", "Fr has no FIId/FinInstnId/Othr/Id");
    assert_eq!(refused(message("Fr", "<Fr/>")), none);
    assert_eq!(refused(message("Fr", "<Fr>00038166</Fr>")), none);
    assert_eq!(refused(message("Fr", "<Fr><Id>00038166</Id></Fr>")), none);
    let beside = "<Fr><FIId><FinInstnId><Othr><X><Id>00038166</Id></X></Othr></FinInstnId></FIId></Fr>";
    assert_eq!(refused(message("Fr", beside)), none);
    let foreign = party("Fr", "00038166").replace("<Othr>", "<Othr xmlns=\"urn:x\">");
    assert_eq!(refused(message("Fr", &foreign)), none);
}

#[test]
fn a_signature_between_the_fields_does_not_hide_or_add_any() {
    // Names of the message's own namespace, where nothing asks for them.
    let signature = format!(
        "<Sgntr><ds:Signature xmlns:ds=\"{SIGNATURES}\"><Fr/><BizMsgIdr>other</BizMsgIdr>\
         <FIId><FinInstnId/></FIId></ds:Signature></Sgntr>"
    );
    let xml = whole().replace("<Sgntr/>", &signature);
    assert_eq!(examined(xml).unwrap().business_id, BUSINESS_ID);
}

#[test]
fn header_fields_hold_text_only() {
    let field = "<BizMsgIdr>M1<b/>2</BizMsgIdr>";
    assert_eq!(
        refused(message("BizMsgIdr", field)),
        fault("Envelope/AppHdr/BizMsgIdr/*", "an element where only text may stand")
    );
}

#[test]
fn the_root_is_an_envelope_of_a_known_namespace() {
    let root = |name: &str, ns: &str| format!("<{name} xmlns=\"{ns}\">{}{DOCUMENT}</{name}>", header("", ""));
    assert_eq!(refused(root("Message", NAMESPACE)), fault("*", "the root element is not Envelope"));
    for ns in ["", "pacs.008.spi.1.1", "urn:pacs.008/1.1", &format!("{NAMESPACE}/")] {
        assert_eq!(
            refused(root("Envelope", ns)),
            fault("Envelope", "the namespace is not that of a known message")
        );
    }
    let older = root("Envelope", "https://www.bcb.gov.br/pi/camt.014/1.1");
    assert_eq!(
        examined(older.replace("pacs.008.spi.1.13", "camt.014.spi.1.1")).unwrap().message_type,
        "camt.014.spi.1.1"
    );
}

#[test]
fn an_envelope_holds_a_header_then_a_document() {
    let sequence = "Envelope holds one AppHdr, then one Document, and nothing else";
    let header = header("", "");
    for (content, path, reason) in [
        (String::new(), "Envelope", "AppHdr is missing"),
        (header.clone(), "Envelope", "Document is missing"),
        (DOCUMENT.to_owned(), "Envelope/Document", sequence),
        (format!("{DOCUMENT}{header}"), "Envelope/Document", sequence),
        (format!("{header}{header}{DOCUMENT}"), "Envelope/AppHdr", sequence),
        (format!("{header}{DOCUMENT}{DOCUMENT}"), "Envelope/Document", sequence),
        (format!("{header}{DOCUMENT}<Splmtry/>"), "Envelope/*", sequence),
        (format!("x{header}{DOCUMENT}"), "Envelope/AppHdr", "text where only elements may stand"),
        (format!("{header}{DOCUMENT}<![CDATA[x]]>"), "Envelope", "text where only elements may stand"),
        (
            format!("{header}<Document xmlns=\"urn:x\"/>"),
            "Envelope/Document",
            "the element is not in the namespace of Envelope",
        ),
    ] {
        let (_, got) = refused(envelope(&content));
        assert_eq!(got, reason, "{content}");
        if reason != "text where only elements may stand" {
            assert_eq!(refused(envelope(&content)).0, path, "{content}");
        }
    }
}

#[test]
fn the_first_end_to_end_ids_are_kept_in_order() {
    let ids: Vec<String> = (0..END_TO_END_IDS_MAX + 5).map(|n| format!("E{n}")).collect();
    let body: String = ids
        .iter()
        .enumerate()
        .map(|(n, id)| {
            let name = if n % 2 == 0 { "EndToEndId" } else { "OrgnlEndToEndId" };
            format!("<Tx><{name}>{id}</{name}><{name}/><{name}>{}</{name}></Tx>", "E".repeat(36))
        })
        .collect();
    let xml = envelope(&format!("{}<Document>{body}</Document>", header("", "")));
    assert_eq!(examined(xml).unwrap().end_to_end_ids, ids[..END_TO_END_IDS_MAX]);
}

#[test]
fn a_refusal_says_where_from_line_1_and_column_1() {
    let xml = format!("<Envelope xmlns=\"{NAMESPACE}\">\n  <AppHdr>\r\n    <Nm/>\n  </AppHdr>\n</Envelope>");
    let invalid = found(xml);
    assert_eq!((invalid.line, invalid.column), (4, 3));
    assert_eq!(invalid.to_string(), "4:3 Envelope/AppHdr Fr is missing");
    let root = found("<?xml version=\"1.0\"?>\n<Other/>");
    assert_eq!((root.line, root.column, root.path.as_str()), (2, 1, "*"));
    assert_eq!(root.value.as_deref(), Some("Other"), "a name that no schema declares is content");
    assert_eq!(examined("").map_err(|i| i.to_string()), Err("1:1 / the document ends too early".to_owned()));
}
