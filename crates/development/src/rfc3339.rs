//! Points in time as people and messages write them: RFC 3339, UTC, milliseconds. Reads no clock.

use pix_stream_domain::time::Timestamp;

const DAY_MILLIS: u64 = 86_400_000;

/// A day of the Gregorian calendar and the time within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    /// The year.
    pub year: u64,
    /// The month, from 1.
    pub month: u64,
    /// The day, from 1.
    pub day: u64,
    /// The hour.
    pub hour: u64,
    /// The minute.
    pub minute: u64,
    /// The second.
    pub second: u64,
    /// The millisecond.
    pub millisecond: u64,
}

impl Calendar {
    /// The calendar's reading of a point in time, in UTC.
    #[must_use]
    pub const fn of(at: Timestamp) -> Self {
        let (days, rest) = (at.unix_millis() / DAY_MILLIS, at.unix_millis() % DAY_MILLIS);
        // Counted in eras of 400 years from 0000-03-01, so that the leap day is the last of its year.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        Self {
            year: era * 400 + year_of_era + if month <= 2 { 1 } else { 0 },
            month,
            day: day_of_year - (153 * march_month + 2) / 5 + 1,
            hour: rest / 3_600_000,
            minute: rest / 60_000 % 60,
            second: rest / 1_000 % 60,
            millisecond: rest % 1_000,
        }
    }

    /// `2026-11-22`.
    #[must_use]
    pub fn date(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// `202611221305`: the minute, as ids of transactions carry it.
    #[must_use]
    pub fn compact_minute(&self) -> String {
        let Self { year, month, day, hour, minute, .. } = self;
        format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}")
    }
}

/// `2026-11-22T13:05:07.120Z`.
#[must_use]
pub fn text(at: Timestamp) -> String {
    let calendar = Calendar::of(at);
    let Calendar { hour, minute, second, millisecond, .. } = calendar;
    format!("{}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z", calendar.date())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_points_are_written_as_the_calendar_has_them() {
        for (millis, written) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (1_767_225_600_000, "2026-01-01T00:00:00.000Z"),
            (1_795_352_707_120, "2026-11-22T13:05:07.120Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(text(Timestamp::from_unix_millis(millis)), written);
        }
        let calendar = Calendar::of(Timestamp::from_unix_millis(1_795_352_707_120));
        assert_eq!(calendar.compact_minute(), "202611221305");
    }
}
