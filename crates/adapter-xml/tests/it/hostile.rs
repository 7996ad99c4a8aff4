//! Bytes that mean harm: each is refused at once, with a reason that quotes nothing of them.

use pix_stream_adapter_xml::{Limits, Options, Schemas, XmlCodec};
use pix_stream_ports::codec::{Codec as _, Rule};
use proptest::prelude::*;

use crate::message::{DOCUMENT, NAMESPACE, envelope, examined, found, header, message, refused, whole};

#[track_caller]
fn reason(xml: impl AsRef<[u8]>) -> String {
    refused(xml).1
}

fn nested(depth: usize) -> String {
    let inner = depth - 2;
    let document = format!("<Document>{}{}</Document>", "<a>".repeat(inner), "</a>".repeat(inner));
    envelope(&format!("{}{document}", header("", "")))
}

fn body(content: &str) -> String {
    envelope(&format!("{}<Document>{content}</Document>", header("", "")))
}

#[test]
fn document_types_are_refused_before_they_are_read() {
    const REASON: &str = "a document type declaration is not allowed";
    let bomb = "<!DOCTYPE Envelope [<!ENTITY a \"aaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>";
    let parameters: String =
        (1..5_000).map(|n| format!("<!ENTITY % e{n} \"%e{};%e{};\">", n - 1, n - 1)).collect();
    for prolog in [
        bomb.to_owned(),
        "<!DOCTYPE Envelope SYSTEM \"file:///etc/passwd\">".to_owned(),
        format!("<?xml version=\"1.0\"?>\r\n<!-- <!DOCTYPE --> {bomb}"),
        format!("<!DOCTYPE Envelope [<!ENTITY % e0 \"xx\">{parameters}]>"),
        "<!DOCTYPE".to_owned(),
    ] {
        let xml = format!("{prolog}<Envelope xmlns=\"{NAMESPACE}\"/>");
        assert_eq!(reason(&xml), REASON);
    }
    assert_eq!(reason(body(bomb)), REASON);
    assert_eq!(reason(format!("{}{bomb}", whole())), REASON);
    assert!(reason("<!doctype Envelope><Envelope/>").contains("well-formed"));
}

#[test]
fn a_comment_or_cdata_may_name_a_document_type() {
    assert!(examined(format!("<!-- <!DOCTYPE x> -->{}", whole().split_once("?>").unwrap().1)).is_ok());
    assert!(examined(body("<a><![CDATA[<!DOCTYPE x>]]></a>")).is_ok());
}

#[test]
fn undeclared_entities_and_bad_references_are_refused() {
    assert_eq!(reason(body("&Fulano;")), "an entity is not declared");
    assert_eq!(reason(body("&#0;")), "a character that XML does not allow");
    assert_eq!(reason(body("&#xD800;")), "a character that XML does not allow");
    assert_eq!(reason(body("&#99999999999;")), "a character that XML does not allow");
    assert!(reason(body("a & b")).contains("well-formed"));
}

#[test]
fn nesting_of_32_passes_and_of_33_does_not() {
    assert!(examined(nested(32)).is_ok());
    assert_eq!(reason(nested(33)), "elements are nested more than 32 deep");
    assert_eq!(reason(nested(12_000)), "elements are nested more than 32 deep");
}

#[test]
fn eight_prefixes_pass_and_nine_do_not() {
    let with = |n: usize| {
        let declared: String = (0..n).map(|i| format!(" xmlns:n{i}=\"urn:{i}\"")).collect();
        body(&format!("<a{declared}><b{declared}/></a>"))
    };
    let spread = (0..9).fold(String::new(), |inner, i| format!("<a xmlns:n{i}=\"urn:{i}\">{inner}</a>"));
    assert_eq!(reason(body(&spread)), "more than 8 namespace prefixes are in scope");
    assert!(examined(with(8)).is_ok());
    assert_eq!(reason(with(9)), "more than 8 namespace prefixes are in scope");
    assert_eq!(reason(with(5_000)), "more than 8 namespace prefixes are in scope");
    let long = format!("<a xmlns:n=\"urn:{}\"/>", "x".repeat(500));
    assert_eq!(reason(body(&long)), "a namespace name has more than 128 bytes");
}

#[test]
fn elements_names_and_attributes_are_bounded() {
    assert!(examined(body(&"<a/>".repeat(12_000))).is_ok());
    assert_eq!(reason(body(&"<a/>".repeat(13_000))), "the message has more than 12288 elements");
    let over =
        "a name, an attribute or a text is over its limit (64 bytes a name, 16 attributes of 1024 bytes)";
    assert_eq!(reason(body(&format!("<{}/>", "n".repeat(100)))), over);
    assert_eq!(reason(body(&format!("<a b=\"{}\"/>", "v".repeat(2_000)))), over);
    let many: String = (0..20).map(|n| format!(" a{n}=\"\"")).collect();
    assert_eq!(reason(body(&format!("<a{many}/>"))), over);
    for repeated in
        ["<a b=\"1\" b=\"2\"/>", "<a xmlns:b=\"1\" xmlns:b=\"2\"/>", "<a xmlns=\"1\" xmlns=\"1\"/>"]
    {
        assert_eq!(reason(body(repeated)), "an attribute is repeated");
    }
}

