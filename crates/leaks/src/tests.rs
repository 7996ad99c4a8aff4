//! Planted leaks are found in every spelling, and what is harmless is not.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;

const NAME: &str = "Zulmira d'\u{c1}vila Sigilosa";
const CPF: &str = "52998224725";
const TOKEN: &str = "AQEBOTk5OTkwMDEAAAAAAAAAAQAAAAIAAAAAAAAAAwAAAAAAAAAEqLm4c0Jx9Qw2";

fn secrets() -> Secrets {
    let mut secrets = Secrets::new();
    secrets.add(Kind::Name, NAME.as_bytes());
    secrets.add(Kind::Document, CPF.as_bytes());
    secrets.add(Kind::Account, b"CONTAMARCADA00000042");
    secrets.add(Kind::Message, b"<CdtTrfTxInf>");
    secrets.add_token(TOKEN);
    secrets.add_pem(
        "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49\n-----END PRIVATE KEY-----\n",
    );
    secrets
}

fn scan(text: &str) -> Vec<(Kind, Option<Form>)> {
    let leaks = secrets().scanner().unwrap().scan("server.log", text.as_bytes(), Source::Text);
    leaks.into_iter().map(|leak| (leak.kind, leak.form)).collect()
}

#[test]
fn a_planted_name_is_found_in_every_spelling() {
    let percent = "who=Zulmira%20d%27%C3%81vila%20Sigilosa";
    let plus = "who=Zulmira+d%27%c3%81vila+Sigilosa&x=1";
    let hex: String = NAME.bytes().map(|byte| format!("{byte:02X}")).collect();
    for (text, form) in [
        (format!("refused {NAME}"), Form::Plain),
        (NAME.to_ascii_uppercase(), Form::Plain),
        (percent.to_owned(), Form::Percent),
        (plus.to_owned(), Form::Percent),
        ("{\"m\":\"Zulmira d'\\u00C1vila Sigilosa\"}".to_owned(), Form::Json),
        ("<td>Zulmira d&#39;\u{c1}vila Sigilosa".to_owned(), Form::Markup),
        ("<td>Zulmira d&apos;&#xC1;vila Sigilosa".to_owned(), Form::Markup),
        ("<td>Zulmira d'&#193;vila Sigilosa".to_owned(), Form::Markup),
        (hex, Form::Hex),
    ] {
        assert_eq!(scan(&text), [(Kind::Name, Some(form))], "{text}");
    }
    for before in ["", "x", "xy", "xyz"] {
        let inner = format!("{before}{NAME}, and more");
        for text in [STANDARD.encode(&inner), URL_SAFE_NO_PAD.encode(&inner)] {
            assert_eq!(scan(&text), [(Kind::Name, Some(Form::Base64))], "{before}: {text}");
        }
    }
}

#[test]
fn documents_accounts_markup_tokens_and_keys_are_found() {
    assert_eq!(
        scan(&format!("x{CPF}y")),
        [(Kind::Document, Some(Form::Plain))],
        "a value of the run, even within a word"
    );
    assert_eq!(scan("to contaMARCADA00000042."), [(Kind::Account, Some(Form::Plain))]);
    assert_eq!(scan("bad: \\u003cCdtTrfTxInf\\u003e"), [(Kind::Message, Some(Form::Json))]);
    assert_eq!(scan(&format!("GET /api/v1/out/99999001/stream/{TOKEN}")), [(Kind::Token, Some(Form::Plain))]);
    assert_eq!(scan(&TOKEN[24..]), [(Kind::Token, Some(Form::Plain))], "a part is too much, too");
    assert_eq!(scan("key MIGHAgEAMBMGByqGSM49AgEGCCqGSM49"), [(Kind::Key, Some(Form::Plain))]);
}

#[test]
fn of_a_token_its_first_eight_characters_may_be_told() {
    assert_eq!(scan(&format!("token {}\u{2026}", &TOKEN[..8])), []);
    assert_eq!(scan("sha256 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"), []);
}

#[test]
fn a_document_that_nobody_knew_is_found_by_its_check_digits() {
    let unknown = [(Kind::Document, None)];
    for text in ["cpf=11144477735", "111.444.777-35.", "\"11222333000181\"", "cnpj 11.222.333/0001-81"] {
        assert_eq!(scan(text), unknown, "{text}");
    }
    for text in [
        "11144477736",
        "1114447773",
        "111444777350",
        "a11144477735",
        "0.11144477735",
        "11144477735f",
        "11111111111",
        "11222333000182",
        "1767614400000",
        "2026-01-05T12:00:00.000Z",
        "r-11144477735",
    ] {
        assert_eq!(scan(text), [], "{text}");
    }
}

#[test]
fn of_metrics_the_measurement_is_no_document() {
    let scanner = secrets().scanner().unwrap();
    let scan = |line: &str| scanner.scan("metrics", line.as_bytes(), Source::Metrics).len();
    assert_eq!(scan("process_bytes 11144477735"), 0);
    assert_eq!(scan("a_total{ispb=\"99999001\"} 11144477735"), 0);
    assert_eq!(scan("a_total{who=\"11144477735\"} 1"), 1);
}

#[test]
fn a_leak_says_where_and_never_what() {
    let scanner = secrets().scanner().unwrap();
    let leaks = scanner.scan("server.log", format!("one\ntwo {NAME} {NAME}\n").as_bytes(), Source::Text);
    assert_eq!(leaks.len(), 1);
    assert_eq!(leaks[0].to_string(), "server.log, line 2: a name of the run, plain");
}

#[test]
fn made_up_documents_have_their_check_digits() {
    assert_eq!(documents::with_check_digits(b"111444777"), "11144477735");
    assert_eq!(documents::cnpj_with_check_digits(b"112223330001"), "11222333000181");
    for n in 0..1_000 {
        let cpf = documents::with_check_digits(format!("{n:09}").as_bytes().try_into().unwrap());
        assert_eq!(documents::is_document(cpf.as_bytes()), n != 0, "{cpf}");
    }
}
