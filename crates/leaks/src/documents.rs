//! CPF and CNPJ by their form and check digits: what looks like one is one, whoever it belongs to.
//!
//! Of eleven digits that stand there by chance one in a hundred fits. So digits count only where a number of a person may
//! stand: not within a longer number, a word, a hash or a decimal fraction.

/// Digits of a CPF.
const CPF: usize = 11;
/// Digits of a CNPJ.
const CNPJ: usize = 14;

/// Whether a text holds a CPF or CNPJ, with or without its usual punctuation.
#[must_use]
pub fn holds_one(text: &[u8]) -> bool {
    let mut at = 0;
    while at < text.len() {
        if !text[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let end = text[at..].iter().position(|byte| !is_part(*byte)).map_or(text.len(), |len| at + len);
        let stands_alone = at.checked_sub(1).is_none_or(|before| !is_word(text[before]));
        let ends_alone = text.get(end).is_none_or(|after| !is_word(*after));
        if stands_alone && ends_alone && is_document(trim(&text[at..end])) {
            return true;
        }
        at = end;
    }
    false
}

/// Whether a number, with or without its usual punctuation, is a CPF or CNPJ.
#[must_use]
pub fn is_document(number: &[u8]) -> bool {
    let digits: Vec<u32> =
        number.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0')).collect();
    // No person has one of these.
    if digits.windows(2).all(|pair| pair[0] == pair[1]) {
        return false;
    }
    match digits.len() {
        CPF => is_plain_or(number, b"###.###.###-##") && has_check_digits(&digits, 11),
        CNPJ => is_plain_or(number, b"##.###.###/####-##") && has_check_digits(&digits, 9),
        _ => false,
    }
}

/// The two check digits behind the other digits of a CPF: for making numbers up that nobody need have.
#[must_use]
pub fn with_check_digits(base: &[u8; 9]) -> String {
    let mut digits: Vec<u32> = base.iter().map(|byte| u32::from(byte - b'0')).collect();
    for _ in 0..2 {
        digits.push(check_digit(&digits, 11));
    }
    digits.iter().map(ToString::to_string).collect()
}

/// As [`with_check_digits`], of a CNPJ.
#[must_use]
pub fn cnpj_with_check_digits(base: &[u8; 12]) -> String {
    let mut digits: Vec<u32> = base.iter().map(|byte| u32::from(byte - b'0')).collect();
    for _ in 0..2 {
        digits.push(check_digit(&digits, 9));
    }
    digits.iter().map(ToString::to_string).collect()
}

fn has_check_digits(digits: &[u32], weight_max: u32) -> bool {
    let (body, check) = digits.split_at(digits.len() - 2);
    let first = check_digit(body, weight_max);
    let second = check_digit(&[body, &[first]].concat(), weight_max);
    check == [first, second]
}

/// Modulo 11, with weights from 2 on from the right, which start again behind the largest.
fn check_digit(digits: &[u32], weight_max: u32) -> u32 {
    let weights = (2..=weight_max).cycle();
    let sum: u32 = digits.iter().rev().zip(weights).map(|(digit, weight)| digit * weight).sum();
    match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}

/// Whether it is digits alone, or punctuated as people write it.
fn is_plain_or(number: &[u8], form: &[u8]) -> bool {
    let fits = |(byte, place): (&u8, &u8)| if *place == b'#' { byte.is_ascii_digit() } else { byte == place };
    number.iter().all(u8::is_ascii_digit) || (number.len() == form.len() && number.iter().zip(form).all(fits))
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'/')
}

/// Without the punctuation of the sentence behind it.
fn trim(number: &[u8]) -> &[u8] {
    let end = number.iter().rposition(u8::is_ascii_digit).map_or(0, |at| at + 1);
    &number[..end]
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+') || !byte.is_ascii()
}
