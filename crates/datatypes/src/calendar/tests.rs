//! Dates and times: what is one, and which comes first (C.2).

use super::*;

fn check(form: Form, good: &[&str], bad: &[&str]) {
    for text in good {
        assert!(Moment::parse(form, text).is_some(), "{form:?} {text}");
    }
    for text in bad {
        assert!(Moment::parse(form, text).is_none(), "{form:?} {text}");
    }
}

#[test]
fn moments_have_real_days_and_hours() {
    check(
        Form::DateTime,
        &[
            "2024-02-29T23:59:59Z",
            "2000-02-29T00:00:00",
            "2024-01-01T24:00:00",
            "2024-12-31T24:00:00.000Z",
            "-0001-12-31T00:00:00",
            "12345-01-01T00:00:00",
            "2024-01-01T00:00:00.123456789012345678901234567890",
            "2024-01-01T00:00:00+14:00",
            "2024-01-01T00:00:00-14:00",
            "2024-01-01T00:00:00-00:00",
            "0001-01-01T00:00:00",
        ],
        &[
            "",
            "2023-02-29T00:00:00",
            "1900-02-29T00:00:00",
            "2024-04-31T00:00:00",
            "2024-00-01T00:00:00",
            "2024-13-01T00:00:00",
            "2024-01-00T00:00:00",
            "0000-01-01T00:00:00",
            "-0000-01-01T00:00:00",
            "024-01-01T00:00:00",
            "02024-01-01T00:00:00",
            "+2024-01-01T00:00:00",
            "2024-01-01T24:00:01",
            "2024-01-01T24:01:00",
            "2024-01-01T24:00:00.1",
            "2024-01-01T25:00:00",
            "2024-01-01T23:60:00",
            "2024-01-01T23:59:60",
            "2024-01-01T00:00:00.",
            "2024-01-01T00:00",
            "2024-01-01 00:00:00",
            "2024-01-01t00:00:00",
            "2024-01-01T00:00:00z",
            "2024-01-01T00:00:00+14:01",
            "2024-01-01T00:00:00+15:00",
            "2024-01-01T00:00:00+0100",
            "2024-01-01T00:00:00+01",
            "2024-01-01T00:00:00Z ",
            "2024-1-1T00:00:00",
            "2024-01-01",
            "2024-01-01T0٣:00:00",
        ],
    );
}

#[test]
fn each_form_has_its_own_text() {
    check(
        Form::Date,
        &["2024-02-29", "2024-01-01Z", "-2024-01-01+01:00"],
        &["2024-02-30", "20240101", "2024-01"],
    );
    check(
        Form::Time,
        &["00:00:00", "24:00:00", "23:59:59.9Z", "12:00:00-03:00"],
        &["24:00:01", "1:00:00", "12:00", "12:00:60", "T12:00:00"],
    );
    check(Form::YearMonth, &["2024-12", "-0001-01Z"], &["2024-13", "2024", "2024-1"]);
    check(Form::Year, &["2024", "-2024", "12024+14:00"], &["0000", "24", "02024", "2024-"]);
    check(Form::MonthDay, &["--02-29", "--12-31Z"], &["--02-30", "02-29", "--2-9", "--04-31"]);
    check(Form::Month, &["--12", "--01+01:00"], &["--13", "--00", "--05--", "12"]);
    check(Form::Day, &["---31", "---01Z"], &["---32", "---00", "--31"]);
}

#[test]
fn order_waits_for_a_time_zone_when_in_doubt() {
    let [less, equal, greater] = [Ordering::Less, Ordering::Equal, Ordering::Greater].map(Some);
    for (a, b, expected) in [
        // The table of 3.2.7.4.
        ("2000-01-15T00:00:00", "2000-02-15T00:00:00", less),
        ("2000-01-15T12:00:00", "2000-01-16T12:00:00Z", less),
        ("2000-01-01T12:00:00", "1999-12-31T23:00:00Z", None),
        ("2000-01-16T12:00:00", "2000-01-16T12:00:00Z", None),
        ("2000-01-16T00:00:00", "2000-01-16T12:00:00Z", None),
        ("2000-01-01T14:00:00", "2000-01-01T00:00:00Z", None),
        ("2000-01-01T14:00:00.1", "2000-01-01T00:00:00Z", greater),
        ("2000-01-01T24:00:00", "2000-01-02T00:00:00", equal),
        ("1999-12-31T24:00:00Z", "2000-01-01T01:00:00+01:00", equal),
        ("-0001-12-31T24:00:00", "0001-01-01T00:00:00", equal),
        ("2000-01-01T00:00:00.10", "2000-01-01T00:00:00.1", equal),
        ("2000-01-01T00:00:00.09", "2000-01-01T00:00:00.1", less),
        ("-0002-01-01T00:00:00", "-0001-01-01T00:00:00", less),
        ("2000-03-01T00:30:00+01:00", "2000-02-29T23:30:00Z", equal),
    ] {
        let (a, b) = (Moment::parse(Form::DateTime, a).unwrap(), Moment::parse(Form::DateTime, b).unwrap());
        assert_eq!(a.compare(b), expected, "{a:?} {b:?}");
        assert_eq!(b.compare(a), expected.map(Ordering::reverse), "{b:?} {a:?}");
        assert_eq!(a.canonical() == b.canonical(), expected == equal);
    }
}

#[test]
fn time_zones_take_times_of_day_out_of_their_day() {
    for (early, late) in [
        ("22:00:00Z", "23:00:00-03:00"),
        ("02:00:00Z", "23:00:00-03:00"),
        ("00:30:00+01:00", "00:00:00Z"),
        ("00:30:00+01:00", "23:30:00Z"),
        ("00:00:00+14:00", "00:00:00-14:00"),
    ] {
        let [a, b] = [early, late].map(|text| Moment::parse(Form::Time, text).unwrap());
        assert_eq!(a.compare(b), Some(Ordering::Less), "{early} {late}");
        assert_eq!(b.compare(a), Some(Ordering::Greater), "{late} {early}");
        assert_ne!(a.canonical(), b.canonical(), "{early} {late}");
    }
}

#[test]
fn times_of_day_and_dates_compare_by_the_instant_they_start() {
    let compare = |form, a, b| Moment::parse(form, a).unwrap().compare(Moment::parse(form, b).unwrap());
    assert_eq!(compare(Form::Time, "23:00:00-03:00", "23:30:00-02:30"), Some(Ordering::Equal));
    assert_eq!(compare(Form::Time, "24:00:00", "00:00:00"), Some(Ordering::Equal));
    assert_eq!(compare(Form::Time, "10:00:00Z", "10:00:00"), None);
    assert_eq!(compare(Form::Date, "2002-10-10+13:00", "2002-10-09-11:00"), Some(Ordering::Equal));
    assert_eq!(compare(Form::Date, "2002-10-10", "2002-10-12Z"), Some(Ordering::Less));
    assert_eq!(compare(Form::Year, "1999", "2000"), Some(Ordering::Less));
}
