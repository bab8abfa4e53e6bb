//! How fast a host has answered lately.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A new time counts as one of so many: the result is mostly that of the last ten or so.
const PART: u64 = 4;

/// A smoothed time, in microseconds; 0 where there was none.
#[derive(Debug, Default)]
struct Smoothed(AtomicU64);

impl Smoothed {
    /// Two calls at once may lose one of the times, which does not matter.
    fn add(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX / PART).clamp(1, u64::MAX / PART);
        let new = match self.0.load(Relaxed) {
            0 => time,
            old => (old * (PART - 1) + time).div_ceil(PART),
        };
        self.0.store(new, Relaxed);
    }

    fn get(&self) -> Option<Duration> {
        Some(self.0.load(Relaxed)).filter(|time| *time > 0).map(Duration::from_micros)
    }
}

/// How fast a host has answered lately.
#[derive(Debug, Default)]
pub struct Latency {
    probes: Smoothed,
    requests: Smoothed,
}

impl Latency {
    /// Notes how long a probe took, with its connection.
    pub(super) fn probe(&self, took: Duration) {
        self.probes.add(took);
    }

    /// Notes how long a request took to the head of its answer.
    pub(super) fn request(&self, took: Duration) {
        self.requests.add(took);
    }

    /// How long probes took lately.
    pub fn of_probes(&self) -> Option<Duration> {
        self.probes.get()
    }

    /// How long requests took lately, to the head of their answers.
    pub fn of_requests(&self) -> Option<Duration> {
        self.requests.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_time_is_taken_as_it_is_and_later_ones_pull() {
        let smoothed = Smoothed::default();
        assert_eq!(smoothed.get(), None);
        smoothed.add(Duration::from_millis(10));
        assert_eq!(smoothed.get(), Some(Duration::from_millis(10)));
        smoothed.add(Duration::from_millis(50));
        assert_eq!(smoothed.get(), Some(Duration::from_millis(20)));
        for _ in 0..60 {
            smoothed.add(Duration::from_millis(1));
        }
        assert_eq!(smoothed.get().map(|time| time.as_micros() / 10), Some(100));
        smoothed.add(Duration::MAX);
        smoothed.add(Duration::MAX);
        assert!(smoothed.get().is_some());
        let none = Smoothed::default();
        none.add(Duration::ZERO);
        assert!(none.get().is_some(), "a time that is too short to be measured is one, too");
    }
}
