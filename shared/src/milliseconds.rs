//! Times as text.

use std::time::Duration;

/// Appends a time in milliseconds, with three digits after the point. Digits alone: to write a float
/// would cost a small request more than all else that is told of it.
pub(crate) fn push_milliseconds(time: Duration, out: &mut Vec<u8>) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    out.extend_from_slice(itoa::Buffer::new().format(micros / 1000).as_bytes());
    out.push(b'.');
    // With a one before them, so that none of the three is left out.
    out.extend_from_slice(&itoa::Buffer::new().format(1000 + micros % 1000).as_bytes()[1..]);
}
