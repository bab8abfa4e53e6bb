//! Numbers and names in bytes.

/// The digit at `at`.
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

/// The number of the first `digits` bytes, which are digits, at most 18 of them.
#[inline]
pub(super) fn number(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |n, b| n * 10 + i64::from(b - b'0'))
}

/// How many digits `bytes` begins with.
#[inline]
pub(super) fn leading_digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_digit()).count()
}

/// A fraction of a second in nanoseconds; what is finer is cut.
pub(super) fn nanos(digits: &[u8]) -> i64 {
    let used = &digits[..digits.len().min(9)];
    (used.len()..9).fold(number(used), |n, _| n * 10)
}

/// The month whose English name, cut to three letters, `bytes` ends with.
pub(super) fn month_at_end(bytes: &[u8]) -> Option<i64> {
    Some(match bytes.last_chunk::<3>()? {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

/// `bytes` without the weekday, cut to three letters, that it ends with.
pub(super) fn without_weekday(bytes: &[u8]) -> Option<&[u8]> {
    let (rest, name) = bytes.split_last_chunk::<3>()?;
    matches!(name, b"Mon" | b"Tue" | b"Wed" | b"Thu" | b"Fri" | b"Sat" | b"Sun").then_some(rest)
}
