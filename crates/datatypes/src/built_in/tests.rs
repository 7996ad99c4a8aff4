//! The lexical space of each built-in type (C.2).

use super::super::Simple;

fn check(name: &str, good: &[&str], bad: &[&str]) {
    let simple = Simple::built_in(name).unwrap();
    for text in good {
        assert!(simple.check(text).is_ok(), "{name} {text:?}");
    }
    for text in bad {
        assert!(simple.check(text).is_err(), "{name} {text:?}");
    }
}

#[test]
fn integers_end_at_their_bounds() {
    check(
        "integer",
        &["0", "-0", "+0012", "123456789012345678901234567890", " 1 "],
        &["", "1.0", "1.", "1e3", "+"],
    );
    for (name, least, below, most, above) in [
        (
            "long",
            "-9223372036854775808",
            "-9223372036854775809",
            "9223372036854775807",
            "9223372036854775808",
        ),
        ("int", "-2147483648", "-2147483649", "2147483647", "2147483648"),
        ("short", "-32768", "-32769", "32767", "32768"),
        ("byte", "-128", "-129", "127", "128"),
        ("unsignedLong", "0", "-1", "18446744073709551615", "18446744073709551616"),
        ("unsignedInt", "-0", "-1", "4294967295", "4294967296"),
        ("unsignedShort", "+0", "-1", "65535", "65536"),
        ("unsignedByte", "000", "-1", "0255", "256"),
    ] {
        check(name, &[least, most], &[below, above]);
    }
    check("nonPositiveInteger", &["0", "-1"], &["1"]);
    check("negativeInteger", &["-1"], &["0", "-0"]);
    check("nonNegativeInteger", &["0", "-0", "1"], &["-1"]);
    check("positiveInteger", &["1", "+1"], &["0"]);
}

#[test]
fn words_keep_to_their_types() {
    check("boolean", &["true", "false", "1", "0", " true "], &["", "TRUE", "yes", "2", "00", "tru e"]);
    check("string", &["", " ", "\t\n", "é😀"], &[]);
    check("token", &["", " a  b "], &[]);
    check("ID", &["a", "_1", " a "], &["", "1", "a:b", "a b"]);
    check("NMTOKEN", &["1a", "a:b", "-"], &["", "a b"]);
    check("Name", &["a:b", ":"], &["1", ""]);
    check("language", &["pt-BR", "EN"], &["", "pt_BR"]);
    check("anySimpleType", &["", "anything at all"], &[]);
}

#[test]
fn unsupported_types_say_so() {
    assert_eq!(Simple::built_in("IDREF").unwrap_err(), "xs:IDREF is not supported");
    assert_eq!(Simple::built_in("anyType").unwrap_err(), "there is no simple type xs:anyType");
}
