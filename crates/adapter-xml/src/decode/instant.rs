//! `CreDt` as a point in time, for the validity of certificates.

/// Days from 0000-03-01 to 1970-01-01, in the proleptic Gregorian calendar.
const EPOCH_DAYS: i64 = 719_468;
const DAYS_PER_400_YEARS: i64 = 146_097;
const SECONDS_PER_DAY: i64 = 86_400;

/// Unix seconds of `YYYY-MM-DDThh:mm:ss`, with or without a fraction, in UTC (`Z`). `None` for anything else, and
/// for times before 1970.
pub(super) fn unix_seconds(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if whole.len() != 19 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (year, month, day) = (number(whole, 0..4)?, number(whole, 5..7)?, number(whole, 8..10)?);
    let (hour, minute, second) = (number(whole, 11..13)?, number(whole, 14..16)?, number(whole, 17..19)?);
    let separators = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")];
    let is_form = separators.iter().all(|(at, wanted)| whole.get(*at..*at + 1) == Some(wanted));
    let is_time =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 25 && minute < 60 && second < 60;
    let seconds = days(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    if is_form && is_time { u64::try_from(seconds).ok() } else { None }
}

fn number(text: &str, range: std::ops::Range<usize>) -> Option<i64> {
    let digits = text.get(range)?;
    if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// Days since 1970-01-01. The year is counted from March, so that the leap day is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * DAYS_PER_400_YEARS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAYS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_those_of_other_clocks() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-11-23T11:22:33.456Z", Some(1_795_432_953)),
            ("2024-02-29T23:59:59.999Z", Some(1_709_251_199)),
            ("2000-03-01T00:00:00.000Z", Some(951_868_800)),
            ("1969-12-31T23:59:59Z", None),
            ("2026-11-23T11:22:33", None),
            ("2026-11-23 11:22:33Z", None),
            ("2026-13-23T11:22:33Z", None),
            ("2026-11-23T11:22:33.4a6Z", None),
            ("+026-11-23T11:22:33Z", None),
            ("", None),
        ] {
            assert_eq!(unix_seconds(text), seconds, "{text}");
        }
    }
}
