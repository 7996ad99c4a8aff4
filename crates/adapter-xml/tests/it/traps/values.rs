//! Texts, numbers, times and bytes.

use super::{all_invalid, invalid, valid};

/// An element with each of some texts.
fn each(name: &str, texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| format!("<{name}>{text}</{name}>")).collect()
}

#[track_caller]
fn all_valid(name: &str, texts: &[&str]) {
    each(name, texts).iter().for_each(|content| valid(content));
}

#[track_caller]
fn none_valid(name: &str, texts: &[&str], reason: &str) {
    let contents = each(name, texts);
    all_invalid(&contents.iter().map(String::as_str).collect::<Vec<_>>(), name, reason);
}

#[test]
fn characters_are_counted_not_bytes_or_halves() {
    all_valid(
        "Text35",
        &[
            &"🎉".repeat(35),
            &"&#x1F389;".repeat(35),
            &"é".repeat(35),
            &"<![CDATA[<]]>&amp;".repeat(17),
            &" ".repeat(35),
        ],
    );
    let (flags, combined) = ("🇧🇷".repeat(18), "e\u{301}".repeat(18));
    let over = ["🎉".repeat(36), "&#x1F389;".repeat(36), "x".repeat(36), " ".repeat(36), flags, combined];
    none_valid("Text35", &over.each_ref().map(String::as_str), "has more than 35 characters");
    none_valid("Text35", &[""], "has fewer than 1 character");
}

#[test]
fn white_space_counts_where_the_type_preserves_it_however_it_is_written() {
    // xs:string, part 2, section 3.2.1: whiteSpace is preserve.
    all_valid("Code", &["A B", "A&#32;B", "C", "<![CDATA[C]]>"]);
    let listed = "is not one of A B, C";
    none_valid(
        "Code",
        &["A&#10;B", "A&#9;B", "A\nB", " C", "C ", "C&#32;", "&#10;C", "<![CDATA[ ]]>C", "A  B"],
        listed,
    );
    // xs:token, section 3.3.2: collapsed before it is compared.
    all_valid("Token", &["A B", " A B ", "A&#10;B", "&#9;A \r\n&#32; B&#13;", "<![CDATA[ A ]]> B"]);
    none_valid("Token", &["AB", "A&#160;B"], "is not one of A B");
    all_valid("Pattern", &["1", "123456789012345"]);
    none_valid(
        "Pattern",
        &["", " 1", "1&#10;", "1\n", "1234567890123456", "١"],
        "does not match [0-9]{1,15}",
    );
}

#[test]
fn numbers_and_times_are_collapsed() {
    all_valid("Amount", &[" 1.5 ", "&#10;1.5&#9;", "<![CDATA[ 1.5]]>"]);
    none_valid("Amount", &["1 .5", "1&#32;5"], "is no xs:decimal");
    all_valid("Flag", &[" true", "false\n", "1", "0"]);
    none_valid("Flag", &["TRUE", "yes", "", "01", "true false"], "is no xs:boolean");
    all_valid("Day", &["\n2026-01-01&#32;"]);
}

#[test]
fn digits_are_counted_in_the_value_not_in_the_text() {
    all_valid(
        "Amount",
        &[
            "0001.5", "+1.5", "-1.5", "1.", ".5", "-.5", "+0", "-0.0", "1.50000", "00012345", "123.450",
            "000.00",
        ],
    );
    none_valid("Amount", &["123456", "1234.56", "-123456", "00123456"], "has more than 5 digits");
    none_valid("Amount", &["1.234", "0.001", "-.555"], "has more than 2 digits after the point");
    none_valid(
        "Amount",
        &["", ".", "+", "-", "+-1", "1,5", "1e2", "INF", "NaN", "1.5.", "0x1", "１", "1_0", "--1"],
        "is no xs:decimal",
    );
    all_valid("Whole", &["0", "-0", "+007", "123456789012345678901234567890123456789012345678901234567890"]);
    none_valid("Whole", &["1.0", "1.", "", "1e3"], "is no xs:integer");
}

#[test]
fn a_day_ends_at_24_00_00_and_has_no_leap_second() {
    all_valid(
        "Instant",
        &[
            "2026-12-31T24:00:00",
            "2026-12-31T24:00:00.000Z",
            "2026-01-01T00:00:00",
            "2026-01-01T23:59:59.999999999999",
        ],
    );
    none_valid(
        "Instant",
        &[
            "2026-12-31T24:00:01",
            "2026-12-31T24:01:00",
            "2026-12-31T24:00:00.001",
            "2016-12-31T23:59:60Z",
            "2026-01-01T23:60:00",
            "2026-01-01T25:00:00",
            "2026-01-01T00:00",
            "2026-01-01T00:00:00.",
            "2026-01-01 00:00:00",
            "2026-01-01t00:00:00z",
            "2026-1-1T00:00:00",
            "2026-01-01",
            "",
        ],
        "is no xs:dateTime",
    );
    all_valid("Clock", &["24:00:00", "00:00:00Z", "23:59:59.5-03:00"]);
    none_valid("Clock", &["24:00:01", "23:59:60", "9:00:00"], "is no xs:time");
}

