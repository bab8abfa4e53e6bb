//! Finds out which number of a date is the day, the month and the year.
//!
//! If several orders give valid but different dates, nothing in the line says which is meant. Then
//! the line has no time, which is better than a wrong one.

use super::civil::days_in_month;

/// Year, month, day.
type Ymd = (i64, i64, i64);

/// Whether the calendar has this date.
#[inline]
pub(super) fn is_possible(year: Option<i64>, month: i64, day: i64) -> bool {
    (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && year.is_none_or(|year| YEARS.contains(&year))
}

/// The years that are accepted. They fit in 64 bits of nanoseconds, and leave out most years that
/// come from clocks that were never set.
pub(super) const YEARS: std::ops::RangeInclusive<i64> = 1900..=2199;

/// What is known about the order besides the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing.
    Nothing,
    /// The year is not the first.
    YearLast,
    /// The year is the first.
    YearFirst,
    /// Month, day, year.
    MonthFirst,
}

/// The date from two numbers and a year.
pub(super) fn of_two(numbers: [i64; 2], year: i64, known: Known) -> Option<Ymd> {
    let [a, b] = numbers;
    let day_first = (known != Known::MonthFirst).then_some((year, b, a));
    the_only([Some((year, a, b)), day_first, None])
}

/// The date from three numbers, one of which is a year of two digits. Each comes with its number of
/// digits.
pub(super) fn of_three(numbers: [(i64, usize); 3], known: Known) -> Option<Ymd> {
    let [a, b, c] = numbers.map(|(number, _)| number);
    let padded = numbers.iter().all(|(_, digits)| *digits == 2);
    let year_last = known != Known::YearFirst && numbers[2].1 == 2;
    the_only([
        year_last.then_some((2000 + c, a, b)),
        (year_last && known != Known::MonthFirst).then_some((2000 + c, b, a)),
        (padded && matches!(known, Known::Nothing | Known::YearFirst)).then_some((2000 + a, b, c)),
    ])
}

fn the_only(dates: [Option<Ymd>; 3]) -> Option<Ymd> {
    let mut possible = dates.into_iter().flatten().filter(|(y, m, d)| is_possible(Some(*y), *m, *d));
    let date = possible.next()?;
    possible.all(|other| other == date).then_some(date)
}
