//! Slows down who fails to authenticate again and again, and keeps the log short about it.
//!
//! Only the answers to failures wait. A valid token is never slowed, also from an address from which
//! others fail.

use super::Denied;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Failures from one place that are answered at once. A person who mistypes is not to wait.
const FREE: u32 = 5;

/// How long the answer to the next failure waits, and the longest such time. It doubles each time.
/// The longest is well below the 2 s in which a primary expects an answer to a probe: else a wrong
/// token would look like a host that is gone.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A place is forgotten so long after its last failure.
const MEMORY: Duration = Duration::from_mins(1);

/// Places that are known at once. If there are more, the one whose last failure is the oldest is
/// forgotten.
const PLACES: usize = 1024;

/// Answers that wait at once. Each holds a connection, so more of them are sent at once.
const WAITING: usize = 64;

/// Where a request comes from, as far as failures are counted: an address, of IPv6 the first 64
/// bits, or this machine over a socket without addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin(Option<IpAddr>);

impl Origin {
    /// The place of this address.
    pub fn of(address: Option<IpAddr>) -> Origin {
        Origin(address.map(|address| match address.to_canonical() {
            address @ IpAddr::V6(_) if address.is_loopback() => address,
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
            address @ IpAddr::V4(_) => address,
        }))
    }

    /// Whether it is this machine.
    pub fn is_local(self) -> bool {
        self.0.is_none_or(|address| address.is_loopback())
    }
}

/// The failures of all places.
#[derive(Debug, Default)]
pub struct Failures {
    places: Mutex<HashMap<Origin, Place>>,
    waiting: AtomicUsize,
}

#[derive(Debug)]
struct Place {
    failures: u32,
    last: Instant,
}

/// An answer that waits, until this is dropped.
struct Waiting<'f>(&'f AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Failures {
    /// Counts a failure, logs it, and waits where it is one of many, if it may.
    pub(super) async fn count(&self, denied: &Denied, origin: Origin, request_id: &str, waits: bool) {
        let failures = self.note(origin, Instant::now());
        // 1, 2, 4, 8 …: many failures are not to fill the log.
        if failures.is_power_of_two() {
            let client = origin.0.map(tracing::field::display);
            tracing::warn!(client, failures, %request_id, "a request was refused: {denied}");
        }
        let Some(wait) = wait(failures).filter(|_| waits) else { return };
        if self.waiting.fetch_update(Relaxed, Relaxed, |now| (now < WAITING).then_some(now + 1)).is_ok() {
            let _waiting = Waiting(&self.waiting);
            sleep(wait).await;
        }
    }

    /// Returns how often the place has failed lately.
    fn note(&self, origin: Origin, now: Instant) -> u32 {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let is_forgotten = |place: &Place| now.saturating_duration_since(place.last) >= MEMORY;
        if places.len() >= PLACES && !places.contains_key(&origin) {
            places.retain(|_, place| !is_forgotten(place));
            if places.len() >= PLACES
                && let Some(oldest) = places.iter().min_by_key(|(_, place)| place.last).map(|(at, _)| *at)
            {
                places.remove(&oldest);
            }
        }
        let place = places.entry(origin).or_insert(Place { failures: 0, last: now });
        if is_forgotten(place) {
            place.failures = 0;
        }
        place.failures = place.failures.saturating_add(1);
        place.last = now;
        place.failures
    }
}

/// How long the answer to this many failures waits.
fn wait(failures: u32) -> Option<Duration> {
    let more = failures.checked_sub(FREE + 1)?;
    let doubled = 2_u32.checked_pow(more).and_then(|times| FIRST_WAIT.checked_mul(times));
    Some(doubled.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    fn origin(address: &str) -> Origin {
        Origin::of(Some(address.parse().unwrap()))
    }

    #[test]
    fn the_places_of_addresses() {
        for (a, b, is_same) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
        ] {
            assert_eq!(origin(a) == origin(b), is_same, "{a} {b}");
        }
        assert!(origin("127.0.0.2").is_local() && origin("10.0.0.1") != Origin::of(None));
        assert!(origin("::1").is_local() && Origin::of(None).is_local() && !origin("10.0.0.1").is_local());
    }

    #[test]
    fn each_failure_after_the_first_few_waits_longer_up_to_a_bound() {
        let waits: Vec<u128> = (1..=14).map(|n| wait(n).map_or(0, |wait| wait.as_millis())).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 100, 200, 400, 800, 1000, 1000, 1000, 1000, 1000]);
        assert_eq!(wait(u32::MAX), Some(LONGEST_WAIT));
    }

    #[test]
    fn places_are_counted_apart_forgotten_in_time_and_bounded() {
        let (failures, now) = (Failures::default(), Instant::now());
        let (a, b) = (origin("10.0.0.1"), origin("10.0.0.2"));
        assert_eq!([a, a, b, a].map(|place| failures.note(place, now)), [1, 2, 1, 3]);
        assert_eq!(failures.note(a, now + MEMORY), 1, "it was forgotten");
        assert_eq!(failures.note(a, now + MEMORY), 2);
        for n in 0..2 * u32::try_from(PLACES).unwrap() {
            failures.note(
                Origin::of(Some(IpAddr::from(n.to_be_bytes()))),
                now + MEMORY + Duration::from_millis(n.into()),
            );
        }
        assert_eq!(failures.places.lock().unwrap().len(), PLACES);
    }

    #[tokio::test]
    async fn not_too_many_answers_wait_at_once() {
        let failures = Failures::default();
        let place = origin("10.0.0.1");
        for _ in 0..FREE + 9 {
            failures.note(place, Instant::now());
        }
        let mut waiting: Vec<_> =
            (0..WAITING).map(|_| Box::pin(failures.count(&Denied::Missing, place, "", true))).collect();
        assert!(waiting.iter_mut().all(|wait| wait.as_mut().now_or_never().is_none()));
        assert!(failures.count(&Denied::Missing, place, "", true).now_or_never().is_some());
        waiting.pop();
        assert!(failures.count(&Denied::Missing, place, "", true).now_or_never().is_none());
        assert!(
            failures.count(&Denied::Missing, place, "", false).now_or_never().is_some(),
            "the health port"
        );
    }
}
