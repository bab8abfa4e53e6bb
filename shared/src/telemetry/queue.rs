//! A queue between the threads that serve requests and one that keeps records of them. To put
//! something in it costs a lock that nobody holds for longer than it takes to add to a list or to
//! take that list away. The other thread is woken only if it rests; otherwise it comes by itself.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A bounded queue. Clones are the same one.
#[derive(Debug)]
pub(super) struct Queue<T>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    state: Mutex<State<T>>,
    /// Wakes the thread that takes.
    filled: Condvar,
    /// Wakes who waits for the end.
    ended: Condvar,
    bounds: Bounds,
}

/// How much a queue holds, and how it is taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The most that waits, together with what was taken last.
    pub(super) weight: usize,
    /// From so much on, nothing more is waited for.
    pub(super) enough: usize,
    /// How long more is waited for after the first has come.
    pub(super) linger: Duration,
}

#[derive(Debug)]
struct State<T> {
    waiting: Vec<T>,
    weight: usize,
    /// Of what was taken last.
    taken: usize,
    taker: Taker,
    is_over: bool,
    has_ended: bool,
}

/// What the thread that takes does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taker {
    Works,
    /// It waits for the first.
    Rests,
    /// It waits for enough.
    Lingers,
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Queue<T> {
        Queue(Arc::clone(&self.0))
    }
}

impl<T> Queue<T> {
    pub(super) fn new(bounds: Bounds) -> Queue<T> {
        let state = State {
            waiting: Vec::new(),
            weight: 0,
            taken: 0,
            taker: Taker::Works,
            is_over: false,
            has_ended: false,
        };
        let (filled, ended) = (Condvar::new(), Condvar::new());
        Queue(Arc::new(Inner { state: Mutex::new(state), filled, ended, bounds }))
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The most that waits.
    pub(super) fn bound(&self) -> usize {
        self.0.bounds.weight
    }

    /// Adds something of this weight. False if there is no room for it.
    pub(super) fn push(&self, item: T, weight: usize) -> bool {
        self.push_within(item, weight, self.bound())
    }

    /// The same, where no more than `most` may wait with it.
    pub(super) fn push_within(&self, item: T, weight: usize, most: usize) -> bool {
        let mut state = self.state();
        if state.is_over || state.weight + state.taken + weight > most {
            return false;
        }
        state.waiting.push(item);
        state.weight += weight;
        let has_enough = state.weight >= self.0.bounds.enough;
        let wakes = state.taker == Taker::Rests || (has_enough && state.taker == Taker::Lingers);
        if wakes {
            state.taker = Taker::Works;
        }
        drop(state);
        if wakes {
            self.0.filled.notify_one();
        }
        true
    }

    /// Takes what has come, once something has. None at the end.
    pub(super) fn take(&self) -> Option<Vec<T>> {
        let bounds = self.0.bounds;
        let mut state = self.state();
        state.taken = 0;
        while state.waiting.is_empty() && !state.is_over {
            state.taker = Taker::Rests;
            state = self.0.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let until = Instant::now() + bounds.linger;
        while state.weight < bounds.enough && !state.is_over {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state.taker = Taker::Lingers;
            state = self.0.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.taker = Taker::Works;
        if state.waiting.is_empty() {
            state.has_ended = true;
            drop(state);
            self.0.ended.notify_all();
            return None;
        }
        state.taken = std::mem::take(&mut state.weight);
        // A new list of the same size, so that no thread that serves requests makes it grow.
        let room = Vec::with_capacity(state.waiting.len());
        Some(std::mem::replace(&mut state.waiting, room))
    }

    /// Lets the other thread take what waits, and waits until that has been dealt with, or until
    /// this time. From now on nothing more is taken in.
    pub(super) fn finish(&self, until: Instant) {
        let mut state = self.state();
        state.is_over = true;
        self.0.filled.notify_all();
        while !state.has_ended {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.0.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { weight: 10, enough: 6, linger: Duration::from_hours(1) };

    #[test]
    fn what_is_taken_counts_until_the_next_is_taken() {
        let queue = Queue::new(BOUNDS);
        assert!((0..10).all(|number| queue.push(number, 1)));
        assert!(!queue.push(10, 1), "there is room for ten");
        assert_eq!(queue.take().unwrap().len(), 10);
        assert!(!queue.push(11, 1), "ten are being dealt with");
        let other = queue.clone();
        let taker = std::thread::spawn(move || other.take());
        while !queue.push(12, 6) {
            std::thread::yield_now();
        }
        assert_eq!(taker.join().unwrap(), Some(vec![12]), "six are enough, so nothing is waited for");
    }

    #[test]
    fn at_the_end_what_waits_is_taken_at_once_and_no_more_comes_in() {
        let queue = Queue::new(BOUNDS);
        let other = queue.clone();
        let taker =
            std::thread::spawn(move || std::iter::from_fn(|| other.take()).flatten().collect::<Vec<_>>());
        assert!(queue.push(1, 1) && queue.push(2, 1));
        queue.finish(Instant::now() + Duration::from_mins(1));
        assert!(!queue.push(3, 1));
        assert_eq!(taker.join().unwrap(), [1, 2]);
    }

    #[test]
    fn nobody_waits_for_ever_for_a_thread_that_hangs() {
        let queue = Queue::new(BOUNDS);
        assert!(queue.push(1, 1));
        queue.finish(Instant::now() + Duration::from_millis(20));
    }
}
