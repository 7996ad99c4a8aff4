//! Times as operators write them: RFC 3339, a day, or how long ago; and spans of time.

use std::str::FromStr;
use std::time::Duration;

use pix_stream_domain::time::Timestamp;

const UNITS: [(&str, u64); 5] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800)];
/// The longest span: a hundred years.
const SPAN_MAX: u64 = 100 * 366 * 86_400;
const DAY_SECONDS: u64 = 86_400;
const FORMS: &str =
    "a time is 2026-11-23T10:00:00Z, 2026-11-23 (UTC), now, or how long ago, such as 15m, 2h or 30d";

/// A point in time, perhaps as seen from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// This very one.
    At(Timestamp),
    /// So long before now.
    Ago(Span),
}

impl Moment {
    /// The point in time, as seen from `now`.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => now.before(span.0),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("now") {
            return Ok(Self::Ago(Span(Duration::ZERO)));
        }
        let span = text.strip_suffix("ago").map_or(text, str::trim_end);
        if let Ok(span) = span.parse() {
            return Ok(Self::Ago(span));
        }
        read(text.as_bytes()).map(Self::At).ok_or_else(|| FORMS.to_owned())
    }
}

/// A span of time: a whole number and one of s, m, h, d, w.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl Span {
    /// Its whole minutes; `None` if it has a rest.
    #[must_use]
    pub const fn find_minutes(self) -> Option<u64> {
        let seconds = self.0.as_secs();
        if seconds.is_multiple_of(60) { Some(seconds / 60) } else { None }
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let unit = UNITS.iter().find(|(name, _)| *name == unit);
        let seconds =
            unit.and_then(|(_, seconds)| number.parse::<u64>().ok().and_then(|n| n.checked_mul(*seconds)));
        match seconds {
            Some(seconds) if seconds <= SPAN_MAX => Ok(Self(Duration::from_secs(seconds))),
            _ => Err("a span is a whole number with one of s, m, h, d, w, such as 15m or 30d".to_owned()),
        }
    }
}

/// RFC 3339, or a day alone; not before 1970.
fn read(text: &[u8]) -> Option<Timestamp> {
    let (date, time) = text.split_at_checked(10)?;
    let days = read_date(date)?;
    if time.is_empty() {
        return Some(Timestamp::from_unix_millis(days * DAY_SECONDS * 1_000));
    }
    let (clock, rest) = time.split_at_checked(9)?;
    let [b'T' | b't' | b' ', h1, h2, b':', m1, m2, b':', s1, s2] = *clock else { return None };
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?);
    // A leap second is the last one of its minute.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days * DAY_SECONDS + hour * 3_600 + minute * 60 + second.min(59);
    let (millis, zone) = read_fraction(rest)?;
    let millis = seconds.checked_mul(1_000)?.checked_add(millis)?;
    let (ahead, offset) = read_zone(zone)?;
    let millis = if ahead { millis.checked_sub(offset)? } else { millis.checked_add(offset)? };
    Some(Timestamp::from_unix_millis(millis))
}

/// Days since 1970-01-01.
fn read_date(text: &[u8]) -> Option<u64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return None };
    let (year, month, day) = (number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1970 || day == 0 || day > length {
        return None;
    }
    // Counted in years from March, so that the leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days.checked_sub(719_468)
}

/// Milliseconds of a fraction of any length, and what follows it.
fn read_fraction(text: &[u8]) -> Option<(u64, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else { return Some((0, text)) };
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    let mut millis = [b'0'; 3];
    for (to, from) in millis.iter_mut().zip(digits) {
        *to = *from;
    }
    if digits.is_empty() { None } else { Some((number(&millis)?, rest)) }
}

/// Whether the zone is ahead of UTC, and by how many milliseconds.
fn read_zone(text: &[u8]) -> Option<(bool, u64)> {
    match *text {
        [b'Z' | b'z'] => Some((true, 0)),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[h1, h2])?, number(&[m1, m2])?);
            let is_zone = hours <= 23 && minutes <= 59;
            is_zone.then_some((sign == b'+', (hours * 60 + minutes) * 60_000))
        }
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use pix_stream_development::rfc3339;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_795_352_707_120);

    fn at(text: &str) -> Result<String, String> {
        text.parse::<Moment>().map(|moment| rfc3339::text(moment.at(NOW)))
    }

    #[test]
    fn every_form_is_understood() {
        for (text, meant) in [
            ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00.000Z"),
            ("2026-11-23T10:00:00-03:00", "2026-11-23T13:00:00.000Z"),
            ("2026-11-23t10:00:00.1239+05:30", "2026-11-23T04:30:00.123Z"),
            ("2026-11-23 10:00:00.5z", "2026-11-23T10:00:00.500Z"),
            ("2026-11-23", "2026-11-23T00:00:00.000Z"),
            ("2024-02-29", "2024-02-29T00:00:00.000Z"),
            ("2000-03-01", "2000-03-01T00:00:00.000Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z"),
            ("now", "2026-11-22T13:05:07.120Z"),
            ("7s", "2026-11-22T13:05:00.120Z"),
            ("2h ago", "2026-11-22T11:05:07.120Z"),
            ("30d", "2026-10-23T13:05:07.120Z"),
        ] {
            assert_eq!(at(text), Ok(meant.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_the_calendar_does_not_have_is_refused_with_the_forms() {
        for text in [
            "",
            "yesterday",
            "5",
            "5y",
            "-5m",
            "1.5h",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-11-00",
            "1969-12-31",
            "2026-11-23T24:00:00Z",
            "2026-11-23T10:00:00",
            "2026-11-23T10:00Z",
            "2026-11-23T10:00:00.Z",
            "2026-11-23T10:00:00+3",
            "1970-01-01T00:00:00+01:00",
            "２０２６-11-23",
            "999999999999999999999d",
        ] {
            assert_eq!(at(text), Err(FORMS.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_span_may_have_to_be_whole_minutes() {
        let minutes = |text: &str| text.parse::<Span>().map(Span::find_minutes);
        assert_eq!(minutes("2h"), Ok(Some(120)));
        assert_eq!(minutes("90s"), Ok(None));
        assert!(minutes("15").is_err() && minutes("m").is_err());
    }

    #[test]
    fn every_day_of_four_centuries_is_written_and_read_the_same() {
        for day in (0..146_097).step_by(29) {
            let text = rfc3339::text(Timestamp::from_unix_millis(day * DAY_SECONDS * 1_000));
            assert_eq!(at(&text), Ok(text.clone()));
        }
    }
}