#[test]
fn a_time_zone_is_z_or_up_to_fourteen_hours() {
    let zoned =
        |zones: &[&str]| zones.iter().map(|zone| format!("2026-01-01T12:00:00{zone}")).collect::<Vec<_>>();
    let good = zoned(&["", "Z", "+00:00", "-00:00", "-03:00", "+14:00", "-14:00", "+13:59"]);
    all_valid("Instant", &good.iter().map(String::as_str).collect::<Vec<_>>());
    let bad = zoned(&["z", "+14:01", "+15:00", "+3:00", "-0300", "-03", "ZZ", " Z", "+00:60", "−03:00"]);
    none_valid("Instant", &bad.iter().map(String::as_str).collect::<Vec<_>>(), "is no xs:dateTime");
    // Section 3.2.7.4: without a zone the order is certain only from fourteen hours on.
    all_valid(
        "Late",
        &["2026-01-01T00:00:00Z", "2025-12-31T21:00:00-03:00", "2025-12-31T24:00:00Z", "2026-01-01T15:00:00"],
    );
    for early in ["2025-12-31T23:59:59Z", "2026-01-01T02:59:59+03:00", "2026-01-01T00:00:00"] {
        assert_eq!(invalid(&format!("<Late>{early}</Late>")).0, "Late", "{early}");
    }
}

#[test]
fn days_are_those_of_the_calendar() {
    all_valid(
        "Day",
        &["2024-02-29", "2000-02-29", "2026-12-31Z", "12026-01-01", "-0001-01-01", "2026-01-01-03:00"],
    );
    none_valid(
        "Day",
        &[
            "2026-02-29",
            "2100-02-29",
            "2026-04-31",
            "2026-00-01",
            "2026-13-01",
            "2026-01-00",
            "0000-01-01",
            "26-01-01",
            "012026-01-01",
            "+2026-01-01",
            "2026/01/01",
        ],
        "is no xs:date",
    );
}

#[test]
fn base64_is_padded_and_may_hold_blanks() {
    all_valid("Bytes", &["", "AQAB", "AQ==", "AQA=", "AQ AB", "AQAB\n", "A Q A B&#13;\nAQAB", "+/+/"]);
    none_valid(
        "Bytes",
        &["A", "AQA", "AQ=", "AR==", "AQB=", "AQAB=", "=AQAB", "AQ-_", "AQ==AQAB"],
        "is no xs:base64Binary",
    );
}

#[test]
fn empty_content_is_a_default_a_fixed_value_or_what_the_type_says() {
    valid("<Text/>");
    valid("<Text></Text>");
    none_valid("Text35", &[""], "has fewer than 1 character");
    // Part 1, section 3.3.4, "Element Locally Valid", clause 5.1: the default stands for nothing.
    all_valid("Defaulted", &["", "said", "<!-- nothing -->"]);
    valid("<Defaulted/>");
    none_valid("Defaulted", &[&"x".repeat(36)], "has more than 35 characters");
    all_valid("Fixed", &["", "1.0", "1", "+01.00", " 1 "]);
    none_valid("Fixed", &["2", "1.01"], "is not the fixed value 1.0");
    none_valid("Fixed", &["one", "&#160;"], "is no xs:decimal");
    all_valid("FixedText", &["", "as it is", "as&#32;it is"]);
    none_valid("FixedText", &[" as it is", "As it is", "as  it is", " "], "is not the fixed value as it is");
}

#[test]
fn a_value_is_one_however_it_is_cut() {
    all_valid(
        "Amount",
        &[
            "<![CDATA[12]]>3",
            "1<!-- 99999 -->23",
            "1<?note 99999?>23",
            "<![CDATA[1]]><!-- --><![CDATA[2]]>&#51;",
            "<!-- 4 -->123<?x?>",
            "<![CDATA[]]>123",
        ],
    );
    none_valid("Amount", &["123<!-- -->456", "<![CDATA[123]]>456", "123<?x?>456"], "has more than 5 digits");
    // The reader takes a reference for text: what it stands for is not read again.
    none_valid("Amount", &["&#38;#49;", "&amp;#49;", "&lt;!-- --&gt;1"], "is no xs:decimal");
}
