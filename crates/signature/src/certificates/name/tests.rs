//! Ways to write one name, and what is not a name.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> Name {
    Name::from_text(text).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn the_same_name_is_written_in_many_ways() {
    let name = parsed("CN=AC Teste, OU=Um, OU=Dois, O=ICP-Brasil, C=BR");
    for other in [
        "CN=AC Teste,OU=Um,OU=Dois,O=ICP-Brasil,C=BR",
        "C=BR, O=ICP-Brasil, OU=Dois, OU=Um, CN=AC Teste",
        "  cn = AC Teste ;ou=Um;  OU=Dois,\n O = \"ICP-Brasil\" , c=BR ",
        "2.5.4.3=AC Teste,OID.2.5.4.11=Um,oid.2.5.4.11=Dois,2.5.4.10=ICP\\2DBrasil,2.5.4.6=BR",
        "CN=#0c084143205465737465,OU=#1302556d,OU=Dois,O=ICP-Brasil,C=#13024252",
    ] {
        assert_eq!(parsed(other), name, "{other}");
    }
}

#[test]
fn another_order_value_case_or_blank_is_another_name() {
    let name = parsed("CN=AC Teste, OU=Um, OU=Dois, C=BR");
    for other in [
        "CN=AC Teste, OU=Dois, OU=Um, C=BR",
        "CN=AC teste, OU=Um, OU=Dois, C=BR",
        "CN=AC  Teste, OU=Um, OU=Dois, C=BR",
        "CN=AC Teste, OU=Um, OU=Dois",
        "CN=AC Teste, OU=Um, OU=Dois, C=BR, C=BR",
        "CN=AC Teste, OU=Um+OU=Dois, C=BR",
        "CN=AC Teste\\, OU=Um, OU=Dois, C=BR",
        "SN=AC Teste, OU=Um, OU=Dois, C=BR",
        "CN=#04084143205465737465, OU=Um, OU=Dois, C=BR",
    ] {
        assert_ne!(parsed(other), name, "{other}");
    }
}

#[test]
fn what_is_escaped_is_part_of_the_value() {
    let name = parsed(r#"CN="a, b+c=\"d\" é",C=BR"#);
    assert_eq!(parsed(r#"CN=a\, b\+c\=\"d\" é, C=BR"#), name);
    assert_eq!(parsed(r"CN=a\2c b\2bc\3d\22d\22 \c3\A9, C=BR"), name);
    assert_ne!(parsed(r"CN=a\ ,C=BR"), parsed("CN=a ,C=BR"));
    assert_eq!(parsed(r"CN=a\ ,C=BR"), parsed(r#"CN="a ",C=BR"#));
}

#[test]
fn parts_of_several_attributes_are_sets() {
    assert_eq!(parsed("CN=a+UID=b, C=BR"), parsed("C=BR, UID=b + CN=a"));
}

#[test]
fn what_is_no_name_is_refused() {
    for text in [
        "",
        " ",
        "CN",
        "CN=a,",
        "CN=a,,C=BR",
        "=a",
        "XX=a",
        "1..2=a",
        "CN=\"a",
        "CN=\"a\"b",
        "CN=a\"b",
        "CN=a\\",
        "CN=a\\x",
        "CN=a\\f",
        "CN=\\ff",
        "CN=#",
        "CN=#0",
        "CN=#0c05ab",
        "CN=#0c0141zz",
    ] {
        assert_eq!(Name::from_text(text), None, "{text}");
    }
}

#[test]
fn an_empty_value_is_a_value() {
    assert_ne!(parsed("CN=,C=BR"), parsed("C=BR"));
}

#[test]
fn strings_of_two_bytes_and_of_latin_are_read() {
    let bytes = |any: &[u8]| value(&Any::from_der(any).unwrap().1);
    assert_eq!(bytes(&[0x1e, 4, 0, 0x41, 0, 0xe9]), Some(Value::Text("Aé".to_owned())));
    assert_eq!(bytes(&[0x14, 2, 0x41, 0xe9]), Some(Value::Text("Aé".to_owned())));
    assert_eq!(bytes(&[0x1e, 3, 0, 0x41, 0]), None);
    assert_eq!(bytes(&[0x0c, 1, 0xe9]), None);
}

/// A value as RFC 4514 writes it, every character escaped that may be.
fn escaped(value: &str) -> String {
    let escape = |byte: &u8| format!("\\{byte:02x}");
    value.as_bytes().iter().map(escape).collect()
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A UTF8String in DER, of less than 128 bytes.
fn encoded(value: &str) -> String {
    let bytes = [0x0c, u8::try_from(value.len()).unwrap()].into_iter().chain(value.bytes());
    bytes.map(|byte| format!("{byte:02X}")).collect()
}

proptest! {
    #[test]
    fn a_value_is_the_same_in_each_way_to_write_it(values in vec("\\PC{0,20}", 1..5), reversed: bool) {
        let write = |write: fn(&str) -> String| {
            let parts: Vec<String> = values.iter().map(|value| format!("CN={}", write(value))).collect();
            parts.join(", ")
        };
        let name = parsed(&write(escaped));
        prop_assert_eq!(&parsed(&write(quoted)), &name);
        prop_assert_eq!(&parsed(&write(|value| format!("#{}", encoded(value)))), &name);
        let mut turned: Vec<String> = values.iter().map(|value| format!("OID.2.5.4.3={}", escaped(value))).collect();
        if reversed {
            turned.reverse();
        }
        prop_assert_eq!(parsed(&turned.join(";")), name);
    }

    #[test]
    fn no_text_makes_the_reader_of_names_panic(text in "([A-Z]{0,2}|[=+,;\\\\\"# ]|[0-9a-f]{0,3}|\\PC)*") {
        let _ = Name::from_text(&text);
    }
}
