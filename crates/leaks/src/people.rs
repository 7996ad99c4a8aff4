//! People who do not exist, to be put into messages: whoever sees one of them elsewhere has seen a leak.

use crate::{Kind, Secrets, documents};

/// How many there are.
pub const PEOPLE: u64 = 48;
/// Markup that only a message has.
const MARKUP: [&str; 4] = ["<CdtTrfTxInf>", "<DbtrAcct>", "</AppHdr>", "<OrgnlEndToEndId>"];

/// A person who does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The CPF, with its check digits.
    pub cpf: String,
    /// The CNPJ of the firm, with its check digits.
    pub cnpj: String,
    /// The account.
    pub account: String,
    /// What is written beside a payment.
    pub remark: String,
}

/// One of [`PEOPLE`], always the same for the same number.
#[must_use]
pub fn person(n: u64) -> Person {
    let base = format!("{:09}", 900_000_001 + n * 7_919 % 99_999_998);
    let cpf = base.as_bytes().try_into().map(documents::with_check_digits).unwrap_or_default();
    let base = format!("{:012}", 712_345_670_001 + n * 104_729 % 1_000_000_007);
    let cnpj = base.as_bytes().try_into().map(documents::cnpj_with_check_digits).unwrap_or_default();
    let letter = |n: u64| char::from(b'A' + u8::try_from(n % 26).unwrap_or(0));
    let sign: String = [letter(n), letter(n / 26), 'q'].into_iter().collect();
    Person {
        name: format!("Zulmira Ávila Sigilosa {sign}"),
        cpf,
        cnpj,
        account: format!("CONTAMARCADA{n:08}"),
        remark: format!("Segredo bancário {sign}"),
    }
}

/// Puts a marked person into a message; `None` where it has no people.
#[must_use]
pub fn mark(message: &str, n: u64) -> Option<String> {
    if !message.contains("<Nm>") {
        return None;
    }
    let Person { name, cpf, cnpj, account, remark } = person(n % PEOPLE);
    let mut text = message.to_owned();
    for (before, value) in [
        ("<Dbtr><Nm>", &name),
        ("</Nm><Id><PrvtId><Othr><Id>", &cpf),
        ("<DbtrAcct><Id><Othr><Id>", &account),
        ("<Cdtr><Id><PrvtId><Othr><Id>", &cnpj),
        ("<CdtrAcct><Id><Othr><Id>", &account),
        ("<Prxy><Id>", &cpf),
        ("<RmtInf><Ustrd>", &remark),
    ] {
        let Some(at) = text.find(before).map(|at| at + before.len()) else { continue };
        let end = text[at..].find('<').map_or(at, |len| at + len);
        text.replace_range(at..end, value);
    }
    Some(text)
}

/// All of them as values that must not be seen, and the markup of messages.
pub fn add_all(secrets: &mut Secrets) {
    for Person { name, cpf, cnpj, account, remark } in (0..PEOPLE).map(person) {
        secrets.add(Kind::Name, name.as_bytes());
        secrets.add(Kind::Document, cpf.as_bytes());
        secrets.add(Kind::Document, cnpj.as_bytes());
        secrets.add(Kind::Account, account.as_bytes());
        secrets.add(Kind::Message, remark.as_bytes());
    }
    MARKUP.iter().for_each(|markup| secrets.add(Kind::Message, markup.as_bytes()));
}
