//! Simple types as schemas use them: what is a value, and the words of a refusal (C.2).

use proptest::prelude::*;

use super::*;

/// A built-in type with the facets of one step.
pub(super) fn made(base: &str, facets: &[(FacetKind, &str)]) -> Simple {
    Simple::built_in(base).unwrap().restrict(&listed(facets)).unwrap()
}

pub(super) fn listed(facets: &[(FacetKind, &str)]) -> Vec<Facet> {
    facets.iter().map(|(kind, value)| Facet { kind: *kind, value: (*value).to_owned() }).collect()
}

fn refusal(simple: &Simple, text: &str) -> String {
    simple.check(text).unwrap_err().to_string()
}

#[test]
fn reasons_are_in_the_words_of_the_schema() {
    use FacetKind::*;
    for (base, facets, text, reason) in [
        ("string", vec![(Pattern, "[0-9]{1,15}")], "abc", "does not match [0-9]{1,15}"),
        ("string", vec![(Pattern, "a"), (Pattern, "b")], "c", "does not match a or b"),
        ("string", vec![(MaxLength, "3")], "abcd", "has more than 3 characters"),
        ("string", vec![(MinLength, "1")], "", "has fewer than 1 character"),
        ("string", vec![(Length, "8")], "1", "has not exactly 8 characters"),
        ("hexBinary", vec![(MaxLength, "1")], "0000", "has more than 1 byte"),
        ("string", vec![(Enumeration, "B"), (Enumeration, "A")], "C", "is not one of B, A"),
        ("date", vec![], "2024-02-30", "is no xs:date"),
        ("decimal", vec![(FractionDigits, "2")], "0.001", "has more than 2 digits after the point"),
        ("decimal", vec![(TotalDigits, "1")], "10", "has more than 1 digit"),
        ("decimal", vec![(MinInclusive, "0.01")], "0", "is less than 0.01"),
        ("decimal", vec![(MinExclusive, "0")], "0.0", "is not more than 0"),
        ("decimal", vec![(MinExclusive, "0")], "-1", "is less than 0"),
        ("decimal", vec![(MaxExclusive, "9")], "9", "is not less than 9"),
        ("byte", vec![], "128", "is more than 127"),
        (
            "dateTime",
            vec![(MinInclusive, "2024-01-01T00:00:00Z")],
            "2024-01-01T00:00:00",
            "cannot be compared with 2024-01-01T00:00:00Z",
        ),
    ] {
        assert_eq!(refusal(&made(base, &facets), text), reason);
    }
}

#[test]
fn long_enumerations_are_listed_in_part() {
    let values: Vec<_> =
        ["A", "B", "C", "D", "E", "F", "G", "H", "I"].map(|v| (FacetKind::Enumeration, v)).into();
    let simple = made("string", &values);
    assert_eq!(refusal(&simple, "Z"), "is not one of A, B, C, D, E, F, G, H, …");
    assert!(simple.check("I").is_ok());
}

#[test]
fn emoji_are_one_character_each() {
    let max35 = made("string", &[(FacetKind::MinLength, "1"), (FacetKind::MaxLength, "35")]);
    assert!(max35.check(&"😀".repeat(35)).is_ok());
    assert!(max35.check(&"😀".repeat(36)).is_err());
    assert!(max35.check("").is_err());
    assert!(max35.check(" \t\n ").is_ok(), "white space is text in an xs:string");
}

#[test]
fn white_space_is_checked_as_the_type_keeps_it() {
    let preserved = made("string", &[(FacetKind::MaxLength, "3")]);
    assert_eq!(preserved.check(" a ").unwrap(), " a ");
    assert!(preserved.check(" ab ").is_err());
    let collapsed = made("token", &[(FacetKind::MaxLength, "3"), (FacetKind::Pattern, "a b")]);
    assert_eq!(collapsed.check("\n a \t b\r").unwrap(), "a b");
    let replaced = made("normalizedString", &[(FacetKind::Pattern, " a ")]);
    assert_eq!(replaced.check("\ta\n").unwrap(), " a ");
    let amount = made("decimal", &[(FacetKind::FractionDigits, "2")]);
    assert!(matches!(amount.check(" 1.50\n").unwrap(), Cow::Borrowed("1.50")));
    assert!(amount.check("1 .50").is_err() && amount.check("").is_err() && amount.check("\u{a0}1").is_err());
    let tightened =
        made("string", &[(FacetKind::WhiteSpace, "collapse"), (FacetKind::Enumeration, " a  b ")]);
    assert_eq!(tightened.check("a   b").unwrap(), "a b");
}

