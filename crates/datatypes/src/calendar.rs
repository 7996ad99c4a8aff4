//! Dates and times: the eight types of part 2, 3.2.7 to 3.2.14, and the order among their values.
//!
//! Rules are those of the second edition: no year 0000, `24:00:00` is the start of the next day, and a value with a
//! time zone compares with one without only when the 14 hours on either side leave no doubt (3.2.7.4).

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::number::trim_zeros;

/// Digits of a year that are understood; the standard asks for four.
const YEAR_DIGITS_MAX: usize = 9;
/// The farthest time zone, in minutes.
const ZONE_MAX: i32 = 14 * 60;
const DAY_MINUTES: i32 = 24 * 60;
/// What stands for the parts that a type leaves out: a leap year, a month of 31 days.
const REFERENCE: (i32, i32, i32) = (2000, 1, 1);

/// Which of the types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Form {
    DateTime,
    Date,
    Time,
    YearMonth,
    Year,
    MonthDay,
    Month,
    Day,
}

/// A valid value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'t> {
    form: Form,
    /// As written: there is no year 0, and -1 comes before 1.
    year: i32,
    month: i32,
    day: i32,
    /// Minute of the day; 1440 is its end.
    minute: i32,
    second: u8,
    /// Digits after the point, up to the last that is not zero.
    fraction: &'t [u8],
    /// Minutes east of UTC.
    zone: Option<i32>,
}

impl<'t> Moment<'t> {
    /// A value of the type.
    pub(super) fn parse(form: Form, text: &'t str) -> Option<Self> {
        let (year, month, day) = REFERENCE;
        let mut made = Self { form, year, month, day, minute: 0, second: 0, fraction: &[], zone: None };
        let mut rest = Rest(text.as_bytes());
        match form {
            Form::DateTime => {
                made.date(&mut rest)?;
                rest.eat(b"T")?;
                made.time(&mut rest)?;
            }
            Form::Date => made.date(&mut rest)?,
            Form::Time => made.time(&mut rest)?,
            Form::YearMonth => {
                made.year = rest.year()?;
                rest.eat(b"-")?;
                made.month = rest.two(1, 12)?;
            }
            Form::Year => made.year = rest.year()?,
            Form::MonthDay => {
                rest.eat(b"--")?;
                made.month = rest.two(1, 12)?;
                rest.eat(b"-")?;
                made.day = rest.two(1, days_in(made.year, made.month))?;
            }
            Form::Month => {
                rest.eat(b"--")?;
                made.month = rest.two(1, 12)?;
            }
            Form::Day => {
                rest.eat(b"---")?;
                made.day = rest.two(1, 31)?;
            }
        }
        made.zone = rest.zone()?;
        rest.0.is_empty().then_some(made)
    }

