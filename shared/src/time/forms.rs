//! The forms of a date and a time in a line: one row for each.
//!
//! To add a form, add a row, in the language of `pattern`, and lines to `tests/lines.tsv`. Rows are
//! tried in order, and the first that matches is used. A weekday (`date`), words and brackets
//! (`lead`) may stand before each of them. What may follow `%T` is the same for all (`clock`,
//! `offset`).

use super::pattern::Pattern;

/// A form.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) pattern: Pattern,
    pub(super) only: Only,
}

/// Where a form is allowed. A form with few digits is easily mistaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Only {
    /// At each place where a time may stand.
    Anywhere,
    /// Only without words before it.
    AtStart,
    /// The same, or anywhere if its year follows it.
    AtStartOrWithYear,
    /// Only without words before it, and with a fraction.
    WithFraction,
    /// Only directly in brackets.
    Bracketed,
    /// Only with a level and a class after it: `INFO storage.BlockManager: `.
    Spark,
    /// Only in brackets, with three digits after a colon: `[11/25/26 14:00:00:123 EST]`.
    WebSphere,
    /// Its offset is in minutes.
    Db2,
}

const fn anywhere(pattern: &str) -> Form {
    only(Only::Anywhere, pattern)
}

const fn only(only: Only, pattern: &str) -> Form {
    Form { pattern: Pattern::new(pattern), only }
}

pub(super) static FORMS: [Form; 53] = [
    // Year first: ISO 8601, RFC 3339, Java, Python, databases.
    anywhere("%Y-%m-%d[Tt_]%T"),
    anywhere("%Y-%m-%d%_%T"),
    anywhere("%Y-%m-%d[\t,;-]%T"),
    only(Only::Bracketed, "%Y-%m-%d][[]%T"),
    only(Only::AtStart, "%Y-%m-%d[Tt ]%R"),
    only(Only::Db2, "%Y-%m-%d-%D"),
    anywhere("%Y/%m/%d[T_\t,]%T"),
    anywhere("%Y/%m/%d%_%T"),
    anywhere("%Y/%m/%d - %T"),
    anywhere("%Y/%m/%d-%T"),
    anywhere("%Y.%m.%d[T_-]%T"),
    anywhere("%Y.%m.%d%_%T"),
    anywhere("%Y %b %e%_%T"),
    anywhere("%Y-%b-%d%_%T"),
    anywhere("%Y[-/.]%M[-/.]%e%_%T"),
    // Compact: ISO 8601's basic form, FIX, xrdp, MySQL 5.6, glog.
    anywhere("%Y%m%d[Tt]%C"),
    only(Only::AtStart, "%Y%m%d[_ -]%C"),
    anywhere("%Y%m%d[Tt_-]%T"),
    anywhere("%Y%m%d%_%T"),
    anywhere("%y%m%d%_%T"),
    only(Only::AtStart, "%L%Y%m%d %T"),
    // Syslog; month and day of others without a year.
    only(Only::AtStartOrWithYear, "%b %e%_%T"),
    only(Only::AtStartOrWithYear, "%e %b%_%T"),
    only(Only::WithFraction, "%L%m%d %T"),
    only(Only::WithFraction, "%m-%d%_%T"),
    only(Only::WithFraction, "%m/%d-%T"),
    only(Only::Bracketed, "%m.%d %T"),
    // A month's name and the year: access logs, Tomcat, PHP, Redis, mail, Java, Cisco.
    anywhere("%d/%b/%Y[: T]%T"),
    anywhere("%e-%b-%Y[: T]%T"),
    anywhere("%e-%b-%Y::%T"),
    anywhere("%e %b %Y%_%T"),
    anywhere("%e %b %Y, %T"),
    anywhere("%e. %b %Y%_%T"),
    anywhere("%d%b%Y %T"),
    anywhere("%b %e %Y%_%T"),
    anywhere("%b %e, %Y%_%T"),
    anywhere("%b %e, %Y, %T"),
    anywhere("%b %e, %Y at %T"),
    // The day first, and a dot.
    anywhere("%e.%M.%Y%_%T"),
    anywhere("%e.%M.%Y[T,;-]%T"),
    anywhere("%e.%M.%Y, %T"),
    anywhere("%e.%M.%Y - %T"),
    // Suricata writes the day first in one of its logs. Snort and programs like it write the month
    // first.
    anywhere("%d/%m/%Y -- %T"),
    only(Only::WithFraction, "%m/%d/%Y-%T"),
    only(Only::WithFraction, "%m/%d/%y-%T"),
    // Each number could be the day, the month or the year: see `order`.
    only(Only::Spark, "%y/%m/%d %T"),
    only(Only::WebSphere, "%n/%n/%n %T"),
    anywhere("%n/%n/%Y%_%T"),
    anywhere("%n/%n/%Y, %T"),
    anywhere("%n/%n/%Y - %T"),
    anywhere("%n-%n-%Y%_%T"),
    anywhere("%n/%n/%n[ ,]%T"),
    anywhere("%n[.-]%n[.-]%n %T"),
];

/// For each byte, the forms that may have it at one offset, one bit for each form.
type Masks = [u64; 256];

/// The offsets that tell forms apart best.
const OFFSETS: [usize; 5] = [0, 2, 4, 8, 10];

static MASKS: [Masks; OFFSETS.len()] =
    [masks(OFFSETS[0]), masks(OFFSETS[1]), masks(OFFSETS[2]), masks(OFFSETS[3]), masks(OFFSETS[4])];

const fn masks(offset: usize) -> Masks {
    assert!(FORMS.len() <= 64, "a form has a bit");
    let mut masks = [0; 256];
    let mut byte = 0u8;
    loop {
        let mut form = 0;
        while form < FORMS.len() {
            if FORMS[form].pattern.may_have(byte, offset) {
                masks[byte as usize] |= 1 << form;
            }
            form += 1;
        }
        if byte == u8::MAX {
            return masks;
        }
        byte += 1;
    }
}

/// The forms that may match what `text` begins with, in order.
#[inline]
pub(super) fn candidates(text: &[u8]) -> impl Iterator<Item = &'static Form> {
    let mut left = u64::MAX;
    for (masks, offset) in MASKS.iter().zip(OFFSETS) {
        // Each form is longer than the largest offset.
        left &= text.get(offset).map_or(0, |byte| masks[usize::from(*byte)]);
    }
    std::iter::from_fn(move || {
        let form = FORMS.get(left.trailing_zeros() as usize)?;
        left &= left - 1;
        Some(form)
    })
}
