//! Disagreements that are decided: who is right, and by which clause (docs/schema-differences.md).
//!
//! In all of them it is our engine: where it is not, it is mended. A disagreement counts as decided only if every
//! reason that is given for the refusal belongs to a kind listed here, and if we do not stand alone with a refusal.

use super::verdict::{Oracle, Verdict};

/// One kind of disagreement.
#[derive(Debug)]
pub(super) struct Known {
    /// Its name in docs/schema-differences.md.
    pub(super) name: &'static str,
    pub(super) oracle: Oracle,
    wrong: Wrong,
}

/// What the oracle does otherwise, recognised by a reason and the document.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    /// It refuses, for a reason of its own.
    Refuses(fn(&str, &str) -> bool),
    /// It accepts what we refuse, for a reason of ours.
    Accepts(fn(&str, &str) -> bool),
}

const fn known(name: &'static str, oracle: Oracle, wrong: Wrong) -> Known {
    Known { name, oracle, wrong }
}

/// Every kind that is decided.
pub(super) const KNOWN: [Known; 14] = [
    known(
        "libxml2: long numbers",
        Oracle::Xmllint,
        Wrong::Refuses(|reason, _| refused_value(reason).is_some_and(is_long_number)),
    ),
    known(
        "libxml2: blanks round a date",
        Oracle::Xmllint,
        Wrong::Refuses(|reason, _| refused_value(reason).is_some_and(is_padded_date)),
    ),
    known(
        "libxml2: blank CDATA sections",
        Oracle::Xmllint,
        Wrong::Refuses(|reason, document| {
            reason.contains("Character content other than whitespace is not allowed")
                && document.contains("<![CDATA[")
        }),
    ),
    known(
        "libxml2: stray characters in base64Binary",
        Oracle::Xmllint,
        Wrong::Accepts(|reason, _| reason.contains("is no xs:base64Binary") && has_strays(reason)),
    ),
    known(
        "libxml2: xsi:nil of undeclared elements",
        Oracle::Xmllint,
        Wrong::Accepts(|reason, _| reason.contains("Some(\"nil\"), reason: \"is no xs:boolean\"")),
    ),
    known(
        "libxml2: undeclared elements with xsi:type",
        Oracle::Xmllint,
        Wrong::Refuses(|reason, document| {
            reason.contains("demanded by the strict wildcard") && document.contains(":type=")
        }),
    ),
    known(
        "xsd-schema: blanks in base64Binary",
        Oracle::XsdSchema,
        Wrong::Refuses(|reason, _| {
            reason.contains("Invalid base64Binary value") && reason.contains("Invalid symbol 32")
        }),
    ),
    known(
        "xsd-schema: late schema locations",
        Oracle::XsdSchema,
        Wrong::Refuses(|reason, _| reason.contains("[sch-late-component]")),
    ),
    known(
        "xsd-schema: blanks that are none",
        Oracle::XsdSchema,
        Wrong::Accepts(|reason, document| {
            reason.contains("text where only elements may stand")
                && document.contains(['\u{a0}', '\u{2028}', '\u{3000}', '&'])
        }),
    ),
    known(
        "xsd-schema: unknown attributes of the xsi namespace",
        Oracle::XsdSchema,
        Wrong::Accepts(|reason, _| {
            reason.contains("may not stand here")
                && (reason.contains("Some(\"unknown\")") || reason.contains("Some(\"Type\")"))
        }),
    ),
    known(
        "xsd-schema: alternatives of a pattern",
        Oracle::XsdSchema,
        Wrong::Accepts(|reason, _| reason.contains("does not match") && has_alternatives(reason)),
    ),
    known(
        "xsd-schema: undeclared roots with xsi:type",
        Oracle::XsdSchema,
        Wrong::Accepts(|reason, document| {
            reason.contains("no schema declares this element") && document.contains(":type=")
        }),
    ),
    known(
        "xsd-schema: URIs that are none",
        Oracle::XsdSchema,
        Wrong::Accepts(|reason, _| reason.contains("is no xs:anyURI")),
    ),
    known(
        "xsd-schema: names of XML 1.0, fifth edition",
        Oracle::XsdSchema,
        Wrong::Accepts(|reason, _| reason.contains("is no xs:ID")),
    ),
];

/// The kind of a disagreement, if it is decided; where several come together, the first.
pub(super) fn find(
    oracle: Oracle,
    document: &str,
    ours: &Verdict,
    theirs: &Verdict,
) -> Option<&'static Known> {
    let explains = |known: &Known, reason: &str| match known.wrong {
        Wrong::Refuses(is_it) => ours.is_valid() && is_it(reason, document),
        Wrong::Accepts(is_it) => theirs.is_valid() && is_it(reason, document),
    };
    let reasons = if ours.is_valid() { theirs.reasons() } else { ours.reasons() };
    let find = |reason: &String| KNOWN.iter().find(|known| known.oracle == oracle && explains(known, reason));
    let kinds: Option<Vec<&Known>> = reasons.iter().map(find).collect();
    kinds?.into_iter().next()
}

/// The value that `xmllint` quotes as no value of its type.
fn refused_value(reason: &str) -> Option<&str> {
    let (before, _) = reason.split_once("' is not a valid value of the")?;
    before.split_once("': '").map(|(_, value)| value)
}

/// Whether the value that we tell has characters of no base64.
fn has_strays(reason: &str) -> bool {
    let value = reason.split_once("value: Some(\"").map_or("", |(_, value)| value.trim_end_matches("\") }"));
    let is_known = |c: char| c.is_ascii_alphanumeric() || "+/= ".contains(c);
    value.replace("\\t", " ").replace("\\n", " ").replace("\\r", " ").chars().any(|c| !is_known(c))
}

fn is_long_number(value: &str) -> bool {
    let digits = value.trim().trim_start_matches(['+', '-']).replacen('.', "", 1);
    digits.len() > 24 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_padded_date(value: &str) -> bool {
    let date = value.trim_matches([' ', '\t', '\n', '\r']);
    let shape =
        |(at, byte): (usize, u8)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() };
    date.len() < value.len() && date.len() >= 10 && date.bytes().take(10).enumerate().all(shape)
}

/// Whether a bar stands outside of brackets.
fn has_alternatives(pattern: &str) -> bool {
    let mut depth = 0_i32;
    pattern.chars().any(|c| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        c == '|' && depth == 0
    })
}

#[test]
fn what_is_decided_is_documented_and_the_other_way_round() {
    let page = include_str!("../../../../../docs/schema-differences.md");
    let told: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let decided: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
    assert_eq!(told, decided);
}
