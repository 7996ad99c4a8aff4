//! Bytes written as text: hexBinary and base64Binary.

use std::borrow::Cow;

/// What each byte stands for in base64: six bits, a blank or nothing.
const SEXTETS: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [OTHER; 256];
    table[b' ' as usize] = BLANK;
    let mut bits = 0;
    while bits < alphabet.len() {
        table[alphabet[bits] as usize] = bits as u8;
        bits += 1;
    }
    table
};
const BLANK: u8 = 0xfe;
const OTHER: u8 = 0xff;

/// How many bytes an `xs:hexBinary` holds; none if it is not one.
pub(super) fn hex_length(text: &str) -> Option<usize> {
    let valid = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    valid.then_some(text.len() / 2)
}

/// How many bytes a collapsed `xs:base64Binary` holds; none if it is not one.
///
/// The grammar of part 2, 3.2.16: single blanks between any two characters, groups of four, and no bits set that the
/// padding drops.
pub(super) fn base64_length(text: &str) -> Option<usize> {
    let text = text.as_bytes();
    let body = match text {
        [body @ .., b'=', b'='] | [body @ .., b'=', b' ', b'='] | [body @ .., b'='] => body,
        body => body,
    };
    let padding = text[body.len()..].iter().filter(|byte| **byte == b'=').count();
    let mut digits = 0;
    let mut last = 0;
    for byte in body {
        match SEXTETS[usize::from(*byte)] {
            BLANK => (),
            OTHER => return None,
            bits => {
                last = bits;
                digits += 1;
            }
        }
    }
    let dropped = match padding {
        0 => 0,
        1 => 0b11,
        _ => 0b1111,
    };
    let whole = (digits + padding).is_multiple_of(4) && last & dropped == 0;
    whole.then(|| (digits + padding) / 4 * 3 - padding)
}

/// The text without blanks.
pub(super) fn canonical_base64(text: &str) -> Cow<'_, str> {
    if text.contains(' ') { Cow::Owned(text.replace(' ', "")) } else { Cow::Borrowed(text) }
}

/// The text in capitals.
pub(super) fn canonical_hex(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        Cow::Owned(text.to_ascii_uppercase())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_keeps_to_groups_of_four_and_empty_padding_bits() {
        for (text, length) in [
            ("", 0),
            ("AAAA", 3),
            ("A A A A", 3),
            ("AAA=", 2),
            ("AAA =", 2),
            ("AA==", 1),
            ("AA= =", 1),
            ("AA ==", 1),
            ("AQ==", 1),
            ("AAE=", 2),
            ("+/+/ AAAA", 6),
        ] {
            assert_eq!(base64_length(text), Some(length), "{text}");
        }
        for bad in
            ["A", "AA", "AAA", "AAAAA", "A===", "====", "=", "AB==", "AAB=", "AA=A", "AAAA=", "AA-_", "A=AA"]
        {
            assert_eq!(base64_length(bad), None, "{bad}");
        }
    }

    #[test]
    fn hex_has_pairs_in_either_case() {
        assert_eq!((hex_length(""), hex_length("0fB7")), (Some(0), Some(2)));
        for bad in ["0", "0g", "0 F", "0x0F", "é"] {
            assert_eq!(hex_length(bad), None, "{bad}");
        }
        assert_eq!(canonical_hex("0fB7"), "0FB7");
        assert_eq!(canonical_base64("A A A="), "AAA=");
    }
}
