//! Days and dates of the Gregorian calendar.
//!
//! The formulas are `days_from_civil` and `civil_from_days` of Howard Hinnant's "chrono-Compatible
//! Low-Level Date Algorithms": years begin in March, so that the leap day is the last day of a
//! year. They are written here because a library's checked conversions would cost more than
//! everything else that is done for a line.

/// Seconds in a day.
pub(super) const DAY: i64 = 86_400;

/// Seconds from 1970-01-01 to the beginning of a date, without regard to zones.
pub(super) fn seconds(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era - 719_468) * DAY
}

/// The year, month and day that is `seconds` after 1970-01-01.
pub(super) fn date(seconds: i64) -> (i64, i64, i64) {
    let days = seconds.div_euclid(DAY) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * from_march + 2) / 5 + 1)
}

/// The number of days of a month, 1 to 12. February has 29 if the year is not known.
pub(super) fn days_in_month(year: Option<i64>, month: i64) -> i64 {
    match month {
        2 if year.is_none_or(|year| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
