//! Writes a time in the form of RFC 3339.

use super::{LineTime, NANOS, civil};

/// Appends a time in UTC. Nanoseconds in 64 bits reach from 1677 to 2262, so each year has four
/// digits.
pub(super) fn push(time: LineTime, out: &mut Vec<u8>) {
    let (seconds, nanos) = (time.nanos.div_euclid(NANOS), time.nanos.rem_euclid(NANOS));
    let (year, month, day) = civil::date(seconds);
    let of_day = seconds.rem_euclid(civil::DAY);
    let mut text = *b"0000-00-00T00:00:00.000000000Z";
    write(&mut text[..4], year);
    write(&mut text[5..7], month);
    write(&mut text[8..10], day);
    write(&mut text[11..13], of_day / 3600);
    write(&mut text[14..16], of_day / 60 % 60);
    write(&mut text[17..19], of_day % 60);
    write(&mut text[20..29], nanos);
    out.extend_from_slice(&text);
}

/// Writes the last digits of a number, as many as `field` has bytes.
fn write(field: &mut [u8], number: i64) {
    let mut rest = number.unsigned_abs();
    for digit in field.iter_mut().rev() {
        *digit = b"0123456789"[usize::try_from(rest % 10).expect("a digit")];
        rest /= 10;
    }
}