#[test]
fn a_message_of_256_kib_passes_and_one_byte_more_does_not() {
    let filled = |len: usize| {
        let frame = body("<a></a>").len();
        body(&format!("<a>{}</a>", "x".repeat(len - frame)))
    };
    assert!(examined(filled(256 * 1024)).is_ok());
    assert_eq!(reason(filled(256 * 1024 + 1)), "the message has more than 262144 bytes");
    assert_eq!(reason(filled(300 * 1024)), "the message has more than 262144 bytes");
    let limits = Limits { message_bytes: 100, ..Limits::default() };
    let small = XmlCodec::new(Options { limits, ..Options::default() }, Schemas::built_in());
    let invalid = small.examine(whole().as_bytes(), None).unwrap_err();
    assert_eq!(
        (invalid.first.rule, &*invalid.first.reason),
        (Rule::Limit, "the message has more than 100 bytes")
    );
}

#[test]
fn only_utf_8_is_read() {
    let mark = [b"\xef\xbb\xbf", whole().as_bytes()].concat();
    assert_eq!(reason(mark), "a byte order mark is not allowed");
    let mut latin = whole().into_bytes();
    let at = latin.len() - 20;
    latin[at] = 0xe9;
    let invalid = found(latin);
    assert_eq!((invalid.reason.as_str(), invalid.line), ("the bytes are not UTF-8", 1));
    assert_eq!(invalid.column, u64::try_from(at).unwrap() + 1);
    for name in ["ISO-8859-1", "utf-16", "US-ASCII", "latin1", "utf8", "u", "windows-1252"] {
        let declared = whole().replace("\"UTF-8\"", &format!("\"{name}\""));
        assert_eq!(reason(declared), "the declared encoding is not UTF-8", "{name}");
    }
    assert!(examined(whole().replace(" version=", " v:ersion=")).is_err());
    assert!(examined(whole().replace("UTF-8", "utf-8")).is_ok());
    assert!(examined(whole().replace(" encoding=\"UTF-8\"", "")).is_ok());
    assert_eq!(reason(whole().replace("version=\"1.0\"", "version=\"1.1\"")), "the XML version is not 1.0");
    let wide: Vec<u8> = whole().encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(examined(wide).is_err());
}

#[test]
fn nul_and_other_control_characters_are_refused() {
    for place in
        ["<a>\0</a>", "<a b=\"\0\"/>", "<!-- \0 -->", "<![CDATA[\0]]>", "\0", "<a\0/>", "<a>\u{1}</a>"]
    {
        assert!(examined(body(place)).is_err(), "{place:?}");
    }
    for around in [format!("{}\0", whole()), format!("\0{}", whole()), format!("{}<!--\0-->", whole())] {
        assert!(examined(around).is_err());
    }
}

#[test]
fn nothing_but_blanks_and_comments_follows_the_root() {
    const REASON: &str = "only blanks and comments may follow the root element";
    for behind in
        ["x", "<Envelope/>", "</Envelope>", "<![CDATA[ ]]>", "&amp;", "<", "<!--", "]]>", "<?x y", "<a"]
    {
        assert_eq!(reason(format!("{}{behind}", whole())), REASON, "{behind}");
    }
    assert_eq!(reason(format!("{0}{0}", whole().split_once("?>").unwrap().1)), REASON);
    assert!(examined(format!("{}\r\n <!-- end --> \n", whole())).is_ok());
}

