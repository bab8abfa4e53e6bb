//! The date that stands before a time of day, read backwards.

use super::civil::days_in_month;
use super::text::{four, is_digit, month_at_end, two, without_weekday};

/// Years that four digits may be: what nanoseconds in 64 bits can tell, and no more than a
/// clock that was never set makes up.
const YEARS: std::ops::RangeInclusive<i64> = 1900..=2199;

/// A date, and what its form asks of its surroundings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Date {
    /// Where it begins.
    pub(super) at: usize,
    /// `None` where it has to be worked out.
    pub(super) year: Option<i64>,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) form: Form,
}

impl Date {
    /// Whether a calendar has it.
    #[inline]
    pub(super) fn is_possible(&self) -> bool {
        (1..=12).contains(&self.month)
            && (1..=days_in_month(self.year, self.month)).contains(&self.day)
            && self.year.is_none_or(|year| YEARS.contains(&year))
    }
}

/// What is particular to a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `2024-11-05`, also with slashes or dots; `24/11/05`; glog's `I20241105`.
    Numbers,
    /// `05/Nov/2024`, also with dashes or spaces.
    DayFirst,
    /// `Nov 05, 2024`, whose hour may be one of twelve.
    MonthFirst,
    /// `Nov  5`.
    Syslog,
    /// `Tue Nov  5`: the year may follow the time of day.
    Ctime,
    /// `I1105` of klog, `11-05` of logcat: a fraction has to follow the time of day.
    Fractional,
    /// `[10.30`, the bracket included, of Proxifier.
    Bracketed,
}

/// The date before the time of day that begins at `clock`.
#[inline]
pub(super) fn before(head: &[u8], clock: usize) -> Option<Date> {
    let (separator, text) = head.get(..clock)?.split_last()?;
    let date = match separator {
        b'T' | b't' => numbers(text).filter(|date| date.year.is_some()),
        b':' => year_last(text),
        // apt's history has two spaces.
        b' ' => spaced(text.strip_suffix(b" ").unwrap_or(text)),
        b'\t' => spaced(text),
        _ => None,
    }?;
    date.is_possible().then_some(date)
}

/// The byte `back` places before the end.
#[inline]
fn from_end(text: &[u8], back: usize) -> Option<u8> {
    text.len().checked_sub(back).map(|at| text[at])
}

#[inline]
fn spaced(text: &[u8]) -> Option<Date> {
    match from_end(text, 3)? {
        b'-' | b'/' | b'.' => numbers(text),
        b' ' => month_and_day(text),
        _ if from_end(text, 2) == Some(b' ') => month_and_day(text),
        _ => match from_end(text, 5)? {
            b'-' | b'/' | b' ' => year_last(text),
            _ => letter_and_numbers(text),
        },
    }
}

/// Year, month and day in digits, or month and day.
#[inline]
fn numbers(text: &[u8]) -> Option<Date> {
    let end = text.len();
    let day = two(text, end.checked_sub(2)?)?;
    let month = two(text, end.checked_sub(5)?)?;
    let separator = text[end - 3];
    let date = |at: usize, year: Option<i64>, form: Form| Some(Date { at, year, month, day, form });
    if matches!(separator, b'-' | b'/' | b'.') && from_end(text, 6) == Some(separator) {
        if let Some(year) = end.checked_sub(10).and_then(|at| four(text, at)) {
            return date(end - 10, Some(year), Form::Numbers);
        }
        let year = two(text, end.checked_sub(8)?).filter(|_| separator == b'/')?;
        return date(end - 8, Some(2000 + year), Form::Numbers);
    }
    match separator {
        b'-' => date(end - 5, None, Form::Fractional),
        b'.' if from_end(text, 6) == Some(b'[') => date(end - 6, None, Form::Bracketed),
        _ => None,
    }
}

/// klog's letter and month and day; glog's has the year as well.
fn letter_and_numbers(text: &[u8]) -> Option<Date> {
    let end = text.len();
    let (month, day) = (two(text, end.checked_sub(4)?)?, two(text, end - 2)?);
    let is_level = |at: usize| matches!(text[at], b'I' | b'W' | b'E' | b'F' | b'D');
    if is_level(end.checked_sub(5)?) {
        return Some(Date { at: end - 5, year: None, month, day, form: Form::Fractional });
    }
    let at = end.checked_sub(9).filter(|at| is_level(*at))?;
    Some(Date { at, year: Some(four(text, at + 1)?), month, day, form: Form::Numbers })
}

/// `05/Nov/2024` and its kin, with or without a weekday before it, and `Nov 05, 2024`.
fn year_last(text: &[u8]) -> Option<Date> {
    let (rest, _) = text.split_last_chunk::<4>()?;
    let year = Some(four(text, rest.len())?);
    let (separator, rest) = rest.split_last()?;
    let Some(month) = month_at_end(rest) else {
        let date = month_and_day(rest.strip_suffix(b",").unwrap_or(rest))?;
        return (*separator == b' ').then_some(Date { year, form: Form::MonthFirst, ..date });
    };
    let (before, rest) = rest[..rest.len() - 3].split_last()?;
    if separator != before || !matches!(separator, b'/' | b'-' | b' ') {
        return None;
    }
    let (at, day) = day_at_end(rest)?;
    let at = weekday_before(text, at).unwrap_or(at);
    Some(Date { at, year, month, day, form: Form::DayFirst })
}

/// `Nov  5`, `Nov 05` or `Nov 5`, with or without a weekday before it.
#[inline]
fn month_and_day(text: &[u8]) -> Option<Date> {
    let (at, day) = day_at_end(text)?;
    let rest = text[..at].strip_suffix(b" ")?;
    let rest = if at + 1 == text.len() { rest.strip_suffix(b" ").unwrap_or(rest) } else { rest };
    let month = month_at_end(rest)?;
    let at = rest.len() - 3;
    let (at, form) = match weekday_before(text, at) {
        Some(at) => (at, Form::Ctime),
        None => (at, Form::Syslog),
    };
    Some(Date { at, year: None, month, day, form })
}

/// A day of one or two digits, and where it begins.
#[inline]
fn day_at_end(text: &[u8]) -> Option<(usize, i64)> {
    let ones = text.len().checked_sub(1)?;
    match ones.checked_sub(1).filter(|tens| is_digit(text, *tens)) {
        Some(tens) => Some((tens, two(text, tens)?)),
        None => is_digit(text, ones).then(|| (ones, i64::from(text[ones] - b'0'))),
    }
}

/// Where the weekday begins that stands before `at`.
#[inline]
fn weekday_before(text: &[u8], at: usize) -> Option<usize> {
    let rest = text[..at].strip_suffix(b" ")?;
    Some(without_weekday(rest.strip_suffix(b",").unwrap_or(rest))?.len())
}