#[test]
fn enumerations_compare_values() {
    let one = |base, value| made(base, &[(FacetKind::Enumeration, value)]);
    for (base, value, equal, other) in [
        ("decimal", "1.0", "+01.00", "1.01"),
        ("integer", "-0", "0", "1"),
        ("float", "1e2", "100", "101"),
        ("double", "NaN", "NaN", "0"),
        ("dateTime", "2024-01-01T00:00:00Z", "2023-12-31T24:00:00.0-00:00", "2024-01-01T00:00:00"),
        ("duration", "P1Y", "P12M", "P365D"),
        ("hexBinary", "0a", "0A", "0b"),
        ("base64Binary", "AAAA", "AA AA", "AAAB"),
        ("string", "1.0", "1.0", "1"),
        ("anyURI", "http://a", "http://a", "HTTP://a"),
    ] {
        let simple = one(base, value);
        assert!(simple.check(equal).is_ok(), "{base} {equal}");
        assert!(simple.check(other).is_err(), "{base} {other}");
    }
}

#[test]
fn values_of_different_primitive_types_are_never_equal() {
    let is_equal = |(a, x): (&str, &str), (b, y): (&str, &str)| {
        let [a, b] = [a, b].map(|name| Simple::built_in(name).unwrap());
        a.value(x) == b.value(y).into_owned()
    };
    for (one, other) in [
        (("decimal", "1.0"), ("byte", "+1")),
        (("string", "a"), ("NCName", "a")),
        (("anySimpleType", "a"), ("token", "a")),
        (("time", "24:00:00"), ("time", "00:00:00")),
    ] {
        assert!(is_equal(one, other), "{one:?} {other:?}");
    }
    for (one, other) in [
        (("decimal", "1"), ("string", "1")),
        (("decimal", "1"), ("anySimpleType", "1")),
        (("float", "1"), ("double", "1")),
        (("anyURI", "a"), ("string", "a")),
        (("date", "2024-01-01"), ("dateTime", "2024-01-01T00:00:00")),
        (("hexBinary", "00"), ("base64Binary", "AA==")),
    ] {
        assert!(!is_equal(one, other), "{one:?} {other:?}");
    }
}

#[test]
fn steps_add_up() {
    let base = made("string", &[(FacetKind::Pattern, "[0-9]*"), (FacetKind::MaxLength, "5")]);
    let next = base.restrict(&listed(&[(FacetKind::Pattern, ".*7"), (FacetKind::MinLength, "2")])).unwrap();
    assert!(next.check("17").is_ok());
    for bad in ["a7", "12", "7", "123457"] {
        assert!(next.check(bad).is_err(), "{bad}");
    }
    let fewer = made("string", &[(FacetKind::Enumeration, "a"), (FacetKind::Enumeration, "b")])
        .restrict(&listed(&[(FacetKind::Enumeration, "b")]))
        .unwrap();
    assert!(fewer.check("b").is_ok() && fewer.check("a").is_err());
}

#[test]
fn only_ids_are_ids() {
    assert!(made("ID", &[(FacetKind::MaxLength, "3")]).is_id());
    assert!(!Simple::built_in("NCName").unwrap().is_id());
}

const NAMES: [&str; 12] = [
    "string",
    "token",
    "Name",
    "anyURI",
    "decimal",
    "double",
    "dateTime",
    "time",
    "gMonthDay",
    "duration",
    "hexBinary",
    "base64Binary",
];

proptest! {
    #[test]
    fn no_text_breaks_a_check(text in "\\PC*|[-+0-9.:TZPYMDHSe=A-F \t\n%#]*", at in 0_usize..12) {
        let simple = Simple::built_in(NAMES[at]).unwrap();
        if let Ok(value) = simple.check(&text) {
            let canonical = simple.canonical(&value).into_owned();
            prop_assert_eq!(simple.check(&value).unwrap(), &*value, "normalizing twice changes nothing");
            prop_assert_eq!(simple.canonical(&value), canonical);
        }
    }

    #[test]
    fn no_facet_breaks_a_restriction(value in "\\PC{0,12}|[-+0-9.:TZP]{0,12}", at in 0_usize..12, kind in 0_usize..12) {
        use FacetKind::*;
        let kinds = [Length, MinLength, MaxLength, Pattern, Enumeration, WhiteSpace, MaxInclusive, MaxExclusive,
            MinInclusive, MinExclusive, TotalDigits, FractionDigits];
        let simple = Simple::built_in(NAMES[at]).unwrap();
        if let Ok(made) = simple.restrict(&[Facet { kind: kinds[kind], value: value.clone() }]) {
            let _ = made.check(&value);
        }
    }
}