    /// The order of two values of one type; none where a missing time zone leaves it open.
    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        let (left, right) = (self.in_utc(), other.in_utc());
        match (self.zone, other.zone) {
            (Some(_), Some(_)) | (None, None) => Some(left.key().cmp(&right.key())),
            (Some(_), None) => left.compare_zoneless(right),
            (None, Some(_)) => right.compare_zoneless(left).map(Ordering::reverse),
        }
    }

    /// A text that equal values of one type share: the instant at which it starts, in UTC if it has a zone.
    pub(super) fn canonical(self) -> String {
        let utc = self.in_utc();
        let mut text = String::with_capacity(32);
        let (hour, minute) = (utc.minute / 60, utc.minute % 60);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{:02}.",
            utc.year, utc.month, utc.day, utc.second
        );
        text.extend(utc.fraction.iter().copied().map(char::from));
        if self.zone.is_some() {
            text.push('Z');
        }
        text
    }

    fn date(&mut self, rest: &mut Rest<'t>) -> Option<()> {
        self.year = rest.year()?;
        rest.eat(b"-")?;
        self.month = rest.two(1, 12)?;
        rest.eat(b"-")?;
        self.day = rest.two(1, days_in(self.year, self.month))?;
        Some(())
    }

    fn time(&mut self, rest: &mut Rest<'t>) -> Option<()> {
        let hour = rest.two(0, 24)?;
        rest.eat(b":")?;
        self.minute = hour * 60 + rest.two(0, 59)?;
        rest.eat(b":")?;
        self.second = u8::try_from(rest.two(0, 59)?).ok()?;
        if rest.eat(b".").is_some() {
            let digits = rest.digits();
            if digits.is_empty() {
                return None;
            }
            self.fraction = trim_zeros(digits);
        }
        let over = self.minute > DAY_MINUTES || self.second > 0 || !self.fraction.is_empty();
        (hour < 24 || !over).then_some(())
    }

    /// The same instant in UTC, or with the end of a day made the start of the next.
    ///
    /// Times of day are instants of one date (3.2.8), so a zone may take them to the day before or after; only the
    /// midnight that ends the day is the one that starts it (3.2.8.2).
    fn in_utc(self) -> Self {
        let minute = if self.form == Form::Time { self.minute % DAY_MINUTES } else { self.minute };
        Self { minute, ..self }.shifted(-self.zone.unwrap_or(0))
    }

    /// Some minutes later, at most two days.
    fn shifted(self, minutes: i32) -> Self {
        let total = self.minute + minutes;
        let mut made = Self { minute: total.rem_euclid(DAY_MINUTES), ..self };
        made.day += total.div_euclid(DAY_MINUTES);
        if made.day < 1 {
            made.month -= 1;
            if made.month < 1 {
                made.month = 12;
                made.year = if made.year == 1 { -1 } else { made.year - 1 };
            }
            made.day += days_in(made.year, made.month);
        } else if made.day > days_in(made.year, made.month) {
            made.day -= days_in(made.year, made.month);
            made.month += 1;
            if made.month > 12 {
                made.month = 1;
                made.year = if made.year == -1 { 1 } else { made.year + 1 };
            }
        }
        made
    }

    /// A value in UTC against one without a zone, which may be up to 14 hours earlier or later.
    fn compare_zoneless(self, other: Self) -> Option<Ordering> {
        if self.key() < other.shifted(-ZONE_MAX).key() {
            Some(Ordering::Less)
        } else if self.key() > other.shifted(ZONE_MAX).key() {
            Some(Ordering::Greater)
        } else {
            None
        }
    }

    fn key(&self) -> (i32, i32, i32, i32, u8, &[u8]) {
        (self.year, self.month, self.day, self.minute, self.second, self.fraction)
    }
}

/// What is not read yet of a text.
pub(super) struct Rest<'t>(pub(super) &'t [u8]);

impl<'t> Rest<'t> {
    pub(super) fn eat(&mut self, expected: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// Two digits within bounds.
    fn two(&mut self, least: i32, most: i32) -> Option<i32> {
        let [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] = self.0 else { return None };
        self.0 = rest;
        let value = i32::from(tens - b'0') * 10 + i32::from(ones - b'0');
        (least..=most).contains(&value).then_some(value)
    }

    pub(super) fn digits(&mut self) -> &'t [u8] {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        digits
    }

    /// Four digits, or more if the first is not zero.
    fn year(&mut self) -> Option<i32> {
        let negative = self.eat(b"-").is_some();
        let digits = self.digits();
        if digits.len() < 4 || digits.len() > YEAR_DIGITS_MAX || digits.len() > 4 && digits[0] == b'0' {
            return None;
        }
        let year = digits.iter().fold(0, |year, digit| year * 10 + i32::from(digit - b'0'));
        (year > 0).then_some(if negative { -year } else { year })
    }

    fn zone(&mut self) -> Option<Option<i32>> {
        let sign = match self.0 {
            [] => return Some(None),
            [b'Z', rest @ ..] => {
                self.0 = rest;
                return Some(Some(0));
            }
            [b'+', ..] => 1,
            [b'-', ..] => -1,
            _ => return None,
        };
        self.0 = &self.0[1..];
        let hours = self.two(0, 14)?;
        self.eat(b":")?;
        let minutes = hours * 60 + self.two(0, 59)?;
        (minutes <= ZONE_MAX).then_some(Some(sign * minutes))
    }
}

/// Days of a month, with the leap rule on the year as written (Appendix E).
fn days_in(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests;