#[test]
fn a_cut_document_is_refused_wherever_it_is_cut() {
    let xml = whole();
    for end in 0..xml.len() {
        assert!(examined(&xml[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn malformed_documents_are_refused() {
    for content in [
        "<a></b>",
        "<a",
        "<a b></a>",
        "<a b=c/>",
        "<a b=\"<\"/>",
        "<1/>",
        "]]>",
        "<a><![CDATA[</a>",
        "<!-- -- -->",
        "<a:b/>",
        "<a x:y=\"\"/>",
        "</a>",
        "<a/ >",
        "<a b=\"1\"c=\"2\"/>",
        "< a/>",
        "<a xmlns:p=\"\"/>",
        "<xml:a/>",
        "<?xml version=\"1.0\"?>",
        "<!ENTITY x \"y\">",
        "&amp",
        "&;",
        "<a:b:c/>",
        "<a b=\"</\"/>",
        "<a b='<!-- '/>",
        "<a b='<![CDATA['/>]]>'/>",
        "<?a:b?>",
        "<a xmlns:p=\"u\" p:-b=\"\"/>",
        "<p:1 xmlns:p=\"u\"/>",
        "<a xmlns:-p=\"u\"/>",
        "<a xmlns:p=\"http://www.w3.org/XML/1998/namespace\"/>",
    ] {
        assert!(examined(body(content)).is_err(), "{content}");
    }
    for xml in
        ["", " ", "text", "<!-- only -->", "<?xml version=\"1.0\"?>", " <?xml version=\"1.0\"?><Envelope/>"]
    {
        assert!(examined(xml).is_err(), "{xml}");
    }
}

#[test]
fn reasons_quote_nothing_of_the_message() {
    const SECRET: &str = "Fulano12";
    for xml in [
        body(&format!("&{SECRET};")),
        body(&format!("<?{SECRET} {SECRET}>")),
        body(&format!("<a b=\"{SECRET}\" b=\"{SECRET}\"/>")),
        body(&format!("<a>{SECRET}</a>]]>{SECRET}")),
        message("To", &crate::message::party("To", "fulano12")),
        message("BizMsgIdr", &format!("<BizMsgIdr>{SECRET} {SECRET}</BizMsgIdr>")),
        envelope(&format!("{}{DOCUMENT}{SECRET}", header("", ""))),
        format!("{}{SECRET}", whole()),
        format!("<?xml version=\"1.0\" encoding=\"{SECRET}\"?><a/>"),
        format!("<?xml version=\"{SECRET}\"?><a/>"),
        format!("<?xml {SECRET}=\"{SECRET}\"?><a/>"),
        format!("<Envelope xmlns=\"{SECRET}\"/>"),
    ] {
        let (path, reason) = refused(xml);
        assert!(!format!("{path} {reason}").to_lowercase().contains("fulano12"), "{path} {reason}");
    }
}

/// XML 1.0, productions 23 to 32: what the reader takes and clients' readers do not.
#[test]
fn a_declaration_says_1_0_and_says_it_plainly() {
    let with = |declaration: &str| format!("{declaration}{}", whole().split_once("?>").unwrap().1);
    for right in
        ["<?xml version=\"1.0\"?>", "<?xml\tversion = '1.0' encoding='utf-8' standalone='yes' ?>", ""]
    {
        assert!(examined(with(right)).is_ok(), "{right}");
    }
    for (wrong, reason) in [
        ("<?xml version=\"1.7\"?>", "the XML version is not 1.0"),
        ("<?xml version=\"1.10\"?>", "the XML version is not 1.0"),
        ("<?xml version='1.00' ?>", "the XML version is not 1.0"),
        ("<?xml version=\"1&#46;0\"?>", "the document is not well-formed"),
        ("<?xml version=\"1.0\" encoding=\"UTF&#45;8\"?>", "the document is not well-formed"),
        ("<?xml version=\"1.0\" standalone=\"ye&#115;\"?>", "the document is not well-formed"),
    ] {
        assert_eq!(refused(with(wrong)).1, reason, "{wrong}");
    }
}

/// Editions of XML differ in them, and so do readers.
#[test]
fn names_beyond_ascii_are_refused_wherever_they_stand() {
    let reason = "a name with other characters than ASCII, which not every XML reader takes";
    for xml in [
        whole().replacen("<AppHdr>", "<AppHdr xmlns:\u{220}=\"u\">", 1),
        body("<p\u{220}/>"),
        body("<a \u{e9}=\"1\"/>"),
        body("<?p\u{220} x?>"),
        body("<?\u{e9}?>"),
    ] {
        assert_eq!(refused(&xml).1, reason, "{xml}");
    }
    assert!(examined(body("<a b=\"\u{220}\">\u{220}<?p \u{220}?><!-- \u{220} --></a>")).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Two to six random edits of a good message: an answer, whatever it is, and never a panic of the reader.
    #[test]
    fn edited_messages_get_an_answer(edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..24), 2..6)) {
        const PIECES: [&str; 24] = [
            "<", ">", "</", "/>", "&", ";", "&amp;", "<![CDATA[", "]]>", "<!--", "-->", "<?", "?>", "<a>", "</a>", "\r",
            "\n", " ", "\"", "'", "=", "<!DOCTYPE x [", "é", "&#10;",
        ];
        let mut xml = whole();
        for (at, piece) in edits {
            let at = at.index(xml.len());
            let at = (0..=at).rev().find(|i| xml.is_char_boundary(*i)).unwrap_or(0);
            xml.insert_str(at, PIECES[piece]);
        }
        let answer = examined(&xml);
        prop_assert!(answer.is_ok() || answer.is_err_and(|i| i.first.line > 0 && i.first.column > 0 && !i.first.path.is_empty()));
    }

    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(examined(bytes).is_err());
    }
}
