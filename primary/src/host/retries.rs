//! Limits how often a request that failed before its first byte is sent again. If much
//! fails, asking twice would only double the load of the hosts.
//!
//! `tower`'s `TpsBudget` does not do the same. It has no upper bound: after a busy time, thousands
//! of requests that fail at once would all be sent again. And its reserve fills up with time, even
//! if every request fails.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// What a retry costs.
const PRICE: u32 = 10;
/// What a request earns, so that one in five may be sent again.
const EARNED: u32 = 2;
/// What is saved at most: ten retries in a row.
const MOST: u32 = 10 * PRICE;

/// The budget of one thread.
#[derive(Debug)]
pub(super) struct Retries(AtomicU32);

impl Default for Retries {
    fn default() -> Retries {
        Retries(AtomicU32::new(MOST))
    }
}

impl Retries {
    /// Counts a request that is sent.
    pub(super) fn earn(&self) {
        let earned = |saved: u32| Some((saved + EARNED).min(MOST));
        // It cannot fail, because `earned` always gives a value.
        let _ = self.0.fetch_update(Relaxed, Relaxed, earned);
    }

    /// Whether a request may be sent again, which costs the budget.
    pub(super) fn spend(&self) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |saved| saved.checked_sub(PRICE)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_in_five_may_be_sent_again() {
        let retries = Retries::default();
        let sent_again = (0..1000)
            .filter(|_| {
                retries.earn();
                retries.spend()
            })
            .count();
        assert!((200..=210).contains(&sent_again), "{sent_again}");
    }
}
