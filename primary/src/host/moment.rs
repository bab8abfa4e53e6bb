//! When a host answered, as a number that threads share without a lock.

use std::sync::LazyLock;
use std::time::Instant;

/// What moments are counted from. The wall clock would not do: it may be set back.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Begins to count. Earlier instants all have the moment 1.
pub(super) fn begin() {
    LazyLock::force(&START);
}

/// Nanoseconds since the beginning, and some more: 0 means never.
pub(super) fn moment(then: Instant) -> u64 {
    let since = then.checked_duration_since(*START);
    since.map_or(1, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX).saturating_add(2))
}
