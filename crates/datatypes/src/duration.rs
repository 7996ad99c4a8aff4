//! Durations: months and seconds, ordered as far as months of 28 to 31 days allow.

use std::cmp::Ordering;

use super::calendar::Rest;
use super::number::trim_zeros;

/// Digits of one part of a duration that are understood, leading zeros aside.
const PART_DIGITS_MAX: usize = 15;
/// Digits after the point that durations are compared by.
const FRACTION_DIGITS_COMPARED: u32 = 15;

/// An `xs:duration`: months and seconds apart, as no month has a fixed length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Duration<'t> {
    negative: bool,
    months: i128,
    seconds: i128,
    /// Digits after the point, up to the last that is not zero.
    fraction: &'t [u8],
}

impl<'t> Duration<'t> {
    /// `P1Y2M3DT4H5M6.7S`, each part optional, but one must be there, and one after a `T`.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let mut rest = Rest(text.as_bytes());
        let negative = rest.eat(b"-").is_some();
        rest.eat(b"P")?;
        let mut made = Self { negative, months: 0, seconds: 0, fraction: &[] };
        let days = made.parts(&mut rest, &[(b'Y', 12, 0), (b'M', 1, 0), (b'D', 0, 86_400)])?;
        let timed = rest.eat(b"T").is_some();
        let times = timed && made.parts(&mut rest, &[(b'H', 0, 3_600), (b'M', 0, 60), (b'S', 0, 1)])?;
        let something = if timed { times } else { days };
        (something && rest.0.is_empty()).then_some(made)
    }

    /// Parts in order, each at most once: its letter, its months, its seconds. Whether there was one.
    fn parts(&mut self, rest: &mut Rest<'t>, parts: &[(u8, i128, i128)]) -> Option<bool> {
        let mut any = false;
        let mut parts = parts.iter();
        while rest.0.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.') {
            let digits = rest.digits();
            let digits = &digits[digits.iter().take_while(|digit| **digit == b'0').count()..];
            if digits.len() > PART_DIGITS_MAX {
                return None;
            }
            let count = digits.iter().fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'));
            let fraction = if rest.eat(b".").is_some() { Some(rest.digits()) } else { None };
            let (&letter, after) = rest.0.split_first()?;
            rest.0 = after;
            let (_, months, seconds) = parts.by_ref().find(|part| part.0 == letter)?;
            if let Some(fraction) = fraction {
                if letter != b'S' || fraction.is_empty() {
                    return None;
                }
                self.fraction = trim_zeros(fraction);
            }
            self.months += count * months;
            self.seconds += count * seconds;
            any = true;
        }
        Some(any)
    }

    /// The order that holds from each of four reference dates (3.2.6.2); none where they differ.
    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        let mut orders = [(1696, 9), (1697, 2), (1903, 3), (1903, 7)]
            .map(|(year, month)| self.ending_from(year, month).cmp(&other.ending_from(year, month)))
            .into_iter();
        let first = orders.next()?;
        orders.all(|order| order == first).then_some(first)
    }

    /// A text that equal durations share.
    pub(super) fn canonical(self) -> String {
        let is_zero = self.months == 0 && self.seconds == 0 && self.fraction.is_empty();
        let sign = if self.negative && !is_zero { "-" } else { "" };
        let mut text = format!("{sign}P{}M{}.", self.months, self.seconds);
        text.extend(self.fraction.iter().copied().map(char::from));
        text
    }

    /// When it ends, if it starts with a month: in units of the last fraction digit compared, from a fixed day.
    fn ending_from(self, year: i128, month: i128) -> i128 {
        let sign = if self.negative { -1 } else { 1 };
        let months = year * 12 + (month - 1) + sign * self.months;
        let seconds = days_before(months) * 86_400 + sign * self.seconds;
        let digits =
            self.fraction.iter().chain(std::iter::repeat(&b'0')).take(FRACTION_DIGITS_COMPARED as usize);
        let fraction = digits.fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'));
        seconds * 10_i128.pow(FRACTION_DIGITS_COMPARED) + sign * fraction
    }
}

/// Days from a fixed one to the first of a month, counted from January of year 0.
fn days_before(months: i128) -> i128 {
    // Years that start in March end with their leap day.
    let since_march = months - 2;
    let (year, month) = (since_march.div_euclid(12), since_march.rem_euclid(12));
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (153 * month + 2) / 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_part_and_one_after_t() {
        for good in
            ["P1Y", "PT1S", "-P1Y2M3DT4H5M6.70S", "P0D", "PT0.5S", "PT.5S", "P1M", "PT1M", "P007D", "P1YT1S"]
        {
            assert!(Duration::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "P",
            "PT",
            "P1",
            "1Y",
            "P1YT",
            "P1S",
            "PT1Y",
            "P1M1Y",
            "P1Y1Y",
            "P-1Y",
            "+P1Y",
            "P1.5Y",
            "PT1.S",
            "PT.S",
            "P.Y",
            "P1Y 2M",
            "p1y",
            "P1D2H",
            "PT1S1M",
            "P1W",
            "P9999999999999999Y",
        ] {
            assert!(Duration::parse(bad).is_none(), "{bad}");
        }
    }

    /// The table of part 2, 3.2.6.2.
    #[test]
    fn order_is_that_of_four_reference_dates() {
        let compare = |a, b| Duration::parse(a).unwrap().compare(Duration::parse(b).unwrap());
        let [less, equal, greater] = [Ordering::Less, Ordering::Equal, Ordering::Greater].map(Some);
        for (a, b, expected) in [
            ("P1Y", "P364D", greater),
            ("P1Y", "P365D", None),
            ("P1Y", "P366D", None),
            ("P1Y", "P367D", less),
            ("P1M", "P27D", greater),
            ("P1M", "P28D", None),
            ("P1M", "P31D", None),
            ("P1M", "P32D", less),
            ("P5M", "P149D", greater),
            ("P5M", "P150D", None),
            ("P5M", "P153D", None),
            ("P5M", "P154D", less),
            ("P1Y", "P12M", equal),
            ("PT24H", "P1D", equal),
            ("PT0.10S", "PT0.1S", equal),
            ("-PT0.1S", "PT0S", less),
            ("-P1M", "-P32D", greater),
            ("-P0D", "P0M", equal),
        ] {
            assert_eq!(compare(a, b), expected, "{a} {b}");
            assert_eq!(compare(b, a), expected.map(Ordering::reverse), "{b} {a}");
        }
    }

    #[test]
    fn equal_durations_share_their_canonical_text() {
        let canonical = |text| Duration::parse(text).unwrap().canonical();
        assert_eq!(canonical("P1Y"), canonical("P12M"));
        assert_eq!(canonical("-PT0.0S"), canonical("P0D"));
        assert_eq!(canonical("P1DT60M"), canonical("PT25H"));
        assert_ne!(canonical("P1M"), canonical("P30D"));
        assert_ne!(canonical("-P1M"), canonical("P1M"));
    }
}
