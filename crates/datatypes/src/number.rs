//! Numbers: decimals of any length, compared by their digits, and floating point.

use std::cmp::Ordering;

/// A decimal number, as its digits stand in a text. Zeros that say nothing are left out, so equal is equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal<'t> {
    negative: bool,
    /// Digits before the point, from the first that is not zero.
    whole: &'t [u8],
    /// Digits after the point, up to the last that is not zero.
    fraction: &'t [u8],
}

impl<'t> Decimal<'t> {
    /// An `xs:decimal`: `5`, `+5.`, `-.5`, but neither `.` nor an exponent.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let (negative, digits) = signed(text.as_bytes());
        let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
            Some(point) => (&digits[..point], &digits[point + 1..]),
            None => (digits, &digits[digits.len()..]),
        };
        if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let whole = &whole[whole.iter().take_while(|digit| **digit == b'0').count()..];
        let fraction = trim_zeros(fraction);
        let is_zero = whole.is_empty() && fraction.is_empty();
        Some(Self { negative: negative && !is_zero, whole, fraction })
    }

    /// An `xs:integer`: digits, perhaps after a sign.
    pub(super) fn parse_integer(text: &'t str) -> Option<Self> {
        Self::parse(text).filter(|_| !text.as_bytes().contains(&b'.'))
    }

    /// What totalDigits counts: 0.05 has two, as it is no multiple of a tenth.
    pub(super) fn total_digits(self) -> usize {
        self.whole.len() + self.fraction.len()
    }

    /// What fractionDigits counts.
    pub(super) fn fraction_digits(self) -> usize {
        self.fraction.len()
    }

    /// The number without superfluous zeros and signs.
    pub(super) fn canonical(self) -> String {
        let mut text = String::with_capacity(self.total_digits() + 3);
        if self.negative {
            text.push('-');
        }
        if self.whole.is_empty() {
            text.push('0');
        }
        text.extend(self.whole.iter().copied().map(char::from));
        if !self.fraction.is_empty() {
            text.push('.');
            text.extend(self.fraction.iter().copied().map(char::from));
        }
        text
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = |number: &Self| (number.whole.len(), number.whole, number.fraction);
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => size(self).cmp(&size(other)),
            (true, true) => size(other).cmp(&size(self)),
        }
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// An `xs:double`. Not a number is a value too; it compares with nothing.
pub(super) fn double(text: &str) -> Option<f64> {
    float_of(text, str::parse)
}

/// An `xs:float`, rounded to its 24 bits.
pub(super) fn float(text: &str) -> Option<f64> {
    float_of(text, |text| text.parse::<f32>().map(f64::from))
}

/// A floating-point text that equal values share; both zeros are equal.
pub(super) fn canonical_float(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { value.to_string() }
}

fn float_of<E>(text: &str, parse: impl Fn(&str) -> Result<f64, E>) -> Option<f64> {
    match text {
        "INF" => return Some(f64::INFINITY),
        "-INF" => return Some(f64::NEG_INFINITY),
        "NaN" => return Some(f64::NAN),
        _ => (),
    }
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    Decimal::parse(mantissa)?;
    if let Some(exponent) = exponent {
        Decimal::parse_integer(exponent)?;
    }
    parse(text).ok()
}

/// Whether a minus stands first, and what follows the sign.
fn signed(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

fn all_digits(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

/// The digits of a fraction without the zeros at their end.
pub(super) fn trim_zeros(fraction: &[u8]) -> &[u8] {
    let zeros = fraction.iter().rev().take_while(|digit| **digit == b'0').count();
    &fraction[..fraction.len() - zeros]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_have_one_canonical_text() {
        for (text, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("+0.000", "0"),
            ("5.", "5"),
            (".5", "0.5"),
            ("-000.50", "-0.5"),
            ("+0012.340", "12.34"),
            ("100", "100"),
        ] {
            assert_eq!(Decimal::parse(text).unwrap().canonical(), expected, "{text}");
        }
        for bad in ["", ".", "+", "-.", "1e5", "1,5", "--1", "+-1", "1.2.3", " 1", "0x1", "٣", "INF", "1_000"]
        {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
        assert!(Decimal::parse_integer("5.").is_none() && Decimal::parse_integer("-005").is_some());
    }

    #[test]
    fn digits_count_in_the_value_space() {
        for (text, total, fraction) in
            [("0", 0, 0), ("007", 1, 0), ("1.500", 2, 1), ("0.05", 2, 2), ("100", 3, 0), ("-1.00", 1, 0)]
        {
            let value = Decimal::parse(text).unwrap();
            assert_eq!((value.total_digits(), value.fraction_digits()), (total, fraction), "{text}");
        }
    }

    #[test]
    fn floats_have_their_own_words() {
        for good in ["INF", "-INF", "NaN", "1e5", "-1E+05", ".5", "5.", "5.e-3", "1e999", "0"] {
            assert!(double(good).is_some() && float(good).is_some(), "{good}");
        }
        for bad in ["", "+INF", "inf", "nan", "infinity", "1e", "e5", "1e5.0", "1e5e5", "1 e5", "0x1p3"] {
            assert!(double(bad).is_none() && float(bad).is_none(), "{bad}");
        }
        assert_eq!(float("16777217"), float("16777216"));
        assert_ne!(double("16777217"), double("16777216"));
        assert_eq!(canonical_float(-0.0), canonical_float(0.0));
    }

    /// Thousandths of a decimal text of at most three digits after the point.
    fn thousandths(whole: i64, fraction: u16) -> i64 {
        whole * 1000 + if whole < 0 { -i64::from(fraction) } else { i64::from(fraction) }
    }

    proptest! {
        #[test]
        fn decimals_compare_as_scaled_integers(
            a in -10_000_i64..10_000, fa in 0_u16..1000, b in -10_000_i64..10_000, fb in 0_u16..1000, pad in 0_usize..4
        ) {
            let write = |whole: i64, fraction: u16| {
                let sign = if whole < 0 { "-" } else { "" };
                let zeros = "0".repeat(pad);
                format!("{sign}{zeros}{}.{fraction:03}{zeros}", whole.abs())
            };
            let (left, right) = (write(a, fa), write(b, fb));
            let (left, right) = (Decimal::parse(&left).unwrap(), Decimal::parse(&right).unwrap());
            let expected = thousandths(a, fa).cmp(&thousandths(b, fb));
            prop_assert_eq!(left.cmp(&right), expected);
            prop_assert_eq!(left.canonical() == right.canonical(), expected.is_eq());
        }
    }
}
