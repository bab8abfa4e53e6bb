//! Reads numbers and names from bytes.

/// Whether there is a digit at `at`.
#[inline]
pub(super) fn is_digit(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_digit)
}

/// The number of two digits at `at`.
#[inline]
pub(super) fn two(bytes: &[u8], at: usize) -> Option<i64> {
    let [tens, ones] = bytes.get(at..)?.first_chunk::<2>()?.map(|b| b.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
}

/// The number of four digits at `at`.
#[inline]
pub(super) fn four(bytes: &[u8], at: usize) -> Option<i64> {
    Some(two(bytes, at)? * 100 + two(bytes, at + 2)?)
}

/// The number of one or two digits at `at`, and how many digits it has.
#[inline]
pub(super) fn one_or_two(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    if let Some(number) = two(bytes, at) {
        return Some((number, 2));
    }
    is_digit(bytes, at).then(|| (i64::from(bytes[at] - b'0'), 1))
}

/// The number that these digits form. There may be at most 18.
#[inline]
pub(super) fn number(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |n, b| n * 10 + i64::from(b - b'0'))
}

/// The most digits that are counted. No number in a time has more.
const DIGITS: usize = 40;

/// How many digits are at the beginning of `bytes`, at most [`DIGITS`].
#[inline]
pub(super) fn leading_digits(bytes: &[u8]) -> usize {
    bytes.iter().take(DIGITS).take_while(|b| b.is_ascii_digit()).count()
}

/// A fraction of a second in nanoseconds. Further digits are cut off.
pub(super) fn nanos(digits: &[u8]) -> i64 {
    let used = &digits[..digits.len().min(9)];
    (used.len()..9).fold(number(used), |n, _| n * 10)
}

const MONTHS: [&[u8]; 12] = [
    b"january",
    b"february",
    b"march",
    b"april",
    b"may",
    b"june",
    b"july",
    b"august",
    b"september",
    b"october",
    b"november",
    b"december",
];

const WEEKDAYS: [&[u8]; 7] =
    [b"monday", b"tuesday", b"wednesday", b"thursday", b"friday", b"saturday", b"sunday"];

/// The month whose English name is at the beginning of `bytes`, in full or as three letters, in any
/// case; and the length of the name.
#[inline]
pub(super) fn month(bytes: &[u8]) -> Option<(i64, usize)> {
    let number = match &bytes.first_chunk::<3>()?.map(|b| b | 0x20) {
        b"jan" => 1,
        b"feb" => 2,
        b"mar" => 3,
        b"apr" => 4,
        b"may" => 5,
        b"jun" => 6,
        b"jul" => 7,
        b"aug" => 8,
        b"sep" => 9,
        b"oct" => 10,
        b"nov" => 11,
        b"dec" => 12,
        _ => return None,
    };
    if !bytes.get(3).is_some_and(u8::is_ascii_alphabetic) {
        return Some((number, 3));
    }
    let full = MONTHS[usize::try_from(number).ok()? - 1];
    begins_with_name(bytes, full).then_some((number, full.len()))
}

/// The length of the weekday at the beginning of `bytes`, in full or as three letters.
#[inline]
pub(super) fn weekday(bytes: &[u8]) -> Option<usize> {
    let full = match &bytes.first_chunk::<3>()?.map(|b| b | 0x20) {
        b"mon" => WEEKDAYS[0],
        b"tue" => WEEKDAYS[1],
        b"wed" => WEEKDAYS[2],
        b"thu" => WEEKDAYS[3],
        b"fri" => WEEKDAYS[4],
        b"sat" => WEEKDAYS[5],
        b"sun" => WEEKDAYS[6],
        _ => return None,
    };
    if !bytes.get(3).is_some_and(u8::is_ascii_alphabetic) {
        return Some(3);
    }
    begins_with_name(bytes, full).then_some(full.len())
}

fn begins_with_name(bytes: &[u8], name: &[u8]) -> bool {
    bytes.get(..name.len()).is_some_and(|b| b.eq_ignore_ascii_case(name))
        && !bytes.get(name.len()).is_some_and(u8::is_ascii_alphabetic)
}
