//! Where in a line its time is.

use super::date::{self, Date, Form};
use super::{clock, epoch, fields, prefix};
use memchr::memchr_iter;

/// Bytes of a line that are looked at. A time begins in the first 256: an access log's after
/// an address, a name and perhaps the bucket, a field's after a few others. It is at most 64
/// bytes long.
pub(super) const HEAD: usize = 256 + 64;

/// A time as a line has it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Raw {
    /// Nanoseconds since the epoch.
    Epoch(i64),
    /// What a calendar and a clock say.
    Civil(Stamp),
}

/// A date and a time of day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    pub(super) date: Date,
    pub(super) second_of_day: i64,
    pub(super) nanos: i64,
    /// East of UTC; `None` where the line does not say.
    pub(super) offset_minutes: Option<i16>,
}

/// The time of a line.
pub(super) fn find(line: &[u8]) -> Option<Raw> {
    let head = &line[..line.len().min(HEAD)];
    match head {
        [b'{', ..] => return fields::json(line, head),
        [b'0'..=b'9', ..] | [b'[', b'0'..=b'9', ..] => {
            if let Some(nanos) = epoch::at_start(head) {
                return Some(Raw::Epoch(nanos));
            }
        }
        _ => {}
    }
    let stamp = memchr_iter(b':', head).find_map(|colon| {
        stamp_at(head, colon).filter(|stamp| prefix::allows(head, stamp.date.at, stamp.date.form))
    });
    stamp.map(Raw::Civil).or_else(|| fields::logfmt_epoch(head))
}

/// The date and the time of day whose first colon is at `colon`.
#[inline]
pub(super) fn stamp_at(head: &[u8], colon: usize) -> Option<Stamp> {
    let clock = clock::at_colon(head, colon)?;
    let mut date = date::before(head, clock.start)?;
    let rest = &head[clock.end..];
    let mut offset_minutes = clock::offset_minutes(rest);
    let mut hour = clock.hour;
    match date.form {
        Form::MonthFirst => {
            let (of_24, after) = clock::of_24(hour, rest)?;
            (hour, offset_minutes) = (of_24, clock::offset_minutes(after));
        }
        _ if colon - clock.start == 1 => return None,
        Form::Ctime => {
            if let Some((year, offset)) = clock::year_after(rest) {
                (date.year, offset_minutes) = (Some(year), offset);
                if !date.is_possible() {
                    return None;
                }
            }
        }
        Form::Fractional if !clock.has_fraction => return None,
        Form::Bracketed if rest.first() != Some(&b']') => return None,
        _ => {}
    }
    Some(Stamp { date, second_of_day: hour * 3600 + clock.seconds, nanos: clock.nanos, offset_minutes })
}
