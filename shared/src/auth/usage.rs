//! How much one caller uses at this moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How much one caller uses.
#[derive(Debug, Default)]
pub struct Usage {
    requests: AtomicUsize,
    streams: AtomicUsize,
}

/// What one request uses. Given back when dropped.
#[derive(Debug)]
pub struct InUse {
    usage: Arc<Usage>,
    of: fn(&Usage) -> &AtomicUsize,
    count: usize,
}

impl Usage {
    /// Counts one more request, if it is then one of at most `most`.
    pub fn request(self: &Arc<Usage>, most: usize) -> Option<InUse> {
        self.take(|usage| &usage.requests, 1, most)
    }

    /// Counts so many more answers of hosts, if they are then at most `most`.
    pub fn streams(self: &Arc<Usage>, count: usize, most: usize) -> Option<InUse> {
        self.take(|usage| &usage.streams, count, most)
    }

    fn take(self: &Arc<Usage>, of: fn(&Usage) -> &AtomicUsize, count: usize, most: usize) -> Option<InUse> {
        let more = |now: usize| now.checked_add(count).filter(|sum| *sum <= most);
        of(self).fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(InUse { usage: Arc::clone(self), of, count })
    }
}

impl InUse {
    /// Takes a part of it, to be given back apart.
    #[must_use]
    pub fn split(&mut self, count: usize) -> InUse {
        let count = count.min(self.count);
        self.count -= count;
        InUse { usage: Arc::clone(&self.usage), of: self.of, count }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        (self.of)(&self.usage).fetch_sub(self.count, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_has_a_bound_and_is_given_back() {
        let usage = Arc::new(Usage::default());
        let (a, b) = (usage.request(2).unwrap(), usage.request(2).unwrap());
        assert!(usage.request(2).is_none());
        drop(a);
        let c = usage.request(2).unwrap();
        drop((b, c));
        let mut five = usage.streams(5, 8).unwrap();
        assert!(usage.streams(4, 8).is_none() && usage.streams(usize::MAX, 8).is_none());
        let two = five.split(2);
        drop(five);
        assert!(usage.streams(7, 8).is_none());
        let _six = usage.streams(6, 8).unwrap();
        drop(two);
        assert!(usage.streams(2, 8).is_some());
    }
}
