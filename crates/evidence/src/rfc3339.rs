//! Times as the lines spell them: RFC 3339, UTC, milliseconds. No other spelling is read.

use std::fmt;

use pix_stream_domain::time::Timestamp;

const DAY_MILLIS: u64 = 86_400_000;
/// Days from the first of March of the year 0 to 1970-01-01.
const SHIFT: u64 = 719_468;
/// Length of the text.
const LEN: usize = 24;

/// A time as in RFC 3339, in UTC, with milliseconds: `2027-01-15T08:00:00.123Z`.
#[derive(Debug, Clone, Copy)]
pub struct Rfc3339(pub Timestamp);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.unix_millis();
        let (days, rest) = (millis / DAY_MILLIS, millis % DAY_MILLIS);
        // Days to a date in the Gregorian calendar: eras of 400 years, years from March on.
        let shifted = days + SHIFT;
        let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
        let (second, milli) = (rest / 1000 % 60, rest % 1000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

/// Reads what [`Rfc3339`] writes; a time of the day may be left out or shortened to seconds, for people:
/// `2027-01-15`, `2027-01-15T08:00:00Z`.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let whole = match text.len() {
        10 => format!("{text}T00:00:00.000Z"),
        20 => format!("{}.000Z", text.strip_suffix('Z')?),
        LEN => text.to_owned(),
        _ => return None,
    };
    let number = |at: std::ops::Range<usize>| {
        let digits = whole.get(at).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        digits.parse::<u64>().ok()
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second, milli) = (number(11..13)?, number(14..16)?, number(17..19)?, number(20..23)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year < 1970 {
        return None;
    }
    let year_from_march = year - u64::from(month <= 2);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let (era, year_of_era) = (year_from_march / 400, year_from_march % 400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (era * 146_097 + day_of_era).checked_sub(SHIFT)?;
    let millis = days * DAY_MILLIS + hour * 3_600_000 + minute * 60_000 + second * 1_000 + milli;
    let at = Timestamp::from_unix_millis(millis);
    // What is no date, or another spelling, does not come out as it went in.
    (Rfc3339(at).to_string() == whole).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_as_in_rfc_3339() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_000, "2024-02-29T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Rfc3339(Timestamp::from_unix_millis(millis)).to_string(), text);
            assert_eq!(parse(text), Some(Timestamp::from_unix_millis(millis)));
        }
        assert_eq!(parse("2000-02-29"), Some(Timestamp::from_unix_millis(951_782_400_000)));
        assert_eq!(parse("2024-02-29T23:59:59Z"), Some(Timestamp::from_unix_millis(1_709_251_199_000)));
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for text in [
            "",
            "now",
            "2001-02-29",
            "2001-13-01",
            "2001-02-28 23:59:59.999Z",
            "2001-02-28T24:00:00.000Z",
            "2001-02-28T23:59:60Z",
            "1969-12-31",
            "2001-02-2\u{e9}",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
